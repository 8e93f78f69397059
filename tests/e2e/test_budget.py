"""What a request may cost: instructions, allocations and system calls, counted. Counts do not depend on how fast or
how busy the machine is, so a path that became dearer shows here and not first in a benchmark.

The figures hold for the release build with Debian 12's compiler, OpenSSL and valgrind. After a change that saves, or
that is meant to cost, this measures and writes both tables anew:
KEYWARD_BUDGET_REFRESH=1 scripts/test e2e -- test_budget.py"""
import os
import re
import shutil
from pathlib import Path

import pytest

from rig.budget import BATCH, LOADS
from rig.budget_callgrind import Callgrind, read_profile, top
from rig.budget_strace import Strace
from rig.keyward import BINARY
from rig.process import ROOT

# Per request, login or connection. `own`: instructions in keyward itself; `all`: with the libraries, whose code depends
# on their build and a little on the CPU; `mallocs`: calls of the allocator by all but OpenSSL; `tls mallocs`: by it.
# Bounds: own 15 % more, all 30 % more, less than one allocation more a batch.
INSTRUCTIONS = """
load                               own        all    mallocs  tls mallocs
pipelined SET                     6135      20921          0         0.25
pipelined GET                     2981       4309          0         0.25
single SET                        9599      37720          0            4
single GET                        6172      21001          0            4
denied GET                       15935      68259         19            4
AUTH, token seen before          16101      91092          6            5
connection with login            79541    2804453         21          697
"""
# Of all threads but the keeper's; per request, login or connection, and per batch of 16 where requests are pipelined. Bounds: SLACK.
SYSTEM_CALLS = """
load                    client recv  client send  upstream send  upstream recv  trail send  epoll_wait  epoll_ctl  other
pipelined SET                     1            1              1              1           1        2.17       0.15      0
pipelined GET                     1            1              1              1           0        2.15       0.12      0
single SET                        1            1              1              1           1        2.11        0.1      0
single GET                        1            1              1              1           0        2.12        0.1      0
denied GET                        1            1              0              0           1        1.08       0.07      0
AUTH, token seen before           1            1              0              0           1        1.08       0.07      0
connection with login          4.75            3           0.19           0.38           2       10.77       5.89   9.62
"""
NAMES = {'own': 'instructions in keyward', 'all': 'instructions with the libraries', 'mallocs': 'allocations',
         'tls mallocs': 'allocations in OpenSSL', 'other': 'other system calls'}
# Whole numbers but for what happens once a second, and for the visits to Asio, one a millisecond while requests come and one a
# request when they come more slowly. Which flights of a handshake are there already when the server looks is chance.
SLACK, VISITS = 0.25, {'epoll_wait': 1.5, 'epoll_ctl': 1.0}
HANDSHAKE_SLACK = {'client recv': 2.5, 'epoll_wait': 4.0, 'epoll_ctl': 2.5}
# The whole process, beside clients that say nothing: the ticks of the shard, two looks a second at Redis (docs/leases.md), four
# at the list of revocations (docs/revocation.md), one at the file of the admin password, this test's own connections: 236
# measured. One call a client and second would be 180 more.
IDLE_CLIENTS, IDLE_SECONDS, IDLE_CALLS = 60, 3, 300

REFRESH = bool(os.environ.get('KEYWARD_BUDGET_REFRESH'))
KEPT = ROOT / 'build/budget'


def read_table(text):
    header, *rows = (re.split(r'  +', line.strip()) for line in text.strip().splitlines())
    return {row[0]: dict(zip(header[1:], map(float, row[1:]), strict=True)) for row in rows}


def write_table(text, measured):
    """The table again, with the rows that were measured."""
    measured = {**read_table(text), **measured}
    header = text.strip().splitlines()[0]
    columns = [(match[0], match.end()) for match in re.finditer(r'\S+(?: \S+)*', header)][1:]
    lines = [header]
    for load in [load for load in LOADS if load in measured]:
        line = load
        for column, end in columns:
            line += f'{measured[load][column]:.10g}'.rjust(end - len(line))
        lines.append(line)
    return '\n' + '\n'.join(lines) + '\n'


def bound_of(name, load, usual):
    if name == 'own':
        return usual * 1.15
    if name == 'all':
        return usual * 1.30
    if name.endswith('mallocs'):  # less than one more a batch; what remains is the work of every second
        return usual + 0.8 / load.batch
    return usual + (HANDSHAKE_SLACK if load.unit == 'connection' else VISITS).get(name, SLACK)


