"""Gives arq work and looks at what comes back: drive.py suite | flood COUNT | foreign. Prints one line of JSON."""
import asyncio
import json
import os
import sys
import time

import redis
from arq import create_pool
from arq.jobs import JobStatus

from tasks import settings


async def suite(pool):
    done = []

    async def get(job):
        return await job.result(timeout=30, poll_delay=0.05)
    assert await get(await pool.enqueue_job('add', 2, 3)) == 5
    done.append('a result')
    try:
        await get(await pool.enqueue_job('wrong'))
        raise AssertionError('it must fail')
    except ValueError:
        done.append('a failure')
    assert await get(await pool.enqueue_job('flaky', 2)) == 3
    done.append('retries')
    began = time.time()
    assert await get(await pool.enqueue_job('add', 1, 2, _defer_by=1)) == 3 and time.time() - began > 0.9
    done.append('a delay')
    jobs = [await pool.enqueue_job('add', i, i) for i in range(20)]
    assert [await get(job) for job in jobs] == [2 * i for i in range(20)]
    done.append('many')
    assert await pool.enqueue_job('add', 1, 1, _job_id='unique', _defer_by=60)
    assert await pool.enqueue_job('add', 1, 1, _job_id='unique') is None
    done.append('a unique job')
    long = await pool.enqueue_job('nap', 60)
    while await long.status() != JobStatus.in_progress:
        await asyncio.sleep(0.05)
    assert await long.abort(timeout=20, poll_delay=0.05)
    done.append('abort')
    assert len(await pool.queued_jobs()) == 1
    done.append('queues')
    return {'parts': done}


async def flood(pool, count):
    began, pause = time.time(), float(os.environ.get('QUEUE_PAUSE', '0'))
    for n in range(count):
        await asyncio.sleep(pause)
        while True:
            try:
                await pool.enqueue_job('note', n, _job_id=f'note-{os.getpid()}-{n}')
                break
            except redis.ConnectionError:
                await asyncio.sleep(0.1)
    deadline = began + 120
    while len(set(open(os.environ['QUEUE_NOTES']).read().split())) < count and time.time() < deadline:
        await asyncio.sleep(0.02)
    return {'count': count, 'seconds': round(time.time() - began, 3)}


async def foreign(pool):
    """By the library's own connection; each refusal leaves it usable."""
    refused = 0
    for call in (lambda: pool.get('foreign:secret'), lambda: pool.set('foreign:secret', 1), lambda: pool.publish('foreign:news', 1),
                 lambda: pool.zadd('other:queue', {'x': 1}), lambda: create_pool(settings(9)), lambda: pool.scan(),
                 lambda: pool.keys('*'), lambda: pool.execute_command('PSUBSCRIBE', '__keyevent@*__:*')):
        try:
            raise AssertionError(f'must be refused, but was answered with {await call()}')
        except redis.ResponseError:
            refused += 1
    assert await pool.enqueue_job('note', -1)
    return {'refused': refused}


async def main():
    pool = await create_pool(settings())
    told = await {'suite': suite, 'flood': flood, 'foreign': foreign}[sys.argv[1]](pool, *map(int, sys.argv[2:]))
    print(json.dumps(told))
    await pool.close(close_connection_pool=True)


asyncio.run(main())
