"""Receivers of the trail: rsyslogd, and an HTTPS server that reads as strictly as Splunk, OpenSearch and an OTLP collector
document it. They can be told to misbehave."""
import gzip
import json
import random
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from rig.process import Process, free_port, until


def uid_of(record):
    return record['metadata']['uid']


class Rsyslog:
    """rsyslogd with TLS on loopback; what it received is in a file, message by message."""

    def __init__(self, folder, authority, client_certificates=True):
        self.folder, self.port = Path(folder), free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        certificate, key = authority.server('rsyslog')
        self.received = self.folder / 'received.log'
        (self.folder / 'rsyslog.conf').write_text(f'''
global(workDirectory="{self.folder}" maxMessageSize="1m" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{authority.ca}" defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1"
  StreamDriver.AuthMode="{'x509/certvalid' if client_certificates else 'anon'}")
input(type="imtcp" port="{self.port}" address="127.0.0.1" supportOctetCountedFraming="on")
template(name="whole" type="list") {{
  property(name="pri") constant(value=" ") property(name="app-name") constant(value=" ") property(name="msgid")
  constant(value=" ") property(name="structured-data") constant(value=" ") property(name="msg") constant(value="\\n") }}
action(type="omfile" file="{self.received}" template="whole")
''')
        self.process = None

    def start(self):
        self.process = Process(['rsyslogd', '-n', '-f', self.folder / 'rsyslog.conf', '-i', self.folder / 'pid'],
                               self.folder / 'rsyslog.out')
        self.process.expect(self.listening, 10, 'rsyslogd')
        return self

    def listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self):
        if self.process:
            self.process.stop()

    def kill(self):
        self.process.kill()

    def messages(self):
        """Priority, program, message id, structured data, record."""
        for line in self.received.read_text().splitlines() if self.received.exists() else ():
            if not line.endswith('}'):  # cut by a kill in the middle of a write
                continue
            head, _, text = line.partition('] ')
            pri, app, msgid, data = head.split(' ', 3)
            yield int(pri), app, msgid, data + ']', text.strip()

    def records(self):
        for _, _, _, _, text in self.messages():
            try:
                yield json.loads(text)
            except ValueError:
                pass


class PlainSyslog:
    """A collector on loopback that counts octets (RFC 6587, 3.4.1). `dies()`: with unread bytes, in the middle of a batch."""

    def __init__(self, dies=lambda: False):
        self.dies, self.messages, self.died, self.errors = dies, [], 0, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection:
                if self.dies():
                    self.died += 1
                    connection.recv(5000)
                    time.sleep(0.02)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    continue
                text = b''
                while got := connection.recv(65536):
                    text += got
                self._take(text)

    def _take(self, text):
        while text:
            digits, _, rest = text.partition(b' ')
            if not digits.isdigit() or digits.startswith(b'0') or len(rest) < int(digits):
                self.errors.append(text[:80])
                return
            message, text = rest[:int(digits)].decode(), rest[int(digits):]
            if not message.startswith('<') or not message.endswith('}'):
                self.errors.append(message[:80])
            self.messages.append(message)

    def records(self):
        return [json.loads(message.partition('] ')[2]) for message in list(self.messages)]


