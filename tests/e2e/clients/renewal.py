"""redis-py over many token lifetimes: renewal.py PORT CA TOKEN_FILE SECONDS PROTOCOL NAME.
Pool, transactions, blocking pops and subscribers work all the time; prints one line of JSON with what they counted."""
import json
import sys
import threading
import time

import redis

import keyward_redis

port, ca, token_file, seconds, protocol = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
BELOW = f'app:{sys.argv[6]}:'
PAUSE = 0.005 if seconds < 120 else 0.05
connects, count, trouble, stop = [0], {}, [], threading.Event()


class Counted(keyward_redis.Provider):
    def get_credentials(self):
        connects[0] += 1
        return super().get_credentials()


provider = Counted(keyward_redis.FileSource(token_file))
IN_PLACE = redis.VERSION >= (5, 3)
# No retries: whatever goes wrong once is seen.
options = dict(host='localhost', port=port, ssl_ca_certs=ca, socket_timeout=20, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))


def connect():
    if IN_PLACE:
        return redis.Redis(ssl=True, credential_provider=provider, protocol=protocol, **options)
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=keyward_redis.connection_class(provider), **options))


r = connect()


def counting(name):
    n = 0
    while not stop.is_set():
        n += 1
        assert r.incr(BELOW + name) == n
        time.sleep(PAUSE)
    count[name] = n


def transactions():
    n = 0
    while not stop.is_set():
        n += 1
        with r.pipeline() as p:
            p.incr(BELOW + 'transactions').set(BELOW + 't', n).get(BELOW + 't')
            assert p.execute() == [n, True, b'%d' % n]
        time.sleep(PAUSE)
    count['transactions'] = n


def pushing():
    n = 0
    while not stop.is_set():
        n += 1
        r.rpush(BELOW + 'jobs', n)
        time.sleep(PAUSE)
    count['pushed'] = n


def popping():
    waiter = connect()
    n = 0
    while True:
        got = waiter.blpop(BELOW + 'jobs', timeout=1)
        if got is None:
            if stop.is_set() and 'pushed' in count:
                break
            continue
        n += 1
        assert int(got[1]) == n, (got, n)
    count['popped'] = n


def publishing():
    n = 0
    while not stop.is_set():
        n += 1
        assert r.publish(BELOW + 'news', n) == 2
        time.sleep(PAUSE)
    count['published'] = n
    time.sleep(1)
    r.publish(BELOW + 'quiet', 'end')
    r.publish(BELOW + 'news', 'end')


def listening(name, channel, by_timeout=False):
    s = r.pubsub(ignore_subscribe_messages=True)
    s.subscribe(channel)
    s.get_message(timeout=5)
    ready.release()
    n = 0
    while True:
        message = s.get_message(timeout=5) if by_timeout else next(s.listen())
        if message is None:
            continue
        if message['data'] == b'end':
            break
        n += 1
        assert int(message['data']) == n, (name, message, n)
    count[name] = n
    s.close()


def guarded(call, *arguments):
    try:
        call(*arguments)
    except BaseException as error:  # noqa: BLE001
        trouble.append(f'{call.__name__}{arguments}: {error!r}')
        stop.set()


ready = threading.Semaphore(0)
listeners = [('listened', BELOW + 'news'), ('polled', BELOW + 'news', True), ('quiet', BELOW + 'quiet')] if protocol == 3 else []
threads = [threading.Thread(target=guarded, args=(listening, *one), daemon=True) for one in listeners]
for thread in threads:
    thread.start()
for _ in listeners:
    assert ready.acquire(timeout=10), trouble
work = [(counting, 'first'), (counting, 'second'), (transactions,), (pushing,), (popping,)] + ([(publishing,)] if listeners else [])
threads += [threading.Thread(target=guarded, args=one, daemon=True) for one in work]
for thread in threads[len(listeners):]:
    thread.start()
idle = connect()  # a pool with one connection that nobody uses
assert idle.ping()
time.sleep(1)
warm = connects[0]
stop.wait(seconds)
stop.set()
for thread in threads:
    thread.join(15)
if any(thread.is_alive() for thread in threads):
    trouble.append('a thread hangs')
assert trouble or idle.ping()
print(json.dumps({'count': count, 'connects': connects[0], 'warm': warm, 'trouble': trouble, 'in_place': IN_PLACE, 'redis': redis.__version__}))
sys.stdout.flush()
