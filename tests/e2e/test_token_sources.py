"""Where `keyward token` and the agent get tokens: authorization servers, AWS, commands. Keyward itself judges what they got."""
import base64
import json
import os
import subprocess
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from rig.keyward import BINARY, run
from rig.process import Process
from rig.tokens import b64

CLEAN = {name: '' for name in ('AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE')}


def token(*arguments, env=None):
    ended = subprocess.run([str(BINARY), 'token', '--json', *map(str, arguments)], capture_output=True, text=True, timeout=30,
                           env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL)
    return ended, json.loads(ended.stdout) if ended.stdout.startswith('{') else None


class Login:
    """An authorization server's answers: discovery, client credentials, device login."""

    def __init__(self, asked, issuer, secret):
        self.asked, self.issuer, self.secret, self.polls, self.approved_after = asked, issuer, secret, 0, 2
        self.forms = []
        asked.answer = self.answer

    def answer(self, method, path, headers, body):
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.forms.append((path, form))
        if path == '/.well-known/openid-configuration':
            return self.json(200, {'issuer': self.asked.url(''), 'token_endpoint': self.asked.url('/token'),
                                   'device_authorization_endpoint': self.asked.url('/device')})
        if path == '/device':
            return self.json(200, {'device_code': 'DC', 'user_code': 'ABCD-EFGH', 'verification_uri': 'https://login.test/go',
                                   'interval': 0, 'expires_in': 60})
        if path != '/token':
            return self.json(404, {})
        kind = form.get('grant_type', '')
        if kind.endswith('device_code'):
            self.polls += 1
            if self.polls <= self.approved_after:
                return self.json(400, {'error': 'authorization_pending'})
            return self.good('person', {'refresh_token': 'RT'})
        if kind == 'refresh_token' and form['refresh_token'] == 'RT':
            return self.good('person')
        basic = 'Basic ' + base64.b64encode(f'worker:{self.secret}'.encode()).decode()
        if kind == 'client_credentials' and (headers.get('Authorization') == basic or 'client_assertion' in form
                                             or form.get('client_secret') == self.secret):
            return self.good('worker')
        return self.json(401, {'error': 'invalid_client', 'error_description': 'who are you'})

    def good(self, subject, more=None):
        return self.json(200, {'access_token': self.issuer.token(subject, ['app'], 4), 'token_type': 'Bearer', 'expires_in': 4,
                               **(more or {})})

    @staticmethod
    def json(status, value):
        return status, 'application/json', json.dumps(value)


@pytest.fixture
def login(asked, issuer):
    return Login(asked, issuer, 's3cret')


def test_client_credentials(keyward, login, asked, authority, tmp_path):
    secret = tmp_path / 'secret'
    secret.write_text('s3cret\n')
    common = ['--client-credentials', '--issuer', asked.url(''), '--issuer-ca', authority.ca, '--client-id', 'worker', '--audience', 'keyward']
    ended, got = token(*common, '--client-secret-file', secret)
    assert ended.returncode == 0 and got['expires_at'] <= time.time() + 4, ended
    keyward.login(got['token']).close()
    assert login.forms[-1][1]['audience'] == 'keyward' and 'client_secret' not in login.forms[-1][1]
    ended, _ = token(*common, '--client-secret-env', 'THE_SECRET', env={'THE_SECRET': 'wrong'})
    assert ended.returncode == 1 and 'invalid_client (who are you)' in ended.stdout and 'wrong' not in ended.stdout
    assert token(*common)[0].returncode == 2, 'neither secret nor key'


