"""A real OpenID provider: discovery, rotation under load, outages; and the tokens that must not log in."""
import json
import threading
import time

import pytest

from rig.process import until
from rig.resp import Closed, RespError
from rig.tokens import Issuer, b64

REFUSAL = 'WRONGPASS'


def refused(keyward, *login):
    with keyward.connect() as client:
        answer = client(*login)
        assert isinstance(answer, RespError), f'{login[:-1]} was let in'
        after = client('GET', 'app:x')
        assert isinstance(after, RespError) and after.prefix == 'NOAUTH'
        return str(answer)


@pytest.mark.parametrize('client', ['worker', 'worker-rsa'])
def test_discovery_and_login(make_keyward, provider, client):
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    with server.login(provider.token(client)) as session:
        assert session('SET', 'app:oidc', client) == b'OK'
    assert REFUSAL in refused(server, 'AUTH', provider.token(client, 'urn:other'))   # somebody else's audience
    login = server.trail.logins(ok=True)[0]
    text = json.dumps(login)
    assert f'idp:{client}' in text and login['user']['name'] == client


def test_a_login_without_a_grant_is_refused(make_keyward, provider):
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    assert REFUSAL in refused(server, 'AUTH', provider.token('stranger'))
    assert 'no_policy' in json.dumps(server.trail.logins(ok=False))


def test_rotation_under_load(make_keyward, provider):
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    trouble, logins, stop = [], [0], threading.Event()

    def load():
        token = provider.token('worker')
        try:
            with server.login(token) as held:
                while not stop.is_set():
                    assert held('INCR', 'app:n') > 0
                    with server.login(token) as fresh:
                        assert fresh('PING') == b'PONG'
                    logins[0] += 1
        except Exception as error:  # noqa: BLE001
            trouble.append(repr(error))
    threads = [threading.Thread(target=load) for _ in range(3)]
    [t.start() for t in threads]
    until(lambda: logins[0] > 20 or trouble, 20, 'the first logins')
    provider.control(rotate='add')                      # the old keys stay published beside the new ones
    began = time.monotonic()
    with server.login(provider.token('worker')) as session:   # signed with a key that Keyward has never seen
        assert session('SET', 'app:new-key', 1) == b'OK'
    assert time.monotonic() - began < 5
    at_rotation = logins[0]
    until(lambda: logins[0] > at_rotation + 20 or trouble, 20, 'logins after the rotation')
    stop.set()
    [t.join(20) for t in threads]
    assert not trouble, trouble
    assert provider.control()['fetches']['jwks'] <= 4


def test_unknown_keys_do_not_hammer_the_provider(make_keyward, provider, tmp_path):
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    forger = Issuer(tmp_path / 'forged.json', issuer=provider.issuer)
    before = provider.control()['fetches']['jwks']
    for n in range(60):
        forger_token = forger.sign(forger.claims('worker', ['app']), header={'kid': f'random-{n}'})
        assert REFUSAL in refused(server, 'AUTH', forger_token)
    assert provider.control()['fetches']['jwks'] - before <= 2
    with server.login(provider.token('worker')) as client:
        assert client('PING') == b'PONG'


def test_an_outage_of_the_provider(make_keyward, provider):
    """Known keys go on working; without keys a login is refused as undecidable, and it recovers by itself."""
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    token = provider.token('worker')
    provider.control(outage='error')
    with server.login(token) as client:
        assert client('SET', 'app:x', 1) == b'OK'
    server.stop()
    server.process = None
    second = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP})
    try:
        second.start(seconds=5)
    except AssertionError:
        assert second.process.alive(), second.process.text()[-2000:]
    with second.connect(timeout=30) as client:
        try:
            answer = client('AUTH', token)
            assert isinstance(answer, RespError) and token not in str(answer)
        except Closed:
            pass
    provider.control(outage='none')

    def logs_in():
        try:
            with second.login(token) as client:
                return client('PING') == b'PONG'
        except (RespError, Closed, OSError):
            return False
    until(logs_in, 60, 'a login after the outage', every=0.5)


