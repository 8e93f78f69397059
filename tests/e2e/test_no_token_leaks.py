"""Case 73: logins of every kind, then every place that is not the login itself is searched for what was shown there."""
import json
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from rig.agent import Agent
from rig.process import until
from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER, RedisServer
from rig.resp import Client, Closed, RespError, connect
from rig.token_file import TokenFile
from rig.tokens import Issuer

GRANTS = '''
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
'''
GRANT = '''
  - name: {name}
    who: [{who}]
    credentials: {{proxy: 1h, direct: 15m}}
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize", "client|list", "client|info"]
        keys: ["app:*"]
        channels: ["app:*"]
'''
WHO = {'app': '{issuer: local, groups: [app]}', 'aws': '{issuer: aws, subject: "arn:aws:iam::123456789012:role/Deploy"}'}
POLICY = GRANTS + ''.join(GRANT.format(name=name, who=who) for name, who in WHO.items())


class Monitor:
    """All that MONITOR says, from a connection of its own."""

    def __init__(self, redis):
        self.sock = socket.create_connection(('127.0.0.1', redis.port), 10)
        self.client = Client(self.sock)
        assert self.client('AUTH', ADMIN_USER, ADMIN_PASSWORD) == b'OK' and self.client('MONITOR') == b'OK'
        self.seen, self.thread = [], threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.seen.append(self.client._line())
        except (Closed, OSError):
            pass

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        return b'\n'.join(self.seen)


