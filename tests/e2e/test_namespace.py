"""Two teams under namespaces on one Redis: each writes bare names, sees bare names, and cannot see that the other exists."""
import json
import time

import pytest
import redis

from rig.process import until
from rig.resp import Push, RespError

LOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"

ENTRY = '''
    allow:
      - commands: ["@all", "-@scripting", "-@dangerous", keys, randomkey, "sort", "info", "pubsub|channels", "pubsub|numsub", "pubsub|numpat",
                   "client|tracking", "dbsize"]
        keys: ["*"]
        channels: ["*", "__keyspace@*__:*", "__keyevent@*__:*"]
'''
SCRIPTS = '''
    allow:
      - commands: ["@read", "@write", "@scripting", "-@dangerous", "script|load"]
        keys: ["*"]
'''


def sha1(text):
    import hashlib
    return hashlib.sha1(text.encode()).hexdigest()


def policy():
    grants = []
    for team in ('red', 'blue'):
        grants.append(f'  - name: {team}\n    who: [{{issuer: local, groups: [{team}]}}]\n    databases: [0, 1]\n'
                      f'    namespace: "{team}:"{ENTRY}')
        grants.append(f'  - name: {team}-lua\n    who: [{{issuer: local, groups: [{team}-lua]}}]\n    namespace: "{team}:"\n'
                      f'    scripts: ["{sha1(LOCK)}"]{SCRIPTS}')
    grants.append('  - name: narrow\n    who: [{issuer: local, groups: [narrow]}]\n    namespace: "narrow:"\n'
                  '    allow:\n      - {commands: [get], keys: ["x*"]}\n')
    grants.append('  - name: plain\n    who: [{issuer: local, groups: [plain]}]\n    allow:\n'
                  '      - {commands: ["@read", "@write", "@transaction", "-@dangerous", keys, randomkey, "pubsub|channels", "pubsub|numsub"],'
                  ' keys: ["red:*"], channels: ["red:*"]}\n'
                  '      - {commands: [subscribe, psubscribe, unsubscribe, punsubscribe], channels: ["red:*", "__key*__:*"]}\n')
    return 'apiVersion: keyward/v1\nteam: two\nowners: [two@example.com]\ngrants:\n' + ''.join(grants)


@pytest.fixture(scope='module')
def server(tmp_path_factory, authority, issuer_config):
    from rig.keyward import Keyward
    from rig.redis_server import RedisServer
    folder = tmp_path_factory.mktemp('namespace')
    upstream = RedisServer(folder / 'redis', authority, options=['notify-keyspace-events KEA'])
    keyward = Keyward(folder / 'keyward', authority, upstream, [issuer_config], {'two.yaml': policy()}).start()
    yield keyward
    code = keyward.stop()
    assert code == 0, keyward.process.text()[-3000:]
    assert keyward.trail.verify().returncode == 0
    upstream.stop()


@pytest.fixture(autouse=True)
def empty(request):
    if 'server' in request.fixturenames:
        with request.getfixturevalue('server').redis.admin() as admin:
            admin('FLUSHALL')
            admin('SCRIPT', 'FLUSH')


@pytest.fixture(params=[2, 3])
def protocol(request):
    return request.param


@pytest.fixture
def teams(server, issuer, protocol):
    clients = [server.login(issuer.token(f'{team}-1', [team]), protocol=protocol) for team in ('red', 'blue')]
    yield clients
    for client in clients:
        client.close()


def raw(server, *words):
    with server.redis.admin() as admin:
        return admin(*words)


