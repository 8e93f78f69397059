"""Client-side caching (CLIENT TRACKING) against a real Redis, and what CLIENT LIST shows."""
import pytest
import redis
from redis.cache import CacheConfig

from rig.process import until
from rig.resp import Push, RespError

POLICY = '''
apiVersion: keyward/v1
team: cache
owners: [cache@example.com]
grants:
  - name: app
    who: [{issuer: local, groups: [app]}]
    databases: [0, 1]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "client|tracking", "-@dangerous"]
        keys: ["app:*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["app:*"]
  - name: plain
    who: [{issuer: local, groups: [plain]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["app:*"]}
  - name: tenant
    who: [{issuer: local, groups: [tenant]}]
    namespace: "tenant:"
    allow:
      - {commands: ["@read", "@write", "client|tracking", "-@dangerous"], keys: ["*"]}
'''


@pytest.fixture(scope='module')
def server(tmp_path_factory, authority, issuer_config):
    from rig.keyward import Keyward
    from rig.redis_server import RedisServer
    folder = tmp_path_factory.mktemp('tracking')
    upstream = RedisServer(folder / 'redis', authority)
    keyward = Keyward(folder / 'keyward', authority, upstream, [issuer_config], {'cache.yaml': POLICY}).start()
    yield keyward
    code = keyward.stop()
    assert code == 0, keyward.process.text()[-3000:]
    upstream.stop()


@pytest.fixture
def app(server, issuer):
    made = []

    def make(subject='app-1', group='app', protocol=3):
        made.append(server.login(issuer.token(subject, [group]), protocol=protocol))
        return made[-1]
    with server.redis.admin() as admin:
        admin('FLUSHALL')
    yield make
    for client in made:
        client.close()


def test_invalidations_come_in_order_with_answers(app):
    client, other = app(), app('app-2')
    assert client('CLIENT', 'TRACKING', 'ON') == b'OK'
    assert other('SET', 'app:k', 1) == b'OK'
    assert client('GET', 'app:k') == b'1'
    assert other('SET', 'app:k', 2) == b'OK'
    assert client.read() == Push([b'invalidate', [b'app:k']])
    # What changes a key and what asks for it travel on one connection: the news never comes too late.
    for n in range(100):
        client.send_raw(b''.join((b'*2\r\n$3\r\nGET\r\n$5\r\napp:k\r\n',)))
        client.read()
        client.send('SET', 'app:k', n)
        client.send('GET', 'app:k')
        got = [client.read() for _ in range(3)]
        assert got == [b'OK', Push([b'invalidate', [b'app:k']]), b'%d' % n] or got == [Push([b'invalidate', [b'app:k']]), b'OK', b'%d' % n]
    with_nobody_else = client('CLIENT', 'TRACKINGINFO')
    assert b'on' in with_nobody_else[b'flags']
    assert client('CLIENT', 'GETREDIR') == 0
    assert client('CLIENT', 'TRACKING', 'OFF') == b'OK'
    assert client('CLIENT', 'GETREDIR') == -1
    assert b'off' in client('CLIENT', 'TRACKINGINFO')[b'flags']
    assert other('SET', 'app:k', 3) == b'OK'
    assert client('GET', 'app:k') == b'3'


def test_options_in_and_out(app):
    client, other = app(), app('app-2')
    assert client('CLIENT', 'TRACKING', 'ON', 'OPTIN', 'NOLOOP') == b'OK'
    other('MSET', 'app:a', 1, 'app:b', 1)
    assert client('GET', 'app:a') == b'1'
    assert client('CLIENT', 'CACHING', 'YES') == b'OK' and client('GET', 'app:b') == b'1'
    other('MSET', 'app:a', 2, 'app:b', 2)
    assert client.read() == [b'invalidate', [b'app:b']]
    assert client('CLIENT', 'CACHING', 'YES') == b'OK' and client('GET', 'app:b') == b'2'
    client('SET', 'app:b', 3)
    assert client('PING') == b'PONG', 'NOLOOP: no news of what one did oneself'
    refused = client('CLIENT', 'CACHING', 'NO')
    assert isinstance(refused, RespError)


