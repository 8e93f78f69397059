"""Random pipelined commands: every answer in order and byte for byte what Redis itself says."""
import os
import random
import subprocess

import pytest

from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER
from rig.resp import RespError

CLIENTS = 8
COMMANDS = int(os.environ.get('KEYWARD_MODEL_COMMANDS', '50000'))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize('protocol', [2, 3])
def test_answers_equal_those_of_redis(make_keyward, app_token, compiled, tmp_path, protocol):
    server = make_keyward(policies={'p.yaml': POLICY}).start()
    seed = int(os.environ.get('KEYWARD_MODEL_SEED', random.randrange(1 << 30)))
    token_file = tmp_path / 'token'
    token_file.write_text(app_token)
    ended = subprocess.run(
        [compiled('model_client'), str(server.redis.port), ADMIN_USER, ADMIN_PASSWORD, str(server.port), str(server.authority.ca),
         str(token_file), str(protocol), str(CLIENTS), str(COMMANDS), str(seed)],
        capture_output=True, text=True, timeout=880)
    print(f'RESP{protocol}, seed {seed}: {ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else ""}')
    assert ended.returncode == 0, f'seed {seed}\n{ended.stdout[-4000:]}\n{ended.stderr[-2000:]}'
    assert server.process.alive()
    assert server.stop() == 0, server.process.text()[-4000:]
    verdict = server.trail.verify()
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize('inside', ['MULTI', 'WATCH app:w'])
def test_inside_a_transaction_as_redis_does_it(make_keyward, app_token, inside):
    """Redis answers with an error and goes on with the transaction; Valkey discards it."""
    server = make_keyward(policies={'p.yaml': POLICY}).start()
    with server.redis.admin() as straight, server.login(app_token) as through:
        said = []
        for client in (straight, through):
            answers = [client(*words.split()) for words in ('MULTI', 'SET app:k v', inside, 'EXEC', 'DEL app:k')]
            assert isinstance(answers[2], RespError)
            said.append([str(answer).split(' ')[0] for answer in answers])
        assert said[0] == said[1]
    if said[0][3].startswith('EXECABORT'):
        assert [r['status'] for r in server.trail.records() if r.get('query_info', {}).get('name', '').upper() == 'SET'] == ['Not executed']


# Everything on the client's own keys: what is compared here is transport, order and grammar, not refusals.
POLICY = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who: [{issuer: local, groups: [app]}]
    databases: [0, 1]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize"]
        keys: ["app:*"]
        channels: ["app:*"]
"""