def test_names_are_redis_names_behind_the_proxy(server, teams):
    red, blue = teams
    assert red('SET', 'k', 'of red') == b'OK' and blue('SET', 'k', 'of blue') == b'OK'
    assert red('GET', 'k') == b'of red' and blue('GET', 'k') == b'of blue'
    assert sorted(server.redis.keys()) == [b'blue:k', b'red:k']
    assert red('GET', 'red:k') is None and red('EXISTS', 'blue:k') == 0
    assert red('RENAME', 'k', 'j') == b'OK' and raw(server, 'GET', 'red:j') == b'of red'
    assert red('MSET', 'a', 1, 'b', 2) == b'OK' and red('MGET', 'a', 'k', 'b') == [b'1', None, b'2']
    assert red('COPY', 'a', 'c') == 1 and red('BITOP', 'AND', 'd', 'a', 'b') == 1
    assert red('OBJECT', 'ENCODING', 'a') == b'int' and red('MEMORY', 'USAGE', 'a') > 0
    assert sorted(raw(server, 'KEYS', 'red:*')) == [b'red:a', b'red:b', b'red:c', b'red:d', b'red:j']


def test_scans_see_their_own(server, teams):
    red, blue = teams
    for n in range(300):
        red('SET', f'r{n}', n)
        blue('SET', f'b{n}', n)
    for words, own in ((['SCAN'], 300), (['SCAN', 'COUNT', 50], 300), (['SCAN', 'MATCH', 'r1*'], 111)):
        cursor, found = b'0', []
        while True:
            cursor, page = red(words[0], cursor, *words[1:])
            found += page
            if cursor == b'0':
                break
        assert len(found) == own and all(name.startswith(b'r') and not name.startswith(b'red:') for name in found)
    assert len(red('KEYS', '*')) == 300 and sorted(red('KEYS', 'r29?')) == [b'r29%d' % n for n in range(10)]
    assert red('KEYS', 'b*') == []
    assert red('RANDOMKEY').startswith(b'r') and not red('RANDOMKEY').startswith(b'red:')
    refused = red('DBSIZE')
    assert isinstance(refused, RespError) and refused.prefix == 'NOPERM'
    assert isinstance(red('FLUSHDB'), RespError)
    assert len(server.redis.keys()) == 600


def test_randomkey_of_an_empty_namespace(teams, protocol):
    red, blue = teams
    assert red('RANDOMKEY') is None
    for n in range(50):
        blue('SET', n, n)
    assert red('RANDOMKEY') is None
    assert blue('RANDOMKEY') is not None
    assert red('SET', 'watched', 1) == b'OK' and red('WATCH', 'watched') == b'OK'
    for _ in range(20):
        assert red('RANDOMKEY') in (b'watched', None)
    blue('SET', 'watched', 1)
    assert red('MULTI') == b'OK' and red('INCR', 'watched') == b'QUEUED'
    assert red('EXEC') == [2], 'the sampling must not end the WATCH, nor another team break it'
    assert red('MULTI') == b'OK'
    assert isinstance(red('RANDOMKEY'), RespError)
    assert red('EXEC').prefix == 'EXECABORT'


