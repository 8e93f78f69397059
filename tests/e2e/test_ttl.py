"""`ttl:` of a grant: no key without an expiry, whatever commands a client runs."""
import random

import pytest

from rig.resp import Push, RespError, encode

HOUR = 3600 * 1000
POLICY = """
apiVersion: keyward/v1
team: ttl
owners: [e2e@example.com]
grants:
  - name: strict
    who: [{issuer: local, groups: [strict]}]
    ttl: {require: true}
    allow: [{commands: ["@all", "-@dangerous", "-scan", "-randomkey"], keys: ["app:*"], channels: ["app:*"]}]
  - name: kind
    who: [{issuer: local, groups: [kind]}]
    ttl: {apply: 1h}
    allow: [{commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-pexpire"], keys: ["app:*"], channels: ["app:*"]}]
  - name: tenant
    who: [{issuer: local, groups: [tenant]}]
    namespace: "team:"
    ttl: {apply: 1h}
    allow: [{commands: ["@read", "@write", "@transaction", "-@dangerous"], keys: ["*"]}]
expect:
  - as: {issuer: local, subject: x, groups: [strict]}
    allow: ["SET app:k v EX 5", "SETEX app:k 5 v", "GET app:k", "DEL app:k", "EXPIRE app:k 5", "LPUSHX app:k v"]
    deny: ["SET app:k v", "SET app:k v KEEPTTL", "LPUSH app:k v", "PERSIST app:k", "GETEX app:k PERSIST", "EVAL x 0", "INCR app:k"]
  - as: {issuer: local, subject: x, groups: [kind]}
    allow: ["SET app:k v", "LPUSH app:k v", "RENAME app:a app:b"]
    deny: ["PERSIST app:k", "PEXPIRE app:k 5", "EVAL x 0", "BLMOVE app:a app:b LEFT LEFT 1"]
"""


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'ttl.yaml': POLICY}).start()


def lasting(admin):
    """Keys without an expiry."""
    return [key for key in admin('KEYS', '*') if admin('PTTL', key) == -1]


def test_require_refuses_what_would_last(server, issuer):
    with server.login(issuer.token('s', ['strict'])) as client, server.redis.admin() as admin:
        denied = client('LPUSH', 'app:k', 'v')
        assert denied.prefix == 'NOPERM' and 'without an expiry' in str(denied)
        assert client('SET', 'app:k', 'v', 'PX', 50000) == b'OK'
        assert 'say EX or PX' in str(client('SET', 'app:k', 'v', 'KEEPTTL'))
        assert client('PERSIST', 'app:k').prefix == 'NOPERM'
        # large values are judged by what follows them
        assert client('SET', 'app:big', b'x' * 500_000, 'EX', 100) == b'OK'
        assert client('SET', 'app:large', b'x' * 500_000).prefix == 'NOPERM'
        assert admin('EXISTS', 'app:large') == 0
        assert lasting(admin) == [] and len(admin('KEYS', '*')) == 2
    assert any(r['unmapped']['keyward'].get('detail', '').find('without an expiry') >= 0 for r in server.trail.denials())


def test_require_is_content_with_an_expiry_before_exec(server, issuer):
    with server.login(issuer.token('s', ['strict'])) as client, server.redis.admin() as admin:
        client.send_raw(encode('MULTI') + encode('LPUSH', 'app:k', 'v') + encode('EXPIRE', 'app:k', 90) + encode('EXEC'))
        assert [client.read() for _ in range(4)] == [b'OK', b'QUEUED', b'QUEUED', [1, 1]]
        client.send_raw(encode('WATCH', 'app:k') + encode('MULTI') + encode('GET', 'app:k') + encode('LPUSH', 'app:j', 'v') +
                        encode('EXPIRE', 'app:j', 90, 'XX') + encode('EXEC'))
        answers = [client.read() for _ in range(6)]
        assert answers[:5] == [b'OK', b'OK', b'QUEUED', b'QUEUED', b'QUEUED']
        assert answers[5].prefix == 'EXECABORT' and "'lpush'" in str(answers[5]) and 'command 2' in str(answers[5])
        assert admin('EXISTS', 'app:j') == 0 and lasting(admin) == []
        assert client('TTL', 'app:k') > 80, 'the session goes on'


