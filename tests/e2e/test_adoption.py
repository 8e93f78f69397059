"""How a team comes to its policy: a grant that only observes while Celery works, the file that `policy suggest` makes of the
trail, and the same work again under that file."""
import re
import sys

import pytest

from rig.keyward import run
from test_celery import no_denials, start_cell  # noqa: F401  (a fixture)

OBSERVE = '''
apiVersion: keyward/v1
team: adoption
owners: [e2e@example.com]
grants:
  - name: celery
    who: [{issuer: local, groups: [airflow-workers]}]
    mode: observe
    allow:
      - commands: [get]
        keys: ["nothing-yet:*"]
'''
# What scripts do leaves no record of its own. These are the calls in those of kombu, Celery and redis-py's lock.
CALLS = ['get', 'del', 'pexpire', 'set', 'sadd', 'srem', 'smembers', 'sismember', 'zadd', 'zrem', 'zcount', 'zrangebyscore', 'zscore', 'hget',
         'hset', 'hdel', 'llen', 'lpush', 'rpush', 'exists', 'expire', 'time']


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_observe_suggest_enforce(make_keyward, issuer, start_cell, tmp_path):  # noqa: F811
    token = issuer.token('worker-1', ['airflow-workers'])
    server = make_keyward(policies={'adoption.yaml': OBSERVE}).start()
    cell = start_cell(server, token, sys.executable, 'airflow:')
    cell.drive('suite')
    cell.stop()
    no_denials(server)
    assert server.stop() == 0
    calls = [word for call in CALLS for word in ('--calls', call)]
    made = run('policy', 'suggest', '--team', 'adoption', '--owner', 'e2e@example.com', *calls, server.trail.folder)
    assert made.returncode == 0, made.stderr
    text = made.stdout
    rules = text.count('- commands:')
    patterns = sorted(set(re.findall(r'"([^"]*\*[^"]*)"', text)))
    print(f'{rules} rules, {len(text.splitlines())} lines, {len(text)} bytes; patterns: {" ".join(patterns)}\n{made.stderr}')
    assert 'refuses 0' in made.stderr
    assert 0 < rules < 25
    assert '*' not in patterns and '@' not in re.sub(r'owners:.*|#.*', '', text)
    suggested = make_keyward(policies={'suggested.yaml': text}).start()
    cell = start_cell(suggested, token, sys.executable, 'airflow:')
    cell.drive('suite')
    cell.stop()
    no_denials(suggested)
    assert suggested.stop() == 0
