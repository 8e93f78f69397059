"""redis-py with deploy/python/keyward_redis.py: keyward.py PORT CA TOKEN_FILE. Celery and Airflow: see deploy/python/README.md."""
import sys

import redis

import keyward_redis


def connect(port, ca, token_file):
    return redis.Redis(host='localhost', port=int(port), ssl=True, ssl_ca_certs=ca, protocol=3,  # in RESP3 subscribers renew too
                       credential_provider=keyward_redis.from_file(token_file))


if __name__ == '__main__':
    r = connect(*sys.argv[1:4])
    print(r.set('app:redis-py', 'hello'), r.get('app:redis-py'))