POLICY_OF_IDP = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who: [{issuer: idp, groups: [app]}]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize"]
        keys: ["app:*"]
"""


def flip(token, part):
    parts = token.split('.')
    middle = len(parts[part]) // 2
    old = parts[part][middle]
    parts[part] = parts[part][:middle] + ('A' if old != 'A' else 'B') + parts[part][middle + 1:]
    return '.'.join(parts)


def bad_tokens(issuer, folder):
    foreign = Issuer(folder / 'foreign.json')          # same iss and claims, other keys
    now = int(time.time())
    good = issuer.claims('app-1', ['app'])
    es = next(k for k in issuer.keys if k.startswith('es'))
    signed = issuer.sign(good)
    head, body, signature = signed.split('.')
    return {
        'garbage': 'garbage',
        'two dots only': '..',
        'four dots': signed + '.x.y',
        'empty signature': f'{head}.{body}.',
        'no signature part': f'{head}.{body}',
        'expired': issuer.token('app-1', ['app'], iat=now - 7200, nbf=now - 7200, exp=now - 60),
        'expires now': issuer.token('app-1', ['app'], exp=now),
        'not yet valid': issuer.token('app-1', ['app'], nbf=now + 600),
        'issued in the future': issuer.token('app-1', ['app'], iat=now + 600),
        'ten years': issuer.token('app-1', ['app'], ttl=10 * 365 * 86400),
        'no exp': issuer.sign({k: v for k, v in good.items() if k != 'exp'}),
        'exp as text': issuer.sign(dict(good, exp=str(now + 600))),
        'other audience': issuer.token('app-1', ['app'], aud='keyward2'),
        'no audience': issuer.token('app-1', ['app'], aud=None),
        'audience is a number': issuer.token('app-1', ['app'], aud=7),
        'other issuer': issuer.token('app-1', ['app'], iss='https://issuer.test/'),
        'foreign key': foreign.token('app-1', ['app']),
        'foreign key, our kid': foreign.sign(good, header={'kid': es}),
        'alg none': f'{b64({"alg": "none", "kid": es})}.{body}.',
        'alg nOnE': f'{b64({"alg": "nOnE", "kid": es})}.{body}.{signature}',
        'HS256': f'{b64({"alg": "HS256", "kid": es})}.{body}.{signature}',
        'RS256 with the EC key': f'{b64({"alg": "RS256", "kid": es})}.{body}.{signature}',
        'crit': issuer.sign(good, header={'crit': ['exp']}),
        'a logout token': issuer.sign(good, header={'typ': 'logout+jwt'}),
        'kid is a path': issuer.sign(good, header={'kid': '../../../../dev/null'}),
        'signature flipped': flip(signed, 2),
        'payload flipped': flip(signed, 1),
        'header flipped': flip(signed, 0),
        'r and s are zero': f'{head}.{body}.{b64(bytes(64))}',
        'DER signature': f'{head}.{body}.{b64(bytes([0x30, 6, 2, 1, 1, 2, 1, 1]))}',
        'padding': signed + '=',
        'white space': signed + ' ',
        'NUL in the subject': issuer.token('app-1\0x', ['app']),
        'no subject': issuer.token('app-1', ['app'], sub=None),
        'empty subject': issuer.token('', ['app']),
        'groups as text with our name inside': issuer.sign(dict(good, groups='my-app-x')),
        'no groups': issuer.token('app-1', []),
        'deep': f'{b64({"alg": "ES256", "kid": es})}.{b64(("[" * 5000 + "]" * 5000).encode())}.{signature}',
        'dots': '.' * 16000,
        'not ASCII': 'é' * 100,
    }


def test_tokens_that_must_not_log_in(keyward, issuer, tmp_path):
    texts = set()
    tokens = bad_tokens(issuer, tmp_path)
    already = len(keyward.trail.logins(ok=False))
    for name, token in tokens.items():
        for login in (('AUTH', token), ('AUTH', 'default', token), ('HELLO', '3', 'AUTH', 'default', token)):
            answer = refused(keyward, *login)
            assert answer.startswith(REFUSAL), (name, answer)
            assert token not in answer or len(token) < 9, name
            texts.add(' '.join(word for word in answer.split() if not any(c.isdigit() for c in word)))
    assert len(texts) == 1, f'the answers tell the reasons apart: {texts}'
    until(lambda: len(keyward.trail.logins(ok=False)) >= already + 3 * len(tokens), 5, 'a record of every refusal')
    everything = keyward.trail.text() + keyward.process.text()
    for name, token in tokens.items():
        assert len(token) < 20 or token not in everything, f'the token "{name}" is in the trail or the log'


def test_the_user_field_is_only_compared(keyward, issuer):
    token = issuer.token('app-1', ['app'])
    for user in ('default', '', 'oidc', 'app-1'):
        with keyward.connect() as client:
            assert client('AUTH', user, token) == b'OK', user
    for user in ('admin', 'app-2', 'keyward-admin', 'kw_0', 'APP-1', 'app-1 '):
        assert refused(keyward, 'AUTH', user, token).startswith(REFUSAL), user


def test_login_again_on_a_live_connection(keyward, issuer):
    first, second = issuer.token('app-1', ['app']), issuer.token('app-1', ['app'])
    other = issuer.token('someone', ['other'])
    with keyward.login(first) as client:
        assert client('SELECT', '1') == b'OK'
        assert client('SET', 'app:k', 'v') == b'OK'
        bad = client('AUTH', 'rubbish')
        assert isinstance(bad, RespError) and bad.prefix == REFUSAL
        assert client('GET', 'app:k') == b'v'            # a failed AUTH keeps the session
        assert client('AUTH', second) == b'OK'
        assert client('GET', 'app:k') == b'v'            # and a good one keeps the database
        assert client('AUTH', other) == b'OK'            # another person: other rights from here on
        got = client('GET', 'app:k')
        assert isinstance(got, RespError) and got.prefix == 'NOPERM'


def test_logins_and_commands_in_one_packet(keyward, issuer):
    from rig.resp import encode
    a, b = issuer.token('app-1', ['app']), issuer.token('someone', ['other'])
    with keyward.connect() as client:
        client.send_raw(encode('SET', 'app:early', 1) + encode('AUTH', a) + encode('SET', 'app:mine', 1) + encode('AUTH', 'rubbish') +
                        encode('GET', 'app:mine') + encode('AUTH', b) + encode('SET', 'other:mine', 1) + encode('GET', 'app:mine'))
        got = [client.read() for _ in range(8)]
    assert [g.prefix if isinstance(g, RespError) else g for g in got] == [
        'NOAUTH', b'OK', b'OK', REFUSAL, b'1', b'OK', b'OK', 'NOPERM']


def test_expiry(make_keyward, issuer):
    """At its end a session finishes what it has begun, answers NOAUTH once, and is closed."""
    server = make_keyward(limits={'expiry_grace': '1s'}).start()
    with server.login(issuer.token('app-1', ['app'], ttl=3)) as idle, server.login(issuer.token('app-1', ['app'], ttl=3)) as busy, \
            server.login(issuer.token('app-1', ['app'], ttl=3)) as renewed:
        assert idle('PING') == b'PONG'
        end = time.monotonic() + 8
        told = None
        while time.monotonic() < end and told is None:
            answer = busy('INCR', 'app:n')
            if isinstance(answer, RespError):
                told = answer
            if time.monotonic() < end - 6.5:
                assert renewed('AUTH', issuer.token('app-1', ['app'], ttl=60)) == b'OK'
        assert told is not None and told.prefix == 'NOAUTH', told
        assert busy.closed_within(5)
        assert idle.closed_within(8)
        assert renewed('PING') == b'PONG'
