"""A fleet that comes back at once: 10,000 logins of 50 identities over TLS."""
import json
import os
import subprocess
import sys

import pytest

from rig.keyward import BINARY
from rig.process import ROOT


@pytest.mark.slow
def test_a_burst_of_logins():
    """What Keyward itself adds to a connection whose verdict is known stays far below what handshakes queue for."""
    ended = subprocess.run([sys.executable, ROOT / 'bench/logins', '--rounds', '1', '--json'], capture_output=True, text=True,
                           timeout=280, env=dict(os.environ, KEYWARD_BIN=str(BINARY)))
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    result = json.loads(ended.stdout)
    fresh, known = result['fresh'][0]['inside'], result['known'][0]['inside']
    print(json.dumps(dict(fresh=fresh, known=known, acl=result['acl'])))
    # One question to Redis for each identity, whatever came at once; the others of it wait for the same answer.
    assert fresh['leased']['count'] >= 50 and sum(way['count'] for way in fresh.values()) == 10_000
    assert fresh['leased']['most'] <= 1000
    assert known['remembered']['count'] == 10_000, 'nothing was checked or asked for twice'
    assert known['remembered']['p99'] <= 50
