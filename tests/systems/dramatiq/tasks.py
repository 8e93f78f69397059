"""The actors of the test, on Dramatiq's Redis broker with results and a rate limit; configured by the environment."""
import os
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as Limits
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

url = os.environ['QUEUE_URL']
broker = RedisBroker(url=url, maintenance_chance=int(os.environ.get('QUEUE_MAINTENANCE', '1000')), heartbeat_timeout=2000)
# Without use_namespace_prefix_keys the keys of results are bare hashes, which no prefix can name.
results = RedisBackend(url=url, use_namespace_prefix_keys=True)
broker.add_middleware(Results(backend=results, store_results=True))
dramatiq.set_broker(broker)
limits = Limits(url=url)
one_at_a_time = ConcurrentRateLimiter(limits, 'dramatiq-rate-limits:one', limit=1)


@dramatiq.actor
def note(n):
    """Writes down that it ran, so that a lost or a second run shows."""
    time.sleep(float(os.environ.get('QUEUE_WORK', '0')))
    with open(os.environ['QUEUE_NOTES'], 'a') as file:
        file.write(f'{n}\n')
    return n


@dramatiq.actor(queue_name='high', priority=0)
def add(x, y):
    return x + y


@dramatiq.actor(max_retries=5, min_backoff=50, max_backoff=100)
def flaky(path, failures):
    with open(path, 'a+') as file:
        file.write('x')
        file.flush()
        if os.path.getsize(path) <= failures:
            raise RuntimeError('not yet')
    return failures


@dramatiq.actor(max_retries=0)
def wrong():
    raise ValueError('as told')


@dramatiq.actor(max_retries=0)
def limited(n):
    with one_at_a_time.acquire(raise_on_failure=False) as acquired:
        return [n, bool(acquired)]


@dramatiq.actor(max_retries=0, time_limit=60000)
def nap(seconds):
    time.sleep(seconds)
    return seconds
