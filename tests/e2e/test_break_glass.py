"""Break-glass: a reason first, then more rights for a short time, and everything on the record."""
import json
import shutil
import subprocess
import sys
import time

import pytest

from rig.process import ROOT, until
from rig.resp import RespError

POLICY = """
apiVersion: keyward/v1
team: fire
owners: [e2e@example.com]
grants:
  - name: usual
    who: [{issuer: local, groups: [oncall]}]
    allow: [{commands: [get, set], keys: ["app:*"]}]
  - name: emergency
    who: [{issuer: local, groups: [oncall, firefighters]}]
    break_glass: true
    limits: {session: 3s}
    allow: [{commands: ["@all", "-@dangerous", keys, dbsize], keys: ["*"], channels: ["*"]}]
"""
REASON = 'INC-4711: the queue is stuck'


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'fire.yaml': POLICY}, limits={'expiry_grace': '500ms'}).start()


def of_kind(server, kind):
    return [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == kind]


def gauge(server, name):
    return sum(float(line.split()[-1]) for line in server.get('/metrics')[1].splitlines() if line.startswith(name + '{'))


def test_rights_come_with_a_reason_and_go_by_themselves(server, issuer):
    with server.redis.admin() as admin:
        admin('SET', 'foreign', 'v')
    with server.login(issuer.token('a', ['oncall'])) as client:
        refused = client('DEL', 'foreign')
        assert refused.prefix == 'NOPERM' and 'KEYWARD BREAK-GLASS' in str(refused)
        assert 'BREAK-GLASS' not in str(client('MONITOR')), 'what it would not allow either'
        for bad in ([], ['short'], ['x' * 501], ['line\nbreak is bad']):
            assert client('KEYWARD', 'BREAK-GLASS', *bad).prefix == 'ERR', bad
        assert of_kind(server, 'break_glass') == []
        client.send('KEYWARD', 'BREAK-GLASS', *REASON.split())
        assert client.read() == b'OK break-glass for 3 seconds: emergency'
        [record] = of_kind(server, 'break_glass')                # there before the answer
        assert record['status_detail'] == REASON and record['unmapped']['keyward']['grant'] == 'emergency'
        assert record['class_uid'] == 3003 and 'emergency' in record['privileges']
        begin = time.monotonic()
        assert client('GET', 'foreign') == b'v'
        assert client('KEYS', 'fore*') == [b'foreign'] and client('DBSIZE') >= 1
        assert client('DEL', 'foreign') == 1
        status = client('KEYWARD', 'STATUS')
        status = dict(zip(status[::2], status[1::2]))
        assert status[b'grants'] == [b'usual', b'emergency'] and 0 < status[b'break-glass'] <= 3
        recorded = [r['query_info']['query_string'].split()[0] for r in of_kind(server, 'command')]
        assert recorded == ['GET', 'KEYS', 'DBSIZE', 'DEL'], 'reads too'
        until(lambda: gauge(server, 'keyward_break_glass_sessions') == 1, 5, 'the gauge')
        assert client('KEYWARD', 'BREAK-GLASS', 'the same, once more') == b'OK break-glass for 3 seconds: emergency'
        until(lambda: isinstance(client('DEL', 'foreign'), RespError), 8, 'the end')
        assert time.monotonic() - begin > 2.5
        assert client('SET', 'app:k', 'v') == b'OK', 'the usual rights are left'
        until(lambda: gauge(server, 'keyward_break_glass_sessions') == 0, 5, 'the gauge')
        assert gauge(server, 'keyward_break_glass_total') == 2
        assert [r['status_detail'] for r in of_kind(server, 'break_glass_end')] == ['its time is over']
    assert REASON in server.process.text()
    lines = server.folder / 'fire.jsonl'
    lines.write_text('\n'.join(json.dumps(r) for r in of_kind(server, 'break_glass') + of_kind(server, 'break_glass_end')) + '\n')
    check = subprocess.run([sys.executable, ROOT / 'tests/schema/check_ocsf.py', lines], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_who_has_nothing_else_may_log_in_and_say_why(server, issuer):
    with server.login(issuer.token('f', ['firefighters']), protocol=3) as client:
        assert client('GET', 'app:k').prefix == 'NOPERM'
        status = client('KEYWARD', 'STATUS')
        assert status[b'grants'] == [] and status[b'break-glass'] == 0
        assert client('KEYWARD', 'BREAK-GLASS', REASON).startswith(b'OK')
        assert client('SET', 'any', 'v') == b'OK'
        # who waits or listens by those rights is closed at their end
        client.send('SUBSCRIBE', 'c')
        client.read()
        assert client.closed_within(8)
    blocked = server.login(issuer.token('f', ['firefighters']))
    assert blocked('KEYWARD', 'BREAK-GLASS', REASON).startswith(b'OK')
    blocked.send('BLPOP', 'nothing', 0)
    assert blocked.read().prefix == 'NOPERM', 'its wait ends with the rights it stands on'
    assert blocked('GET', 'any').prefix == 'NOPERM'
    blocked.close()
    server.sessions_gone()


def test_states_in_which_rights_do_not_change(server, issuer):
    with server.login(issuer.token('a', ['oncall'])) as client:
        assert client('MULTI') == b'OK'
        assert client('KEYWARD', 'BREAK-GLASS', REASON).prefix == 'ERR'
        assert client('EXEC').prefix == 'EXECABORT'
        assert client('KEYWARD').prefix == 'ERR' and client('KEYWARD', 'NO').prefix == 'ERR'
        assert client('KEYWARD', 'HELP')[0].startswith(b'KEYWARD')
    with server.connect() as stranger:
        assert stranger('KEYWARD', 'STATUS').prefix == 'NOAUTH'


def test_nobody_elses_glass(make_keyward, issuer):
    server = make_keyward().start()
    with server.login(issuer.token('a', ['app'])) as client:
        assert client('KEYWARD', 'BREAK-GLASS', REASON).prefix == 'NOPERM'
    assert server.trail.denials()[-1]['status_detail'] == 'break_glass'


def test_from_redis_cli(server, issuer):
    cli = shutil.which('redis-cli')
    script = f'KEYWARD BREAK-GLASS {REASON}\nKEYWARD STATUS\nSET anything v\n'
    done = subprocess.run([cli, '-p', str(server.port), '--tls', '--cacert', server.authority.ca, '-h', 'localhost', '--no-auth-warning',
                           '-a', issuer.token('a', ['oncall'])], input=script, capture_output=True, text=True, timeout=20)
    assert 'OK break-glass for 3 seconds' in done.stdout and 'emergency' in done.stdout and done.stdout.rstrip().endswith('OK'), done
