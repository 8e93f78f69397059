"""A real Celery worker with Redis as broker and result backend, through Keyward, unmodified."""
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from rig.keyward import run
from rig.process import ROOT, Process

HERE = Path(__file__).parent
TEMPLATE = ROOT / 'policies/airflow.yaml'
FLOOD = int(os.environ.get('KEYWARD_CELERY_TASKS', '300'))

# Celery 5.2 has no prefix for results: the names it uses by itself, as a team would list them.
UNPREFIXED = r'''
apiVersion: keyward/v1
team: celery-5-2
owners: [e2e@example.com]
grants:
  - name: worker
    who: [{issuer: local, groups: [airflow-workers]}]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "@scripting", "+info", "-@dangerous", "+script|load"]
        keys: ["celery", "celery\x06\x16*", "_kombu.binding.*", "unacked", "unacked_index", "unacked_mutex", "*.celery.pidbox*",
               "*.reply.celery.pidbox*", "celeryev.*", "celery-task-meta-*", "celery-taskset-meta-*", "chord-unlock-*"]
        channels: ["/0.celery.pidbox", "/0.celeryev/*", "celery-task-meta-*", "celery-taskset-meta-*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["/0.celery.pidbox", "/0.celeryev/*", "celery-task-meta-*", "celery-taskset-meta-*"]
'''


# The names as Celery makes them, below a prefix that it does not know of. The script is the release of redis-py's lock;
# those of kombu 5.7 make names from values and cannot run under a namespace.
NAMED = r'''
apiVersion: keyward/v1
team: celery-%(team)s
owners: [e2e@example.com]
grants:
  - name: worker-%(team)s
    who: [{issuer: local, groups: [%(team)s]}]
    namespace: "%(team)s:"
    scripts: ["c3f8721cbb97f72bc19e972846bd7aaf91901658"]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "+info", "+evalsha", "+script|load", "-@dangerous"]
        keys: ["*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["*"]
'''


def airflow_issuer(issuer_config):
    """The test's issuer under the alias that the template names, and the groups of its worker."""
    grants = yaml.safe_load(TEMPLATE.read_text())['grants']
    who = next(g for g in grants if g['name'] == 'airflow-worker')['who']
    entry = next(w for w in who if w.get('groups'))
    aliases = {w['issuer'] for g in grants for w in g['who'] if 'issuer' in w}
    configs = [dict(issuer_config, alias=entry['issuer'])]
    for n, alias in enumerate(sorted(aliases - {entry['issuer']})):
        configs.append(dict(issuer_config, alias=alias, issuer=f'https://unused-{n}.test'))
    return configs, entry['groups']


class Cell:
    """One Keyward, one worker, one way to run the driver."""

    def __init__(self, server, token, python, folder, prefix, visibility=3600):
        self.server, self.python, self.folder = server, python, folder
        self.env = {'APP_URL': f'rediss://default:{token}@localhost:{server.port}/0?ssl_cert_reqs=required&ssl_ca_certs={server.authority.ca}',
                    'APP_PREFIX': prefix, 'APP_VISIBILITY': str(visibility), 'PYTHONDONTWRITEBYTECODE': '1', 'NO_COLOR': '1'}
        self.worker = Process([python, '-m', 'celery', '-A', 'celery_app', 'worker', '-c', '2', '-E', '--loglevel', 'INFO', '-n', 'w@test'],
                              folder / f'worker-{os.urandom(3).hex()}.log', env=self.env, cwd=HERE)

    def wait(self):
        self.worker.expect(lambda: ' ready.' in self.worker.text(), 40, 'the worker being ready')
        return self

    def drive(self, *what, timeout=300):
        ended = subprocess.run([self.python, 'celery_driver.py', *what], capture_output=True, text=True, timeout=timeout, cwd=HERE,
                               env=dict(os.environ, **self.env), stdin=subprocess.DEVNULL)
        assert ended.returncode == 0 and ended.stdout.rstrip().endswith('done'), (
            f'{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}\nworker:\n{self.worker.text()[-3000:]}\n'
            f'denials: {json.dumps([d.get("query_info") or d for d in self.server.trail.denials()[:5]])[:3000]}')
        return ended.stdout

    def stop(self):
        self.worker.stop(20)


