"""Events that start workflows of a real Conductor: an entry of a stream and a timer, each caused through Keyward, each once."""
import http.server
import threading
import time
import urllib.error
import urllib.request

import flows
import pytest
from stack import policies

from rig.keyward import run
from rig.process import until
from rig.setting import ended_well

TEAM = """
apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: shop-producer
    who: [{issuer: local, groups: [shop]}]
    template: {name: stepfunctions-bridge, grant: producer, with: {prefix: "shop:"}}
triggers:
  - name: orders
    source: {stream: "shop:sfn:orders"}
    from: [shop-producer]
    target: {kind: conductor, via: conductor, workflow: kw_order, version: 1, timeout: 5s}
    input: {order: "{{fields.order}}", total: "{{number fields.total}}", by: "{{principal}}"}
    retry: {attempts: 30, first: 100ms, most: 500ms}
    breaker: {failures: 50, pause: 100ms}
    dead_letter: {stream: "shop:sfn:dead"}
  - name: newest
    source: {stream: "shop:sfn:newest"}
    from: [shop-producer]
    target: {kind: conductor, via: conductor, workflow: kw_order, timeout: 5s}
    input: {order: "{{fields.order}}"}
    retry: {attempts: 30, first: 100ms, most: 500ms}
    dead_letter: {stream: "shop:sfn:dead"}
  - name: reminders
    source: {expired: "shop:sfn:timer:*"}
    from: [shop-producer]
    target: {kind: conductor, via: conductor, workflow: kw_order, version: 1}
    input: {order: "{{key}}", total: 0, by: "{{principal}}"}
    dead_letter: {stream: "shop:sfn:dead"}
  - name: unknown
    source: {stream: "shop:sfn:unknown"}
    from: [shop-producer]
    target: {kind: conductor, via: conductor, workflow: kw_nobody_knows}
    dead_letter: {stream: "shop:sfn:dead"}
"""