def test_a_hint_is_for_the_next_command_whatever_becomes_of_it(app):
    client, other = app(), app('app-2')
    assert client('CLIENT', 'TRACKING', 'ON', 'OPTOUT') == b'OK'
    for wrong in (['GET', 'foreign'], ['GET'], ['NOSUCH']):
        assert client('CLIENT', 'CACHING', 'NO') == b'OK'
        assert isinstance(client(*wrong), RespError)
        client('GET', 'app:k')  # not what the hint was about: must be tracked
        other('SET', 'app:k', 1)
        assert client.read() == [b'invalidate', [b'app:k']]
    assert client('CLIENT', 'CACHING', 'NO') == b'OK'
    client('GET', 'app:k')
    other('SET', 'app:k', 2)
    assert client('PING') == b'PONG'


def test_watch_beside_tracking(app):
    client, other = app(), app('app-2')
    client('SET', 'app:k', 1)
    assert client('CLIENT', 'TRACKING', 'ON', 'NOLOOP') == b'OK'
    for ending in ('EXEC', 'DISCARD', 'UNWATCH', 'doomed'):
        assert client('WATCH', 'app:k') == b'OK'
        if ending == 'EXEC':
            other('SET', 'app:k', 2)
        client('MULTI') if ending != 'UNWATCH' else None
        if ending == 'doomed':
            assert client('GET', 'foreign').prefix == 'NOPERM'
        elif ending != 'UNWATCH':
            client('SET', 'app:own', ending)
        answer = client('EXEC' if ending == 'doomed' else ending)
        if ending == 'EXEC':
            assert answer is None
        elif ending == 'doomed':
            assert answer.prefix == 'EXECABORT'
        else:
            assert answer == b'OK'
        other('SET', 'app:k', 3)
        client('MULTI')
        client('SET', 'app:own', 'after')
        assert client('EXEC') == [b'OK'], f'a WATCH outlived {ending}'
    assert client('WATCH', 'app:k') == b'OK' and client('CLIENT', 'TRACKING', 'OFF') == b'OK'
    other('SET', 'app:k', 4)
    client('MULTI')
    client('SET', 'app:own', 'never')
    assert client('EXEC') is None, 'the end of the tracking must not end the WATCH'


def test_what_is_refused(app):
    resp2 = app(protocol=2)
    refused = resp2('CLIENT', 'TRACKING', 'ON')
    assert isinstance(refused, RespError) and 'RESP3' in str(refused)
    assert resp2('CLIENT', 'TRACKING', 'OFF') == b'OK'
    client = app()
    for words in (['BCAST'], ['REDIRECT', 5], ['BCAST', 'PREFIX', 'app:'], ['PREFIX', 'app:']):
        refused = client('CLIENT', 'TRACKING', 'ON', *words)
        assert isinstance(refused, RespError), words
    assert client('MULTI') == b'OK'
    assert isinstance(client('CLIENT', 'TRACKING', 'ON'), RespError)
    assert client('EXEC').prefix == 'EXECABORT'
    plain = app('plain-1', 'plain')
    assert plain('CLIENT', 'TRACKING', 'ON').prefix == 'NOPERM'
    assert isinstance(plain('CLIENT', 'CACHING', 'YES'), RespError)
    assert client('CLIENT', 'TRACKING', 'ON') == b'OK'
    assert isinstance(client('SELECT', 1), RespError) and client('SELECT', 0) == b'OK'
    assert client('PING') == b'PONG'


def test_tracking_beside_subscriptions_and_transactions(app):
    client, other = app(), app('app-2')
    assert client('CLIENT', 'TRACKING', 'ON') == b'OK'
    assert client('SUBSCRIBE', 'app:c') == [b'subscribe', b'app:c', 1]
    assert client('GET', 'app:k') is None
    other('SET', 'app:k', 1)
    assert client.read() == [b'invalidate', [b'app:k']]
    other('PUBLISH', 'app:c', 'x')
    assert client.read() == [b'message', b'app:c', b'x']
    assert client('UNSUBSCRIBE', 'app:c') == [b'unsubscribe', b'app:c', 0]
    client('MULTI')
    client('GET', 'app:k')
    assert client('EXEC') == [b'1']
    other('SET', 'app:k', 2)
    assert client.read() == [b'invalidate', [b'app:k']]
    assert client('BLPOP', 'app:none', 0.01) is None


