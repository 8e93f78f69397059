"""Client libraries, unmodified, under the template application: what applications do with them, their first words, and crowds of them."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.foreign import plant
from rig.process import ROOT, free_port
from rig.relay import Relay
from rig.resp import Closed, RespError
from rig.setting import ended_well, keyward_url, refused, team, who_did_what

SUBJECT, GROUP = 'shop-1', 'shop'
END_TO_END = ROOT / 'tests/e2e/clients'
OLD_PYTHON = os.environ.get('KEYWARD_OLD_PYTHON', str(ROOT / '.venv/debian12/bin/python'))


# Redisson's locks take a channel and a latch among their keys, with names of their own around that of the lock; a command must fit in one entry.
LOCKS = r"""
    allow:
      - commands: [eval, evalsha, "script|load", get, set, exists, hexists, hincrby, pexpire, pttl, del, publish, subscribe, unsubscribe]
        keys: ["app:*", 'redisson_lock__channel:\{app:*', 'redisson_unlock_latch:\{app:*']
        channels: ['redisson_lock__channel:\{app:*']"""


def policy(more=''):
    return {'shop.yaml': team('shop', 'application', {'app': GROUP}, {'prefix': 'app:'}, '    databases: [0, 1]' + more)}


class Kind:
    """How one client is called: `words` for what it does (suite or preamble), or None where the client has no program for that."""

    def __init__(self, name, words, needs=lambda system: True):
        self.name, self.words, self.needs = name, words, needs


def java(name):
    def words(system, what):
        place = system.place / 'java'
        return ['java', '-Xmx256m', '-cp', f'{place}/target/classes:{(place / "classpath").read_text().strip()}', 'Clients', name, what]
    return Kind(name, words, lambda system: (system.place / 'java/classpath').exists())


def old_style(argv, preamble=True):
    """The programs of tests/e2e/clients: PORT CA TOKEN [PROTOCOL]."""
    return lambda system, what: ([*argv[:1], END_TO_END / argv[1], '$PORT', '$CA', '$TOKEN', *argv[2:]] if what == 'suite' or preamble else None)


KINDS = {kind.name: kind for kind in [
    Kind('redis-py 8, RESP3', old_style([sys.executable, 'redis_py.py', 3])),
    Kind('redis-py 8, RESP2', old_style([sys.executable, 'redis_py.py', 2])),
    Kind('redis-py 4', old_style([OLD_PYTHON, 'redis_py.py', 2]), lambda system: os.path.exists(OLD_PYTHON)),
    Kind('ioredis', old_style(['node', 'ioredis.mjs'])),
    Kind('node-redis', lambda s, what: ['node', s.folder / 'node_redis.mjs', what]),
    Kind('go-redis', lambda s, what: [s.place / 'go-redis', what], lambda s: (s.place / 'go-redis').exists()),
    java('jedis'), java('lettuce'), java('redisson'),
]}


@pytest.fixture
def call(system, tmp_path, authority):
    """call(kind, what, url) runs a client's program to its end; its JSON, or {} where it prints `done`."""
    trust = tmp_path / 'ca.p12'

    def run(kind, what, url):
        if not kind.needs(system):
            pytest.skip(f'{kind.name} is not set up here')
        if shutil.which('keytool') and not trust.exists():
            subprocess.run(['keytool', '-importcert', '-noprompt', '-alias', 'keyward', '-file', authority.ca, '-keystore', trust, '-storetype',
                            'PKCS12', '-storepass', 'changeit'], check=True, timeout=60, capture_output=True)
        port, token = re.search(r':(\d+)/', url)[1], re.search(r'://[^:]*:([^@]*)@', url)[1]
        words = [{'$PORT': port, '$CA': str(authority.ca), '$TOKEN': token}.get(word, str(word)) for word in kind.words(system, what)]
        modules = os.environ.get('KEYWARD_NODE_MODULES', str(system.place.parents[1] / 'node/node_modules'))
        ended = subprocess.run(words, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
                               env=dict(os.environ, REDIS_URL=url, REDIS_CA=str(authority.ca), REDIS_TRUST=str(trust), KEYWARD_NODE_MODULES=modules))
        lines = [line for line in ended.stdout.splitlines() if line.startswith('{')]
        assert ended.returncode == 0 and (lines or ended.stdout.rstrip().endswith('done')), f'{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}'
        return json.loads(lines[-1]) if lines else {'parts': ended.stdout.split()[:-1]}
    return run


