"""AWS IAM by presigned requests, client certificates, opaque tokens, Kubernetes: every way in beside plain JWTs."""
import base64
import hashlib
import json
import ssl
import threading
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from rig.asked import ROLE
from rig.process import until
from rig.resp import Closed, RespError
from rig.tokens import b64

RULES = """
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize"]
        keys: ["app:*"]
"""
GRANTS = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: aws
    who: [{issuer: aws, subject: "arn:aws:iam::123456789012:role/Deploy"}]
""" + RULES
MESH = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: mesh
    who: [{issuer: mesh, subject: "spiffe://example.org/ns/shop/sa/api"}]
""" + RULES + """
  - name: app
    who: [{issuer: local, groups: [app]}]
""" + RULES


def refused(server, *login, certificate=None, prefix='WRONGPASS'):
    with server.connect(certificate=certificate) as client:
        answer = client(*login)
        assert isinstance(answer, RespError) and answer.prefix == prefix, f'{answer!r} to {login[:-1]}'
        after = client('GET', 'app:x')
        assert isinstance(after, RespError) and after.prefix == 'NOAUTH'
        return answer


def reasons(server):
    """In the order of time: each shard has a file of its own."""
    return [json.dumps(record) for record in sorted(server.trail.logins(ok=False), key=lambda record: record['time'])]


def works(client):
    return client('SET', 'app:x', 1) == b'OK' and client('GET', 'app:x') == b'1'


# --- AWS

@pytest.fixture
def aws(make_keyward, sts):
    return make_keyward(issuers=[sts.config()], policies={'p.yaml': GRANTS}).start()


def test_a_role_logs_in(aws, sts):
    password = sts.password()
    for user in (None, 'default', 'arn:aws:iam::123456789012:role/Deploy'):
        with aws.login(password, user=user) as client:
            assert works(client)
    with aws.login(password, protocol=3) as client:
        assert works(client)
    assert len(sts.requests) == 1, 'one question for all of them'
    method, path, headers, body = sts.requests[0]
    assert (method, body, headers['Host']) == ('GET', '', 'sts.eu-west-1.amazonaws.com')
    assert headers['x-keyward-audience'] == 'keyward' and headers['Accept'] == 'application/json'
    login = aws.trail.logins(ok=True)[0]
    assert login['auth_protocol'] == 'aws-sts' and 'role/Deploy' in json.dumps(login)
    assert password not in aws.trail.text() and password not in aws.process.text()
    refused(aws, 'AUTH', 'arn:aws:iam::123456789012:role/Other', password)


def test_case_58_other_hosts_are_never_asked(aws, sts):
    for host in ('sts.amazonaws.com.evil.com', 'sts.us-west-2.amazonaws.com', 'STS.eu-west-1.amazonaws.com',
                 'sts.eu-west-1.amazonaws.com:8443', f'localhost:{sts.port}', 'x@sts.eu-west-1.amazonaws.com'):
        url = sts.presigned().replace('sts.eu-west-1.amazonaws.com', host)
        refused(aws, 'AUTH', 'kw-aws-v1.' + b64(url.encode()))
    for url in (sts.presigned().replace('https:', 'http:'), sts.presigned().replace('/?', '/x?'),
                sts.presigned() + '#x', sts.presigned() + '&action=AssumeRole'):
        refused(aws, 'AUTH', 'kw-aws-v1.' + b64(url.encode()))
    assert sts.requests == []


def test_case_61_the_audience_must_be_signed(aws, sts):
    refused(aws, 'AUTH', sts.password(audience=''))
    assert sts.requests == []
    refused(aws, 'AUTH', sts.password(audience='another-gateway'))
    assert len(sts.requests) == 1 and 'aws_refused' in reasons(aws)[-1]


def test_case_61_a_forged_signature_is_refused_by_sts(aws, sts):
    url = sts.presigned()
    refused(aws, 'AUTH', 'kw-aws-v1.' + b64((url[:-4] + ('0000' if url[-4:] != '0000' else '1111')).encode()))
    assert 'aws_refused' in reasons(aws)[-1]


