"""Gives Huey work and looks at what comes back: drive.py suite | flood COUNT | foreign. Prints one line of JSON."""
import json
import os
import sys
import time

import redis
from huey.exceptions import TaskException

from tasks import add, flaky, huey, locked, note, wrong


def get(result):
    return result.get(blocking=True, timeout=30)


def suite():
    done = []
    assert get(add(2, 3)) == 5
    done.append('a result')
    try:
        get(wrong())
        raise AssertionError('it must fail')
    except TaskException:
        done.append('a failure')
    assert get(flaky(os.environ['QUEUE_NOTES'] + '.flaky', 2)) == 2
    done.append('retries')
    began = time.time()
    assert get(add.schedule((1, 2), delay=1)) == 3 and time.time() - began > 0.9
    done.append('a schedule')
    assert add.map([(i, i) for i in range(20)]).get(blocking=True, timeout=30) == [2 * i for i in range(20)]
    done.append('many')
    assert huey.enqueue(add.s(1, 2).then(add, 3).then(add, 4)).get(blocking=True, timeout=30) == [3, 6, 10]
    done.append('a pipeline')
    late = add.schedule((1, 1), delay=3600)
    late.revoke()
    began = time.time()
    while len(huey.scheduled()) != 1:  # a worker moves it there
        assert time.time() < began + 20
        time.sleep(0.05)
    assert late.is_revoked()
    done.append('revoke')
    assert get(locked(1)) == 1 and not huey.is_locked('one')
    done.append('a lock')
    if huey.storage.priority:
        assert get(add(4, 4, priority=50)) == 8
        done.append('priorities')
    assert huey.pending_count() == 0 and huey.result_count() >= 0
    huey.storage.flush_schedule()
    done.append('counts')
    return {'parts': done}


def flood(count):
    began, pause = time.time(), float(os.environ.get('QUEUE_PAUSE', '0'))
    for n in range(count):
        time.sleep(pause)
        while True:
            try:
                note(n)
                break
            except redis.ConnectionError:
                time.sleep(0.1)
    deadline = began + 120
    while len(set(open(os.environ['QUEUE_NOTES']).read().split())) < count and time.time() < deadline:
        time.sleep(0.02)
    return {'count': count, 'seconds': round(time.time() - began, 3)}


def foreign():
    """By the library's own connection; each refusal leaves it usable."""
    connection, refused = huey.storage.conn, 0
    for call in (lambda: connection.get('foreign:secret'), lambda: connection.set('foreign:secret', 1), lambda: connection.publish('foreign:news', 1),
                 lambda: connection.lpush('huey.redis.other', 'x'), lambda: redis.Redis.from_url(os.environ['QUEUE_URL'].replace('/0', '/9')).ping(),
                 lambda: connection.scan(), lambda: connection.keys('*'), lambda: connection.execute_command('PSUBSCRIBE', '__keyevent@*__:*')):
        try:
            raise AssertionError(f'must be refused, but was answered with {call()}')
        except redis.ResponseError:
            refused += 1
    note(-1)
    return {'refused': refused}


told = {'suite': suite, 'flood': flood, 'foreign': foreign}[sys.argv[1]](*map(int, sys.argv[2:]))
print(json.dumps(told))
