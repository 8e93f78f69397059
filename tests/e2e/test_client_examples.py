"""The examples of examples/clients, run through many tokens. Those that want Go or a JVM only with KEYWARD_CLIENTS=1."""
import os
import shutil
import subprocess
import sys

import pytest

from rig.examples import EXAMPLES, node_example
from rig.process import ROOT, Process, last_json
from rig.token_file import TokenFile

HERE = ROOT / 'tests/e2e'
SECONDS, TTL = 8, 4
ALL = os.environ.get('KEYWARD_CLIENTS') == '1'


@pytest.fixture
def served(make_keyward, issuer, tmp_path):
    server = make_keyward(limits={'expiry_grace': '1s'}).start()
    file = TokenFile(tmp_path / 'app-1.jwt', lambda ttl: issuer.token('app-1', ['app'], ttl=ttl), TTL)
    yield server, file
    file.stop()
    everything = server.trail.text() + server.process.text()
    assert not any(token in everything for token in file.tokens)


def renewed(process, name, seconds=SECONDS):
    assert process.popen.wait(seconds + 60) == 0, process.text()[-3000:]
    told = last_json(process, name)
    assert not told['trouble'] and told.get('popped', True) and told.get('heard', True) and told['count'] > 100
    assert told['connects'] == told.get('warm', told['connects']), 'a connection was made anew instead of renewed'


def test_node_clients(served, tmp_path):
    server, file = served
    running = {kind: Process(['node', HERE / 'clients/renewal.mjs', node_example(kind, tmp_path), kind, server.port, server.authority.ca, file.path,
                              SECONDS], tmp_path / f'{kind}.out') for kind in ('ioredis', 'node-redis')}
    for kind, process in running.items():
        renewed(process, kind)


def test_redis_py(served):
    server, file = served
    ended = subprocess.run([sys.executable, EXAMPLES / 'redis-py/keyward.py', str(server.port), server.authority.ca, file.path],
                           capture_output=True, text=True, timeout=30, env=dict(os.environ, PYTHONPATH=str(ROOT / 'deploy/python')))
    assert ended.stdout == "True b'hello'\n", ended.stderr


needs_all = pytest.mark.skipif(not ALL, reason='KEYWARD_CLIENTS=1 runs the examples in Go and Java')


@needs_all
@pytest.mark.timeout(600)
def test_go_redis(served, tmp_path):
    server, file = served
    program = tmp_path / 'go-redis'
    subprocess.run(['go', 'build', '-o', program, '.'], cwd=EXAMPLES / 'go-redis', check=True, timeout=500)
    renewed(Process([program, server.port, server.authority.ca, file.path, SECONDS], tmp_path / 'go-redis.out'), 'go-redis')


@needs_all
@pytest.mark.timeout(900)
@pytest.mark.parametrize('kind', ['jedis', 'lettuce'])
def test_java_clients(served, tmp_path, kind):
    server, file = served
    place = shutil.copytree(EXAMPLES / kind, tmp_path / kind)
    subprocess.run(['mvn', '-q', '-B', 'compile', 'dependency:build-classpath', '-Dmdep.outputFile=classpath'], cwd=place, check=True,
                   timeout=600, stdout=subprocess.DEVNULL)
    authority = server.authority.ca
    if kind == 'jedis':
        authority = tmp_path / 'ca.p12'
        subprocess.run(['keytool', '-importcert', '-noprompt', '-alias', 'keyward', '-file', server.authority.ca, '-keystore', authority,
                        '-storetype', 'PKCS12', '-storepass', 'changeit'], check=True, timeout=60, capture_output=True)
    classpath = f'{place}/target/classes:{(place / "classpath").read_text().strip()}'
    argv = ['java', '-Xmx256m', '-cp', classpath, 'Keyward', server.port, authority, file.path, SECONDS]
    renewed(Process(argv, tmp_path / f'{kind}.out'), kind)
