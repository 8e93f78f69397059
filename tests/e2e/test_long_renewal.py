"""Celery, BullMQ and a redis-py subscriber at once, for many lifetimes of their tokens, without a lost or doubled result: by
renewal in place, and a Celery and a BullMQ that cannot renew behind `keyward agent`.

KEYWARD_RENEWAL_MINUTES=30 is the long form, on tokens of 60 s; by default half a minute on tokens of a few seconds."""
import json
import os
import sys
from collections import Counter

import pytest

from rig.agent import Agent
from rig.examples import node_example
from rig.process import ROOT, Process, last_json
from rig.token_file import TokenFile
from test_celery import NAMED, TEMPLATE, airflow_issuer

HERE = ROOT / 'tests/e2e'
MINUTES = float(os.environ.get('KEYWARD_RENEWAL_MINUTES', '0.25'))
LONG = MINUTES >= 2
TTL = 60 if LONG else 5
PAUSE = 0.1 if LONG else 0.02
POLICY = '''
apiVersion: keyward/v1
team: steady
owners: [e2e@example.com]
grants:
  - name: bull
    who: [{issuer: ISSUER, groups: [bull]}]
    template: bullmq
  - name: news
    who: [{issuer: ISSUER, groups: [news]}]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "@pubsub", "-@dangerous"]
        keys: ["app:*"]
        channels: ["app:*"]
'''


@pytest.fixture
def files(tmp_path, issuer):
    made = {}

    def make(name, groups):
        made[name] = TokenFile(tmp_path / f'{name}.jwt', lambda ttl: issuer.token(name, groups, ttl=ttl), TTL)
        return made[name]
    make.made = made
    yield make
    for file in made.values():
        file.stop()


class CeleryRun:
    """A worker, and who sends numbered tasks; each task that ran is in `notes`."""

    def __init__(self, name, python, folder, seconds, url, backend, prefix='', **env):
        self.name, self.notes = name, folder / f'{name}.notes'
        env = {'APP_URL': url, 'APP_BACKEND': backend, 'APP_PREFIX': prefix, 'APP_NOTES': str(self.notes), 'NO_COLOR': '1',
               'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONPATH': f'{ROOT / "deploy/python"}:{HERE}', **env}
        self.worker = Process([python, '-m', 'celery', '-A', 'celery_app', 'worker', '-c', '2', '--loglevel', 'INFO', '-n', 'w@test'],
                              folder / f'{name}.worker.log', env=env, cwd=HERE)
        self.worker.expect(lambda: ' ready.' in self.worker.text(), 60, 'the worker being ready')
        self.process = Process([python, HERE / 'clients/celery_steady.py', seconds, PAUSE], folder / f'{name}.out', env=env, cwd=HERE)

    def check(self, told):
        executed = Counter(self.notes.read_text().split())
        print(f'{self.name}: executed {len(executed)}')
        assert not told['trouble'] and not told['wrong']
        assert told['published'] == told['received'] == len(executed) == sum(executed.values())
        for word in ('Connection to broker lost', 'Traceback', 'Refreshing Redis pub/sub', 'not renewed', 'in place failed'):
            assert word not in self.worker.text(), self.worker.text()[-4000:]

    def stop(self):
        self.process.stop()
        self.worker.stop()


class BullRun:
    def __init__(self, name, folder, seconds, **connection):
        given = {'name': name, 'seconds': seconds, 'pause': 1000 * PAUSE, 'drain': 5 if LONG else 1, **connection}
        self.name = name
        self.process = Process(['node', HERE / 'clients/bullmq_steady.mjs', json.dumps(given)], folder / f'{name}.out')

    def check(self, told):
        assert not told['trouble'] and told['executedTwice'] == told['heardTwice'] == 0
        assert told['connects'] == told['warm']
        assert told['published'] == told['executed'] == told['heard']

    def stop(self):
        self.process.stop()


class NewsRun:
    """Subscribers of redis-py, and all else that renewal.py does."""

    def __init__(self, name, folder, seconds, server, file):
        self.name = name
        self.process = Process([sys.executable, HERE / 'clients/renewal.py', server.port, server.authority.ca, file.path, seconds, 3, name],
                               folder / f'{name}.out', env={'PYTHONPATH': str(ROOT / 'deploy/python')})

    def check(self, told):
        count = told['count']
        assert not told['trouble'] and told['connects'] == told['warm']
        assert count['published'] == count['listened'] == count['polled'] and count['pushed'] == count['popped']

    def stop(self):
        self.process.stop()


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 300)
def test_nothing_is_lost_or_doubled(make_keyward, issuer_config, files, tmp_path, old_python):
    configs, celery_groups = airflow_issuer(issuer_config)
    alias = configs[0]['alias']
    old_names = (NAMED % {'team': 'old'}).replace('issuer: local', f'issuer: {alias}')  # Celery 5.2 has no prefix of its own
    server = make_keyward(policies={'airflow.yaml': TEMPLATE.read_text(), 'steady.yaml': POLICY.replace('ISSUER', alias),
                                    'old.yaml': old_names}, issuers=configs).start()
    seconds, runs, agents = MINUTES * 60, [], []

    def agent_for(name, groups):
        """Who cannot renew goes through an agent, with a URL that has no password."""
        agents.append(Agent(tmp_path / f'{name}.agent', server, ['--token-file', files(name, groups).path]))
        return agents[-1].start()
    try:
        url = (f'rediss://localhost:{server.port}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={server.authority.ca}'
               '&credential_provider=keyward_redis.from_environment')
        runs.append(CeleryRun('celery', sys.executable, tmp_path, seconds, url, f'keyward_redis.CeleryBackend+{url}', 'airflow:',
                              KEYWARD_TOKEN_FILE=str(files('celery', celery_groups).path)))
        runs.append(BullRun('bullmq', tmp_path, seconds, port=server.port, caFile=str(server.authority.ca),
                            tokenFile=str(files('bull', ['bull']).path), module=str(node_example('ioredis', tmp_path))))
        old = agent_for('celery-5.2', ['old'])
        runs.append(CeleryRun('celery-5.2', old_python, tmp_path, seconds, old.url, old.url))
        runs.append(BullRun('bullmq-agent', tmp_path, seconds, connection={'host': '127.0.0.1', 'port': agent_for('plain', ['bull']).port}))
        runs.append(NewsRun('news', tmp_path, seconds, server, files('news', ['news'])))
        for run in runs:
            assert run.process.popen.wait(seconds + 120) == 0, f'{run.name}:\n{run.process.text()[-3000:]}'
        for run in runs:
            run.check(last_json(run.process, run.name))
        for agent in agents:
            print('agent:', agent.status())
        print(f'{MINUTES:g} minutes, tokens of {TTL} s, so many each: {[file.written for file in files.made.values()]}')
    finally:
        [one.stop() for one in (*runs, *agents)]
    denied = server.trail.denials()
    assert not denied, json.dumps(denied[0])[:1000]
    everything = server.trail.text() + server.process.text() + ''.join(log.read_text() for log in tmp_path.rglob('*.log'))
    for file in files.made.values():
        assert file.written > 4 and not any(token in everything for token in file.tokens)
    assert server.stop() == 0
