"""What every task queue is put through. tests/systems/NAME/test_NAME.py makes a Queue called QUEUE and imports the tests from here.

A queue has a worker and a driver, both unmodified users of its library that find Redis in QUEUE_URL (and QUEUE_CA) and write a line to
QUEUE_NOTES for each numbered job. The driver is called with `suite`, `flood COUNT` or `foreign` and prints a line of JSON."""
import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rig.agent import Agent
from rig.foreign import all_refused, plant
from rig.probe import Probe
from rig.process import ROOT, Process, until
from rig.relay import Relay
from rig.setting import ended_well, keyward_url, no_refusals, refused, team, who_did_what
from rig.token_file import TokenFile


@dataclass
class Queue:
    name: str
    worker: callable          # system -> argv
    drive: callable           # system -> argv, without what to do
    ready: str                # what the worker prints when it works
    own: tuple                # a command that is allowed, with an answer that is no error
    probe: str                # a key of its own that EXISTS may ask for
    subject: str              # whose token it has
    grant: str = 'worker'
    template: str = ''
    parameters: dict = None
    more: str = ''            # further lines of the grant
    foreign: list = None      # which attempts of rig.foreign are errors (under a namespace foreign keys are just not there)
    allowed: list = ()        # and which of those are its own after all
    patience: float = 10      # seconds after the last kill until all is done
    once: bool = False        # it takes jobs at most once: a cut connection may take a job with it
    flood: int = 1000         # how many jobs that do nothing are compared
    fire: int = 400           # how many are done while connections are killed
    environment: dict = field(default_factory=dict)

    def policy(self):
        return {f'{self.name}.yaml': team(self.name, self.template or self.name, {self.grant: self.name}, self.parameters, self.more)}


class Run:
    """A worker and its driver on one way to Redis. `again`: the worker is started again a second after it ended, as a supervisor would."""

    def __init__(self, queue, system, folder, url, authority, again=False, pause=0.0, **environment):
        self.queue, self.system, self.folder = queue, system, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.notes = self.folder / 'notes'
        self.notes.touch()
        modules = os.environ.get('KEYWARD_NODE_MODULES', str(system.place.parents[1] / 'node/node_modules'))
        self.env = {'QUEUE_URL': url, 'QUEUE_CA': str(authority.ca), 'QUEUE_NOTES': str(self.notes), 'QUEUE_PAUSE': str(pause),
                    'KEYWARD_NODE_MODULES': modules, 'PYTHONPATH': str(system.folder), 'PYTHONUNBUFFERED': '1', 'NO_COLOR': '1',
                    'PYTHONDONTWRITEBYTECODE': '1', **queue.environment, **environment}
        argv = [str(word) for word in queue.worker(system)]
        if again:
            argv = ['bash', '-c', 'trap "kill %1; exit" TERM; while :; do "$@" & wait; echo started again; sleep 1; done', 'again', *argv]
        self.worker = Process(argv, self.folder / 'worker.log', env=self.env, cwd=self.folder)

    def wait(self):
        self.worker.expect(lambda: self.queue.ready in self.worker.text(), 60, f'the worker saying {self.queue.ready!r}')
        return self

    def drive(self, *what, url=None, timeout=300, **environment):
        ended = subprocess.run([*map(str, self.queue.drive(self.system)), *map(str, what)], capture_output=True, text=True, timeout=timeout,
                               cwd=self.folder, stdin=subprocess.DEVNULL,
                               env={**os.environ, **self.env, **({'QUEUE_URL': url} if url else {}), **environment})
        lines = [line for line in ended.stdout.splitlines() if line.startswith('{')]
        assert ended.returncode == 0 and lines, f'{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}\nworker:\n{self.worker.text()[-3000:]}'
        return json.loads(lines[-1])

    def noted(self):
        return Counter(self.notes.read_text().split())

    def restarts(self):
        return self.worker.text().count('started again')

    def stop(self):
        self.worker.stop(10)


