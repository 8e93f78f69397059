"""HTTPS servers that Keyward asks about credentials: one that answers what a test says, and an STS."""
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from rig.tokens import b64


class AskedServer:
    """`answer(method, path, headers, body)` gives status, content type and body; `requests` holds what came."""

    def __init__(self, authority, hosts=()):
        self.requests, self.answer, self.lock = [], lambda *request: (404, 'application/json', '{}'), threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
                request = (self.command, self.path, dict(self.headers.items()), body)
                with owner.lock:
                    owner.requests.append(request)
                status, kind, text = owner.answer(*request)
                self.send_response(status)
                self.send_header('Content-Type', kind)
                self.send_header('Content-Length', str(len(text)))
                if status in (301, 302):
                    self.send_header('Location', 'https://localhost/elsewhere')
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, authority.server(f'asked-{self.server.server_port}', hosts)))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port, self.authority = self.server.server_port, authority
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self, path):
        return f'https://localhost:{self.port}{path}'

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


REGIONS = ['eu-west-1', 'us-east-1']
ROLE = 'arn:aws:sts::123456789012:assumed-role/Deploy/'


class Sts(AskedServer):
    """Verifies SigV4 with botocore and answers as AWS does: XML, or JSON for who accepts that."""

    def __init__(self, authority):
        super().__init__(authority, ['sts.amazonaws.com'] + [f'sts.{r}.amazonaws.com' for r in REGIONS])
        self.answer = self.identity
        self.keys = {}
        self.add('ASIADEPLOY', '123456789012', ROLE + 'i-0abc', 'AROADEPLOY:i-0abc')

    def add(self, access_key, account, arn, user_id):
        self.keys[access_key] = (Credentials(access_key, 'secret-of-' + access_key, 'token/of+' + access_key + '=='),
                                 {'Account': account, 'Arn': arn, 'UserId': user_id})

    def identity(self, method, path, headers, body):
        as_json = headers.get('Accept') == 'application/json'
        url = f'https://{headers["Host"]}{path}'
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        known = self.keys.get(query.get('X-Amz-Credential', '').split('/')[0])
        if query.get('Action') != 'GetCallerIdentity' or not known or self.signature(url, query, headers, known[0]) != query[
                'X-Amz-Signature']:
            return self.failure(403, 'SignatureDoesNotMatch', as_json)
        if as_json:
            return 200, 'application/json', json.dumps({'GetCallerIdentityResponse': {
                'GetCallerIdentityResult': known[1], 'ResponseMetadata': {'RequestId': 'r-1'}}})
        fields = ''.join(f'<{name}>{value}</{name}>' for name, value in known[1].items())
        return 200, 'text/xml', (f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                                 f'<GetCallerIdentityResult>{fields}</GetCallerIdentityResult></GetCallerIdentityResponse>')

    @staticmethod
    def failure(status, code, as_json=True):
        if as_json:
            return status, 'application/json', json.dumps({'Error': {'Code': code, 'Message': 'no', 'Type': 'Sender'},
                                                           'RequestId': 'r-2'})
        return status, 'text/xml', f'<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>'

    @staticmethod
    def signature(url, query, headers, credentials):
        """What botocore says the signature of this request must be."""
        by_name = {name.lower(): value for name, value in headers.items()}
        signed = {name: by_name.get(name, '') for name in query['X-Amz-SignedHeaders'].split(';')}
        region = query['X-Amz-Credential'].split('/')[2]
        auth = SigV4QueryAuth(credentials, 'sts', region, int(query['X-Amz-Expires']))
        request = AWSRequest('GET', url.replace('&X-Amz-Signature=' + query['X-Amz-Signature'], ''), headers=signed)
        request.context['timestamp'] = query['X-Amz-Date']
        return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    def presigned(self, access_key='ASIADEPLOY', audience='keyward', region='eu-west-1', expires=900):
        emitter = HierarchicalEmitter()  # the signer only points at it
        signer = RequestSigner(ServiceId('STS'), region, 'sts', 'v4', self.keys[access_key][0], emitter)
        host = f'sts.{region}.amazonaws.com'
        return signer.generate_presigned_url(
            {'method': 'GET', 'url': f'https://{host}/?Action=GetCallerIdentity&Version=2011-06-15', 'body': {},
             'headers': {'x-keyward-audience': audience} if audience else {}, 'context': {}},
            region_name=region, expires_in=expires, operation_name='')

    def password(self, *arguments, **options):
        return 'kw-aws-v1.' + b64(self.presigned(*arguments, **options).encode())

    def config(self, **more):
        return {'alias': 'aws', 'profile': 'aws-iam', 'audiences': ['keyward'], 'accounts': ['123456789012'],
                'regions': REGIONS, 'endpoint': f'127.0.0.1:{self.port}', 'ca': str(self.authority.ca), 'internal': True,
                **more}
