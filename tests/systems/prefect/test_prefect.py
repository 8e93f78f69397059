"""A real Prefect server with prefect-redis and Docket, two replicas and a worker, through Keyward."""
import json
import os
import re
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from prefect_postgres import Postgres
from prefect_stack import HERE, PYTHON, Stack
from rig.agent import Agent
from rig.foreign import plant
from rig.keyward import BINARY, run
from rig.probe import Probe
from rig.process import ROOT, TOOLS_PATH, Process, until
from rig.setting import ended_well, keyward_url, no_refusals
from rig.token_file import TokenFile

ROUNDS, TASKS, PROBE_SECONDS = int(os.environ.get('KEYWARD_PREFECT_ROUNDS', '5')), 60, 8
MINUTES = float(os.environ.get('KEYWARD_PREFECT_MINUTES', '0'))
POLICIES = {'prefect.yaml': (ROOT / 'examples/prefect/policies/prefect.yaml').read_text().replace('issuer: dev', 'issuer: local')}
SERVER, FLOW = ('prefect-server', ['prefect-servers']), ('prefect-flow', ['prefect-flows'])
SHORT = 'setup,retries,limits,leases,locks,events'
FULL = 'setup,retries,limits,leases,locks,events,automation,deployments,schedule,late,cancellation'
# What Prefect writes when Redis fails it, or when a service of its own does.
TROUBLE = re.compile(r'redis\.exceptions|Traceback|NOPERM|NOAUTH|WRONGPASS|Connection (closed|lost|refused)|Reconnect', re.IGNORECASE)


@pytest.fixture(scope='module')
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def make_stack(postgres, tmp_path, authority):
    stacks = []

    def make(name, url, flow_url, start=True, **options):
        stacks.append(Stack(tmp_path / name, postgres.create(f'p{os.urandom(4).hex()}'), url, flow_url, authority.ca, **options))
        return stacks[-1].start() if start else stacks[-1]

    yield make
    for stack in stacks:
        stack.stop()


@pytest.fixture
def make_agent(tmp_path, issuer):
    """An agent with a token of that subject that is replaced before it ends."""
    made = []

    def make(server, who, ttl):
        file = TokenFile(tmp_path / f'{who[0]}.jwt', lambda seconds: issuer.token(*who, ttl=seconds), ttl)
        agent = Agent(tmp_path / who[0], server, ['--token-file', file.path])
        made.extend([agent, file])
        return agent.start()

    yield make
    for one in made:
        one.stop()


@pytest.mark.full
def test_the_example(tmp_path):
    """examples/prefect as its README tells people to run it."""
    (tmp_path / 'keyward').symlink_to(BINARY)
    path = f'{tmp_path}:{PYTHON.parent}:{TOOLS_PATH}'
    process = Process(['env', f'PATH={path}', ROOT / 'examples/prefect/run'], tmp_path / 'run.log', env={'PREFECT_LOGGING_LEVEL': 'WARNING'})
    assert process.popen.wait(150) == 0, process.text()
    process.stop()
    assert 'hello world\n' in process.text() and 'results:greeting' in process.text() and 'refused: 0\n' in process.text(), process.text()


def drive(stack, steps, number=10, replica=0, seconds=900):
    ended = subprocess.run([PYTHON, HERE / 'drive.py', steps, str(number)], capture_output=True, text=True, timeout=seconds,
                           cwd=stack.folder, env=dict(os.environ, **stack.env(replica)), stdin=subprocess.DEVNULL)
    assert ended.returncode == 0 and ended.stdout.rstrip().endswith('done'), (
        f'{ended.stdout[-1500:]}\n{ended.stderr[-3000:]}\nservers:\n{stack.text()[-4000:]}')
    return json.loads(next(line for line in ended.stdout.splitlines() if line.startswith('{"')))