@pytest.mark.parametrize('answer', [
    (302, 'application/json', '{}'), (200, 'text/html', '<html></html>'), (200, 'application/json', '<a/>'),
    (200, 'text/xml', f'<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{ROLE}x</Arn></GetCallerIdentityResult>'
                      '</GetCallerIdentityResponse>'),
    (200, 'application/json', json.dumps({'AssumeRoleResponse': {'GetCallerIdentityResponse': {}}})),
    (200, 'application/json', json.dumps({'GetCallerIdentityResponse': {'GetCallerIdentityResult': {
        'Account': '123456789012', 'Arn': 'arn:aws-cn:sts::123456789012:assumed-role/Deploy/x', 'UserId': 'A:x'}}})),
], ids=['redirect', 'html', 'no-json', 'xml', 'other-action', 'other-partition'])
def test_case_63_and_64_other_answers(aws, sts, answer):
    sts.answer = lambda *request: answer
    refused(aws, 'AUTH', sts.password())
    assert len(sts.requests) == 1


def test_case_63_a_huge_answer(aws, sts):
    """Not read to its end, and nothing is decided."""
    sts.answer = lambda *request: (200, 'application/json', ' ' * 10_000_000)
    with aws.connect() as client:
        answer = client('AUTH', sts.password())
        assert isinstance(answer, RespError) and answer.prefix != 'WRONGPASS'
    assert 'idp_unavailable' in reasons(aws)[-1]


@pytest.mark.parametrize('reuse', ['window', 'once', 'per-source-ip'])
def test_case_65_reuse(make_keyward, sts, reuse):
    server = make_keyward(issuers=[sts.config(reuse=reuse)], policies={'p.yaml': GRANTS}).start()
    password = sts.password()
    with server.login(password) as client:
        assert works(client)
    if reuse == 'once':
        refused(server, 'AUTH', password)
        assert 'reused' in reasons(server)[-1]
    else:
        with server.login(password) as client:
            assert works(client)
        logins = server.trail.logins(ok=True)
        digest = hashlib.sha256(password.encode()).hexdigest()[:16]
        assert len(logins) == 2 and all(digest in json.dumps(login) for login in logins)


def test_case_66_the_same_role_name_of_another_account(aws, sts):
    sts.add('ASIAOTHER', '999999999999', 'arn:aws:sts::999999999999:assumed-role/Deploy/i-0abc', 'AROAOTHER:i-0abc')
    with aws.login(sts.password()) as client:
        assert works(client)
    refused(aws, 'AUTH', sts.password('ASIAOTHER'))
    assert 'aws_account' in reasons(aws)[-1]


def test_case_67_throttled_is_undecided_and_not_remembered(aws, sts):
    password = sts.password()
    for status, code in ((400, 'Throttling'), (503, 'ServiceUnavailable')):
        sts.answer = lambda *request, status=status, code=code: sts.failure(status, code)
        with aws.connect() as client:
            answer = client('AUTH', password)
            assert isinstance(answer, RespError) and answer.prefix != 'WRONGPASS'
        assert 'idp_unavailable' in reasons(aws)[-1]
    sts.answer = sts.identity
    with aws.login(password) as client:
        assert works(client)


def test_many_logins_with_one_request_ask_once(aws, sts):
    password, trouble = sts.password(), []

    def log_in():
        try:
            with aws.login(password) as client:
                assert works(client)
        except Exception as error:  # noqa: BLE001
            trouble.append(repr(error))
    threads = [threading.Thread(target=log_in) for _ in range(20)]
    [t.start() for t in threads]
    [t.join(20) for t in threads]
    assert not trouble and len(sts.requests) == 1


# --- client certificates

@pytest.fixture
def mesh(make_keyward, authority, issuer_config):
    server = make_keyward(issuers=[issuer_config, {'alias': 'mesh', 'profile': 'mtls', 'trust_domains': ['example.org']}],
                          policies={'p.yaml': MESH})
    listener = server.config['listeners'][0]
    listener['tls']['client_ca'] = str(authority.ca)
    listener['client_identity'] = 'mesh'
    return server.start()


API = 'spiffe://example.org/ns/shop/sa/api'


def test_a_certificate_logs_in_without_auth(mesh, authority):
    certificate = authority.client('api', API)
    for first in (('PING',), ('HELLO', '3'), ('AUTH', ''), ('AUTH', API, ''), ('RESET',)):
        with mesh.connect(certificate=certificate) as client:
            assert not isinstance(client(*first), RespError), first
            assert works(client), first
    login = mesh.trail.logins(ok=True)[0]
    assert login['auth_protocol'] == 'mTLS' and API in json.dumps(login)