def test_apply_adds_an_expiry_and_shows_the_commands_own_answer(server, issuer):
    for protocol in (2, 3):
        with server.login(issuer.token('k', ['kind']), protocol=protocol) as client, server.redis.admin() as admin:
            admin('FLUSHALL')
            assert client('SET', 'app:s', 'v') == b'OK'
            assert client('SET', 'app:s', 'w', 'GET') == b'v'
            assert client('GETSET', 'app:s', 'x') == b'w'
            assert client('LPUSH', 'app:l', 'a', 'b') == 2
            assert client('LMOVE', 'app:l', 'app:m', 'LEFT', 'LEFT') == b'b'
            assert client('HSET', 'app:h', 'f', 'v') == 1
            assert client('MSET', 'app:1', 'x', 'app:2', 'y') == b'OK'
            assert client('LPUSH', 'app:s', 'v').prefix == 'WRONGTYPE'
            assert client('SET', 'app:big', b'x' * 500_000) == b'OK'
            assert client('GETSET', 'app:big', b'y' * 700_000) == b'x' * 500_000
            assert client('GETSET', 'app:big', b'z') == b'y' * 700_000
            assert lasting(admin) == []
            assert HOUR - 60_000 < admin('PTTL', 'app:l') <= HOUR
            assert client('EXPIRE', 'app:l', 5) == 1
            assert client('LPUSH', 'app:l', 'c') == 2
            assert admin('TTL', 'app:l') <= 5, 'an expiry that is there stays'
            assert client('SET', 'app:s', 'v', 'EX', 7) == b'OK'
            assert client('SET', 'app:s', 'w', 'KEEPTTL') == b'OK'
            assert admin('TTL', 'app:s') <= 7
            client.send_raw(encode('SET', 'app:p', 1) + encode('INCR', 'app:p') + encode('RPUSH', 'app:q', 'v') + encode('GET', 'app:p'))
            assert [client.read() for _ in range(4)] == [b'OK', 2, 1, b'2']


def test_apply_inside_a_clients_own_transaction(server, issuer):
    with server.login(issuer.token('k', ['kind'])) as client, server.redis.admin() as admin:
        client.send_raw(encode('MULTI') + encode('LPUSH', 'app:a', 'v') + encode('INCR', 'app:a') + encode('SET', 'app:b', 'v') +
                        encode('EXPIRE', 'app:b', 9, 'NX') + encode('GET', 'app:b') + encode('EXEC'))
        answers = [client.read() for _ in range(7)]
        assert len(answers[6]) == 5 and answers[6][0] == 1 and answers[6][1].prefix == 'WRONGTYPE'
        assert answers[6][2:] == [b'OK', 1, b'v']
        assert admin('TTL', 'app:b') <= 9, "the client's own expiry comes first"
        assert lasting(admin) == []
        # a lone write while keys are watched does not end the watch
        assert client('WATCH', 'app:w') == b'OK'
        assert client('LPUSH', 'app:x', 'v') == 1
        with server.login(issuer.token('k2', ['kind'])) as other:
            assert other('SET', 'app:w', 'changed') == b'OK'
        client.send_raw(encode('MULTI') + encode('INCR', 'app:n') + encode('EXEC'))
        assert [client.read() for _ in range(3)] == [b'OK', b'QUEUED', None]
        assert client('WATCH', 'app:w') == b'OK'
        assert client('SET', 'app:big', b'x' * 500_000) == b'OK'
        client.send_raw(encode('MULTI') + encode('INCR', 'app:n') + encode('EXEC'))
        assert [client.read() for _ in range(3)] == [b'OK', b'QUEUED', [1]]
        assert lasting(admin) == []


