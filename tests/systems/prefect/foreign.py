"""What is not Prefect's, tried with Prefect's own client of Redis.   foreign.py KEY"""
import os
import sys
from pathlib import Path

import redis
from prefect_redis.connection import redis_from_url

sys.path.insert(0, str(Path(__file__).parents[1]))
from rig.foreign import all_refused
from rig.resp import RespError

client = redis_from_url(os.environ['PREFECT_REDIS_MESSAGING_URL'], decode_responses=False, single_connection_client=True)
identity = client.client_id()


def ask(*words):
    try:
        return client.execute_command(*words)
    except redis.ResponseError as error:
        name = 'NOPERM ' if isinstance(error, redis.exceptions.NoPermissionError) else 'ERR '
        return RespError(name + str(error))


print(all_refused(ask, ('XINFO', 'GROUPS', 'events'), sys.argv[1]))
assert client.client_id() == identity, 'the connection was made anew'
