"""Fixtures of the systems: those of tests/e2e (issuer, authority, make_keyward, provider ...) and, of their own,
`full`, `system`, `redis_server`, `direct` and `matrix`. Everything runs on free loopback ports and is ended by the test that started it."""
import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig import END_TO_END
from rig.matrix import Matrix
from rig.redis_server import RedisServer
from rig.setting import Direct, System

spec = importlib.util.spec_from_file_location('fixtures_of_e2e', END_TO_END / 'conftest.py')
end_to_end = importlib.util.module_from_spec(spec)
spec.loader.exec_module(end_to_end)
binary, session_dir, authority, issuer = end_to_end.binary, end_to_end.session_dir, end_to_end.authority, end_to_end.issuer
issuer_config, make_keyward, provider = end_to_end.issuer_config, end_to_end.make_keyward, end_to_end.provider
asked, sts, compiled = end_to_end.asked, end_to_end.sts, end_to_end.compiled

FULL = os.environ.get('KEYWARD_SYSTEMS') == 'full'


def pytest_collection_modifyitems(items):
    for item in items:
        if not FULL and item.get_closest_marker('full'):
            item.add_marker(pytest.mark.skip(reason='only in a full run: scripts/test systems NAME'))


@pytest.fixture(scope='session')
def full():
    """False in the short form that scripts/test runs: seconds, not minutes."""
    return FULL


@pytest.fixture(scope='module')
def system(request):
    """The folder of the test is the system's name; `setup` has put its software into `.place`."""
    found = System(Path(str(request.path)).parent.name)
    assert found.there(), f'{found.name} is not set up: scripts/test systems {found.name}'
    return found


@pytest.fixture(scope='session')
def matrix():
    """matrix.cell('airflow', 'template', 'zero refusals, 60 tasks', seconds=31.2): written to results/ at the end of a full run."""
    collected = Matrix()
    yield collected
    collected.write(FULL)


@pytest.fixture
def redis_server(tmp_path, authority):
    """What Keyward has behind it."""
    server = RedisServer(tmp_path / 'redis', authority)
    yield server
    server.stop()


@pytest.fixture
def direct(tmp_path, authority):
    """The same Redis without Keyward, over TLS, for comparisons."""
    server = Direct(tmp_path / 'direct', authority)
    yield server
    server.stop()