def test_apply_under_a_namespace(server, issuer):
    with server.login(issuer.token('t', ['tenant'])) as client, server.redis.admin() as admin:
        assert client('SET', 'k', 'v') == b'OK' and client('LPUSH', 'l', 'v') == 1
        assert client('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM') == b'OK'
        client.send_raw(encode('MULTI') + encode('SADD', 'x', 1) + encode('LMPOP', 1, 'l', 'LEFT') + encode('RENAME', 'none', 'y') + encode('EXEC'))
        answers = [client.read() for _ in range(5)][-1]
        assert answers[:2] == [1, [b'l', [b'v']]] and answers[2].prefix == 'ERR' and len(answers) == 3
        assert client('HSET', 'big', 'f', b'x' * 300_000) == 1
        assert sorted(admin('KEYS', '*')) == [b'team:big', b'team:k', b'team:s', b'team:x'] and lasting(admin) == []


def test_apply_while_subscribed_and_when_redis_is_full(server, issuer):
    with server.login(issuer.token('k', ['kind']), protocol=3) as client, server.redis.admin() as admin:
        client.send('SUBSCRIBE', 'app:news')
        assert isinstance(client.read(), Push)
        client.send_raw(encode('LPUSH', 'app:l', 'v') + encode('PUBLISH', 'app:news', 'm') + encode('LPUSH', 'app:l', 'w'))
        got = [client.read() for _ in range(4)]
        assert [g for g in got if not isinstance(g, Push)] == [1, 1, 2]
        assert [g for g in got if isinstance(g, Push)] == [[b'message', b'app:news', b'm']]
        assert lasting(admin) == []
    with server.login(issuer.token('k', ['kind'])) as client, server.redis.admin() as admin:
        admin('CONFIG', 'SET', 'maxmemory', '1')
        answer = client('LPUSH', 'app:l', 'v')
        admin('CONFIG', 'SET', 'maxmemory', '0')
        assert answer.prefix == 'OOM', answer
        assert client('LPUSH', 'app:l', 'v') == 3