def pieces(secret):
    """What must not be seen: parts that are long enough not to be there by chance. Headers of tokens are no secret."""
    parts = secret.split('.')
    if len(parts) == 3:                    # a JWT: its claims and its signature
        return [part[at:at + 24].encode() for part in parts[1:] for at in (0, len(part) // 2, len(part) - 24) if len(part) >= 24]
    return [secret[at:at + 20].encode() for at in (0, max(0, len(secret) // 2), max(0, len(secret) - 20))]


def memory_of(pid):
    """What the process can write to, as it is now."""
    held = []
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith('rw') or '[v' in line:
                continue
            begin, end = (int(number, 16) for number in span.split('-'))
            try:
                memory.seek(begin)
                held.append(memory.read(end - begin))
            except OSError:
                continue
    return held


@pytest.fixture
def loud_redis(tmp_path, authority):
    server = RedisServer(tmp_path / 'loud', authority, options=['slowlog-log-slower-than 0', 'slowlog-max-len 100000', 'loglevel debug'])
    yield server
    server.stop()


@pytest.fixture
def world(tmp_path, authority, loud_redis, issuer_config, issuer, sts, asked):
    from rig.keyward import Keyward
    secret = tmp_path / 'client.secret'
    secret.write_text('introspection-client-secret\n')
    secret.chmod(0o600)
    local = {**issuer_config, 'ca': str(authority.ca), 'internal': True,
             'introspection': {'url': asked.url('/introspect'), 'client_id': 'keyward', 'client_secret_file': str(secret)}}
    opaque = {'opaque-token-that-is-good-0123456789': issuer.claims('app-2', ['app'])}

    def answer(method, path, headers, body):
        claims = opaque.get(parse_qs(body)['token'][0])
        return 200, 'application/json', json.dumps({'active': True, **claims} if claims else {'active': False})
    asked.answer = answer
    server = Keyward(tmp_path / 'keyward', authority, loud_redis, [local, sts.config()], {'p.yaml': POLICY},
                     more={'log': {'level': 'trace'}, 'limits': {'failed_logins_per_minute': 1000000, 'expiry_grace': '1s'}}).start()
    yield server
    server.stop()


class Shown:
    """Everything that was shown as a credential, and every answer that came."""

    def __init__(self, server):
        self.server, self.secrets, self.answers = server, {}, []

    def say(self, client, *words):
        try:
            answer = client(*words)
        except Closed as closed:
            answer = closed
        self.answers.append(repr(answer))
        return answer

    def kind(self, name, secret, good=True):
        self.secrets[name] = secret
        for login in (('AUTH', secret), ('AUTH', 'default', secret), ('HELLO', '2', 'AUTH', 'default', secret),
                      ('HELLO', '3', 'AUTH', 'default', secret, 'SETNAME', 'x')):
            with self.server.connect() as client:
                answer = self.say(client, *login)
                assert isinstance(answer, (RespError, Closed)) != good, (name, answer)
                self.say(client, 'SET', 'app:x', name)
                self.say(client, 'CLIENT', 'LIST')
                self.say(client, 'CLIENT', 'INFO')
        with self.server.connect() as client:      # in places where it does not belong
            self.say(client, 'AUTH', 'a-name-of-nobody', secret)
            self.say(client, 'AUTH', secret, secret, secret)
            self.say(client, 'HELLO', '9', 'AUTH', 'default', secret)


def log_in_everywhere(server, issuer, sts, tmp_path):
    shown = Shown(server)
    now = int(time.time())
    forger = Issuer(tmp_path / 'forged.json')
    shown.kind('token', issuer.token('app-1', ['app']))
    shown.kind('RSA token', issuer.token('app-1', ['app'], alg='RS256'))
    shown.kind('opaque token', 'opaque-token-that-is-good-0123456789')
    shown.kind('AWS request', sts.password())
    shown.kind('expired token', issuer.token('app-1', ['app'], iat=now - 7200, nbf=now - 7200, exp=now - 60), good=False)
    shown.kind('forged token', forger.token('app-1', ['app']), good=False)
    shown.kind('token without a grant', issuer.token('app-1', ['nobody']), good=False)
    shown.kind('unknown opaque token', 'opaque-token-of-nobody-9876543210', good=False)
    shown.kind('forged AWS request', sts.password(audience='another-gateway'), good=False)
    shown.kind('password with blanks', 'correct horse battery staple 42', good=False)
    for mode in ('proxy', 'direct'):
        asking = issuer.token('app-1', ['app'])
        status, given = server.api('POST', '/v1/credentials', {'mode': mode}, {'Authorization': f'Bearer {asking}'})
        assert status == 200, given
        shown.secrets[f'token for a password, {mode}'] = asking
        if mode == 'proxy':
            shown.kind('password that was given out', given['password'])
        else:
            shown.secrets['password of a user of Redis'] = given['password']
    fresh, short = issuer.token('app-1', ['app']), issuer.token('app-1', ['app'], ttl=2)
    shown.secrets.update({'renewal': fresh, 'short token': short})
    with server.login(short) as client:             # renewed, renewed badly, in MULTI, in scripts, as a typo
        shown.say(client, 'AUTH', fresh)
        shown.say(client, 'AUTH', shown.secrets['forged token'])
        shown.say(client, 'MULTI')
        shown.say(client, 'AUTH', fresh)
        shown.say(client, 'EXEC')
        shown.say(client, 'AUHT', fresh)
        shown.say(client, 'HELLO', '3', 'AUTH', 'default', fresh)
        shown.say(client, 'SUBSCRIBE', 'app:c')
        shown.say(client, 'AUTH', fresh)
    with server.login(short) as client:             # in RESP2 a subscriber cannot log in; then it ends
        shown.say(client, 'SUBSCRIBE', 'app:c')
        shown.say(client, 'AUTH', fresh)
        until(lambda: client.closed_within(0.2), 10, 'the end of the session')
    with server.connect() as client:                # before any login
        shown.say(client, 'AUHT', fresh)
        shown.say(client, 'GET', fresh)
    return shown


def everything_seen(server, redis, monitor, shown):
    with redis.admin() as admin:
        told = {f'Redis {" ".join(words)}': repr(admin(*words)) for words in (
            ('SLOWLOG', 'GET', '-1'), ('ACL', 'LIST'), ('ACL', 'LOG', '100'), ('CLIENT', 'LIST'), ('INFO', 'everything'), ('CONFIG', 'GET', '*'))}
    pid = server.process.pid
    told.update({f'/proc/PID/{name}': Path(f'/proc/{pid}/{name}').read_bytes().decode(errors='replace')
                 for name in ('cmdline', 'environ', 'comm', 'status')})
    for page in ('/metrics', '/healthz', '/readyz', '/v1/policy', '/v1/sessions', '/v1/revocations', '/v1/credentials'):
        told[page] = server.get(page)[1]
    told['MONITOR'] = monitor.stop().decode(errors='replace')
    told['answers'] = '\n'.join(shown.answers)
    told['log of redis-server'] = redis.process.text()
    told['log'] = server.process.text()
    told['trail'] = ''.join(path.read_text(errors='replace') for path in server.trail.folder.rglob('*') if path.is_file())
    return told


def test_case_73_a_credential_is_seen_nowhere(world, loud_redis, issuer, sts, tmp_path):
    monitor = Monitor(loud_redis)
    shown = log_in_everywhere(world, issuer, sts, tmp_path)
    time.sleep(0.5)
    told = everything_seen(world, loud_redis, monitor, shown)
    assert len(told['MONITOR']) > 1000 and len(told['trail']) > 10000 and 'app:x' in told['Redis SLOWLOG GET -1']
    leaks = [f'{name} in {place}: {piece!r}' for place, text in told.items() for name, secret in shown.secrets.items()
             for piece in pieces(secret) if piece.decode() in text]
    assert not leaks, leaks[:10]
    url = urlsplit(sts.requests[0][1])
    for name in ('X-Amz-Signature', 'X-Amz-Security-Token'):
        value = parse_qs(url.query)[name][0]
        assert not [place for place, text in told.items() if value in text], name
    leased = re.findall(r'#[0-9a-f]{64}', told['Redis ACL LIST'])
    assert leased and not [place for place, text in told.items() if place.startswith(('log', 'trail', '/', 'answers'))
                           and any(digest[1:] in text for digest in leased)]
    limits = Path(f'/proc/{world.process.pid}/limits').read_text()
    assert re.search(r'Max core file size +0 +0 ', limits), 'a crash would write memory to a file'
    print(f'{len(shown.secrets)} credentials, {len(shown.answers)} answers, searched: ' +
          ', '.join(f'{place} {len(text)}' for place, text in told.items()))


def test_case_73_the_agent_shows_none_either(keyward, issuer, tmp_path):
    made = []

    def make(ttl):
        made.append(issuer.token('app-1', ['app'], ttl=ttl))
        return made[-1]
    file = TokenFile(tmp_path / 'token', make, 4)
    password = tmp_path / 'password'
    password.write_text('the-local-password-of-this-test\n')
    password.chmod(0o600)
    agent = Agent(tmp_path / 'agent', keyward, ['--token-file', file.path, '--password-file', password]).start()
    told = []
    try:
        with connect(agent.port, plain=True) as client:
            told += [client('AUTH', 'the-local-password-of-nobody'), client('AUTH', 'the-local-password-of-this-test')]
            assert told == [told[0], b'OK'] and told[0].prefix == 'WRONGPASS'
            until(lambda: client("INCR", "app:n") > 0 and file.written > 2, 20, 'renewals')
            told += [client('KEYWARD', 'AGENT'), client('CLIENT', 'INFO'), client('AUHT', made[-1])]
        told.append(agent.status())
        seen = {name: Path(f'/proc/{agent.process.pid}/{name}').read_bytes().decode(errors='replace') for name in ('cmdline', 'environ')}
        assert re.search(r'Max core file size +0 +0 ', Path(f'/proc/{agent.process.pid}/limits').read_text())
    finally:
        agent.stop()
        file.stop()
    seen.update({'answers': repr(told), 'log': agent.process.text(), 'log of keyward': keyward.process.text(), 'trail': keyward.trail.text()})
    leaks = [f'{place}: {piece!r}' for place, text in seen.items() for secret in made for piece in pieces(secret) if piece.decode() in text]
    assert not leaks and not [place for place, text in seen.items() if 'the-local-password-of' in text], leaks


def test_case_73_memory_after_the_clients_left(world, issuer, sts, tmp_path):
    shown = log_in_everywhere(world, issuer, sts, tmp_path)
    later = issuer.token('app-9', ['app'])
    with world.login(later) as client:
        assert client('PING') == b'PONG'
    time.sleep(1)
    held = memory_of(world.process.pid)
    secrets = {**shown.secrets, 'last token': later}
    left = {name: [piece for piece in pieces(secret)[-3:] if any(piece in part for part in held)] for name, secret in secrets.items()}
    print(f"{sum(map(len, held))} bytes searched; left: ", {name: len(some) for name, some in left.items()})
    assert not left['last token']