SHORT = ['redis-py 8, RESP3', 'node-redis']


@pytest.mark.parametrize('name', [name if name in SHORT else pytest.param(name, marks=pytest.mark.full) for name in KINDS])
def test_what_applications_do(name, call, make_keyward, issuer, matrix):
    server = make_keyward(policies=policy(LOCKS if name == 'redisson' else '')).start()
    plant(server.redis)
    told = call(KINDS[name], 'suite', keyward_url(server, issuer.token(SUBJECT, [GROUP])))
    denied = refused(server)
    if 'refused' in told:
        assert len(denied) >= told['refused'] - 1  # a SELECT that a greeting asks for is refused, and no command of its own
    with server.redis.admin() as admin:
        assert admin('GET', 'foreign:secret') == b'of another team'
    assert denied and {who for who, *_ in denied} == {SUBJECT} and all(who == SUBJECT for who, _ in who_did_what(server))
    parts = [part for part in told['parts'] if part != 'refusals']
    version = told.get('client', '') if ' ' in told.get('client', '') else ''
    matrix.cell('clients', 'template', f'{len(parts)} parts ({", ".join(parts)})' if parts else 'all that its program does', variant=version or name)
    matrix.cell('clients', 'foreign', f'key, channel, db, SCAN, keyevent: {len(denied)} refusals in the trail under {SUBJECT}; the client went on after each',
                variant=version or name)
    ended_well(server)