def test_a_private_key_instead_of_a_secret(keyward, login, asked, authority, tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    jwk = {'kty': 'EC', 'crv': 'P-256', 'alg': 'ES256', 'kid': 'k', 'd': b64(numbers.private_value.to_bytes(32, 'big')),
           'x': b64(numbers.public_numbers.x.to_bytes(32, 'big')), 'y': b64(numbers.public_numbers.y.to_bytes(32, 'big'))}
    path = tmp_path / 'key.json'
    path.write_text(json.dumps(jwk))
    path.chmod(0o600)
    ended, got = token('--client-credentials', '--token-endpoint', asked.url('/token'), '--issuer-ca', authority.ca, '--client-id',
                       'worker', '--client-key', path)
    assert ended.returncode == 0, ended
    keyward.login(got['token']).close()
    form = login.forms[-1][1]
    assert form['client_assertion_type'].endswith('jwt-bearer')
    claims = json.loads(base64.urlsafe_b64decode(form['client_assertion'].split('.')[1] + '=='))
    assert claims['iss'] == claims['sub'] == 'worker' and claims['aud'] == asked.url('/token') and claims['exp'] <= time.time() + 61


def test_device_login_and_renewal(keyward, login, asked, authority, tmp_path):
    """The person is asked once; the agent behind `exec` lives on refresh tokens."""
    script = 'for i in 1 2 3 4 5 6 7 8 9 10; do redis-cli -s $KEYWARD_SOCKET SET app:device $i; sleep 0.7; done'
    process = Process([BINARY, 'exec', '--upstream', f'rediss://localhost:{keyward.port}', '--ca', authority.ca, '--device', '--issuer',
                       asked.url(''), '--issuer-ca', authority.ca, '--client-id', 'cli', '--', 'sh', '-c', script], tmp_path / 'log')
    assert process.popen.wait(30) == 0, process.text()
    assert process.text().count('ABCD-EFGH') == 1 and 'https://login.test/go' in process.text()
    assert process.text().count('OK') == 10, process.text()
    kinds = [form.get('grant_type', '') for path, form in login.forms if path == '/token']
    assert kinds.count('refresh_token') >= 1 and login.polls == 3
    assert 'RT' not in process.text() and 'DC' not in process.text()


def test_aws_by_presigned_request(make_keyward, sts, tmp_path):
    policy = '''
apiVersion: keyward/v1
team: aws
owners: [e2e@example.com]
grants:
  - name: role
    who: [{issuer: aws, subject: "arn:aws:iam::123456789012:role/Deploy"}]
    allow:
      - {commands: ["@read", "@write"], keys: ["app:*"]}
'''
    server = make_keyward(policies={'aws.yaml': policy}, issuers=[sts.config()]).start()
    keys = sts.keys['ASIADEPLOY'][0]
    env = {'AWS_ACCESS_KEY_ID': keys.access_key, 'AWS_SECRET_ACCESS_KEY': keys.secret_key, 'AWS_SESSION_TOKEN': keys.token}
    ended, got = token('--aws-sts', '--region', 'eu-west-1', '--audience', 'keyward', env=env)
    assert ended.returncode == 0, ended
    with server.login(got['token']) as client:
        assert client('SET', 'app:k', 1) == b'OK'
    profile = tmp_path / 'credentials'
    profile.write_text(f'[deploy]\naws_access_key_id={keys.access_key}\naws_secret_access_key={keys.secret_key}\n'
                       f'aws_session_token={keys.token}\n')
    ended, got = token('--aws-sts', '--region', 'us-east-1', '--audience', 'keyward', '--aws-profile', 'deploy',
                       env={**CLEAN, 'AWS_SHARED_CREDENTIALS_FILE': str(profile)})
    server.login(got['token']).close()
    assert token('--aws-sts')[0].returncode == 2


def test_aws_web_identity(keyward, sts, issuer, authority, tmp_path):
    """Through a configuration, because only there STS can be somewhere else."""
    def answer(method, path, headers, body):
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        url = f'https://{headers["Host"]}{path}'
        if query['Action'] != 'GetWebIdentityToken' or sts.signature(url, query, headers, sts.keys['ASIADEPLOY'][0]) != query[
                'X-Amz-Signature']:
            return sts.failure(403, 'SignatureDoesNotMatch')
        return 200, 'application/json', json.dumps({'GetWebIdentityTokenResponse': {'GetWebIdentityTokenResult': {
            'WebIdentityToken': issuer.token('app-1', ['app']), 'Expiration': 1.0}}})
    sts.answer = answer
    config = tmp_path / 'agent.yaml'
    config.write_text(json.dumps({
        'upstream': {'url': f'rediss://localhost:{keyward.port}', 'ca': str(authority.ca)},
        'token': {'aws_web_identity': {'region': 'eu-west-1', 'audience': 'keyward', 'endpoint': f'127.0.0.1:{sts.port}',
                                       'ca': str(authority.ca)}},
        'listeners': [{'listen': f'unix://{tmp_path}/a.sock'}]}))
    keys = sts.keys['ASIADEPLOY'][0]
    process = Process([BINARY, 'agent', '--config', config], tmp_path / 'agent.log',
                      env={'AWS_ACCESS_KEY_ID': keys.access_key, 'AWS_SECRET_ACCESS_KEY': keys.secret_key, 'AWS_SESSION_TOKEN': keys.token})
    try:
        process.expect(lambda: 'ready ' in process.text(), 10, 'readiness')
        status = json.loads(run('agent', 'status', '--json', '--listen', f'unix://{tmp_path}/a.sock').stdout)
        assert status['token']['held'] and 'GetWebIdentityToken' in status['token']['source']
    finally:
        assert process.stop() == 0


def test_a_command(keyward, issuer, tmp_path):
    path = tmp_path / 'token'
    path.write_text(issuer.token('app-1', ['app']))
    ended, got = token('--token-command', f'cat {path}')
    keyward.login(got['token']).close()
    ended, _ = token('--token-command', 'false')
    assert ended.returncode == 1 and 'the secret command false failed' in ended.stdout
    assert token('--token-command', 'x', '--token-file', 'y')[0].returncode == 2