class Ledger:
    """Holds what was counted against the tables, and writes them anew when that is asked for."""

    def __init__(self):
        self.tables = {'INSTRUCTIONS': INSTRUCTIONS, 'SYSTEM_CALLS': SYSTEM_CALLS}
        self.measured = {name: {} for name in self.tables}

    def over(self, table, load, unit, counts):
        """A line for each count above its bound."""
        self.measured[table][load.name] = counts
        if REFRESH:
            return []
        usual = read_table(self.tables[table]).get(load.name)
        assert usual, f'{table} has no row for {load.name}: write it with KEYWARD_BUDGET_REFRESH=1'
        lines = []
        for name, value in counts.items():
            bound = bound_of(name, load, usual[name])
            if value > bound:
                bound = round(bound, 2 if bound < 100 else None)
                lines.append(f'{load.name}: {value:,} {NAMES.get(name, name)} a {unit}, bound {bound:,}')
        return lines

    def write(self):
        path = Path(__file__)
        source = path.read_text()
        for name, text in self.tables.items():
            if self.measured[name]:
                source = source.replace(text, write_table(text, self.measured[name]), 1)
        path.write_text(source)


@pytest.fixture(scope='module')
def ledger():
    book = Ledger()
    yield book
    if REFRESH:
        book.write()


@pytest.fixture(scope='module')
def release_binary():
    content = BINARY.read_bytes()
    if b'__asan_init' in content or b'__tsan_init' in content:
        pytest.skip('a build with a sanitizer: its counts mean nothing, and valgrind cannot run it')


def serve(kind, session_dir, authority, redis, issuer, issuer_config):
    folder = session_dir / f'budget-{kind.__name__.lower()}'
    folder.mkdir()
    server = kind(folder, authority, redis, issuer, issuer_config)
    try:
        yield server.start()
    finally:
        code = server.stop()
    assert code in (0, None), server.process.text()[-3000:]


@pytest.fixture(scope='module')
def callgrind(release_binary, session_dir, authority, redis_shared, issuer, issuer_config):
    yield from serve(Callgrind, session_dir, authority, redis_shared, issuer, issuer_config)


@pytest.fixture(scope='module')
def strace(release_binary, session_dir, authority, redis_shared, issuer, issuer_config):
    yield from serve(Strace, session_dir, authority, redis_shared, issuer, issuer_config)


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
def test_instructions(callgrind, ledger, load):
    path = callgrind.measure(load)
    profile = read_profile(path, str(BINARY.resolve()))
    own = sum(profile.own.values())
    assert own, f'nothing was counted in {BINARY}: {path}'
    counts = {'own': round(own / load.counted), 'all': round(sum(profile.by_object.values()) / load.counted),
              'mallocs': round(sum(profile.allocations.values()) / load.counted, 2),
              'tls mallocs': round(profile.tls_allocations / load.counted, 2)}
    lines = ledger.over('INSTRUCTIONS', load, load.unit, counts)
    if lines or REFRESH:
        KEPT.mkdir(parents=True, exist_ok=True)
        name = load.name.replace(' ', '-').replace(',', '')
        shutil.copy(path, KEPT / f'{name}.callgrind')
        (KEPT / f'{name}.txt').write_text(top(profile, load.counted, 60))
    if lines:
        lines.append(f'a profile is kept: callgrind_annotate --inclusive=yes {KEPT}/{name}.callgrind')
        lines.append(top(profile, load.counted))
        pytest.fail('\n'.join(lines), pytrace=False)


@pytest.mark.parametrize('load', LOADS.values(), ids=LOADS)
def test_system_calls(strace, ledger, load):
    traced = strace.measure(load)
    columns = re.split('  +', SYSTEM_CALLS.strip().splitlines()[0])[1:-1]
    times = load.traced / load.batch
    counts = {name: round(traced[name] / times, 2) for name in columns}
    counts['other'] = round(sum(n for name, n in traced.items() if name not in columns) / times, 2)
    lines = ledger.over('SYSTEM_CALLS', load, 'batch of 16' if load.batch == BATCH else load.unit, counts)
    if lines:
        pytest.fail('\n'.join([*lines, f'all of them: {dict(traced)}', f'the log: {strace.log}']), pytrace=False)


def test_idle_clients_cost_nothing(strace):
    clients = [strace.login(strace.token) for _ in range(IDLE_CLIENTS)]
    traced = strace.idle(IDLE_SECONDS)
    for client in clients:
        assert client('PING') == b'PONG'
        client.close()
    total = sum(traced.values())
    assert total <= IDLE_CALLS, f'{total} system calls in {IDLE_SECONDS} s, bound {IDLE_CALLS}: {dict(traced)}'
