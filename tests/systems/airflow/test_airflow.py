"""Real Apache Airflow with CeleryExecutor, broker and result backend through Keyward."""
import json
import os
import signal
import statistics
import subprocess
import time
from collections import Counter

import pytest

from airflow_stack import EXAMPLE, Airflow, Postgres
from airflow_ways import Ways, plain
from rig.foreign import all_refused, plant
from rig.keyward import BINARY
from rig.process import TOOLS_PATH, until
from rig.probe import Probe
from rig.setting import ended_well, no_refusals, refused, who_did_what

POLICY = (EXAMPLE / 'policy.yaml').read_text()
# The template lets a session outlive its token; here it does not.
SHORT_SESSIONS = POLICY.replace('queue: default}}', 'queue: default}}\n    limits: {session: 1s}', 1)


@pytest.fixture
def ways(tmp_path, issuer):
    """ways(server, ttl=...): the token files and agents of a test, ended with it."""
    made = []

    def make(server, **options):
        made.append(Ways(tmp_path / f'ways{len(made)}', server, issuer, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def start(system, tmp_path):
    """start(redis, ...): an Airflow that is ended with the test. Says how long it took to be there."""
    running = []

    def make(redis, workers=('worker-1',), concurrency=4, **options):
        began = time.time()
        airflow = Airflow(system, tmp_path / f'airflow{len(running)}', redis, **options)
        running.append(airflow)
        for name in workers:
            airflow.worker(name, concurrency)
        airflow.ready()
        print(f'Airflow is there after {time.time() - began:.1f} s')
        return airflow

    yield make
    for airflow in running:
        airflow.stop()


def played(airflow, dag, **conf):
    began = time.time()
    tasks = airflow.play(dag, **conf)
    print(f'{dag}: {len(tasks)} tasks in {time.time() - began:.1f} s')
    return tasks


def logins(server):
    """Who logged in, and how often."""
    count = Counter(r['user']['name'] for r in server.trail.logins(ok=True))
    return 'logins: ' + ', '.join(f'{name} {n}' for name, n in sorted(count.items()))


def no_token_anywhere(server, ways):
    everything = server.trail.text() + server.process.text()
    assert not any(token in everything for token in ways.tokens())


def remote_control(airflow):
    """Verbs that broadcast to workers and wait for their answers."""
    listed = json.loads(airflow.command('celery', 'list-workers', '-o', 'json').strip().splitlines()[-1])
    assert {row['worker_name'] for row in listed} == {f'{w.name}@test' for w in airflow.workers if w.alive()}, listed
    airflow.command('celery', 'add-queue', '-q', 'night', '-H', 'worker-1@test')
    rows = json.loads(airflow.command('celery', 'list-workers', '-o', 'json').strip().splitlines()[-1])
    assert any('night' in str(row['queues']) for row in rows), rows
    airflow.command('celery', 'remove-queue', '-q', 'night', '-H', 'worker-1@test')
    return 5


def test_its_script_under_the_template(make_keyward, ways, start, matrix, full):
    """Broker and results over verified TLS by broker_url_cmd; every part of Airflow is somebody of its own."""
    server = make_keyward(policies={'airflow.yaml': POLICY}).start()
    way = ways(server)
    airflow = start(way.command, workers=('worker-1', 'worker-2') if full else ('worker-1',), triggerer=full)
    began = time.time()
    tasks = [*played(airflow, 'fan_out', width=20 if full else 3), *played(airflow, 'retries'),
             *played(airflow, 'sensors', deferred=full)]
    assert next(t for t in tasks if t['task_id'] == 'third_time_lucky')['try_number'] == 3
    seconds = time.time() - began
    controls = remote_control(airflow) if full else 0
    if full:
        airflow.command('celery', 'shutdown-worker', '-H', 'worker-2@test')
        until(lambda: not airflow.workers[1].alive(), 60, 'the end of the worker that was told to shut down')
    no_refusals(server)
    did = who_did_what(server)
    assert did['scheduler', 'LPUSH'] and did['worker-1', 'BRPOP'] and did['worker-1', 'SETEX'], did
    assert not did['worker-1', 'CONFIG'] and {who for who, _ in did} <= {'scheduler', 'worker-1', 'worker-2', 'triggerer', 'operator', 'api-server'}
    told = f'scheduler LPUSH {did["scheduler", "LPUSH"]}, ' + ', '.join(
        f'{w.name} SETEX {did[w.name, "SETEX"]}' for w in airflow.workers) + f'; {logins(server)}'
    foreign(server, way, airflow, matrix)
    no_token_anywhere(server, way)
    matrix.cell('airflow', 'template', f'{len(tasks)} tasks in {seconds:.0f} s: fan-out, retries, key sensor, pub/sub sensor, trigger, '
                f'publish operator; {controls} verbs of remote control; 0 refusals', seconds=round(seconds, 1), tasks=len(tasks))
    matrix.cell('airflow', 'trail', told)
    airflow.stop()
    ended_well(server)


def foreign(server, way, airflow, matrix):
    """By a task through the provider's hook, and with the worker's own token beside the worker."""
    key = plant(server.redis, 'payroll:salaries')
    played(airflow, 'refused')
    by_task = len(refused(server))
    assert by_task >= 7
    with server.login(way.file('worker-1').tokens[-1], protocol=3) as client:
        tried = all_refused(client, ('SET', 'airflow:own', '1', 'EX', '60'), key)
    denied = refused(server)
    assert len(denied) == tried + by_task and {who for who, *_ in denied} <= {'worker-1', 'worker-2'}, denied[:3]
    matrix.cell('airflow', 'foreign', f'{by_task} attempts of a task and {tried} with its token refused, each recorded under the worker\'s name; task and '
                'connection went on', attempts=tried + by_task)


def pushed(server, key):
    """What tasks wrote down under that prefix, around Keyward."""
    with server.redis.admin() as admin:
        return [value for name in admin('KEYS', key) for value in admin('LRANGE', name, 0, -1)]


def napping(server, airflow, seconds, times=1):
    """A run of long_task that has begun."""
    run = airflow.trigger('long_task', seconds=seconds)
    until(lambda: len(pushed(server, f'airflow:nap:{run}')) >= times, 90, 'the long task having begun')
    return run


@pytest.mark.full
def test_a_worker_killed_in_the_middle_of_a_task(make_keyward, ways, start, matrix):
    """The message it had taken comes back to the queue, and the task is tried again by the other worker."""
    server = make_keyward(policies={'airflow.yaml': POLICY}).start()
    way = ways(server)
    airflow = start(way.agent, workers=('worker-1',), triggerer=False,
                    settings={'AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT': '20'})
    run = napping(server, airflow, 12)
    began = time.time()
    first = airflow.workers[0]
    os.killpg(first.pid, signal.SIGKILL)
    kill_children(pushed(server, f'airflow:nap:{run}'))
    time.sleep(21)  # kombu looks for messages whose time is over when a worker starts, and then every 100 s
    airflow.worker('worker-2')
    tasks = airflow.wait('long_task', run, 180)
    seconds = time.time() - began
    assert tasks[0]['try_number'] == 2 and len(pushed(server, f'airflow:nap:{run}')) == 2
    with server.redis.admin() as admin:
        until(lambda: admin('HLEN', 'airflow:unacked') == 0, 60, 'every message being acknowledged')
    did = who_did_what(server)
    assert did['worker-1', 'BRPOP'] and did['worker-2', 'SETEX'] and did['worker-2', 'EVALSHA'] + did['worker-2', 'ZREVRANGEBYSCORE'], did
    no_refusals(server)
    no_token_anywhere(server, way)
    matrix.cell('airflow', 'worker', f'kill -9 of the worker and its task: tried again by the other worker, success {seconds:.0f} s after the kill; '
                'its unacknowledged message came back and was acknowledged', seconds=round(seconds, 1))
    airflow.stop()
    ended_well(server)


def kill_children(pids):
    """A task runs in a process group of its own."""
    for pid in pids:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.full
@pytest.mark.parametrize('name', ['agent', 'provider'])
def test_tokens_that_end_in_the_middle_of_a_task(make_keyward, ways, start, matrix, name):
    """Tokens of 20 s under a task of 50 s: each part is renewed in place, no connection is cut, nothing is refused."""
    server = make_keyward(policies={'airflow.yaml': SHORT_SESSIONS}, limits={'expiry_grace': '2s'}).start()
    way = ways(server, ttl=20)
    airflow = start(getattr(way, name))
    run = napping(server, airflow, 50)
    before = len(server.trail.logins(ok=True))
    played(airflow, 'sensors')
    played(airflow, 'fan_out', width=8)
    tasks = airflow.wait('long_task', run, 120)
    assert tasks[0]['try_number'] == 1
    renewals = sum(file.written for file in way.files.values())
    failed = server.trail.logins(ok=False)
    assert not failed, failed[:2]
    no_refusals(server)
    no_token_anywhere(server, way)
    said = airflow.workers[0].text()
    assert 'Connection to broker lost' not in said and 'NOAUTH' not in said and 'WRONGPASS' not in said, said[-3000:]
    matrix.cell('airflow', 'expiry', f'tokens of 20 s, a task of 50 s: first try succeeded, {renewals} tokens, no login refused, no broker connection lost '
                f'({before} logins at start)', variant={'agent': 'agent', 'provider': 'credential_provider'}[name], renewals=renewals)
    airflow.stop()
    ended_well(server)


@pytest.mark.full
def test_a_fixed_token_ends(make_keyward, ways, start, matrix):
    """broker_url_cmd is read when a process starts. After the token's end the running task still succeeds (it reports to the API server), the
    worker asks again in growing intervals, the scheduler ends; what is started anew has the new token and goes on with the same run."""
    server = make_keyward(policies={'airflow.yaml': SHORT_SESSIONS}, limits={'expiry_grace': '2s'}).start()
    way = ways(server, ttl=60, part=10)  # one token; a new one only when a part is started again
    airflow = start(way.command, triggerer=False)
    run = napping(server, airflow, 50)
    until(lambda: airflow.tasks('long_task', run)[0]['state'] == 'success', 150, 'the success of the running task', every=0.5)
    scheduler = airflow.parts['scheduler']
    until(lambda: not scheduler.alive(), 60, 'the end of the scheduler')
    assert 'AuthenticationError' in scheduler.text() and airflow.workers[0].alive()
    until(lambda: server.trail.logins(ok=False), 60, 'a login that is refused')
    time.sleep(20)
    refusals = len(server.trail.logins(ok=False))
    assert airflow.tasks('long_task', run)[0]['try_number'] == 1 and refusals < 60, refusals
    airflow.workers.pop().stop()
    way.files['scheduler'].write()
    airflow.parts['scheduler'] = airflow.run('scheduler')
    airflow.worker('worker-2')
    airflow.wait('long_task', run, 120)
    played(airflow, 'retries')
    no_token_anywhere(server, way)
    matrix.cell('airflow', 'static', f'the running task succeeded, the scheduler ended with WRONGPASS in its log, the worker asked again in growing intervals: '
                f'{refusals} logins refused and recorded; both started anew read the new token and finished the same run', refused=refusals)
    airflow.stop()
    ended_well(server)


@pytest.mark.full
def test_every_connection_is_killed_under_load(make_keyward, ways, start, matrix):
    """First those to Redis, every 3 s; then Keyward itself, so those of all clients: no task is lost."""
    server = make_keyward(policies={'airflow.yaml': POLICY}).start()
    way = ways(server)
    airflow = start(way.agent, triggerer=False)
    run = airflow.trigger('fan_out', width=24, nap=0.5)
    kills, end = 0, time.time() + 30
    while time.time() < end and airflow.state('fan_out', run) not in ('success', 'failed'):
        time.sleep(3)
        with server.redis.admin() as admin:
            kills += admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') + admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
    server.kill()
    server.start()
    began = time.time()
    until(lambda: [r for r in server.trail.logins(ok=True) if r['time'] / 1000 > began], 20, 'a login after the restart')
    recovered = time.time() - began
    tasks = airflow.wait('fan_out', run, 240)
    assert len(tasks) == 26 and all(t['state'] == 'success' for t in tasks)
    no_refusals(server)
    matrix.cell('airflow', 'kill', f'{kills} connections to Redis killed, then Keyward by kill -9: all 26 tasks succeeded, '
                f'logged in again {recovered:.1f} s after the restart', kills=kills, recovered=round(recovered, 1))
    airflow.stop()
    assert server.stop() == 0


@pytest.mark.full
def test_the_example(system, tmp_path):
    """examples/airflow/run, as its README says."""
    database = Postgres(system, tmp_path / 'postgres')
    try:
        env = {**os.environ, 'PATH': f'{BINARY.resolve().parent}:{system.place / "venv/bin"}:{TOOLS_PATH}',
               'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN': database.url, 'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC': database.async_url}
        ended = subprocess.run([str(EXAMPLE / 'run'), 'fan_out', 'retries', 'sensors'], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=400)
    finally:
        database.process.stop()
    print(ended.stdout)
    assert ended.returncode == 0 and 'refusals: 0' in ended.stdout, ended.stdout + ended.stderr


ROUNDS = int(os.environ.get('KEYWARD_ROUNDS', '8'))  # many short ones: the best of each side is the one that nothing else disturbed


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_direct_and_through_keyward(make_keyward, ways, start, direct, authority, matrix, tmp_path):
    """Two Airflows at once, the same but for what is in front of Redis, that work in turns; the probe asks beside whichever works."""
    server = make_keyward(policies={'airflow.yaml': POLICY}, shards=1, upstream='unix').start()
    way = ways(server)
    token = way.file('worker-1').tokens[-1]
    sides = {'direct': (start(plain(direct, authority), triggerer=False), direct.tls_port, direct.user, direct.password),
             'keyward': (start(way.command, triggerer=False), server.port, 'default', token)}
    for airflow, *_ in sides.values():
        airflow.play('fan_out', width=2)  # what is done only once
    width, seconds, trips = 8, {name: [] for name in sides}, {name: [] for name in sides}
    for number in range(ROUNDS):
        for name in sorted(sides, reverse=number % 2 == 1):
            airflow, port, user, password = sides[name]
            began = time.time()
            run = airflow.trigger('fan_out', width=width)
            probe = Probe(tmp_path, port, authority, user, password, 'airflow:probe', 4)
            airflow.wait('fan_out', run, 200)
            seconds[name].append(time.time() - began)
            trips[name].append(probe.result())
            print(name, f'{seconds[name][-1]:.2f} s', trips[name][-1])
    middle = {name: {part: statistics.median(trip[part] for trip in found) for part in ('p50_ms', 'p99_ms')} for name, found in trips.items()}
    took = {name: statistics.median(times) for name, times in seconds.items()}
    pairs = sorted(through / straight for straight, through in zip(seconds['direct'], seconds['keyward']))
    ratio = statistics.median(pairs)
    told = '; '.join(f'{name}: {took[name]:.1f} s, {(width + 2) / took[name]:.2f} tasks/s, round trips p50 {middle[name]["p50_ms"]:.2f} ms, p99 '
                     f'{middle[name]["p99_ms"]:.2f} ms' for name in sides)
    matrix.cell('airflow', 'direct', f'{width + 2} tasks, {ROUNDS} rounds each in turns, medians: {told}; {ratio:.3f} times the time (median of pairs, '
                f'{pairs[0]:.2f} to {pairs[-1]:.2f})', ratio=round(ratio, 3), seconds=seconds, trips=trips)
    no_refusals(server)
    assert ratio <= 1.05, seconds
