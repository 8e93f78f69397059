"""Two tenants with a namespace each on one Redis at the same time: each gets what it would get alone, and neither can observe the other."""
import hashlib
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery.backends import redis as celery_redis
from kombu.transport import redis as kombu_redis
from redis.lock import Lock

from conformance import probes, script
from rig.keyward import Keyward
from rig.redis_server import RedisServer
from rig.resp import Client, Closed, RespError, encode
from test_celery import Cell, no_denials

TENANTS = ('left', 'right')
# Scripts that name keys by KEYS alone. SWEEP_BINDINGS of kombu makes two names of ARGV: nothing is amiss while no binding is overdue,
# and when one is, Redis refuses the script and the binding stays.
SAFE = [*script.safe_scripts(), *(hashlib.sha1(text.encode()).hexdigest() for text in (
    'return 1', Lock.LUA_RELEASE_SCRIPT, Lock.LUA_EXTEND_SCRIPT, Lock.LUA_REACQUIRE_SCRIPT, celery_redis.CHORD_PART_RETURN_LUA,
    celery_redis.CHORD_CLEANUP_LUA, celery_redis.CHORD_CLAIM_EXTEND_LUA, kombu_redis.REFRESH_BINDING, kombu_redis.SWEEP_BINDINGS))]

# As much as a namespace can have: everything that a category brings, and by name what tells of others without one.
GRANT = '''
  - name: {name}
    who: [{{issuer: local, groups: [{name}]}}]
    namespace: "{name}:"
    scripts: [{scripts}]
    allow:
      - commands: ["@all", {by_name}]
        arguments: {{"config|get": ["*"], info: ["*"], "client|tracking": {{bcast: ["k:", "fresh:"]}}}}
        keys: ["*"]
        channels: ["*", "__keyevent@*__:*", "__keyspace@*__:*"]
'''
BY_NAME = ('keys', 'randomkey', 'dbsize', 'pubsub|channels', 'pubsub|numsub', 'pubsub|numpat', 'pubsub|shardchannels',
           'pubsub|shardnumsub', 'client|tracking', 'client|trackinginfo', 'client|caching', 'client|getredir', 'config|get', 'role',
           'lastsave', 'wait', 'script|flush', 'script|kill', 'function|list', 'function|dump', 'function|stats', 'function|load',
           'function|delete', 'function|flush', 'function|restore', 'function|kill', 'cluster|info')


def policies(by_name=BY_NAME):
    names = ', '.join(f'"{name}"' for name in by_name)
    return {'tenants.yaml': 'apiVersion: keyward/v1\nteam: tenants\nowners: [tenants@example.com]\ngrants:' + ''.join(
        GRANT.format(name=name, scripts=', '.join(f'"{sha}"' for sha in SAFE), by_name=names) for name in TENANTS)}


