"""The tasks of the test; the Huey is configured by the environment."""
import os
import time

from huey import PriorityRedisExpireHuey, PriorityRedisHuey, RedisHuey, crontab

kind = {'plain': RedisHuey, 'priority': PriorityRedisHuey, 'expire': PriorityRedisExpireHuey}[os.environ.get('QUEUE_KIND', 'plain')]
huey = kind('huey', url=os.environ['QUEUE_URL'])


@huey.task()
def note(n):
    """Writes down that it ran, so that a lost or a second run shows."""
    time.sleep(float(os.environ.get('QUEUE_WORK', '0')))
    with open(os.environ['QUEUE_NOTES'], 'a') as file:
        file.write(f'{n}\n')
    return n


@huey.task()
def add(x, y):
    return x + y


@huey.task(retries=3, retry_delay=0)
def flaky(path, failures):
    with open(path, 'a+') as file:
        file.write('x')
        file.flush()
        if os.path.getsize(path) <= failures:
            raise RuntimeError('not yet')
    return failures


@huey.task()
def wrong():
    raise ValueError('as told')


@huey.task()
@huey.lock_task('one')
def locked(n):
    time.sleep(0.2)
    return n


@huey.periodic_task(crontab(minute='*/1'))
def every_minute():
    return None