@pytest.fixture
def queue(request):
    return request.module.QUEUE


@pytest.fixture
def runs(queue, system, tmp_path, authority):
    """runs(url, ...) starts a worker and waits for it; all are ended."""
    made = []

    def start(url, wait=True, **options):
        made.append(Run(queue, system, tmp_path / f'run{len(made)}', url, authority, **options))
        return made[-1].wait() if wait else made[-1]
    yield start
    for one in made:
        one.stop()


def python_query(authority):
    return f'?ssl_ca_certs={authority.ca}'


def test_its_whole_script_under_its_template(queue, make_keyward, issuer, runs, matrix):
    server = make_keyward(policies=queue.policy()).start()
    run = runs(keyward_url(server, issuer.token(queue.subject, [queue.name]), query=python_query(server.authority)))
    began = time.time()
    told = run.drive('suite')
    seconds = time.time() - began
    run.stop()
    no_refusals(server)
    did = {what for who, what in who_did_what(server) if who == queue.subject}
    assert did and all(who == queue.subject for who, _ in who_did_what(server))
    matrix.cell(queue.name, 'template', f'{len(told["parts"])} parts ({", ".join(told["parts"])}), zero refusals', seconds=round(seconds, 1))
    matrix.cell(queue.name, 'trail', f'every write stands under {queue.subject}: {", ".join(sorted(did)[:8]).replace("|", " ")}{" ..." if len(did) > 8 else ""}')
    ended_well(server)


@pytest.mark.full
def test_what_is_foreign_stays_out(queue, make_keyward, issuer, runs, matrix):
    server = make_keyward(policies=queue.policy()).start()
    token = issuer.token(queue.subject, [queue.name])
    run = runs(keyward_url(server, token, query=python_query(server.authority)))
    key = plant(server.redis)
    told = run.drive('foreign')
    until(lambda: run.noted()['-1'], 30, 'a job that was added after the refusals')
    with server.login(token, protocol=3) as client:
        tried = all_refused(client, queue.own, key, names=queue.foreign, allowed=queue.allowed)
    denied = refused(server)
    assert len(denied) >= told['refused'] and {who for who, *_ in denied} == {queue.subject}
    with server.redis.admin() as admin:
        assert admin('GET', key) == b'of another team'
    matrix.cell(queue.name, 'foreign', f'{told["refused"]} attempts by its own library and {tried} on one connection: each refused or filtered, '
                f'{len(denied)} refusals in the trail under {queue.subject}; a job added afterwards ran')
    ended_well(server)


@pytest.mark.full
def test_its_example(queue, system, binary, tmp_path):
    """examples/NAME/run, as its README says."""
    for name in ('through-keyward', queue.name):
        place = ROOT / 'examples' / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, tmp_path / name)
    modules = os.environ.get('KEYWARD_NODE_MODULES', str(system.place.parents[1] / 'node/node_modules'))
    (tmp_path / 'node_modules').symlink_to(modules)  # imports are looked up from where a file lies
    path = f'{system.place / "venv/bin"}:{binary.parent}:{os.environ["PATH"]}'
    ended = subprocess.run([tmp_path / queue.name / 'run'], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, PATH=path))
    assert 'results: [0, 2, 4, 6, 8]' in ended.stdout.replace(',', ', ').replace(',  ', ', '), ended.stdout[-2000:] + ended.stderr[-2000:]
    assert ended.stdout.endswith('refusals: 0\n'), ended.stdout


class Killer:
    """Every two seconds: all connections between Keyward and Redis, then all between clients and Keyward."""

    def __init__(self, redis, relay):
        self.redis, self.relay, self.upstream, self.last, self.over = redis, relay, 0, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        turn = 0
        with self.redis.admin() as admin:
            while not self.over.wait(1):
                turn += 1
                if turn % 2:
                    self.upstream += admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') + admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
                else:
                    self.relay.cut()
                self.last = time.time()

    def stop(self):
        self.over.set()
        self.thread.join(10)


