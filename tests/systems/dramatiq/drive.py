"""Gives Dramatiq work and looks at what comes back: drive.py suite | flood COUNT | foreign. Prints one line of JSON."""
import json
import os
import sys
import time

import dramatiq
import redis
from dramatiq.results.errors import ResultFailure

from tasks import add, broker, flaky, limited, limits, note, results, wrong


def suite():
    done = []

    def get(message):
        return message.get_result(backend=results, block=True, timeout=30000)
    assert get(add.send(2, 3)) == 5
    done.append('a result')
    try:
        get(wrong.send())
        raise AssertionError('it must fail')
    except ResultFailure:
        done.append('a failure')
    assert get(flaky.send(os.environ['QUEUE_NOTES'] + '.flaky', 2)) == 2
    done.append('retries')
    began = time.time()
    assert get(add.send_with_options(args=(1, 2), delay=1000)) == 3 and time.time() - began > 0.9
    done.append('a delay')
    group = dramatiq.group([add.message(i, i) for i in range(20)]).run()
    assert list(group.get_results(block=True, timeout=30000)) == [2 * i for i in range(20)]
    done.append('a group')
    pipeline = (add.message(1, 2) | add.message(3) | add.message(4)).run()
    assert pipeline.get_result(block=True, timeout=30000) == 10
    done.append('a pipeline')
    assert sorted(get(limited.send(n))[0] for n in range(5)) == list(range(5))
    done.append('a rate limit')
    barrier = dramatiq.rate_limits.Barrier(limits, 'dramatiq-rate-limits:barrier')
    assert barrier.create(parties=1) and barrier.wait(block=False)
    done.append('a barrier')
    broker.join('default', timeout=30000)
    broker.join('high', timeout=30000)
    broker.flush('default')
    done.append('join and flush')
    return {'parts': done}


def flood(count):
    began, pause = time.time(), float(os.environ.get('QUEUE_PAUSE', '0'))
    for n in range(count):
        time.sleep(pause)
        while True:
            try:
                note.send(n)
                break
            except (dramatiq.errors.ConnectionError, redis.ConnectionError):
                time.sleep(0.1)
    deadline = began + 120
    while len(set(open(os.environ['QUEUE_NOTES']).read().split())) < count and time.time() < deadline:
        time.sleep(0.02)
    return {'count': count, 'seconds': round(time.time() - began, 3)}


def foreign():
    """By the library's own connection; each refusal leaves it usable."""
    connection, refused = broker.client, 0
    assert b'foreign:secret' not in connection.keys('*')  # only what is below its namespace
    for call in (lambda: connection.get('foreign:secret'), lambda: connection.set('foreign:secret', 1), lambda: connection.publish('foreign:news', 1),
                 lambda: redis.Redis.from_url(os.environ['QUEUE_URL'].replace('/0', '/9')).ping(), lambda: connection.scan(),
                 lambda: connection.dbsize(), lambda: connection.execute_command('PSUBSCRIBE', '__keyevent@*__:*')):
        try:
            raise AssertionError(f'must be refused, but was answered with {call()}')
        except redis.ResponseError:
            refused += 1
    note.send(-1)
    return {'refused': refused}


told = {'suite': suite, 'flood': flood, 'foreign': foreign}[sys.argv[1]](*map(int, sys.argv[2:]))
print(json.dumps(told))
