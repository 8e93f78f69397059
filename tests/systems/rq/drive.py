"""Gives RQ work and looks at what comes back: drive.py suite | flood COUNT | foreign. Prints one line of JSON."""
import json
import os
import sys
import time
from datetime import timedelta

import redis
from rq import Queue, Repeat, Retry, Worker
from rq.command import send_stop_job_command
from rq.registry import FailedJobRegistry, FinishedJobRegistry

import jobs

connection = redis.Redis.from_url(os.environ['QUEUE_URL'])
queue = Queue('default', connection=connection)


def result(job, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        found = job.latest_result()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f'{job} has no result, it is {job.get_status()}')


def eventually(condition, what, seconds=30):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, what
        time.sleep(0.05)


def suite():
    def returned(job):
        found = result(job)
        assert found.type == found.Type.SUCCESSFUL, found.exc_string
        return found.return_value
    done = []

    def part(name):
        done.append(name)
    assert returned(queue.enqueue(jobs.add, 2, 3)) == 5
    assert returned(Queue('high', connection=connection).enqueue(jobs.add, 1, 1)) == 2
    part('two queues')
    failed = queue.enqueue(jobs.add, 1, 'x')
    assert 'TypeError' in result(failed).exc_string and failed.get_status() == 'failed'
    assert failed.id in FailedJobRegistry(queue=queue).get_job_ids()
    part('a failure')
    state = os.environ['QUEUE_NOTES'] + '.flaky'
    again = queue.enqueue(jobs.flaky, state, 2, retry=Retry(max=3))
    eventually(lambda: again.get_status(refresh=True) == 'finished', 'the retries')
    part('retries')
    first = queue.enqueue(jobs.add, 1, 2)
    second = queue.enqueue(jobs.add, 3, 4, depends_on=first)
    assert returned(second) == 7
    part('dependencies')
    assert returned(queue.enqueue_in(timedelta(seconds=1), jobs.add, 5, 5)) == 10
    part('the scheduler')
    repeated = queue.enqueue(jobs.note, 1000001, repeat=Repeat(times=2, interval=1))
    eventually(lambda: open(os.environ['QUEUE_NOTES']).read().split().count('1000001') == 3, f'the repetitions of {repeated}')
    part('repeats')
    with connection.pipeline() as pipe:
        many = queue.enqueue_many([Queue.prepare_data(jobs.add, (i, i)) for i in range(20)], pipeline=pipe)
        pipe.execute()
    assert [returned(job) for job in many] == [2 * i for i in range(20)]
    part('many at once')
    cancelled = queue.enqueue_in(timedelta(hours=1), jobs.add, 1, 1)
    cancelled.cancel()
    assert cancelled.get_status() == 'canceled'
    cancelled.delete()
    part('cancel')
    long = queue.enqueue(jobs.nap, 60)
    eventually(lambda: long.refresh() or long.worker_name, 'the start of the long job')
    send_stop_job_command(connection, long.id)
    eventually(lambda: long.get_status(refresh=True) == 'stopped', 'the stop')
    part('stop by a message')
    workers = Worker.all(connection=connection)
    assert len(workers) == 1 and workers[0].state in ('busy', 'idle'), workers
    assert len(FinishedJobRegistry(queue=queue)) > 20
    assert queue.count == 0
    queue.empty()
    part('registries')
    return {'parts': done}


def flood(count):
    began, pause = time.time(), float(os.environ.get('QUEUE_PAUSE', '0'))
    size = 1 if pause else 100
    for start in range(0, count, size):
        time.sleep(pause)
        data = [Queue.prepare_data(jobs.note, (n,), result_ttl=60) for n in range(start, min(count, start + size))]
        while True:
            try:
                queue.enqueue_many(data)
                break
            except redis.ConnectionError:
                time.sleep(0.1)
    deadline = began + 120
    while len(set(open(os.environ['QUEUE_NOTES']).read().split())) < count and time.time() < deadline:
        time.sleep(0.02)
    return {'count': count, 'seconds': round(time.time() - began, 3)}


def foreign():
    """By the library's own connection; each refusal leaves it usable."""
    refused = 0
    for call in (lambda: connection.get('foreign:secret'), lambda: connection.set('foreign:secret', 1), lambda: connection.publish('foreign:news', 1),
                 lambda: Queue('x', connection=redis.Redis.from_url(os.environ['QUEUE_URL'].replace('/0', '/9'))).enqueue(jobs.add, 1, 1),
                 lambda: list(connection.scan_iter('*')), lambda: connection.keys('*'),
                 lambda: connection.pubsub().execute_command('PSUBSCRIBE', '__keyevent@*__:*') and None):
        try:
            found = call()
            assert found is None, found
            refused += 1  # a subscription's refusal comes with the first message
        except redis.ResponseError:
            refused += 1
    assert queue.enqueue(jobs.note, -1).id
    return {'refused': refused}


told = {'suite': suite, 'flood': flood, 'foreign': foreign}[sys.argv[1]](*map(int, sys.argv[2:]))
print(json.dumps(told))
