"""Unmodified client libraries do what applications do."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / 'clients'


def finished(argv, env=None, timeout=120):
    ended = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout, env=env,
                           stdin=subprocess.DEVNULL)
    assert ended.returncode == 0 and ended.stdout.rstrip().endswith('done'), (
        f'exit {ended.returncode}\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}')


@pytest.mark.parametrize('protocol', [2, 3])
def test_current_redis_py(keyward, app_token, protocol):
    finished([sys.executable, CLIENTS / 'redis_py.py', keyward.port, keyward.authority.ca, app_token, protocol])


def test_redis_py_of_debian_12(keyward, app_token, old_python):
    finished([old_python, CLIENTS / 'redis_py.py', keyward.port, keyward.authority.ca, app_token, 2])


def test_ioredis(keyward, app_token):
    finished(['node', CLIENTS / 'ioredis.mjs', keyward.port, keyward.authority.ca, app_token])


def test_hiredis_over_a_plain_listener(make_keyward, app_token, tmp_path):
    from rig.process import free_port
    server = make_keyward()
    port = free_port()
    server.config['listeners'].append({'name': 'plain', 'listen': f'127.0.0.1:{port}'})
    server.start()
    program = tmp_path / 'hiredis'
    subprocess.run([os.environ.get('CC', 'gcc'), '-O1', '-o', program, CLIENTS / 'hiredis.c', '-lhiredis'], check=True)
    finished([program, port, app_token])


@pytest.mark.parametrize('options', [[], ['-3']])
def test_redis_cli(keyward, app_token, options):
    argv = ['redis-cli', *options, '-h', 'localhost', '-p', str(keyward.port), '--tls', '--cacert', str(keyward.authority.ca)]
    script = ('SET app:cli hello\nGET app:cli\nGET foreign\nMULTI\nINCR app:n\nINCR app:n\nEXEC\nBLPOP app:none 0.1\n'
              'LPUSH app:l a b c\nLRANGE app:l 0 -1\nPING\n')
    ended = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=60,
                           env=dict(os.environ, REDISCLI_AUTH=app_token))
    lines = [line for line in ended.stdout.splitlines() if line]
    assert lines[:2] == ['OK', 'hello'], ended.stdout + ended.stderr
    assert lines[2].startswith('NOPERM')
    assert lines[3:8] == ['OK', 'QUEUED', 'QUEUED', '1', '2']
    assert lines[-5:] == ['3', 'c', 'b', 'a', 'PONG']