class Collector:
    """One server for /services/collector/event, /<index>/_bulk, /v1/logs and /lines. `trouble(kind)` names what goes wrong
    with a request: '', 'reset', 'lost' (taken, and no answer), 429, 503, 'hang', 'some' (of a _bulk)."""

    def __init__(self, authority, token='secret-token'):
        self.token, self.lock = token, threading.Lock()
        self.lines = {'hec': [], 'bulk': [], 'otlp': [], 'http': []}  # in the order of arrival
        self.index, self.requests, self.errors = {}, 0, []
        self.trouble, self.refuse = lambda kind: '', lambda uid: False
        self.hanging = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                try:
                    outer.handle(self)
                except (OSError, ssl.SSLError):
                    pass
                except Exception as error:  # what a strict receiver would not take
                    outer.errors.append(repr(error))
                    self.answer(418, {'error': repr(error)})

            def do_GET(self):
                self.answer(200 if outer.authorized(self) else 401, {})

            do_OPTIONS = do_GET

            def answer(self, status, body, **headers):
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace('_', '-'), value)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 64

            def handle_error(self, request, client_address):
                pass

            def finish_request(self, request, client_address):  # the handshake happens on the request's own thread
                with outer.context.wrap_socket(request, server_side=True) as channel:
                    self.RequestHandlerClass(channel, client_address, self)

        certificate, key = authority.server('collector')
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.hanging.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path=''):
        return f'https://localhost:{self.port}{path}'

    def authorized(self, request):
        scheme = {'/services': 'Splunk ', '/v1/logs': 'Bearer '}.get('/' + '/'.join(request.path.split('/')[1:2]), None)
        given = request.headers.get('Authorization', request.headers.get('X-Api-Key', ''))
        return given == (scheme or '') + self.token or given.split(' ')[-1] == self.token

    def handle(self, request):
        body = request.rfile.read(int(request.headers['Content-Length']))
        if request.headers.get('Content-Encoding') == 'gzip':
            body = gzip.decompress(body)
        path = request.path.split('?')[0]
        kind = {'/services/collector/event': 'hec', '/v1/logs': 'otlp', '/lines': 'http'}.get(path, 'bulk')
        if not self.authorized(request):
            return request.answer(403, {'text': 'Invalid token', 'code': 4})
        with self.lock:
            self.requests += 1
        trouble = self.trouble(kind)
        if trouble == 'hang':
            self.hanging.wait(30)
            return None
        if trouble == 'reset':
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            return request.connection.close()
        if trouble in (429, 503):
            return request.answer(trouble, {'text': 'Server is busy', 'code': 9}, Retry_After='0')
        status, answer = getattr(self, kind)(request, body, trouble)
        if trouble == 'lost':
            return request.connection.close()
        return request.answer(status, answer)

    def keep(self, kind, lines):
        with self.lock:
            self.lines[kind] += lines

    def hec(self, request, body, trouble):
        """Objects behind each other (docs.splunk.com, "Format events for HTTP Event Collector")."""
        decoder, text, events = json.JSONDecoder(), body.decode(), []
        if not text:
            return 400, {'text': 'No data', 'code': 5}
        at = 0
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            assert set(event) <= {'time', 'host', 'source', 'sourcetype', 'index', 'event', 'fields'}, event
            assert isinstance(event['time'], float) and event['event'] and event['sourcetype'] == 'keyward:audit'
            assert all(isinstance(value, str) for value in event['fields'].values())
            while at < len(text) and text[at] in '\r\n ':
                at += 1
            events.append(event['event'])
        for number, event in enumerate(events):
            if self.refuse(uid_of(event)):
                return 400, {'text': 'Invalid data format', 'code': 6, 'invalid-event-number': number}
        self.keep('hec', [json.dumps(event) for event in events])
        return 200, {'text': 'Success', 'code': 0}

    def bulk(self, request, body, trouble):
        """docs.opensearch.org, "Bulk": an action and a source a line, `create` answers 409 to an _id that is there."""
        assert request.headers['Content-Type'] == 'application/x-ndjson' and body.endswith(b'\n')
        lines = body.decode().splitlines()
        assert len(lines) % 2 == 0
        items, errors = [], False
        for at in range(0, len(lines), 2):
            action, source = json.loads(lines[at]), json.loads(lines[at + 1])
            uid = action['create']['_id']
            assert list(action) == ['create'] and len(uid) <= 512 and source['@timestamp'].endswith('Z')
            item = {'status': 201}
            if trouble == 'some' and random.random() < 0.3:
                item = {'status': 429, 'error': {'type': 'rejected_execution_exception', 'reason': 'queue full'}}
            elif self.refuse(uid):
                item = {'status': 400, 'error': {'type': 'mapper_parsing_exception', 'reason': 'failed to parse field'}}
            elif uid in self.index:
                item = {'status': 409, 'error': {'type': 'version_conflict_engine_exception', 'reason': 'exists'}}
            else:
                self.index[uid] = source
                self.keep('bulk', [lines[at + 1]])
            errors |= item['status'] >= 300
            items.append({'create': item})
        return 200, {'errors': errors, 'items': items}

    def otlp(self, request, body, trouble):
        assert request.headers['Content-Type'] == 'application/json'
        message = json_format.Parse(body, ExportLogsServiceRequest())  # refuses what is not in the protocol
        lines = []
        for resource in message.resource_logs:
            facts = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert facts['service.name'] == 'keyward' and facts['service.instance.id']
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    attributes = {a.key: a.value for a in record.attributes}
                    text = record.body.string_value
                    parsed = json.loads(text)
                    assert attributes['log.record.uid'].string_value == uid_of(parsed)
                    assert record.severity_number in (9, 13, 17, 21)
                    assert abs(record.time_unix_nano // 1_000_000 - parsed['time']) <= 1
                    lines.append(text)
        self.keep('otlp', lines)
        if any(self.refuse(uid_of(json.loads(line))) for line in lines):
            return 200, {'partialSuccess': {'rejectedLogRecords': '1', 'errorMessage': 'too old'}}
        return 200, {}

    def http(self, request, body, trouble):
        lines = body.decode().splitlines()
        if any(self.refuse(uid_of(json.loads(line))) for line in lines):
            return 400, {'error': 'a line is not to our liking'}
        self.keep('http', lines)
        return 200, {}

    def uids(self, kind):
        with self.lock:
            return [uid_of(json.loads(line)) for line in self.lines[kind]]

    def wait_for(self, kind, uids, seconds=15):
        wanted = set(uids)
        until(lambda: wanted <= set(self.uids(kind)), seconds, f'every record at {kind}', every=0.1)