@pytest.mark.full
def test_hiredis(make_keyward, issuer, matrix, tmp_path):
    server = make_keyward(policies=policy())
    port = free_port()
    server.config['listeners'].append({'name': 'plain', 'listen': f'127.0.0.1:{port}'})
    server.start()
    program = tmp_path / 'hiredis'
    subprocess.run([os.environ.get('CC', 'gcc'), '-O1', '-o', program, END_TO_END / 'hiredis.c', '-lhiredis'], check=True)
    ended = subprocess.run([program, str(port), issuer.token(SUBJECT, [GROUP])], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and 'done' in ended.stdout, ended.stdout
    denied = refused(server)
    assert len(denied) == 5, denied
    matrix.cell('clients', 'template', '10 000 commands in one pipeline, binary values', variant='hiredis')
    matrix.cell('clients', 'foreign', f'key, channel, db, SCAN, keyevent: {len(denied)} refusals in the trail; the client went on after each', variant='hiredis')
    ended_well(server)


class Words(Relay):
    """Notes what clients send over connections that are not encrypted."""

    def __init__(self, port):
        self.sent = []
        super().__init__(port)

    async def _join(self, reader, writer):
        heard = bytearray()
        self.sent.append(heard)
        feed = reader.feed_data

        def note(data):
            heard.extend(data)
            feed(data)
        heard.extend(reader._buffer)
        reader.feed_data = note
        await super()._join(reader, writer)


def commands(data, token):
    """The first commands of a connection, without what is secret and what differs between runs."""
    found, at = [], 0
    while data[at:at + 1] == b'*' and len(found) < 9:
        end = data.index(b'\r\n', at)
        count, at, words = int(data[at + 1:end]), end + 2, []
        for _ in range(count):
            end = data.index(b'\r\n', at)
            size = int(data[at + 1:end])
            words.append(data[end + 2:end + 2 + size].decode(errors='replace'))
            at = end + 4 + size
        keep = {'HELLO': 3, 'AUTH': 2, 'CLIENT': 3}.get(words[0].upper(), 2)
        found.append(' '.join('TOKEN' if word == token else word for word in words[:keep] if len(word) < 40 or word == token)
                     + (' ...' if len(words) > keep else ''))
    return found


PREAMBLES = [*KINDS, 'jedis-3']


@pytest.mark.full
@pytest.mark.parametrize('name', PREAMBLES)
def test_first_words(name, call, make_keyward, issuer, matrix):
    """What each says before its first command of its own, and that all of it is answered so that it goes on."""
    kind = KINDS.get(name) or java(name)
    server = make_keyward(policies=policy())
    port = free_port()
    server.config['listeners'].append({'name': 'plain', 'listen': f'127.0.0.1:{port}'})
    server.start()
    token = issuer.token(SUBJECT, [GROUP])
    relay = Words(port)
    try:
        # The programs that only know TLS say the same over it: for them the trail tells that the login was taken.
        plain = name in ('node-redis', 'go-redis', 'jedis', 'jedis-3', 'lettuce', 'redisson')
        call(kind, 'preamble', f'redis://default:{token}@localhost:{relay.port}/0' if plain else keyward_url(server, token))
        said = commands(bytes(max(relay.sent, key=len)), token) if plain else []
    finally:
        relay.stop()
    assert server.trail.logins(ok=True) and not server.trail.logins(ok=False)
    text = f'accepted: {", ".join(said)}' if plain else 'accepted, over TLS'
    matrix.cell('clients', 'preamble', text.replace('|', '\\|'), variant='jedis, RESP3' if name == 'jedis-3' else name)
    ended_well(server)


def scheduled(pid):
    """Milliseconds that the threads of a process had a processor, and that they were ready and waited for one (/proc/PID/schedstat)."""
    times = [[int(word) / 1e6 for word in file.read_text().split()[:2]] for file in Path(f'/proc/{pid}/task').glob('*/schedstat')]
    return [sum(column) for column in zip(*times)]


def first_in_line(*pids):
    """A processor as soon as they want one: in earnest server and clients have machines of their own."""
    for pid in pids:
        subprocess.run(['chrt', '--all-tasks', '--rr', '--pid', '5', str(pid)], check=True, timeout=10)


@pytest.mark.full
def test_500_connects_in_a_second(system, make_keyward, issuer, direct, authority, matrix):
    """Airflow's sends and Lambda: each a new process, with a token that Keyward has seen before. Three runs as it comes, and three in which
    nobody waits for a processor because of what else the machine does: what is left is what a connect costs."""
    if not (system.place / 'go-redis').exists():
        pytest.skip('go-redis is not set up here')
    server = make_keyward(policies=policy()).start()
    token = issuer.token(SUBJECT, [GROUP])
    ways = {'keyward': (keyward_url(server, token), server.process.pid), 'redis': (direct.url(), direct.process.pid)}
    command = [system.place / 'go-redis', 'connects', '500']

    def connects(name):
        url, pid = ways[name]
        before = scheduled(pid)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ, REDIS_URL=url, REDIS_CA=str(authority.ca)))
        assert ended.returncode == 0, ended.stderr[-2000:]
        told = json.loads(ended.stdout)
        told['server_used_ms'], told['server_waited_ms'] = (after - at for after, at in zip(scheduled(pid), before))
        assert told['failed'] == 0, told
        return told

    def runs():
        told = [{name: connects(name) for name in ways} for _ in range(3)]
        return {name: [one[name] for one in told] for name in ways}

    with server.login(token, protocol=3) as client:
        assert client('PING') == b'PONG'
        shared = runs()
        first_in_line(*(pid for _, pid in ways.values()))
        command = ['chrt', '--rr', '5', *command]
        alone = runs()
        assert client('PING') == b'PONG'
    worst = lambda told, part='p99_ms': max(one[part] for one in told)
    assert worst(alone['keyward']) < 200, alone
    said = lambda told: f'p50 {worst(told, "p50_ms"):.1f}, p99 {worst(told):.1f}, the slowest {worst(told, "max_ms"):.1f} ms'
    waited = worst(shared['keyward'], 'server_waited_ms') + worst(shared['keyward'], 'waited_ms')
    matrix.cell('clients', 'connects', f'TCP, TLS and HELLO AUTH of 500 within 1 s, none failed, worst of three runs: {said(alone["keyward"])}, '
                f'{statistics.median(one["server_used_ms"] for one in alone["keyward"]) / 500:.2f} ms of a processor each (Redis itself over TLS: '
                f'{said(alone["redis"])}), where nobody has to wait for a processor. As this machine comes, on two processors beside other work '
                f'(load {os.getloadavg()[0]:.0f}): {said(shared["keyward"])}, of which Keyward and clients together waited {waited:.0f} ms for a '
                f'processor; Redis {said(shared["redis"])}', alone=alone, shared=shared)
    assert len(server.trail.logins(ok=True)) >= 3001
    ended_well(server)