class Front:
    """Stands before Conductor and asks for a password, as operators' proxies do; Conductor itself knows no users. With `lose` it lets a start
    through and cuts the connection instead of answering; with `hold` it keeps the answer back until it is let go."""

    def __init__(self, conductor, password):
        self.base, self.password, self.lose, self.asked = f'http://127.0.0.1:{conductor.port}', password, 0, []
        self.let_go = threading.Event()
        self.let_go.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def answer(self):
                body = self.rfile.read(int(self.headers.get('Content-Length', 0))) or None
                if self.headers.get('X-Authorization') != outer.password:
                    return self.tell(401, b'{"message":"wrong key"}')
                outer.asked.append((self.command, self.path))
                request = urllib.request.Request(outer.base + self.path, body, {'Content-Type': 'application/json'}, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        status, text = answer.status, answer.read()
                except urllib.error.HTTPError as error:
                    status, text = error.code, error.read()
                if self.command == 'POST':
                    if outer.lose > 0:
                        outer.lose -= 1
                        self.close_connection = True
                        return self.connection.close()
                    outer.let_go.wait(30)
                return self.tell(status, text)

            def tell(self, status, text):
                self.send_response(status)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that was killed

        self.server = Server(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def starts(self):
        return [path for method, path in self.asked if method == 'POST']

    def config(self, secret_file):
        return {'triggers': {'claim_after': '1s', 'connections': [
            {'name': 'conductor', 'kind': 'http', 'url': f'http://127.0.0.1:{self.server.server_port}', 'internal': True, 'auth': 'header',
             'header': 'X-Authorization', 'secret_file': str(secret_file)}]}}

    def stop(self):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def workflow(version):
    return {'name': 'kw_order', 'version': version, 'schemaVersion': 2, 'ownerEmail': flows.OWNER, 'timeoutSeconds': 600,
            'timeoutPolicy': 'ALERT_ONLY', 'inputParameters': ['order'], 'outputParameters': {'order': '${workflow.input.order}', 'version': version},
            'tasks': [{'name': 'set', 'taskReferenceName': 'set', 'type': 'SET_VARIABLE', 'inputParameters': {'order': '${workflow.input.order}'}}]}


class Started:
    """All workflows that the server made of one definition: Redis keeps them by day, without an index."""

    def __init__(self, conductor):
        self.api, self.began = flows.Api(conductor.api), int(time.time() * 1000) - 60_000

    def __call__(self, version=1):
        window = f'startTime={self.began}&endTime={int(time.time() * 1000) + 60_000}'
        ids = self.api('GET', f'/workflow/running/kw_order?version={version}&{window}')
        return [self.api('GET', f'/workflow/{one}?includeTasks=false') for one in ids]

    def orders(self, version=1):
        return sorted(one['input']['order'] for one in self(version))


@pytest.fixture
def triggering(stack, make_keyward, tokens, issuer, tmp_path):
    """Keyward, Conductor behind it, and triggers that lead to that same Conductor."""
    fronts = []

    def start():
        plain = make_keyward(policies=policies(), upstream='tls').start()
        conductor = stack.through(plain, tokens()).start()
        flows.Api(conductor.api)('PUT', '/metadata/workflow', [workflow(1), workflow(2)])
        front = Front(conductor, 'key-of-keyward')
        fronts.append(front)
        secret = tmp_path / 'conductor.key'
        secret.write_text('key-of-keyward\n')
        server = make_keyward(policies={'shop.yaml': TEAM}, more={'instance': 'kw-1', **front.config(secret)}).start()
        return plain, server, front, Started(conductor), secret
    yield start
    for front in fronts:
        front.stop()


def acknowledged(server, stream='shop:sfn:orders'):
    with server.redis.admin() as admin:
        told = dict(zip(*[iter(admin('XINFO', 'GROUPS', stream)[0])] * 2))
        newest = admin('XREVRANGE', stream, '+', '-', 'COUNT', 1)[0][0]
    return told[b'pending'] == 0 and told[b'last-delivered-id'] == newest


def letters(server):
    with server.redis.admin() as admin:
        return [dict(zip(*[iter(fields)] * 2)) for _, fields in admin('XRANGE', 'shop:sfn:dead', '-', '+')]


def facts(server, kind):
    return [r for r in server.trail.records() if r['unmapped']['keyward'].get('kind') == kind]


@pytest.mark.full
def test_events_start_workflows_once(triggering, issuer, matrix):
    plain, server, front, started, secret = triggering()
    client = server.login(issuer.token('alice', ['shop']))
    entry = client('XADD', 'shop:sfn:orders', '*', 'order', 'a', 'total', '9.90').decode()
    client('SET', 'shop:sfn:timer:7', 'x', 'PX', '200')
    client('XADD', 'shop:sfn:newest', '*', 'order', 'of 2')
    until(lambda: started.orders() == ['a', 'shop:sfn:timer:7'] and started.orders(2) == ['of 2'], 20, 'three workflows')
    first = next(one for one in started() if one['input']['order'] == 'a')
    assert first['correlationId'] == f'orders-{entry}' and first['input'] == {'order': 'a', 'total': 9.9, 'by': 'local:alice'}

    # The answer to a start is lost: the next attempt finds what it started.
    front.lose = 1
    client('XADD', 'shop:sfn:orders', '*', 'order', 'b', 'total', '1')
    until(lambda: acknowledged(server), 20, 'an acknowledgement')
    front.lose = 1
    client('XADD', 'shop:sfn:newest', '*', 'order', 'lost of 2')
    until(lambda: acknowledged(server, 'shop:sfn:newest'), 20, 'an acknowledgement')

    # Keyward is killed between the start and its answer.
    front.let_go.clear()
    before = len(front.starts())
    client('XADD', 'shop:sfn:orders', '*', 'order', 'c', 'total', '1')
    until(lambda: len(front.starts()) > before, 10, 'a start')
    until(lambda: 'c' in started.orders(), 10, 'its workflow')
    server.kill()
    front.let_go.set()
    server.start()
    until(lambda: acknowledged(server), 20, 'an acknowledgement')

    # Around Keyward, and by a copy of what came through it.
    with server.redis.admin() as admin:
        (_, genuine), = admin('XRANGE', 'shop:sfn:orders', entry, entry)
        admin('XADD', 'shop:sfn:orders', '*', 'order', 'around', 'total', '1')
        admin('XADD', 'shop:sfn:orders', '*', *genuine)
    client = server.login(issuer.token('alice', ['shop']))
    client('XADD', 'shop:sfn:unknown', '*', 'order', 'x')
    until(lambda: len(letters(server)) == 3, 20, 'three dead letters')
    assert sorted((one[b'keyward-rule'], one[b'keyward-reason']) for one in letters(server)) == [
        (b'orders', b'absent'), (b'orders', b'copied'), (b'unknown', b'http_404')]

    # With another key nothing starts; with the right one it goes on.
    secret.write_text('another\n')
    client('XADD', 'shop:sfn:orders', '*', 'order', 'd', 'total', '1')
    until(lambda: server.metric('keyward_trigger_retries_total{rule="orders"}') >= 3, 10, 'attempts')
    assert 'd' not in started.orders()
    secret.write_text('key-of-keyward\n')
    until(lambda: acknowledged(server), 20, 'an acknowledgement')

    assert started.orders() == ['a', 'b', 'c', 'd', 'shop:sfn:timer:7'] and started.orders(2) == ['lost of 2', 'of 2']
    assert {r['actor']['user']['name'] for r in facts(server, 'trigger_started')} == {'local:alice'}
    matrix.cell('conductor', 'trigger', '7 events (entries, a timer) started 7 workflows, none twice: an answer lost, Keyward killed between a start and '
                'its answer, a wrong key for a while. Written around Keyward, a copy, a workflow that nobody knows: dead letters, recorded')
    ended_well(server)
    ended_well(plain)


@pytest.mark.full
def test_a_wrong_key_ends_as_a_dead_letter(triggering, issuer):
    _, server, front, started, secret = triggering()
    server.replace_policy(TEAM.replace('attempts: 30', 'attempts: 3'), 'shop.yaml')
    server.reload_now()
    secret.write_text('another\n')
    server.login(issuer.token('alice', ['shop']))('XADD', 'shop:sfn:orders', '*', 'order', 'a', 'total', '1')
    letter, = until(lambda: letters(server), 20, 'a dead letter')
    assert letter[b'keyward-reason'] == b'attempts' and b'401' in letter[b'keyward-detail'] and b'wrong key' in letter[b'keyward-detail']
    record, = facts(server, 'trigger_dead')
    assert '401' in str(record) and record['actor']['user']['name'] == 'local:alice'
    assert not started.orders() and not front.starts()
    assert 'key-of-keyward' not in server.trail.text() and 'another' not in server.trail.text()
    told = run('audit', 'search', '--user', 'alice', '--count', server.trail.folder)
    assert told.returncode == 0
