"""Keycloak as the issuer: KEYWARD_KEYCLOAK=1. Not part of an ordinary run, for it is 150 MB and takes a minute to start."""
import os
import shutil
import subprocess
import sys

import pytest

from rig.process import ROOT, until
from rig.resp import RespError
from test_key_rotation import kid_of
from test_python_client import FROM_PROVIDER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600),
              pytest.mark.skipif(os.environ.get('KEYWARD_KEYCLOAK') != '1', reason='KEYWARD_KEYCLOAK=1 runs Keycloak')]
POLICY = '''
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: app
    who: [{issuer: sso, groups: [app]}]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize"]
        keys: ["app:*"]
'''


@pytest.fixture
def keycloak(tmp_path, authority):
    from rig.keycloak import Keycloak
    server = Keycloak(tmp_path, authority)
    yield server
    server.stop()
    shutil.rmtree(tmp_path / 'keycloak')


def test_keycloak_under_its_profile(make_keyward, keycloak, tmp_path):
    server = make_keyward(issuers=[keycloak.config()], policies={'p.yaml': POLICY}).start()
    token = keycloak.token('worker')
    for login in ({}, {'user': 'default'}, {'protocol': 3}):
        with server.login(token, **login) as session:
            assert session('INCR', 'app:n') > 0
    print(server.trail.logins(ok=True)[0]['user'])
    for name in ('stranger', 'elsewhere'):       # without the role; without the audience
        with pytest.raises(RespError, match='WRONGPASS'):
            server.login(keycloak.token(name))
    keycloak.new_key()
    fresh = until(lambda: (lambda t: t if kid_of(t) != kid_of(token) else None)(keycloak.token('worker')), 20, 'a token of the new key')
    with server.login(fresh) as session, server.login(token) as before:
        assert session('PING') == before('PING') == b'PONG'
    print(f'keys {kid_of(token)} and {kid_of(fresh)}')
    secret = tmp_path / 'secret'
    secret.write_text('secret-of-worker')
    script = FROM_PROVIDER.replace("resource='urn:keyward:ttl:4', ", '').replace("'app:n') == n", "'app:m') == n")
    ended = subprocess.run([sys.executable, '-c', script, f'{keycloak.issuer}/protocol/openid-connect/token', str(server.authority.ca),
                            str(server.port)], capture_output=True, text=True, timeout=60,
                           env=dict(os.environ, PYTHONPATH=str(ROOT / 'deploy/python'), SECRET=str(secret)))
    assert ended.returncode == 0, ended.stderr
    everything = server.trail.text() + server.process.text()
    assert token not in everything and fresh not in everything