def test_flush_and_expiry_are_told(app, server):
    client = app()
    client('SET', 'app:k', 1, 'PX', 300)
    assert client('CLIENT', 'TRACKING', 'ON') == b'OK' and client('GET', 'app:k') == b'1'
    assert client.read() == [b'invalidate', [b'app:k']]
    assert client('GET', 'app:k') is None
    with server.redis.admin() as admin:
        admin('FLUSHALL')
    assert client.read() == [b'invalidate', None]


def test_a_namespace_is_taken_off(app, server):
    client = app('t-1', 'tenant')
    client('SET', 'k', 1)
    assert client('CLIENT', 'TRACKING', 'ON') == b'OK' and client('GET', 'k') == b'1'
    with server.redis.admin() as admin:
        admin('SET', 'tenant:k', 2)
    assert client.read() == [b'invalidate', [b'k']]
    assert client('GET', 'k') == b'2'


def test_redis_py_with_a_cache(server, issuer, monkeypatch):
    # It asks for 7.4 at least; all that it uses is in 7.0.
    monkeypatch.setattr(redis.connection.CacheProxyConnection, 'MIN_ALLOWED_VERSION', '7.0.0')

    def client(group='app', **more):
        return redis.Redis(host='localhost', port=server.port, ssl=True, ssl_ca_certs=str(server.authority.ca), protocol=3,
                           password=issuer.token('app-3', [group]), socket_timeout=20, **more)
    for group, name in (('app', 'app:cached'), ('tenant', 'cached')):
        cached, other = client(group, cache_config=CacheConfig()), client(group)
        other.set(name, 'one')
        assert cached.get(name) == b'one' and cached.get(name) == b'one'
        assert cached.get_cache().size == 1
        other.set(name, 'two')
        until(lambda: cached.get(name) == b'two', 5, 'the new value')
        for n in range(100):
            other.set(name, n)
            until(lambda: cached.get(name) == b'%d' % n, 5, 'the new value', every=0.001)
        cached.close()
        other.close()


# --- CLIENT LIST

def listed(client, *words):
    text = client('CLIENT', 'LIST', *words).decode().removeprefix('txt:')  # a verbatim string in RESP3
    return [dict(field.split('=', 1) for field in line.split(' ')) for line in text.splitlines()]


@pytest.mark.parametrize('protocol', [2, 3])
def test_client_list_shows_ones_own_sessions_on_all_shards(app, protocol):
    clients = [app('own-1', protocol=protocol) for _ in range(6)]
    stranger = app('own-2')
    for n, client in enumerate(clients):
        assert client('CLIENT', 'SETNAME', f'bull:worker:{n}') == b'OK'
    stranger('CLIENT', 'SETNAME', 'stranger')
    lines = listed(clients[0])
    assert sorted(line['name'] for line in lines) == [f'bull:worker:{n}' for n in range(6)]
    assert len({line['id'] for line in lines}) == 6 and all(line['resp'] == str(protocol) for line in lines)
    assert {int(line['id']) for line in lines} == {client('CLIENT', 'ID') for client in clients}
    assert [line['name'] for line in listed(stranger)] == ['stranger']
    own = clients[2]('CLIENT', 'ID')
    assert [line['name'] for line in listed(clients[0], 'ID', own, 999999)] == ['bull:worker:2']
    assert isinstance(clients[0]('CLIENT', 'LIST', 'ID', 'x'), RespError)
    assert isinstance(clients[0]('CLIENT', 'LIST', 'WHAT'), RespError)
    assert clients[1]('SUBSCRIBE', 'app:c') == [b'subscribe', b'app:c', 1]
    assert [line['name'] for line in listed(clients[0], 'TYPE', 'pubsub')] == ['bull:worker:1']
    assert clients[3]('SELECT', 1) == b'OK'
    assert [line['db'] for line in listed(clients[0]) if line['name'] == 'bull:worker:3'] == ['1']
    assert clients[0]('CLIENT', 'INFO').decode().count('\n') == 1
    clients[5].close()
    until(lambda: len(listed(clients[0])) == 5, 5, 'the end of a session')
    assert clients[4]('RESET') == b'RESET'
    assert len(listed(clients[0])) == 4
    assert isinstance(clients[0]('CLIENT', 'KILL', 'ID', own), RespError)