def under_fire(queue, runs, redis, port, url_of, count):
    """`count` jobs while connections are killed; (lost, doubled, killed upstream, cut clients, seconds after the last kill, restarts)."""
    relay = Relay(port)
    try:
        run = runs(url_of(relay.port), again=True, pause=10 / count, QUEUE_JOB_TIMEOUT='2')
        killer = Killer(redis, relay)
        driver = threading.Thread(target=lambda: run.drive('flood', count))
        driver.start()
        end = time.time() + 12
        while driver.is_alive() and time.time() < end:
            time.sleep(0.1)
        killer.stop()
        until(lambda: len(run.noted()) >= count or not driver.is_alive() or time.time() > killer.last + 45, 60, 'the end of the jobs', 0.05)
        seconds = time.time() - killer.last
        noted = run.noted()
        lost = [n for n in range(count) if str(n) not in noted]
        doubled = sum(1 for times in noted.values() if times > 1)
        restarts = run.restarts()
        run.stop()
        return len(lost), doubled, killer.upstream, relay.cuts, seconds, restarts
    finally:
        relay.stop()


@pytest.mark.full
@pytest.mark.timeout(300)
def test_no_job_is_lost_while_connections_are_killed(queue, make_keyward, issuer, direct, runs, matrix):
    server = make_keyward(policies=queue.policy()).start()
    token, query, count = issuer.token(queue.subject, [queue.name]), python_query(server.authority), queue.fire
    lost, doubled, upstream, cut, seconds, restarts = under_fire(
        queue, runs, server.redis, server.port, lambda port: f'rediss://default:{token}@localhost:{port}/0{query}', count)
    assert upstream >= 4 and cut >= 4
    assert lost <= (upstream + cut if queue.once else 0), f'{lost} jobs were lost'
    no_refusals(server)
    text = (f'{count} jobs, {upstream} upstream and {cut} client connections killed: {lost} lost, {doubled} twice'
            + (f', all done {seconds:.1f} s after the last kill' if not lost else ''))
    if restarts:
        text += f'; the worker ended {restarts} times and was started again'
    if queue.once:
        there = under_fire(queue, runs, direct, direct.tls_port, lambda port: f'rediss://{direct.user}:{direct.password}@localhost:{port}/0{query}', count)
        text += f' (without Keyward: {there[0]} lost, {there[1]} twice: it takes jobs at most once)'
    assert seconds < queue.patience or lost
    matrix.cell(queue.name, 'kill', text, lost=lost, doubled=doubled, upstream=upstream, clients=cut, seconds=round(seconds, 1))
    ended_well(server)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_a_fixed_token_after_its_end(queue, make_keyward, issuer, runs, matrix, tmp_path):
    """First with the token in the URL, which ends for good; then behind an agent whose file gets a new one late."""
    server = make_keyward(policies=queue.policy(), limits={'expiry_grace': '1s'}).start()
    run = runs(keyward_url(server, issuer.token(queue.subject, [queue.name], ttl=6), query=python_query(server.authority)), again=True)
    bad = lambda: [r for r in server.trail.logins(ok=False)]
    until(bad, 40, 'a refused login in the trail', 0.2)
    began, before = time.time(), len(bad())
    time.sleep(8)
    rate = (len(bad()) - before) / (time.time() - began)
    told = run.worker.text()
    assert any(word in told for word in ('WRONGPASS', 'NOAUTH', 'nvalid username', 'uthentication')), told[-2000:]
    run.stop()
    assert rate < 100, f'{rate} refused logins a second'
    made = []
    file = TokenFile(tmp_path / 'late.jwt', lambda ttl: made.append(1) or issuer.token(queue.subject, [queue.name], ttl=ttl if len(made) == 1 else 3600),
                     6, part=1e9 / 6)
    agent = Agent(tmp_path / 'agent', server, ['--token-file', file.path]).start()
    try:
        late = runs(agent.url, again=True, wait=False)
        time.sleep(9)  # the token has ended, and the file still has the old one
        driver = threading.Thread(target=lambda: late.drive('flood', 20, url=keyward_url(
            server, issuer.token(queue.subject, [queue.name]), query=python_query(server.authority))))
        driver.start()
        file.write()
        began = time.time()
        until(lambda: len([n for n in late.noted() if int(n) < 20]) == 20, 60, f'the jobs after the renewal\n{late.worker.text()[-1500:]}')
        recovered = time.time() - began
        driver.join(60)
        restarts = late.restarts()
        late.stop()
    finally:
        file.stop()
        agent.stop()
    no_refusals(server)
    matrix.cell(queue.name, 'static', f'{rate:.1f} refused logins a second, each in the trail; behind the agent work went on {recovered:.1f} s after a '
                f'new token lay in the file{f" ({restarts} restarts by the supervisor)" if restarts else ""}', rate=round(rate, 2), seconds=round(recovered, 1))
    ended_well(server)