def test_pops_and_streams_name_bare_keys(server, teams, protocol):
    red, _ = teams
    red('RPUSH', 'q', 'a', 'b', 'c', 'd', 'e')
    assert red('BLPOP', 'none', 'q', 1) == [b'q', b'a']
    assert red('BRPOP', 'q', 1) == [b'q', b'e']
    assert red('LMPOP', 1, 'q', 'LEFT') == [b'q', [b'b']]
    assert red('BLMPOP', 1, 1, 'q', 'LEFT') == [b'q', [b'c']]
    assert red('BLMOVE', 'q', 'r', 'LEFT', 'RIGHT', 1) == b'd'
    assert red('BLPOP', 'none', 0.05) is None
    red('ZADD', 'z', 1, 'x', 2, 'y', 3, 'w')
    one = 1.0 if protocol == 3 else b'1'
    assert red('BZPOPMIN', 'z', 1) == [b'z', b'x', one]
    assert red('ZMPOP', 1, 'z', 'MAX')[0] == b'z'
    assert red('BZMPOP', 1, 1, 'z', 'MIN')[0] == b'z'
    red('XADD', 's', '1-1', 'f', 'v')
    red('XADD', 't', '2-1', 'f', 'v')
    entry = [[b'1-1', [b'f', b'v']]]
    assert red('XREAD', 'STREAMS', 's', 't', 0, '2-1') == ({b's': entry} if protocol == 3 else [[b's', entry]])
    assert red('XGROUP', 'CREATE', 's', 'g', 0) == b'OK'
    got = red('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
    assert got == ({b's': entry} if protocol == 3 else [[b's', entry]])
    assert red('XINFO', 'GROUPS', 's') and red('XPENDING', 's', 'g')[0] == 1
    refused = red('XREADGROUP', 'GROUP', 'nobody', 'c', 'STREAMS', 's', '>')
    assert str(refused) == "NOGROUP No such key 's' or consumer group 'nobody' in XREADGROUP with GROUP option"
    refused = red('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'other', '>')
    assert "'other'" in str(refused) and 'red:' not in str(refused)


def test_sort(server, teams):
    red, _ = teams
    red('RPUSH', 'l', 3, 1, 2)
    assert red('SORT', 'l') == [b'1', b'2', b'3']
    assert red('SORT', 'l', 'STORE', 'sorted') == 3
    assert raw(server, 'LRANGE', 'red:sorted', 0, -1) == [b'1', b'2', b'3']


def test_transactions_name_bare_keys(server, teams, protocol):
    red, blue = teams
    assert red('WATCH', 'k') == b'OK'
    blue('SET', 'k', 1)  # another key of that name
    assert red('MULTI') == b'OK'
    for words in (['SET', 'k', 'v'], ['RPUSH', 'q', 'x', 'y'], ['LMPOP', 1, 'q', 'LEFT'], ['KEYS', '*'], ['SCAN', 0], ['BLPOP', 'q', 0],
                  ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>'], ['INCR', 'k'], ['GET', 'k']):
        assert red(*words) == b'QUEUED'
    got = red('EXEC')
    assert got[0] == b'OK' and got[1] == 2 and got[2] == [b'q', [b'x']]
    assert sorted(got[3]) == [b'k', b'q'] and got[4][0] == b'0' and sorted(got[4][1]) == [b'k', b'q']
    assert got[5] == [b'q', b'y'] and "'s'" in str(got[6]) and 'red:' not in str(got[6])
    assert isinstance(got[7], RespError) and got[8] == b'v'
    red('WATCH', 'k')
    with server.redis.admin() as admin:
        admin('SET', 'red:k', 'changed')
    red('MULTI')
    red('KEYS', '*')
    assert red('EXEC') is None


def test_large_values_and_large_transactions(server, teams):
    red, blue = teams
    value = b'x' * (3 << 20)
    assert red('SET', 'big', value, 'EX', 100) == b'OK'
    assert raw(server, 'STRLEN', 'red:big') == len(value) and red('GET', 'big') == value
    assert red('MSET', 'm1', value, 'm2', 'small', 'm3', value) == b'OK'
    assert red('STRLEN', 'm3') == len(value) and raw(server, 'EXISTS', 'red:m1', 'red:m2', 'red:m3', 'm1', 'm3') == 3
    red('RPUSH', 'q', value)
    assert red('BLPOP', 'q', 1) == [b'q', value]
    red('MULTI')
    red('SET', 'in', value)
    red('RPUSH', 'q', 'a')
    red('GET', 'in')
    red('LMPOP', 1, 'q', 'LEFT')
    red('GET', 'in')
    assert red('EXEC') == [b'OK', 1, value, [b'q', [b'a']], value]
    assert blue('EXISTS', 'big', 'in') == 0


def test_messages_have_bare_channels(server, teams, protocol):
    red, blue = teams
    assert red('SUBSCRIBE', 'news', 'more') == [b'subscribe', b'news', 1] and red.read() == [b'subscribe', b'more', 2]
    assert red('PSUBSCRIBE', 'ne*') == [b'psubscribe', b'ne*', 3]
    assert blue('PUBLISH', 'news', 'of blue') == 0
    with server.redis.admin() as admin:
        assert admin('PUBLISH', 'red:news', 'x' * 300_000) == 2
        got = [red.read(), red.read()]
        text = b'x' * 300_000
        assert [b'message', b'news', text] in got and [b'pmessage', b'ne*', b'news', text] in got
        assert admin('PUBLISH', 'news', 'nobody') == 0
    if protocol == 3:
        assert isinstance(got[0], Push)
        assert sorted(red('PUBSUB', 'CHANNELS')) == [b'more', b'news']
        assert red('PUBSUB', 'NUMSUB', 'news', 'none') == [b'news', 1, b'none', 0]
        assert red('PUBLISH', 'more', 'own') in (1, [b'message', b'more', b'own'])
    assert blue('PUBSUB', 'CHANNELS') == [] and blue('PUBSUB', 'NUMSUB', 'news') == [b'news', 0]
    refused = blue('PUBSUB', 'NUMPAT')
    assert isinstance(refused, RespError) and refused.prefix == 'NOPERM'


def test_unsubscribing(teams, protocol):
    red, _ = teams
    assert red('UNSUBSCRIBE', 'nothing') == [b'unsubscribe', b'nothing', 0]
    assert red('UNSUBSCRIBE') == [b'unsubscribe', None, 0]
    red('SUBSCRIBE', 'a', 'b')
    red.read()
    assert red('UNSUBSCRIBE', 'a') == [b'unsubscribe', b'a', 1]
    assert red('UNSUBSCRIBE') == [b'unsubscribe', b'b', 0]
    assert red('SET', 'k', 1) == b'OK'


def test_keyspace_events(server, teams):
    red, blue = teams
    assert red('SUBSCRIBE', '__keyspace@0__:k') == [b'subscribe', b'__keyspace@0__:k', 1]
    assert red('SUBSCRIBE', '__keyevent@0__:set') == [b'subscribe', b'__keyevent@0__:set', 2]
    blue('SET', 'k', 1)
    blue('SET', 'red:k', 1)
    raw(server, 'SET', 'elsewhere', 1)
    raw(server, 'SET', 'red:k', 1)
    raw(server, 'SET', 'red:other', 1)
    assert red.read() == [b'message', b'__keyspace@0__:k', b'set']
    assert red.read() == [b'message', b'__keyevent@0__:set', b'k']
    assert red.read() == [b'message', b'__keyevent@0__:set', b'other']
    assert red('PSUBSCRIBE', '__key*@0__:*') is not None


def test_scripts(server, issuer, protocol):
    with server.login(issuer.token('red-2', ['red-lua']), protocol=protocol) as red:
        assert red('SCRIPT', 'LOAD', LOCK) == sha1(LOCK).encode()
        red('SET', 'lock', 'me')
        raw(server, 'SET', 'lock', 'me')
        assert red('EVALSHA', sha1(LOCK), 1, 'lock', 'other') == 0
        assert red('EVALSHA', sha1(LOCK), 1, 'lock', 'me') == 1
        assert raw(server, 'EXISTS', 'red:lock', 'lock') == 1
        red('SET', 'lock', 'me')
        assert red('EVAL', LOCK, 1, 'lock', 'me') == 1
        for words in (['EVAL', "return redis.call('get', 'k')", 0], ['EVALSHA', '0' * 40, 1, 'lock']):
            refused = red(*words)
            assert isinstance(refused, RespError) and refused.prefix == 'NOPERM', refused
        assert red('PING') == b'PONG'
    denials = [d for d in server.trail.denials() if '"script"' in json.dumps(d)]
    assert denials


def test_the_preamble_of_stackexchange_redis(server, issuer, protocol):
    with server.login(issuer.token('narrow-1', ['narrow']), protocol=protocol) as client:
        assert client('GET', '__Booksleeve_TieBreak') is None
        assert client('SUBSCRIBE', '__Booksleeve_MasterChanged') == [b'subscribe', b'__Booksleeve_MasterChanged', 1]
        assert raw(server, 'PUBLISH', '__Booksleeve_MasterChanged', 'x') == 0
        assert client('UNSUBSCRIBE', '__Booksleeve_MasterChanged') == [b'unsubscribe', b'__Booksleeve_MasterChanged', 0]
        assert client('GET', 'k').prefix == 'NOPERM'


def test_without_a_namespace_only_what_is_granted_is_seen(server, issuer, protocol):
    with server.login(issuer.token('plain-1', ['plain']), protocol=protocol) as plain, server.redis.admin() as admin:
        for n in range(100):
            admin('MSET', f'red:{n}', n, f'blue:{n}', n)
        assert len(plain('KEYS', '*')) == 100 and plain('KEYS', 'blue:*') == []
        cursor, found = b'0', []
        while True:
            cursor, page = plain('SCAN', cursor, 'COUNT', 30)
            found += page
            if cursor == b'0':
                break
        assert sorted(found) == sorted(b'red:%d' % n for n in range(100))
        assert all(plain('RANDOMKEY').startswith(b'red:') for _ in range(20))
        plain('MULTI')
        plain('KEYS', '*1')
        assert plain('EXEC') == [plain('KEYS', '*1')] and len(plain('KEYS', '*1')) == 10
        assert plain('DBSIZE').prefix == 'NOPERM'
        assert plain('SUBSCRIBE', 'red:news') == [b'subscribe', b'red:news', 1]
        with server.login(issuer.token('blue-1', ['blue'])) as blue:
            blue('SUBSCRIBE', 'news')
            with server.login(issuer.token('plain-2', ['plain'])) as other:
                assert other('PUBSUB', 'CHANNELS') == [b'red:news']
                assert other('PUBSUB', 'NUMSUB', 'red:news', 'blue:news') == [b'red:news', 1, b'blue:news', 0]
        assert plain('PSUBSCRIBE', '__key*__:*') == [b'psubscribe', b'__key*__:*', 2]
        admin('SET', 'blue:k', 1)
        admin('SET', 'red:k', 1)
        heard = [plain.read(), plain.read()]
        assert [message[2:] for message in heard] == [[b'__keyspace@0__:red:k', b'set'], [b'__keyevent@0__:set', b'red:k']]


def test_the_trail_speaks_of_redis_names(server, teams):
    red, _ = teams
    red('SET', 'recorded', 1)
    until(lambda: '"red:recorded"' in server.trail.text(), 5, 'the record')
    assert '"recorded"' not in server.trail.text()


def test_redis_py(server, issuer, protocol):
    def client(team, number=1):
        return redis.Redis(host='localhost', port=server.port, ssl=True, ssl_ca_certs=str(server.authority.ca), protocol=protocol,
                           password=issuer.token(f'{team}-{number}', [team]), socket_timeout=20)
    red, blue = client('red'), client('blue')
    red.set('s', 'v')
    blue.set('s', 'w')
    assert red.get('s') == b'v' and sorted(red.scan_iter()) == [b's'] and red.keys() == [b's'] and red.randomkey() == b's'
    with red.pipeline() as pipe:
        pipe.watch('s')
        pipe.multi()
        pipe.append('s', 'x').get('s').keys('*')
        assert pipe.execute() == [2, b'vx', [b's']]
    listener = red.pubsub()
    listener.subscribe('c')
    listener.psubscribe('d*')
    for _ in range(2):
        until(lambda: listener.get_message(timeout=1), 5, 'a confirmation')
    assert red.publish('c', '1') == 1 and red.publish('dd', '2') == 1 and blue.publish('c', '3') == 0
    got = [until(lambda: listener.get_message(timeout=1), 5, 'a message') for _ in range(2)]
    assert [(m['channel'], m['data']) for m in got] == [(b'c', b'1'), (b'dd', b'2')]
    listener.close()
    red.xadd('st', {'a': '1'})
    red.xgroup_create('st', 'g', id='0')
    read = red.xreadgroup('g', 'me', {'st': '>'})
    assert b'st' in (read if isinstance(read, dict) else {name for name, _ in read})
    red.rpush('l', 1)
    assert red.blpop(['l'], 1) in ((b'l', b'1'), [b'l', b'1'])
    red.close()
    blue.close()