def run_in(stack, program, *arguments):
    """A program with what the servers know; what it prints."""
    ended = subprocess.run([PYTHON, HERE / program, *arguments], capture_output=True, text=True, timeout=120, cwd=stack.folder,
                           env=dict(os.environ, **stack.server_env), stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


def untroubled(stack):
    lines = [line for line in stack.text().splitlines() if TROUBLE.search(line)]
    assert stack.alive() and not lines, '\n'.join(lines[:10])


def whole(stack, steps, number):
    """The script from the start, with a worker once there is a pool."""
    first, rest = steps.split(',', 1)
    told = drive(stack, first)
    if 'deployments' in steps:
        stack.start_worker('pool')
    return {**told, **drive(stack, rest, number)}


def never_reconnected(server, before):
    """Connections that were there before are there now, though their tokens ended many times since."""
    after = sessions(server)
    gone = [session for session in before if session not in after]
    assert not gone, f'{len(gone)} of {len(before)} sessions ended'


def counted(server, *options):
    """Records of the trail, without reading all of it here: it is long, and this process has tokens to renew."""
    told = run('audit', 'search', '--count', *options, server.trail.folder)
    assert told.returncode in (0, 1), told.stderr
    return int(told.stdout)


def sessions(server):
    return {one['id'] for one in server.api('GET', '/v1/sessions')[1]['sessions'] if one['principal'] == f'local:{SERVER[0]}'}


@pytest.mark.timeout(4000)
def test_under_its_templates_with_tokens_that_end(full, make_keyward, make_agent, make_stack, matrix):
    """The whole script behind two agents, one for the servers and one for flows; then what is foreign; then the system goes on."""
    ttl = 20 if full else 8
    server = make_keyward(policies=POLICIES).start()
    agent, flow_agent = make_agent(server, SERVER, ttl), make_agent(server, FLOW, ttl)
    stack = make_stack('stack', agent.url, flow_agent.url)
    began = time.monotonic()
    told = whole(stack, FULL if full else SHORT, 6 if full else 20)
    before, rounds, end = sessions(server), 0, began + 60 * MINUTES
    while full and (rounds == 0 or time.monotonic() < end):
        drive(stack, 'limits,leases,locks,events,deployments', 4, rounds % 2)
        rounds += 1
        time.sleep(1)
    seconds = round(time.monotonic() - began)
    never_reconnected(server, before)
    untroubled(stack)
    status = agent.status()
    assert status['renewals'] > 0 and status['renewals_refused'] == 0 and status['logins_refused'] == 0, status
    for who, command in ((SERVER[0], 'XADD'), (SERVER[0], 'EVALSHA'), (SERVER[0], 'XREADGROUP'), (FLOW[0], 'SET')):
        assert counted(server, '--user', who, '--command', command), (who, command)
    assert not counted(server, '--user', FLOW[0], '--command', 'XADD')
    assert run_in(stack, 'cleanup.py') == 'done'
    assert not counted(server, '--outcome', 'denied') and not counted(server, '--kind', 'login', '--outcome', 'error')
    matrix.cell('prefect', 'template', f'{len(told)} steps, no refusal', seconds=seconds, **told)
    if full:
        matrix.cell('prefect', 'expiry', f'{status["renewals"]} renewals in {seconds} s behind the agent, {len(before)} sessions of the '
                    'servers kept, none refused', seconds=seconds, renewals=status['renewals'], ttl=ttl, rounds=rounds, sessions=len(before))

    tried = run_in(stack, 'foreign.py', plant(server.redis))
    denied = counted(server, '--outcome', 'denied')
    assert denied == int(tried) == counted(server, '--outcome', 'denied', '--principal', f'local:{SERVER[0]}'), tried
    drive(stack, 'leases,events', 10)
    untroubled(stack)
    matrix.cell('prefect', 'foreign', f'{denied} attempts refused; the connection and the system went on', refused=denied)
    matrix.cell('prefect', 'trail', f'each of the {denied} refusals under {SERVER[0]}; the locks and blocks of flows under {FLOW[0]}',
                records=counted(server))
    stack.stop()
    ended_well(server)


def timed(stack, probe, number):
    """What a load took, and what round trips of Redis took meanwhile."""
    began = time.monotonic()
    told = drive(stack, 'load', number)
    return {'seconds': time.monotonic() - began, 'tasks_s': told['tasks_s'], 'load_s': told['load_s'], **probe.result()}


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_direct_and_through_keyward(make_keyward, make_stack, issuer, direct, tmp_path, matrix):
    """Two Prefects on one PostgreSQL, each with a Redis: TLS and a password, TLS and a token at Keyward. They work in turns."""
    server = make_keyward(policies=POLICIES, shards=1, upstream='unix').start()
    token, flow_token = issuer.token(*SERVER), issuer.token(*FLOW)
    stacks = {'direct': make_stack('direct', direct.url(), direct.url()),
              'keyward': make_stack('keyward', keyward_url(server, token), keyward_url(server, flow_token))}
    doors = {'direct': (direct.tls_port, server.authority, direct.user, direct.password),
             'keyward': (server.port, server.authority, 'default', token)}
    for stack in stacks.values():
        drive(stack, 'setup,load', 20)
    told = {name: [] for name in stacks}
    for turn in range(ROUNDS):
        for name in sorted(stacks, reverse=bool(turn % 2)):
            told[name].append(timed(stacks[name], Probe(tmp_path, *doors[name], 'events', PROBE_SECONDS), TASKS))
    middle = {name: {part: round(statistics.median(one[part] for one in all_of), 3) for part in all_of[0]} for name, all_of in told.items()}
    pairs = {part: sorted(round(through[part] / straight[part], 3) for straight, through in zip(told['direct'], told['keyward']))
             for part in ('tasks_s', 'load_s')}
    ratio = {part: statistics.median(found) for part, found in pairs.items()}
    print(json.dumps(told), middle, pairs)
    no_refusals(server)
    for stack in stacks.values():
        untroubled(stack)
    show = lambda one: f'{one["load_s"]} s, {TASKS / one["tasks_s"]:.1f} tasks/s, round trip p50 {one["p50_ms"]} ms, p99 {one["p99_ms"]} ms'
    # Events wait for timers of a second in Prefect itself; the tasks, each with a lease taken and returned, wait for nothing.
    matrix.cell('prefect', 'direct', f'direct: {show(middle["direct"])}; through Keyward: {show(middle["keyward"])}; {ratio["tasks_s"]:.3f} times the time '
                f'for tasks ({pairs["tasks_s"][0]:.2f} to {pairs["tasks_s"][-1]:.2f}), {ratio["load_s"]:.3f} with events ({pairs["load_s"][0]:.2f} to '
                f'{pairs["load_s"][-1]:.2f}): medians of {ROUNDS} pairs in turns', ratio=ratio, pairs=pairs, tasks=TASKS, rounds=told)
    assert ratio['tasks_s'] <= 1.05 and ratio['load_s'] <= 1.05
    for stack in stacks.values():
        stack.stop()
    ended_well(server)


class Streamed:
    """The test's own events as they come by in the stream of Prefect, by the order in Redis."""

    def __init__(self, redis):
        self.redis, self.after, self.events = redis, b'-', set()

    def look(self, seconds):
        end = time.monotonic() + seconds
        while True:
            with self.redis.admin() as admin:
                for place, fields in admin('XRANGE', 'events', self.after, '+'):
                    self.after = b'(' + place
                    self.events.update(re.findall(rb'"event": ?"(survive\.\d+)"', b' '.join(fields)))
            if time.monotonic() >= end:
                return False
            time.sleep(0.2)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_connections_killed_under_load(make_keyward, make_stack, issuer, matrix):
    """Every connection to Redis every two seconds, and Keyward with every client's connection in between."""
    server = make_keyward(policies=POLICIES).start()
    stack = make_stack('stack', keyward_url(server, issuer.token(*SERVER)), keyward_url(server, issuer.token(*FLOW)))
    drive(stack, 'setup,events', 10)
    rounds, killed, streamed, last = 6, 0, Streamed(server.redis), None
    with ThreadPoolExecutor() as threads:
        load = threads.submit(drive, stack, 'survive', 200)
        # Keyward is started from this thread: what the rig starts ends with the thread that started it.
        for turn in range(rounds):
            streamed.look(2)
            with server.redis.admin() as admin:
                killed += admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') + admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
            if turn == 2:
                server.kill()
                server.start()
        last = time.monotonic()
        until(lambda: streamed.look(0.2) or time.monotonic() - last > 10 or len(sessions(server)) >= 20, 20, 'sessions')
        recovered = time.monotonic() - last
        while not load.done():
            streamed.look(0.5)
        stored = load.result()['stored']
    assert killed > 50 and recovered < 10
    assert stored == len(streamed.events), 'what reached the stream is stored, once'
    assert stored > 100
    drive(stack, 'leases,locks,events', 20)
    no_refusals(server)
    assert stack.alive()
    matrix.cell('prefect', 'kill', f'{killed} connections in {rounds} rounds and Keyward itself once: {stored} of 200 events reached the stream, '
                f'{stored} are stored, none twice; 20 sessions of the servers {recovered:.1f} s after the last',
                killed=killed, recovered_s=round(recovered, 1), stored=stored)
    stack.stop()
    ended_well(server)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_token_in_a_url_after_its_end(make_keyward, make_stack, issuer, matrix):
    """What the servers get, how often they ask, and that a server that is started with a new one goes on where it was."""
    server = make_keyward(policies=POLICIES).start()
    stack = make_stack('stack', '', keyward_url(server, issuer.token(*FLOW)), start=False, replicas=1)
    stack.migrate()
    stack.renew(keyward_url(server, issuer.token(*SERVER, ttl=100)))
    drive(stack, 'setup,leases', 10)
    until(lambda: len(server.trail.logins(ok=False)) > 3, 120, 'refused logins')
    time.sleep(5)
    before, began = len(server.trail.logins(ok=False)), time.monotonic()
    time.sleep(20)
    a_second = (len(server.trail.logins(ok=False)) - before) / (time.monotonic() - began)
    failed = server.trail.logins(ok=False)
    reasons = ', '.join(sorted({record.get('status_detail') for record in failed}))
    assert 'WRONGPASS' in stack.text() or 'invalid username-password' in stack.text()
    stack.renew(keyward_url(server, issuer.token(*SERVER)))
    drive(stack, 'leases,events,locks', 20)
    no_refusals(server)
    matrix.cell('prefect', 'static', f'refused with WRONGPASS and recorded ({reasons}); {a_second:.1f} logins a second from two '
                'processes; servers started with a new token go on', logins_a_second=round(a_second, 2))
    stack.stop()
    ended_well(server)