@pytest.fixture
def start_cell(tmp_path):
    cells = []

    def start(*arguments, **options):
        cells.append(Cell(*arguments[:3], tmp_path, *arguments[3:], **options))
        return cells[-1].wait()

    yield start
    for cell in cells:
        cell.stop()


def no_denials(server):
    denied = server.trail.denials()
    assert not denied, f'{len(denied)} refusals: {json.dumps(denied[0])[:1500]}'


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_suite_under_the_template(make_keyward, issuer, issuer_config, start_cell):
    configs, groups = airflow_issuer(issuer_config)
    server = make_keyward(policies={'airflow.yaml': TEMPLATE.read_text()}, issuers=configs).start()
    cell = start_cell(server, issuer.token('worker-1', groups), sys.executable, 'airflow:')
    print(cell.drive('suite'))
    cell.stop()
    no_denials(server)
    assert server.stop() == 0
    assert run('audit', 'verify', server.trail.folder).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_suite_with_celery_of_debian_12(make_keyward, issuer, start_cell, old_python):
    server = make_keyward(policies={'celery.yaml': UNPREFIXED}).start()
    cell = start_cell(server, issuer.token('worker-1', ['airflow-workers']), old_python, '')
    print(cell.drive('suite'))
    cell.stop()
    no_denials(server)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_teams_with_the_same_bare_names(make_keyward, issuer, start_cell, old_python):
    """The suite of two teams at once on one Redis and one database, each below a namespace, with no prefix of their own."""
    server = make_keyward(policies={f'{team}.yaml': NAMED % {'team': team} for team in ('red', 'blue')}).start()
    cells = [start_cell(server, issuer.token(f'{team}-1', [team]), old_python, '') for team in ('red', 'blue')]
    failed = []

    def drive(cell):
        try:
            print(cell.drive('suite'))
        except AssertionError as error:
            failed.append(error)
    threads = [threading.Thread(target=drive, args=[cell]) for cell in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    with server.redis.admin() as admin:
        names = admin('KEYS', '*')
    assert names and all(name.startswith((b'red:', b'blue:')) for name in names)
    for cell in cells:
        cell.stop()
    no_denials(server)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_task_is_lost_while_upstream_connections_are_killed(make_keyward, issuer, issuer_config, start_cell):
    configs, groups = airflow_issuer(issuer_config)
    server = make_keyward(policies={'airflow.yaml': TEMPLATE.read_text()}, issuers=configs).start()
    cell = start_cell(server, issuer.token('worker-1', groups), sys.executable, 'airflow:', visibility=6)
    stop, kills = threading.Event(), [0]

    def kill():
        with server.redis.admin() as admin:
            while not stop.wait(2):
                kills[0] += admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') + admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        print(cell.drive('flood', str(FLOOD)))
    finally:
        stop.set()
        killer.join()
    assert kills[0] > 5
    print(f'{kills[0]} upstream connections killed')
    cell.stop()
    no_denials(server)
    assert server.stop() == 0
    assert run('audit', 'verify', server.trail.folder).returncode == 0


OBSERVE = '''
apiVersion: keyward/v1
team: celery
owners: [e2e@example.com]
grants:
  - name: worker
    who: [{issuer: local, groups: [airflow-workers]}]
    mode: observe
    allow:
      - commands: [time]
'''


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_suite_under_what_its_own_trail_suggests(make_keyward, issuer, start_cell, tmp_path):
    token = issuer.token('worker-1', ['airflow-workers'])
    server = make_keyward(policies={'celery.yaml': OBSERVE}).start()
    cell = start_cell(server, token, sys.executable, 'airflow:')
    print(cell.drive('suite'))
    cell.stop()
    assert server.stop() == 0
    ended = run('policy', 'suggest', server.trail.folder, '--team', 'celery', '--grant', 'worker')
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    grants = yaml.safe_load(ended.stdout)['grants']
    rules = [entry for grant in grants for entry in grant['allow']]
    assert 0 < len(rules) < 25
    assert not any(word.startswith('@') for entry in rules for word in entry['commands'])
    assert not any(pattern.startswith('*') for entry in rules for kind in ('keys', 'read', 'write', 'channels')
                   for pattern in entry.get(kind, []))
    again = make_keyward(policies={'celery.yaml': ended.stdout}).start()
    cell = start_cell(again, token, sys.executable, 'airflow:')
    print(cell.drive('suite'))
    cell.stop()
    no_denials(again)
    assert again.stop() == 0
