"""`mode: observe`: nothing harmless is refused, and the trail says what would have been."""
import json
import subprocess
import sys

import pytest

from rig.process import ROOT
from rig.resp import Push, RespError
from test_celery import Cell, airflow_issuer

POLICY = """
apiVersion: keyward/v1
team: look
owners: [e2e@example.com]
grants:
  - name: look
    who: [{issuer: local, groups: [look]}]
    mode: observe
    allow:
      - commands: [get, set, mget, multi, exec]
        keys: ["app:*"]
"""


def keyward_part(record):
    return record['unmapped']['keyward']


def observed(server):
    return [r for r in server.trail.records() if 'would_deny' in keyward_part(r)]


def test_what_would_be_refused_passes_and_is_recorded(make_keyward, issuer):
    server = make_keyward(policies={'look.yaml': POLICY}).start()
    with server.login(issuer.token('l', ['look']), protocol=3) as client:
        assert client('SET', 'app:k', 'v') == b'OK'
        assert client('GET', 'app:k') == b'v'
        assert client('SET', 'foreign', 'v') == b'OK'           # key
        assert client('GET', 'foreign') == b'v'                 # a read, recorded all the same
        assert client('LPUSH', 'app:l', 'v') == 1               # command
        assert client('EVAL', 'return 1', 0) == 1
        client.send('SUBSCRIBE', 'news')
        assert isinstance(client.read(), Push)
        assert client('MONITOR').prefix == 'NOPERM', 'never is never'
        assert client('FLUSHALL').prefix == 'NOPERM'
        assert client('SET', 'k', 'v', 'EX', '1', 'PX', '1').prefix == 'ERR', 'ambiguous grammar stays refused'
        assert client('NOSUCH').prefix == 'ERR'
    found = {(keyward_part(r).get('command') or r['query_info']['query_string'].split()[0].lower()): r for r in observed(server)}
    reasons = [keyward_part(r)['would_deny'] for r in observed(server)]
    assert reasons == ['key', 'key', 'command', 'command', 'command'], reasons
    for record in observed(server):
        assert record['action_id'] == 3 and record['disposition_id'] == 17 and record['status_detail'] == 'would_deny'
        assert record['metadata']['profiles'] == ['security_control']
    key = next(r for r in observed(server) if keyward_part(r)['would_deny'] == 'key')
    assert keyward_part(key)['nearest_grant'] == 'look' and keyward_part(key)['nearest_rule'] == 'look.yaml:10', found
    page = server.get('/metrics')[1]
    assert 'keyward_would_deny_total{reason="key",shard=' in page
    total = sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith('keyward_would_deny_total{'))
    assert total == 5
    lines = server.folder / 'observed.jsonl'
    lines.write_text('\n'.join(json.dumps(r) for r in observed(server)) + '\n')
    check = subprocess.run([sys.executable, ROOT / 'tests/schema/check_ocsf.py', lines], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_observing_members_of_a_transaction(make_keyward, issuer):
    server = make_keyward(policies={'look.yaml': POLICY + '    ttl: {require: true}\n'}).start()
    with server.login(issuer.token('l', ['look'])) as client:
        for words in (['MULTI'], ['SET', 'app:k', 'v'], ['LPUSH', 'other', 'x'], ['GET', 'foreign']):
            assert not isinstance(client(*words), RespError)
        assert client('EXEC') == [b'OK', 1, None]
        assert client('SET', 'app:j', 'v') == b'OK'
    assert [keyward_part(r)['would_deny'] for r in observed(server)] == ['ttl', 'command', 'key', 'ttl']


@pytest.mark.slow
def test_celery_runs_under_a_grant_that_only_observes(make_keyward, issuer, issuer_config, tmp_path):
    configs, groups = airflow_issuer(issuer_config)
    policy = POLICY.replace('{issuer: local, groups: [look]}', f'{{issuer: {configs[0]["alias"]}, groups: {json.dumps(groups)}}}')
    server = make_keyward(policies={'look.yaml': policy}, issuers=configs).start()
    cell = Cell(server, issuer.token('w1', groups), sys.executable, tmp_path, 'airflow:')
    try:
        cell.wait()
        results = cell.drive('suite')
        assert results
    finally:
        cell.stop()
    assert server.trail.denials() == []
    assert {keyward_part(r)['would_deny'] for r in observed(server)} >= {'command'}
    assert server.trail.verify().returncode == 0