def test_a_large_first_command_needs_no_auth(mesh, authority):
    with mesh.connect(certificate=authority.client('api', API)) as client:
        assert client('SET', 'app:large', 'x' * 1_000_000) == b'OK'
        assert client('STRLEN', 'app:large') == 1_000_000


@pytest.mark.parametrize('uris', [(), ('spiffe://other.org/ns/shop/sa/api',), (API, API + '2'), (API + '2',),
                                  ('https://example.org/',)])
def test_other_certificates_do_not(mesh, authority, issuer, uris):
    certificate = authority.client(f'other-{len(uris)}', *uris) if uris else None
    with mesh.connect(certificate=certificate) as client:
        answer = client('GET', 'app:x')
        assert isinstance(answer, RespError) and answer.prefix == 'NOAUTH'
    with mesh.connect(certificate=certificate) as client:   # a token still does
        assert client('AUTH', issuer.token('app-1', ['app'])) == b'OK' and works(client)


def test_auth_adds_nothing_and_takes_nothing(mesh, authority, issuer):
    certificate = authority.client('api', API)
    with mesh.connect(certificate=certificate) as client:
        assert works(client)
        answer = client('AUTH', 'garbage')
        assert isinstance(answer, RespError) and works(client)
        answer = client('AUTH', 'admin', '')
        assert isinstance(answer, RespError) and answer.prefix == 'WRONGPASS' and works(client)
        assert client('AUTH', issuer.token('app-1', ['app'])) == b'OK' and works(client)
    refused(mesh, 'AUTH', '')


def test_a_resumed_session_is_the_same_client(mesh, authority):
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(*map(str, authority.client('api', API)))
    from rig.resp import Client
    import socket

    def once(session=None):
        raw = socket.create_connection(('127.0.0.1', mesh.port), 10)
        sock = context.wrap_socket(raw, server_hostname='localhost', session=session)
        with Client(sock, 10) as client:
            assert works(client)
            return sock.session, sock.session_reused
    session, _ = once()
    assert once(session)[1], 'resumed'


def test_strangers_end_in_the_handshake(mesh, tmp_path):
    from rig.certs import Authority
    stranger = Authority(tmp_path / 'stranger').client('api', API)
    with pytest.raises((Closed, OSError, ssl.SSLError)):
        with mesh.connect(certificate=stranger) as client:
            client('PING')


def test_case_45_certificate_bound_tokens(mesh, authority, issuer):
    one, other = authority.client('bound', 'urn:one'), authority.client('unbound', 'urn:two')
    der = x509.load_pem_x509_certificate(one[0].read_bytes()).public_bytes(serialization.Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b'=').decode()
    token = issuer.token('app-1', ['app'], cnf={'x5t#S256': thumbprint})
    for _ in range(2):
        with mesh.connect(certificate=one) as client:
            assert client('AUTH', token) == b'OK' and works(client)
        refused(mesh, 'AUTH', token)
        refused(mesh, 'AUTH', token, certificate=other)
    assert 'bound_token' in reasons(mesh)[-1]
    refused(mesh, 'AUTH', issuer.token('app-1', ['app'], cnf={'jkt': thumbprint}), certificate=one)


# --- opaque tokens and Kubernetes

@pytest.fixture
def introspected(make_keyward, issuer_config, asked, tmp_path):
    secret = tmp_path / 'client.secret'
    secret.write_text('s:1\n')
    secret.chmod(0o600)
    config = {**issuer_config, 'ca': str(asked.authority.ca), 'internal': True,
              'introspection': {'url': asked.url('/introspect'), 'client_id': 'keyward', 'client_secret_file': str(secret)}}
    return make_keyward(issuers=[config]).start()


def test_opaque_tokens_are_introspected(introspected, asked, issuer):
    known = {'good-token+/=': issuer.claims('app-1', ['app'])}

    def answer(method, path, headers, body):
        if headers.get('Authorization') != 'Basic ' + base64.b64encode(b'keyward:s%3A1').decode():
            return 401, 'application/json', '{}'
        claims = known.get(parse_qs(body)['token'][0])
        return 200, 'application/json', json.dumps({'active': True, **claims} if claims else {'active': False})
    asked.answer = answer
    for _ in range(3):
        with introspected.login('good-token+/=') as client:
            assert works(client)
    assert len(asked.requests) == 1 and asked.requests[0][:2] == ('POST', '/introspect')
    for _ in range(3):
        refused(introspected, 'AUTH', 'revoked-token')
    assert len(asked.requests) == 2 and 'inactive' in reasons(introspected)[-1]
    with introspected.login(issuer.token('app-1', ['app'])) as client:
        assert works(client)
    refused(introspected, 'AUTH', 'a password with spaces')
    assert len(asked.requests) == 2, 'neither JWTs nor passwords are sent there'
    assert 'good-token' not in introspected.trail.text() + introspected.process.text()


