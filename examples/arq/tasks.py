import os

from arq.connections import RedisSettings


async def double(ctx, n):
    return 2 * n


class WorkerSettings:
    functions = [double]
    redis_settings = RedisSettings.from_dsn(os.environ['REDIS_URL'])
