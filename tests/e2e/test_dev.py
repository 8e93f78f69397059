"""`keyward dev`, as a person in a shell uses it."""
import os
import shutil
import subprocess

import pytest
import yaml

from rig.keyward import BINARY, run
from rig.process import ROOT, Process, until

GRANT, PREFIX = 'airflow-worker', 'airflow:'


@pytest.fixture(scope='module')
def dev(tmp_path_factory):
    """A running `keyward dev` with the policies of the repository; its state folder."""
    folder = tmp_path_factory.mktemp('dev')
    state = folder / 'state of dev'   # a path with blanks must work everywhere
    process = Process([BINARY, 'dev', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--state', state,
                       '--policies', ROOT / 'policies', '--lease-linger', '300ms'], folder / 'dev.log', cwd=folder)
    process.expect(lambda: any(line.startswith('ready') for line in process.text().splitlines()), 20, 'the ready line')
    yield state, process
    assert process.stop() == 0, process.text()[-3000:]
    verdict = run('audit', 'verify', state / 'audit')
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def shell(state, script, timeout=60):
    """A new shell that has sourced the env file, with redis-cli as `cli` under the airflow token."""
    lines = [f'. "{state}/env"',
             f'cli() {{ REDISCLI_AUTH="$(cat "$KEYWARD_TOKENS/{GRANT}.jwt")" redis-cli -u "$KEYWARD_URL" --cacert "$KEYWARD_CA" "$@"; }}',
             'admin() { redis-cli -u "$KEYWARD_REDIS_URL" --user "$KEYWARD_REDIS_USER" --pass "$(cat "$KEYWARD_REDIS_PASSWORD_FILE")" '
             '--no-auth-warning "$@"; }', script]
    ended = subprocess.run(['bash', '-uc', '\n'.join(lines)], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, PATH=f'{BINARY.parent}:{os.environ["PATH"]}'))
    return ended.stdout + ended.stderr


def test_its_state_folder(dev):
    state, process = dev
    for name in ('ca.pem', 'keyward.yaml', 'env', 'audit', f'tokens/{GRANT}.jwt'):
        assert (state / name).exists(), name
    for secret in (state / 'tokens').iterdir():
        assert secret.stat().st_mode & 0o077 == 0
        assert secret.read_text().strip() not in process.text()
    assert run('check', state / 'keyward.yaml').returncode == 0
    assert 'redis-cli' in process.text() and 'python' in process.text()


def test_inside_the_prefix(dev):
    state, _ = dev
    assert shell(state, f'cli SET {PREFIX}greeting hello; cli GET {PREFIX}greeting') == 'OK\nhello\n'
    assert shell(state, f'cli RPUSH {PREFIX}queue job >/dev/null; cli BLPOP {PREFIX}queue 5') == f'{PREFIX}queue\njob\n'
    assert shell(state, f'(sleep 0.7; cli RPUSH {PREFIX}queue late >/dev/null) & cli BLPOP {PREFIX}queue 10') == f'{PREFIX}queue\nlate\n'
    assert shell(state, f"printf 'MULTI\\nSET {PREFIX}a 1\\nINCR {PREFIX}a\\nEXEC\\n' | cli") == 'OK\nQUEUED\nQUEUED\nOK\n2\n'
    heard = shell(state, f'(sleep 1; cli PUBLISH {PREFIX}news hi >/dev/null) & export -f cli; timeout 3 bash -c "cli SUBSCRIBE {PREFIX}news"')
    assert heard.split() == ['subscribe', f'{PREFIX}news', '1', 'message', f'{PREFIX}news', 'hi'], heard


@pytest.mark.parametrize('command', ['GET other:key', 'SET other:key 1', 'SUBSCRIBE other:news', 'FLUSHALL', 'CONFIG GET "*"', 'ACL LIST',
                                     'BLPOP other:queue 1'])
def test_outside_the_prefix(dev, command):
    state, _ = dev
    assert shell(state, f'cli {command}').startswith('NOPERM'), command


def test_the_leased_user_is_there_during_and_not_after(dev):
    state, _ = dev
    users = shell(state, f'(cli BLPOP {PREFIX}nothing 2 >/dev/null) & sleep 0.8; admin ACL USERS; wait')
    assert any(line.startswith('kw_') for line in users.split()), users
    until(lambda: 'kw_' not in shell(state, 'admin ACL USERS'), 10, 'the end of the leased user')


def test_the_audit_trail_is_whole_while_it_runs(dev):
    state, _ = dev
    told = shell(state, 'cli SET airflow:x 1 >/dev/null; keyward audit verify "$KEYWARD_AUDIT"; echo "exit $?"')
    assert 'whole' in told and told.endswith('exit 0\n'), told
    assert shell(state, 'keyward audit tail "$KEYWARD_AUDIT"', timeout=20)


def test_tokens_of_the_development_issuer(dev):
    state, _ = dev
    policy = yaml.safe_load((ROOT / 'policies/airflow.yaml').read_text())
    group = next(w['groups'][0] for g in policy['grants'] if g['name'] == GRANT for w in g['who'] if w.get('groups'))
    script = ('token=$(keyward token --subject alice --group {} --ttl 5m); '
              'REDISCLI_AUTH=$token redis-cli -u "$KEYWARD_URL" --cacert "$KEYWARD_CA" SET airflow:alice 1')
    told = shell(state, script.format(group))
    assert told.endswith('OK\n'), told
    told = shell(state, script.format('strangers'))
    assert 'WRONGPASS' in told or 'NOAUTH' in told, told


def test_the_admin_pages(dev):
    state, _ = dev
    assert '200' in shell(state, 'curl -s -o /dev/null -w "%{http_code}" --cacert "$KEYWARD_CA" "$KEYWARD_ADMIN_URL/readyz"')
    assert 'keyward_' in shell(state, 'curl -s --cacert "$KEYWARD_CA" "$KEYWARD_ADMIN_URL/metrics"')


def test_it_listens_on_loopback_only(tmp_path):
    for option in ('--listen', '--admin-listen'):
        ended = run('dev', option, '0.0.0.0:0', '--state', tmp_path / 'state', timeout=20)
        assert ended.returncode == 2 and 'loopback' in ended.stdout + ended.stderr


def test_its_configuration_serves(dev, tmp_path):
    """keyward.yaml of the state folder is the equivalent configuration: `check` takes it, and it names no secret."""
    state, _ = dev
    text = (state / 'keyward.yaml').read_text()
    for secret in list((state / 'tokens').iterdir()):
        assert secret.read_text().strip() not in text
    password = next(line.split(':', 1)[1].strip().strip('"') for line in text.splitlines() if 'password_file' in line)
    assert (state / password).read_text().strip() not in text
    copy = tmp_path / 'copy'
    shutil.copytree(state, copy, ignore=shutil.ignore_patterns('audit', '*.sock', 'redis'))
    (copy / 'keyward.yaml').write_text(text.replace('shards:', 'shardz:'))
    assert run('check', copy / 'keyward.yaml').returncode == 1


def test_redis_does_not_outlive_it(tmp_path):
    process = Process([BINARY, 'dev', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--state', tmp_path / 'state',
                       '--policies', ROOT / 'policies'], tmp_path / 'dev.log')
    process.expect(lambda: '\nready' in process.text(), 20, 'the ready line')
    children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True).stdout.split()
    assert children
    process.kill()                                     # even kill -9
    until(lambda: not any(os.path.exists(f'/proc/{pid}/exe') for pid in children), 10, 'the end of the child')