def test_an_introspection_endpoint_that_is_away(introspected, asked, issuer):
    for broken in ((500, 'application/json', '{}'), (401, 'application/json', '{}'), (200, 'text/html', '<p>'),
                   (200, 'application/json', '{"active": "yes"}')):
        asked.answer = lambda *request, broken=broken: broken
        with introspected.connect() as client:
            answer = client('AUTH', 'good-token')
            assert isinstance(answer, RespError) and answer.prefix != 'WRONGPASS', broken
    asked.answer = lambda *request: (200, 'application/json',
                                     json.dumps({'active': True, **issuer.claims('app-1', ['app'])}))
    with introspected.login('good-token') as client:
        assert works(client)


def test_kubernetes_with_token_review(make_keyward, issuer, asked, tmp_path):
    """Keys behind a bearer file, and the cluster's word on each token."""
    bearer = tmp_path / 'bearer'
    bearer.write_text('reviewer\n')
    cluster = asked.url('')
    exists = {'yes': True}

    def answer(method, path, headers, body):
        if headers.get('Authorization') != 'Bearer reviewer':
            return 401, 'application/json', '{}'
        if path == '/.well-known/openid-configuration':
            return 200, 'application/json', json.dumps({'issuer': cluster, 'jwks_uri': cluster + '/openid/v1/jwks'})
        if path == '/openid/v1/jwks':
            return 200, 'application/jwk-set+json', issuer.file.read_text()
        review = json.loads(body)
        status = {'authenticated': exists['yes'], 'audiences': review['spec']['audiences'],
                  'user': {'username': 'system:serviceaccount:shop:api'}}
        return 201, 'application/json', json.dumps({'kind': 'TokenReview', 'status': status})
    asked.answer = answer
    config = {'alias': 'k8s', 'profile': 'kubernetes', 'issuer': cluster, 'audiences': ['keyward'], 'internal': True,
              'ca': str(asked.authority.ca), 'bearer_file': str(bearer),
              'token_review': {'url': asked.url('/apis/authentication.k8s.io/v1/tokenreviews'), 'cache': '1s'}}
    policy = MESH.replace('issuer: mesh', 'issuer: k8s').replace(API, 'system:serviceaccount:shop:api').replace(
        'issuer: local', 'issuer: k8s')
    server = make_keyward(issuers=[config], policies={'p.yaml': policy}).start()
    token = issuer.sign(issuer.claims('system:serviceaccount:shop:api', iss=cluster, **{'kubernetes.io': {
        'namespace': 'shop', 'serviceaccount': {'name': 'api', 'uid': 'u-1'}}}))
    with server.login(token) as client:
        assert works(client)
    exists['yes'] = False

    def gone():
        with server.connect() as client:
            return isinstance(client('AUTH', token), RespError)
    until(gone, 10, 'the end of the cached review', every=0.2)
    assert 'token_review' in reasons(server)[-1]


def test_eddsa_tokens(make_keyward, issuer_config, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from rig.tokens import Issuer
    key = Ed25519PrivateKey.generate()
    maker = Issuer(tmp_path / 'unused.json')
    keys = tmp_path / 'ed.json'
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    keys.write_text(json.dumps({'keys': [{'kty': 'OKP', 'crv': 'Ed25519', 'kid': 'ed', 'use': 'sig', 'x': b64(public)}]}))
    server = make_keyward(issuers=[{**issuer_config, 'jwks_file': str(keys), 'algorithms': ['EdDSA']}]).start()
    signed = b64({'alg': 'EdDSA', 'typ': 'JWT', 'kid': 'ed'}) + '.' + b64(maker.claims('app-1', ['app']))
    signature = key.sign(signed.encode())
    with server.login(f'{signed}.{b64(signature)}') as client:
        assert works(client)
    refused(server, 'AUTH', f'{signed}.{b64(bytes([signature[0] ^ 1]) + signature[1:])}')
    refused(server, 'AUTH', maker.token('app-1', ['app']))
