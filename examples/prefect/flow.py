"""A flow that keeps its result in a block of Redis and holds a lock while it makes it, with the rights of `prefect-flow` and no more."""
import os

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.transactions import IsolationLevel
from prefect_redis import RedisDatabase, RedisLockManager

REDIS = os.environ['FLOW_REDIS_URL']
ONE_AT_A_TIME = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=RedisLockManager(connection_url=REDIS))


@task(retries=2, cache_policy=ONE_AT_A_TIME, persist_result=True)
def greet(name):
    return f'hello {name}'


@flow
def greetings():
    block = RedisDatabase(connection_url=REDIS)
    block.write_path('results:greeting', greet('world').encode())
    print(block.read_path('results:greeting').decode())


if __name__ == '__main__':
    greetings()