WRITES = [
    lambda r, k: ('SET', k(), r.randrange(99)), lambda r, k: ('SET', k(), 'v', r.choice(['NX', 'XX', 'KEEPTTL', 'GET'])),
    lambda r, k: ('SET', k(), 'v', 'EX', r.randrange(1, 500)), lambda r, k: ('SETEX', k(), 300, 'v'), lambda r, k: ('SETNX', k(), 'v'),
    lambda r, k: ('GETSET', k(), 'v'), lambda r, k: ('MSET', k(), 1, k(), 2), lambda r, k: ('MSETNX', k(), 1, k(), 2),
    lambda r, k: ('APPEND', k(), 'x'), lambda r, k: ('INCR', k()), lambda r, k: ('INCRBYFLOAT', k(), '1.5'), lambda r, k: ('SETBIT', k(), 7, 1),
    lambda r, k: ('SETRANGE', k(), 3, 'xy'), lambda r, k: ('BITOP', 'OR', k(), k(), k()), lambda r, k: ('BITFIELD', k(), 'SET', 'u8', 0, 5),
    lambda r, k: ('BITFIELD', k(), 'GET', 'u8', 0), lambda r, k: ('LPUSH', k(), 'a', 'b'), lambda r, k: ('RPUSH', k(), 'a'),
    lambda r, k: ('LPUSHX', k(), 'a'), lambda r, k: ('LMOVE', k(), k(), 'LEFT', 'RIGHT'), lambda r, k: ('RPOPLPUSH', k(), k()),
    lambda r, k: ('LPOP', k()), lambda r, k: ('LINSERT', k(), 'BEFORE', 'a', 'z'), lambda r, k: ('HSET', k(), 'f', 1),
    lambda r, k: ('HINCRBY', k(), 'f', 2), lambda r, k: ('HSETNX', k(), 'g', 1), lambda r, k: ('HMSET', k(), 'f', 3), lambda r, k: ('HDEL', k(), 'f'),
    lambda r, k: ('SADD', k(), 'a', 'b', 'c'), lambda r, k: ('SMOVE', k(), k(), 'a'), lambda r, k: ('SUNIONSTORE', k(), k(), k()),
    lambda r, k: ('SDIFFSTORE', k(), k(), k()), lambda r, k: ('SINTERSTORE', k(), k(), k()), lambda r, k: ('SPOP', k()),
    lambda r, k: ('ZADD', k(), 1, 'a', 2, 'b'), lambda r, k: ('ZADD', k(), 'XX', 1, 'a'), lambda r, k: ('ZINCRBY', k(), 1, 'a'),
    lambda r, k: ('ZUNIONSTORE', k(), 2, k(), k()), lambda r, k: ('ZRANGESTORE', k(), k(), 0, -1), lambda r, k: ('ZDIFFSTORE', k(), 2, k(), k()),
    lambda r, k: ('GEOADD', k(), 1, 1, 'm'), lambda r, k: ('GEOSEARCHSTORE', k(), k(), 'FROMLONLAT', 1, 1, 'BYRADIUS', 10, 'km'),
    lambda r, k: ('GEORADIUS', k(), 1, 1, 10, 'km', 'STORE', k()), lambda r, k: ('SORT', k(), 'ALPHA', 'STORE', k()),
    lambda r, k: ('XADD', k(), '*', 'f', 'v'), lambda r, k: ('XADD', k(), 'NOMKSTREAM', '*', 'f', 'v'),
    lambda r, k: ('XGROUP', 'CREATE', k(), 'g', '$', 'MKSTREAM'), lambda r, k: ('XGROUP', 'CREATE', k(), 'g', '$'),
    lambda r, k: ('PFADD', k(), 'a'), lambda r, k: ('PFMERGE', k(), k(), k()), lambda r, k: ('COPY', k(), k(), 'REPLACE'),
    lambda r, k: ('RENAME', k(), k()), lambda r, k: ('RENAMENX', k(), k()), lambda r, k: ('PERSIST', k()), lambda r, k: ('GETEX', k(), 'PERSIST'),
    lambda r, k: ('GETEX', k(), 'EX', 50), lambda r, k: ('GETDEL', k()), lambda r, k: ('DEL', k()), lambda r, k: ('EXPIRE', k(), 77, r.choice(['NX', 'XX', 'GT', 'LT'])),
    lambda r, k: ('EVAL', "return redis.call('SET', KEYS[1], 1)", 1, k()), lambda r, k: ('ZPOPMIN', k()), lambda r, k: ('BLMOVE', k(), k(), 'LEFT', 'LEFT', 1),
    lambda r, k: ('EXPIREAT', k(), 9999999999), lambda r, k: ('TYPE', k()),
]


@pytest.mark.parametrize('group', ['kind', 'strict'])
def test_redis_holds_no_lasting_key_after_random_commands(server, issuer, group):
    seed = random.randrange(1 << 30)
    r = random.Random(seed)
    key = lambda: f'app:{r.randrange(12)}'
    refused = ran = 0
    with server.login(issuer.token('r', [group])) as client, server.redis.admin() as admin:
        for step in range(600):
            words = [make(r, key) for make in r.choices(WRITES, k=r.randrange(1, 6))]
            if r.random() < 0.5:
                client.send_raw(b''.join(encode(*w) for w in words))
                answers = [client.read() for _ in words]
            else:
                client.send_raw(encode('MULTI') + b''.join(encode(*w) for w in words) + encode('EXEC'))
                answers = [client.read() for _ in range(len(words) + 2)]
                if isinstance(answers[-1], list):
                    assert len(answers[-1]) == len(words), (seed, words, answers)
                    answers = answers[-1]
            refused += sum(isinstance(a, RespError) and a.prefix in ('NOPERM', 'EXECABORT') for a in answers)
            ran += sum(not isinstance(a, RespError) for a in answers)
            left = lasting(admin)
            assert not left, f'seed {seed}, step {step}: {words} left {left}: {answers}'
            if step % 40 == 0:
                admin('FLUSHALL')
    assert refused > 20 and ran > 100, (refused, ran)
