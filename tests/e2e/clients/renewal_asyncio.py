"""redis.asyncio over many token lifetimes: renewal_asyncio.py PORT CA TOKEN_FILE SECONDS. Prints one line of JSON."""
import asyncio
import json
import sys
import time

import redis.asyncio as redis

import keyward_redis


async def main(port, ca, token_file, seconds):
    r = redis.Redis(host='localhost', port=int(port), ssl=True, ssl_ca_certs=ca, protocol=3,
                    credential_provider=keyward_redis.from_file(token_file))
    me, n, end = await r.client_id(), 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        n += 1
        assert await r.incr('app:asyncio') == n
        await asyncio.sleep(0.005)
    print(json.dumps({'count': n, 'same': await r.client_id() == me}))
    await r.aclose()


asyncio.run(main(*sys.argv[1:]))
