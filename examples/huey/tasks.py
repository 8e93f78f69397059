import os

from huey import RedisHuey

huey = RedisHuey('shop', url=os.environ['REDIS_URL'])


@huey.task()
def double(n):
    return 2 * n
