"""The worker of the test; configured by the environment."""
import asyncio
import os
from urllib.parse import parse_qs, urlparse

from arq import Retry
from arq.connections import RedisSettings


def settings(database=0):
    """RedisSettings.from_dsn() takes no options from the query of a URL."""
    url = urlparse(os.environ['QUEUE_URL'])
    authority = parse_qs(url.query).get('ssl_ca_certs', [None])[0]
    return RedisSettings(host=url.hostname, port=url.port, database=database, username=url.username, password=url.password,
                         ssl=url.scheme == 'rediss', ssl_ca_certs=authority, ssl_check_hostname=url.scheme == 'rediss')


async def note(ctx, n):
    """Writes down that it ran, so that a lost or a second run shows."""
    await asyncio.sleep(float(os.environ.get('QUEUE_WORK', '0')))
    with open(os.environ['QUEUE_NOTES'], 'a') as file:
        file.write(f'{n}\n')
    return n


async def add(ctx, x, y):
    return x + y


async def flaky(ctx, failures):
    if ctx['job_try'] <= failures:
        raise Retry(defer=0.1)
    return ctx['job_try']


async def wrong(ctx):
    raise ValueError('as told')


async def nap(ctx, seconds):
    await asyncio.sleep(seconds)
    return seconds


class WorkerSettings:
    functions = [note, add, flaky, wrong, nap]
    redis_settings = settings()
    allow_abort_jobs = True
    max_tries = 5
    max_jobs = 20
    job_timeout = int(os.environ.get('QUEUE_JOB_TIMEOUT', '300'))
    poll_delay = 0.05
    health_check_interval = 2
