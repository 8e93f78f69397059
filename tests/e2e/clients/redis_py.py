"""What an application does with redis-py, old or new: redis_py.py PORT CA TOKEN PROTOCOL. Prints `done` when all of it held."""
import sys
import threading

import redis

port, ca, token, protocol = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
options = dict(host='localhost', port=port, ssl=True, ssl_ca_certs=ca, password=token, socket_timeout=20)
if redis.VERSION[0] >= 5:
    options['protocol'] = protocol
else:
    assert protocol == 2
    options['username'] = 'default'
r = redis.Redis(client_name='redis-py-test', **options)


def strings():
    assert r.ping() is True
    assert r.set('app:s', b'\x00\xff value') is True
    assert r.get('app:s') == b'\x00\xff value'
    assert r.get('app:missing') is None
    assert r.mset({'app:a': 1, 'app:b': 2}) and r.mget('app:a', 'app:b', 'app:none') == [b'1', b'2', None]
    assert r.incrby('app:a', 41) == 42
    assert r.set('app:nx', 'x', nx=True) is True and r.set('app:nx', 'y', nx=True) is None
    assert r.client_getname() in ('redis-py-test', b'redis-py-test')


def collections():
    r.hset('app:h', mapping={'f': 'v', 'g': 'w'})
    assert r.hgetall('app:h') == {b'f': b'v', b'g': b'w'}
    r.zadd('app:z', {'one': 1, 'two': 2.5})
    got = r.zrange('app:z', 0, -1, withscores=True)
    assert [tuple(pair) for pair in got] == [(b'one', 1.0), (b'two', 2.5)], got
    r.sadd('app:set', 'x', 'y')
    assert r.smembers('app:set') == {b'x', b'y'}
    r.xadd('app:st', {'k': 'v'})
    r.xgroup_create('app:st', 'g', id='0')
    got = r.xreadgroup('g', 'c', {'app:st': '>'}, count=1)
    assert b'app:st' in (got if isinstance(got, dict) else {name for name, _ in got})


def pipelines():
    with r.pipeline(transaction=False) as p:
        for i in range(500):
            p.set(f'app:p{i}', i)
            p.get(f'app:p{i}')
        got = p.execute()
    assert got[1::2] == [b'%d' % i for i in range(500)]
    with r.pipeline() as p:
        p.set('app:t', 1).incr('app:t').get('app:t')
        assert p.execute() == [True, 2, b'2']
    with r.pipeline() as p:
        p.set('app:t', 'text').incr('app:t')
        try:
            p.execute()
            raise AssertionError('INCR of a text must fail')
        except redis.ResponseError as error:
            assert 'not an integer' in str(error), error


def optimistic():
    with r.pipeline() as p:
        p.watch('app:w')
        p.multi()
        p.set('app:w', 'mine')
        r.set('app:w', 'theirs')
        try:
            p.execute()
            raise AssertionError('the watched key changed: EXEC must fail')
        except redis.WatchError:
            pass
    assert r.get('app:w') == b'theirs'

    def add(p):
        value = int(p.get('app:counter') or 0)
        p.multi()
        p.set('app:counter', value + 1)
    workers = [threading.Thread(target=lambda: [r.transaction(add, 'app:counter') for _ in range(20)]) for _ in range(3)]
    [w.start() for w in workers], [w.join() for w in workers]
    assert r.get('app:counter') == b'60'


def blocking():
    waiter = redis.Redis(**options)
    got = []
    thread = threading.Thread(target=lambda: got.append(waiter.blpop(['app:q1', 'app:q2'], timeout=10)))
    thread.start()
    r.rpush('app:q2', 'job')
    thread.join(15)
    assert [tuple(g) for g in got] == [(b'app:q2', b'job')], got
    assert waiter.blpop('app:q1', timeout=1) is None
    assert waiter.ping()


def pubsub():
    s = r.pubsub()
    s.subscribe('app:c1')
    s.psubscribe('app:p*')
    kinds = [s.get_message(timeout=10)['type'] for _ in range(2)]
    assert kinds == ['subscribe', 'psubscribe'], kinds
    assert r.publish('app:c1', 'hello') == 1
    assert r.publish('app:pattern', 'world') == 1
    first, second = s.get_message(timeout=10), s.get_message(timeout=10)
    assert (first['type'], first['data']) == ('message', b'hello'), first
    assert (second['type'], second['channel'], second['data']) == ('pmessage', b'app:pattern', b'world'), second
    s.ping()
    s.unsubscribe()
    s.punsubscribe()
    s.close()


def scripts():
    assert r.eval('return {KEYS[1], ARGV[1]}', 1, 'app:k', 'x') == [b'app:k', b'x']
    double = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert double(keys=['app:lua'], args=[5]) == 5
    assert double(keys=['app:lua'], args=[5]) == 10
    with r.lock('app:lock', timeout=5):
        pass


def refusals():
    for call in (lambda: r.get('foreign'), lambda: r.set('foreign', 1), lambda: r.publish('foreign', 1), lambda: r.flushall(),
                 lambda: r.config_get('*'), lambda: r.eval('return 1', 1, 'foreign'), lambda: r.execute_command('SELECT', 9), r.scan,
                 lambda: r.execute_command('PSUBSCRIBE', '__keyevent@*__:*')):
        try:
            call()
            raise AssertionError('must be refused')
        except redis.exceptions.NoPermissionError:
            pass
    assert r.get('app:s') is not None  # and the connection goes on


for part in (strings, collections, pipelines, optimistic, blocking, pubsub, scripts, refusals):
    part()
    print(part.__name__, flush=True)
print('done')