@pytest.mark.full
@pytest.mark.parametrize('state', ['RESP2, idle', 'RESP3, idle', 'RESP2, in MULTI', 'RESP3, subscribed', 'RESP2, subscribed'])
def test_logging_in_again(state, make_keyward, issuer, matrix):
    """On an open connection, before the token ends; then work goes on past that end, with database, name and subscriptions as they were."""
    server = make_keyward(policies=policy(), limits={'expiry_grace': '500ms'}).start()
    token = lambda ttl: issuer.token(SUBJECT, [GROUP], ttl=ttl)
    client = server.login(token(3), protocol=int(state[4]))
    assert client('SELECT', '1') == b'OK' and client('CLIENT', 'SETNAME', 'again') == b'OK'
    stranger = issuer.token('somebody-else', [GROUP])
    if 'subscribed' in state:
        client('SUBSCRIBE', 'app:news')
        if state.startswith('RESP2'):
            answer = client('AUTH', token(60))
            assert isinstance(answer, RespError), answer
            said = f'AUTH is refused, as by Redis ({str(answer)[:40]}...); closed at the end of the token, the client subscribes again'
            assert client.closed_within(8)
        else:
            refusal = client('AUTH', 'default', stranger)
            assert isinstance(refusal, RespError), refusal
            assert client('AUTH', 'default', token(60)) == b'OK'
            time.sleep(4)
            with server.login(issuer.token('shop-2', [GROUP])) as other:
                assert other('PUBLISH', 'app:news', 'hi') == 1
            push = client.read()
            assert push[0] in (b'message', 'message') or b'message' in list(push), push
            said = 'session extended; a message after the first token\'s end was heard; a token of somebody else refused without harm'
    elif 'MULTI' in state:
        assert client('MULTI') == b'OK' and client('SET', 'app:m', '1') == b'QUEUED'
        answer = client('AUTH', token(60))
        done = client('EXEC')
        said = f'AUTH inside MULTI: {"refused, " + str(answer)[:60] if isinstance(answer, RespError) else answer.decode()}; EXEC: ' + (
            f'{str(done)[:60]}' if isinstance(done, RespError) else 'done')
    else:
        assert client('AUTH', 'default', token(60)) == b'OK'
        time.sleep(4)
        assert client('CLIENT', 'GETNAME') == b'again' and client('SET', 'app:k', 'v') == b'OK'
        with server.redis.admin() as admin:
            admin('SELECT', '1')
            assert admin('GET', 'app:k') == b'v'
        said = 'session extended, database and name kept'
    client.close()
    matrix.cell('clients', 'reauth', said, variant=state)
    ended_well(server)


@pytest.mark.full
def test_a_token_ends_in_the_middle(make_keyward, issuer, matrix):
    """Of a wait, a subscription, a transaction: what policy and configuration say, and never half an answer."""
    server = make_keyward(policies=policy(), limits={'expiry_grace': '1s'}).start()

    def log_in(protocol=2):
        return server.login(issuer.token(SUBJECT, [GROUP], ttl=3), protocol=protocol)

    def rest(client):
        """What comes until the end of the connection: whole answers only."""
        found = []
        try:
            while True:
                found.append(client.read())
        except (Closed, OSError):
            return found
    results = {}
    waiting, reading, listening, queuing = log_in(), log_in(), log_in(3), log_in()
    reading('XGROUP', 'CREATE', 'app:s', 'g', '$', 'MKSTREAM')
    listening('SUBSCRIBE', 'app:news')
    assert queuing('MULTI') == b'OK' and queuing('SET', 'app:half', '1') == b'QUEUED'
    waiting.send('BRPOP', 'app:none', '0')
    reading.send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 'app:s', '>')
    for name, client in {'BRPOP': waiting, 'XREADGROUP': reading, 'a subscription': listening, 'MULTI': queuing}.items():
        began = time.time()
        found = rest(client)
        results[name] = [str(answer)[:30] if isinstance(answer, RespError) else 'nil' if answer is None else 'push' for answer in found]
        assert time.time() - began < 15
    with server.redis.admin() as admin:
        assert admin('GET', 'app:half') is None
    text = '; '.join(f'{name}: {", ".join(answers) if answers else "closed"}' for name, answers in results.items())
    matrix.cell('clients', 'expiry', f'{text}; then each is closed, no element taken, nothing of the transaction done')
    ended_well(server)