ROUNDS = int(os.environ.get('KEYWARD_ROUNDS', '9'))


@pytest.mark.full
@pytest.mark.timeout(900)
def test_direct_and_through_keyward(queue, make_keyward, issuer, direct, runs, matrix, tmp_path):
    """Jobs that do nothing, and jobs that take 10 ms of a worker's time; both ways in turns. A ratio is the median of those of the pairs.
    Keyward stands beside its Redis as deploy/README.md says: by the unix socket, one shard."""
    server = make_keyward(policies=queue.policy(), shards=1, upstream='unix').start()
    token, query = issuer.token(queue.subject, [queue.name]), python_query(server.authority)
    ways = {'direct': (direct.url(query=query), direct.tls_port, direct.user, direct.password),
            'keyward': (keyward_url(server, token, query=query), server.port, 'default', token)}

    def compare(count, rounds, **environment):
        waiting = {way: runs(url, **environment) for way, (url, *_) in ways.items()}

        def flood(way, jobs=count):
            waiting[way].notes.write_text('')
            seconds = waiting[way].drive('flood', jobs)['seconds']
            assert len(waiting[way].noted()) == jobs
            return seconds
        for way in ways:
            flood(way, max(count // 10, 1))  # what starts slowly has started
        times, trips = {way: [] for way in ways}, {}
        for turn in range(rounds):
            for way in list(ways) if turn % 2 else list(ways)[::-1]:
                times[way].append(flood(way))
        for way, (_, port, user, password) in ways.items():
            folder = tmp_path / f'probe-{way}-{len(environment)}'
            folder.mkdir()
            probe = Probe(folder, port, server.authority, user, password, queue.probe, 3)
            flood(way)
            trips[way] = probe.result()
            waiting[way].stop()
        pairs = sorted(through / without for through, without in zip(times['keyward'], times['direct']))
        rate = {way: count / statistics.median(list_) for way, list_ in times.items()}
        ratio = statistics.median(pairs)
        text = (f'{rate["direct"]:.0f} jobs/s direct, {rate["keyward"]:.0f} through Keyward, {ratio:.2f} x the time (median of {rounds} pairs in turns, '
                f'{pairs[0]:.2f} to {pairs[-1]:.2f}), round trips beside them p50/p99 {trips["direct"]["p50_ms"]}/{trips["direct"]["p99_ms"]} and '
                f'{trips["keyward"]["p50_ms"]}/{trips["keyward"]["p99_ms"]} ms')
        return text, {'count': count, 'ratio': round(ratio, 3), 'times': times, **trips}
    working, of_work = compare(min(queue.flood, 1000), ROUNDS, QUEUE_WORK='0.01')
    empty, of_nothing = compare(queue.flood, ROUNDS)
    matrix.cell(queue.name, 'direct', f'jobs of 10 ms: {working}; jobs that do nothing: {empty}', working=of_work, empty=of_nothing)
    assert of_work['ratio'] <= 1.05, of_work
    assert of_nothing['ratio'] < 2, of_nothing
    no_refusals(server)
    ended_well(server)
