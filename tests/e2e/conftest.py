"""Fixtures: everything is started by the tests on free loopback ports and ended by them."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig.asked import AskedServer, Sts
from rig.certs import Authority
from rig.keyward import BINARY, Keyward
from rig.process import ROOT
from rig.provider import Provider
from rig.redis_server import RedisServer
from rig.tokens import Issuer

POLICY = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who:
      - {issuer: local, groups: [app]}
    databases: [0, 1]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize", "info"]
        keys: ["app:*"]
        channels: ["app:*"]
  - name: other
    who:
      - {issuer: local, groups: [other]}
    allow:
      - commands: ["@read", "@write", "@blocking", "-@dangerous"]
        keys: ["other:*"]
"""


def pytest_collection_modifyitems(items):
    # The long ones last, so that a broken build says so quickly.
    items.sort(key=lambda item: bool(item.get_closest_marker('slow')))


@pytest.fixture(scope='session', autouse=True)
def binary():
    if not BINARY.exists():
        pytest.exit(f'{BINARY} does not exist: build it first (scripts/test does) or set KEYWARD_BIN', 1)
    return BINARY


@pytest.fixture(scope='session')
def session_dir(tmp_path_factory):
    return tmp_path_factory.mktemp('keyward')


@pytest.fixture(scope='session')
def authority(session_dir):
    return Authority(session_dir / 'certs')


@pytest.fixture(scope='session')
def issuer(session_dir):
    """Keys from a file: tokens of every kind, made by the test itself."""
    return Issuer(session_dir / 'jwks.json')


@pytest.fixture(scope='session')
def issuer_config(issuer):
    return {'alias': 'local', 'issuer': issuer.issuer, 'audiences': [issuer.audience], 'jwks_file': str(issuer.file)}


@pytest.fixture(scope='session')
def redis_shared(session_dir, authority):
    server = RedisServer(session_dir / 'redis', authority)
    yield server
    server.stop()


@pytest.fixture(scope='session')
def keyward_shared(session_dir, authority, redis_shared, issuer_config):
    """One Keyward for all tests that neither stop it nor change its configuration."""
    server = Keyward(session_dir / 'keyward', authority, redis_shared, [issuer_config], {'e2e.yaml': POLICY}).start()
    yield server
    code = server.stop()
    assert code == 0, f'keyward ended with {code}:\n{server.process.text()[-3000:]}'
    verdict = server.trail.verify()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.fixture
def keyward(keyward_shared):
    assert keyward_shared.process.alive(), 'an earlier test ended it:\n' + keyward_shared.process.text()[-3000:]
    with keyward_shared.redis.admin() as admin:
        admin('FLUSHALL')
    return keyward_shared


@pytest.fixture(scope='session')
def app_token(issuer):
    return issuer.token('app-1', ['app'])


@pytest.fixture
def redis_server(tmp_path, authority):
    server = RedisServer(tmp_path / 'redis', authority)
    yield server
    server.stop()


@pytest.fixture
def make_keyward(tmp_path, authority, redis_server, issuer_config):
    """A Keyward of the test's own: make_keyward(policies=..., limits=..., issuers=..., ...). Not started."""
    made = []

    def make(policies=None, issuers=None, **options):
        server = Keyward(tmp_path / f'keyward{len(made)}', authority, redis_server, issuers or [issuer_config],
                         policies or {'e2e.yaml': POLICY}, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def provider(tmp_path, authority):
    server = Provider(tmp_path, authority, {
        'worker': {'secret': 's1', 'groups': ['app'], 'alg': 'ES256'},
        'worker-rsa': {'secret': 's2', 'groups': ['app'], 'alg': 'RS256'},
        'stranger': {'secret': 's3', 'groups': ['nobody'], 'alg': 'ES256'},
    })
    yield server
    server.stop()


@pytest.fixture
def sts(authority):
    server = Sts(authority)
    yield server
    server.stop()


@pytest.fixture
def asked(authority):
    server = AskedServer(authority)
    yield server
    server.stop()


@pytest.fixture(scope='session')
def old_python():
    """redis-py 4 and Celery 5.2 as Debian 12 ships them."""
    path = os.environ.get('KEYWARD_OLD_PYTHON', str(ROOT / '.venv/debian12/bin/python'))
    if not Path(path).exists():
        pytest.fail(f'{path} does not exist: scripts/test makes it')
    return path


@pytest.fixture(scope='session')
def compiled(session_dir):
    """Compiles one C++ file of this folder: compiled('model_client'); with sources of the product that it calls."""
    def compile_one(name, product=()):
        source, program = Path(__file__).parent / f'{name}.cc', session_dir / name
        if not program.exists():
            compiler = os.environ.get('CXX', 'g++')
            launcher = [shutil.which('ccache')] if shutil.which('ccache') else []
            subprocess.run([*launcher, compiler, '-std=c++20', '-O2', '-Wall', '-Wextra', f'-I{ROOT}/include', f'-I{ROOT}/src', '-o',
                            str(program), str(source), *map(str, product), '-lssl', '-lcrypto', '-pthread'], check=True, timeout=120)
        return program
    return compile_one