def together(work):
    """work(tenant) for both at the same time."""
    failures, start = [], threading.Barrier(len(TENANTS))

    def one(tenant):
        try:
            start.wait(10)
            work(tenant)
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append((tenant, error))

    threads = [threading.Thread(target=one, args=(tenant,)) for tenant in TENANTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tenant, error in failures:
        raise AssertionError(f'{tenant}: {error}') from error


@pytest.fixture(scope='module')
def expected(tmp_path_factory):
    """The right answers: a Redis with one client and no proxy."""
    server = RedisServer(tmp_path_factory.mktemp('oracle') / 'redis', protected=False)
    answers = script.run(lambda: Client(socket.create_connection(('127.0.0.1', server.port), 10)))
    server.stop()
    assert len(answers) > 200
    return answers


@pytest.mark.timeout(120)
def test_both_get_what_they_would_get_alone(make_keyward, issuer, expected):
    server = make_keyward(policies=policies()).start()
    tokens = {tenant: issuer.token(f'{tenant}-1', [tenant]) for tenant in TENANTS}
    found = {}

    def work(tenant):
        for round_number in range(3):
            answers = script.run(lambda: server.login(tokens[tenant]))
            for text in script.differences(expected, answers):
                found.setdefault(f'{tenant}, round {round_number}: {text}')
            with server.login(tokens[tenant]) as client:
                names = client('KEYS', '*')
                assert not isinstance(names, RespError), names
                assert all(not name.startswith((b'left:', b'right:')) for name in names)
                client('UNLINK', *names)
    together(work)
    assert not found, f'{len(found)} answers differ:\n' + '\n'.join(list(found)[:20])
    assert server.redis.keys() == []
    assert server.metric('keyward_acl_drift_total') == 0
    assert server.metric('keyward_drift_total') == 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_both_run_celery(make_keyward, issuer, tmp_path):
    server = make_keyward(policies=policies()).start()
    cells = {}
    try:
        for tenant in TENANTS:
            folder = tmp_path / tenant
            folder.mkdir()
            cells[tenant] = Cell(server, issuer.token(f'{tenant}-1', [tenant]), sys.executable, folder, '')
        for cell in cells.values():
            cell.wait()
        together(lambda tenant: print(tenant, cells[tenant].drive('suite')))
    finally:
        for cell in cells.values():
            cell.stop()
    no_denials(server)
    with server.redis.admin() as admin:
        outside = [name for name in admin('KEYS', '*') if not name.startswith((b'left:', b'right:'))]
    assert not outside


# --- what one can see of the other

MARKERS = {'left': b'Zq7sinister', 'right': b'Zq7dexter'}
KEYS = ('string', 'hash', 'list', 'set', 'zset', 'stream', 'geo', 'hll')
OF_GROUP = {'bitmap': 'string', 'sorted-set': 'zset', 'hyperloglog': 'hll'}


def settle_in(client, m):
    """A tenant with something of every kind, its marker in names and values."""
    for words in (('SET', 'k:string', m), ('HSET', 'k:hash', m, m), ('RPUSH', 'k:list', m, m), ('SADD', 'k:set', m),
                  ('ZADD', 'k:zset', 1, m), ('XADD', 'k:stream', '1-1', m, m), ('XGROUP', 'CREATE', 'k:stream', 'grp', 0),
                  ('XGROUP', 'CREATE', 'k:stream', m, 0), ('XREADGROUP', 'GROUP', m, m, 'STREAMS', 'k:stream', '>'),
                  ('GEOADD', 'k:geo', 1, 2, m), ('PFADD', 'k:hll', m), ('SET', b'named:' + m, m), ('CLIENT', 'SETNAME', m)):
        answer = client(*words)
        assert not isinstance(answer, RespError), (words, answer)


class Raw(Client):
    """Keeps every byte that came."""
    seen = b''

    def _more(self):
        before = len(self.held)
        super()._more()
        self.seen += self.held[before:]


class Side:
    """A server where `other` lives and works, or, without one, nobody does."""

    def __init__(self, folder, authority, issuer, issuer_config, other=None):
        self.redis = RedisServer(folder / 'redis', authority)
        self.server = Keyward(folder / 'keyward', authority, self.redis, [issuer_config], policies()).start()
        self.issuer, self.other = issuer, other
        self.stop_noise, self.clients, self.thread = threading.Event(), [], None
        if other:
            self.inhabit(MARKERS[other])

    def login(self, tenant, **options):
        return self.server.login(self.issuer.token(f'{tenant}-1', [tenant]), **options)

    def inhabit(self, marker):
        client, listener, blocked = self.clients = [self.login(self.other) for _ in range(3)]
        settle_in(client, marker)
        listener('SUBSCRIBE', b'named:' + marker)
        listener('PSUBSCRIBE', b'p:' + marker + b'*')
        blocked.send('BLPOP', b'blocked:' + marker, 0)
        self.thread = threading.Thread(target=self.make_noise, args=(client, marker))
        self.thread.start()

    def make_noise(self, client, marker):
        """Writes, expiries, messages, for whoever might listen."""
        while not self.stop_noise.wait(0.02):
            client('SET', b'noise:' + marker, marker, 'PX', 5)
            client('PUBLISH', b'named:' + marker, marker)
            client('PUBLISH', 'common', marker)
            client('SPUBLISH', 'common', marker)
            client('RPUSH', 'k:list', marker)
            client('RPOP', 'k:list')

    def connection(self, tenant, protocol):
        return Raw(self.login(tenant, protocol=protocol).sock, 5)

    def contents(self):
        with self.redis.admin() as admin:
            names = [f'{self.other}:k:{kind}' for kind in KEYS if kind != 'list']
            return {name: admin('DUMP', name) for name in names}

    def table(self):
        with self.redis.admin() as admin:
            return probes.table(admin)

    def stop(self):
        self.stop_noise.set()
        if self.thread:
            self.thread.join()
        for client in self.clients:
            client.close()
        assert self.server.stop() == 0
        self.redis.stop()


# Whose answers differ from one server to the next without anybody else: time, chance, numbers of connections, ports, the order of a
# table. The marker is looked for in them all the same; what SCAN finds in the end has a test of its own.
VOLATILE = re.compile(r'''^(s?scan|time|lastsave|info|lolwut|hello|client\|(id|info|list|getredir|trackinginfo)|ttl|pttl|expiretime|pexpiretime|
    object\|(idletime|freq)|srandmember|spop|hrandfield|zrandmember|randomkey|xinfo\|(stream|groups|consumers)|xpending|xclaim|
    xautoclaim|config\|get|role|dump|command(\|.*)?|wait|auth|reset|quit)$''', re.X)
# The order is Redis's, by a seed of the process.
UNORDERED = re.compile(r'^(keys|smembers|sinter|sunion|sdiff|hgetall|hkeys|hvals|pubsub.*)$')
REQUEST_ID = re.compile(rb'[0-9a-f]{12}-[0-9]+')
STREAM_ID = re.compile(rb'[0-9]{13}-[0-9]+')


def plain(data):
    return STREAM_ID.sub(b'STREAM-ID', REQUEST_ID.sub(b'REQUEST-ID', data))


BASE = [('SET', 'k:string', 'v'), ('HSET', 'k:hash', 'v', 'v'), ('RPUSH', 'k:list', 'v'), ('SADD', 'k:set', 'm'), ('ZADD', 'k:zset', 1, 'm'),
        ('XADD', 'k:stream', '1-1', 'v', 'v'), ('XGROUP', 'CREATE', 'k:stream', 'grp', 0), ('GEOADD', 'k:geo', 1, 2, 'm'),
        ('PFADD', 'k:hll', 'm')]


def begin_anew(client, prefix):
    """The same keys of one's own before each command, whatever chance made of them."""
    names = [name for kind in KEYS for name in (f'k:{kind}', f'{prefix}k:{kind}')]
    client.send_raw(b''.join(encode(*words) for words in [('UNLINK', *names), *BASE]))
    for answer in [client.read() for _ in range(1 + len(BASE))]:
        assert not isinstance(answer, RespError), answer


def ask(side, tenant, protocol, requests, prefix):
    """Every byte that came back for each request, one connection for all of a command."""
    client, answers = side.connection(tenant, protocol), []
    try:
        begin_anew(client, prefix)
        for words in requests:
            client.seen = b''
            try:
                client.sock.settimeout(1.5)
                client.send_raw(encode(*words))
                client.read()
                # What else was to come (the second answer of a SUBSCRIBE, a message) is read before the next.
                client.sock.settimeout(0.002)
                try:
                    while True:
                        client.read()
                except socket.timeout:
                    pass
            except socket.timeout:
                client.seen += b'<blocked>'
            except Closed:
                client.seen += b'<closed>'
            answers.append((words, plain(client.seen)))
            listens = words[0].lower() in (b'subscribe', b'psubscribe', b'ssubscribe', b'multi', b'watch', b'client')
            if listens or client.seen.endswith((b'<blocked>', b'<closed>')) or words[0].lower() in (b'quit', b'reset', b'auth', b'hello'):
                client.close()
                client = side.connection(tenant, protocol)
    finally:
        client.close()
    return answers


@pytest.fixture
def make_side(tmp_path, authority, issuer, issuer_config):
    made = []

    def make(other=None):
        made.append(Side(tmp_path / f'side{len(made)}', authority, issuer, issuer_config, other))
        return made[-1]

    yield make
    for side in made:
        side.stop()


@pytest.mark.slow
@pytest.mark.timeout(570)
@pytest.mark.parametrize('protocol', (2, 3))
@pytest.mark.parametrize('me, other', (('right', 'left'), ('left', 'right')))
def test_no_command_tells_of_the_other(make_side, me, other, protocol):
    """Every command and subcommand, with the other's names as they are for it and as they are for Redis, and with patterns: no byte of
    the other's in the answer, the same answer as where the other does not exist, and nothing of the other's changed."""
    both, alone = make_side(other), make_side()
    table, marker, prefix = both.table(), MARKERS[other], other.encode() + b':'
    assert len(table) > 350
    before, asked, answered, different = both.contents(), 0, set(), []
    beside = ThreadPoolExecutor(1)  # asking is mostly waiting for what else might come
    for command, (words, kind, arguments) in sorted(table.items()):
        kind = OF_GROUP.get(kind, kind if kind in KEYS else 'string')
        name = b'k:' + kind.encode()
        requests = probes.of(words, arguments, [name, prefix + name], [b'*', prefix + b'*'])
        compared = not VOLATILE.match(command)
        asked_alone = beside.submit(ask, alone, me, protocol, requests, prefix.decode()) if compared else None
        answers = ask(both, me, protocol, requests, prefix.decode())
        asked += len(answers)
        for request, answer in answers:
            assert marker not in answer, (command, request, answer)
            if not answer.startswith((b'-', b'<')):
                answered.add(command)
        if not compared:
            continue
        for (request, here), (_, there) in zip(answers, asked_alone.result()):
            if UNORDERED.match(command):
                here, there = sorted(here.split()), sorted(there.split())
            if here != there:
                different.append((command, request, here[:300], there[:300]))
    beside.shutdown()
    assert both.contents() == before, 'the other was changed'
    assert not different, f'{len(different)} answers differ, first: {different[:10]}'
    assert len(answered) > 200, 'a tenant that is refused everything proves nothing'
    print(f'{me}, RESP{protocol}: {len(table)} commands, {asked} requests; {len(answered)} commands answered other than with an error')


@pytest.mark.timeout(120)
def test_scan_finds_ones_own_keys_and_no_others(make_keyward, issuer):
    server = make_keyward(policies=policies()).start()

    def work(tenant):
        with server.login(issuer.token(f'{tenant}-1', [tenant])) as client:
            own = {f'{tenant}-{n}'.encode() for n in range(300)} | {f'shared-{n}'.encode() for n in range(300)}
            client('MSET', *(part for name in own for part in (name, 'v')))
            for options in ((), ('COUNT', 1000), ('MATCH', '*'), ('MATCH', 'shared-*'), ('TYPE', 'string')):
                cursor, found = b'0', set()
                while True:
                    cursor, names = client('SCAN', cursor, *options)
                    found |= set(names)
                    if cursor == b'0':
                        break
                assert found == {name for name in own if 'shared-*' not in options or name.startswith(b'shared-')}, options
            assert set(client('KEYS', '*')) == own
            for _ in range(20):
                assert client('RANDOMKEY') in own | {None}
    together(work)


@pytest.mark.timeout(120)
@pytest.mark.parametrize('protocol', (2, 3))
def test_keyspace_events_are_each_ones_own(make_keyward, issuer, protocol):
    server = make_keyward(policies=policies()).start()
    with server.redis.admin() as admin:
        admin('CONFIG', 'SET', 'notify-keyspace-events', 'KEA')
    heard = {}

    def work(tenant):
        token = issuer.token(f'{tenant}-1', [tenant])
        with server.login(token, protocol=protocol) as listener, server.login(token) as writer:
            for pattern in ('__keyevent@0__:*', '__keyspace@0__:*'):
                listener('PSUBSCRIBE', pattern)
            ready.wait(10)
            for number in range(50):
                writer('SET', f'{tenant}-{number}', 'v', 'PX', 60)
                writer('LPUSH', 'shared-name', tenant)
                writer('DEL', 'shared-name')
            writer('SET', 'the-last', 'v')
            events = heard[tenant] = []
            while not events or not (events[-1][2].startswith(b'__keyspace') and events[-1][2].endswith(b'the-last')):
                events.append(listener.read())
    ready = threading.Barrier(len(TENANTS))
    together(work)
    for tenant, events in heard.items():
        other = TENANTS[1 - TENANTS.index(tenant)].encode()
        assert not [event for event in events if any(other in bytes(part) for part in event[1:])], tenant
        assert all(not bytes(event[3]).startswith(tenant.encode() + b':') for event in events)
        keyevents = [event for event in events if event[2].startswith(b'__keyevent@0__:')]
        keyspace = [event for event in events if event[2].startswith(b'__keyspace@0__:')]
        names = {bytes(event[3]) for event in keyevents}
        assert {f'{tenant}-{n}'.encode() for n in range(50)} <= names
        assert sum(event[2:] == [b'__keyspace@0__:shared-name', b'lpush'] for event in keyspace) == 50
        assert sum(event[2:] == [b'__keyevent@0__:lpush', b'shared-name'] for event in keyevents) == 50
