"""Direct over TLS and through Keyward in one run, and the rule for round trips under load."""
import os
import statistics
from pathlib import Path

import pytest
from flows import steps
from round_trips import FirstInLine, RoundTrips
from stack import go_on, hold, policies

from rig.resp import connect
from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER
from rig.setting import ended_well, no_refusals

ROUND = (20, 10, 35)  # 1,000 tasks
SHORT, PAIRS = (10, 10, 35), 9  # rounds of 500: the more turns, the less it matters what else the machine does
BETWEEN = 0.6  # seconds from one workflow's start to the next: half of what this machine can


def used(pid):
    """Seconds of processor time that a process took so far: proc_pid_stat(5), utime and stime."""
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(') ', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


@pytest.fixture
def keyward(make_keyward):
    """Beside its Redis, by the unix socket, with one shard: what deploy/README.md says of a small machine."""
    return make_keyward(policies=policies(), shards=1, upstream='unix').start()


@pytest.fixture
def ways(keyward, redis_server, tokens, authority):
    """One connection straight to Redis and one through Keyward, both logged in."""
    straight = connect(redis_server.tls_port, authority.ca)
    assert straight('AUTH', ADMIN_USER, ADMIN_PASSWORD) == b'OK'
    with straight, keyward.login(tokens()['store-token']) as through:
        yield {'direct': straight, 'keyward': through}


@pytest.mark.full
def test_direct_and_through_keyward(stack, keyward, redis_server, tokens, ways, matrix):
    """Two servers on one Redis, each with workers of its own, take turns; the one whose turn it is not is stopped meanwhile."""
    servers = {'direct': stack.direct(redis_server).start(), 'keyward': stack.through(keyward, tokens()).start()}
    workers = {name: stack.worker(server).start() for name, server in servers.items()}

    def turn(name, what, **options):
        for other in servers:
            (go_on if other == name else hold)(servers[other], workers[other])
        told = servers[name].run(*what, **options)
        assert not told['wrong'], told['wrong'][:3]
        return told

    def compare(measure, **options):
        """Turns of SHORT; what `measure` says of each, the round trips meanwhile, and the seconds of a processor that Keyward took."""
        found, trips, processor = ({name: [] for name in servers} for _ in range(3))
        for pair in range(PAIRS):
            for name in (('direct', 'keyward'), ('keyward', 'direct'))[pair % 2]:
                began = used(keyward.process.pid)
                with RoundTrips({name: ways[name]}, pause=0.005) as measured:
                    found[name].append(measure(turn(name, SHORT, **options)))
                trips[name].append(measured.told()[name])
                processor[name].append(round(used(keyward.process.pid) - began, 2))
        pairs = sorted(through / straight for straight, through in zip(found['direct'], found['keyward']))
        middle = {name: {part: statistics.median(one[part] for one in trips[name]) for part in ('p50_ms', 'p99_ms')} for name in trips}
        beside = ' and '.join(f'{middle[name]["p50_ms"]:.2f}/{middle[name]["p99_ms"]:.2f}' for name in servers)
        ratio = statistics.median(pairs)
        text = (f'{ratio:.2f} times the time (median of {PAIRS} pairs in turns, {pairs[0]:.2f} to {pairs[-1]:.2f}; round trips beside them p50/p99 {beside} ms; '
                f'Keyward took {statistics.median(processor["keyward"]):.1f} s of a processor)')
        return text, {name: statistics.median(one) for name, one in found.items()}, \
            {'ratio': round(ratio, 3), 'rounds': found, 'trips': trips, 'processor': processor}

    for name in servers:  # the just-in-time compiler's turn
        turn(name, ROUND)
    said, took, steady = compare(lambda told: statistics.median(told['took_ms']) / 1000, between=BETWEEN)
    flood_said, wall, flood = compare(lambda told: told['wall_s'])
    go_on(*servers.values(), *workers.values())
    no_refusals(keyward)
    tasks = SHORT[0] * steps(*SHORT[1:])
    matrix.cell('conductor', 'direct', f'a workflow of {steps(*SHORT[1:])} tasks every {BETWEEN} s: each took {took["direct"]:.2f} s direct, {took["keyward"]:.2f} s through '
                f'Keyward, {said}. {tasks} tasks at once, which fill both processors: {tasks / wall["direct"]:.0f} tasks/s direct, '
                f'{tasks / wall["keyward"]:.0f} through Keyward, {flood_said}', steady=steady, flood=flood)
    assert steady['ratio'] <= 1.05, steady['rounds']
    assert flood['ratio'] < 2, flood['rounds']
    ended_well(keyward)


@pytest.mark.full
def test_the_rule_of_5_ms(stack, keyward, redis_server, tokens, ways, matrix):
    """While 1,000 tasks run through it: p99 of a round trip through Keyward under 5 ms, and less than 1 ms above that without it."""
    conductor = stack.through(keyward, tokens()).start()
    stack.worker(conductor).start()
    conductor.run(*ROUND)
    with RoundTrips(ways) as shared:
        assert not conductor.run(*ROUND)['wrong']
    with FirstInLine(keyward.process.pid, redis_server.process.pid), RoundTrips(ways) as measured:
        told = conductor.run(*ROUND)
    assert not told['wrong']
    no_refusals(keyward)
    first, busy = measured.told(), shared.told()
    print('first in line:', first, 'among all others:', busy)
    added = first['keyward']['p99_ms'] - first['direct']['p99_ms']
    matrix.cell('conductor', 'rule', f'{first["keyward"]["count"]:,} round trips beside {told["tasks_per_s"]:.0f} tasks/s, decided and recorded: p99 '
                f'{first["keyward"]["p99_ms"]:.2f} ms through Keyward, {first["direct"]["p99_ms"]:.2f} ms without, {added:.2f} ms added (p50 '
                f'{first["keyward"]["p50_ms"]:.2f} and {first["direct"]["p50_ms"]:.2f} ms). Redis, Keyward and the probe come first on processors that '
                f'a JVM and workers share; without that: p99 {busy["keyward"]["p99_ms"]:.2f} and {busy["direct"]["p99_ms"]:.2f} ms',
                variant='a round trip under 5 ms, less than 1 ms added', first_in_line=first, among_others=busy)
    assert first['keyward']['p99_ms'] < 5 and added < 1
    ended_well(keyward)
