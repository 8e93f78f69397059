"""Flows that a worker of Prefect runs, each in a process of its own, through its deployment."""
import os
import time

from prefect import flow, get_run_logger, task
from prefect.concurrency.sync import concurrency


@task(retries=2, retry_delay_seconds=0)
def double(number):
    with concurrency('gate', occupy=1):
        time.sleep(0.05)
    return number * 2


@flow(retries=1)
def fan_out(width: int = 4):
    numbers = [future.result() for future in double.map(range(width))]
    get_run_logger().info('summed %s', sum(numbers))
    return sum(numbers)


@flow
def echo(word: str = 'hello'):
    get_run_logger().info('heard %s', word)
    return word


@flow
def keep(key: str):
    """Writes and reads a block of Redis, as a flow with data of its own does."""
    from prefect_redis import RedisDatabase
    block = RedisDatabase(connection_url=os.environ['FLOW_REDIS_URL'])
    block.write_path(f'results:{key}', b'kept')
    return block.read_path(f'results:{key}').decode()
