"""Celery, BullMQ and a redis-py subscriber at once, for many lifetimes of their tokens, without a lost or doubled result.

KEYWARD_RENEWAL_MINUTES=30 is the long form, on tokens of 60 s; by default half a minute on tokens of a few seconds."""
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from rig.examples import node_example
from rig.process import ROOT, Process, last_json
from rig.token_file import TokenFile
from test_celery import TEMPLATE, airflow_issuer

HERE = ROOT / 'tests/e2e'
MINUTES = float(os.environ.get('KEYWARD_RENEWAL_MINUTES', '0.3'))
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


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 300)
def test_nothing_is_lost_or_doubled(make_keyward, issuer, issuer_config, files, tmp_path):
    configs, celery_groups = airflow_issuer(issuer_config)
    server = make_keyward(policies={'airflow.yaml': TEMPLATE.read_text(), 'steady.yaml': POLICY.replace('ISSUER', configs[0]['alias'])},
                          issuers=configs).start()
    seconds, notes = MINUTES * 60, tmp_path / 'notes'
    celery = files('celery', celery_groups)
    url = (f'rediss://localhost:{server.port}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={server.authority.ca}'
           '&credential_provider=keyward_redis.from_environment')
    env = {'APP_URL': url, 'APP_BACKEND': f'keyward_redis.CeleryBackend+{url}', 'APP_PREFIX': 'airflow:', 'APP_NOTES': str(notes),
           'KEYWARD_TOKEN_FILE': str(celery.path), 'PYTHONPATH': f'{ROOT / "deploy/python"}:{HERE}', 'NO_COLOR': '1'}
    worker = Process([sys.executable, '-m', 'celery', '-A', 'celery_app', 'worker', '-c', '2', '--loglevel', 'INFO', '-n', 'w@test'],
                     tmp_path / 'worker.log', env=env, cwd=HERE)
    worker.expect(lambda: ' ready.' in worker.text(), 60, 'the worker being ready')
    bull = {'seconds': seconds, 'pause': 1000 * PAUSE, 'drain': 5 if LONG else 1, 'port': server.port, 'caFile': str(server.authority.ca),
            'tokenFile': str(files('bull', ['bull']).path), 'module': str(node_example('ioredis', tmp_path))}
    runs = {
        'celery': Process([sys.executable, HERE / 'clients/celery_steady.py', seconds, PAUSE], tmp_path / 'celery.out', env=env),
        'bullmq': Process(['node', HERE / 'clients/bullmq_steady.mjs', json.dumps(bull)], tmp_path / 'bullmq.out'),
        'redis-py': Process([sys.executable, HERE / 'clients/renewal.py', server.port, server.authority.ca, files('news', ['news']).path,
                             seconds, 3, 'news'], tmp_path / 'redis-py.out', env={'PYTHONPATH': str(ROOT / 'deploy/python')}),
    }
    try:
        for name, process in runs.items():
            assert process.popen.wait(seconds + 120) == 0, f'{name}:\n{process.text()[-3000:]}'
        told = {name: last_json(process, name) for name, process in runs.items()}
        executed = Counter(notes.read_text().split())
        print(f'{MINUTES:g} minutes, tokens of {TTL} s: {[f.written for f in files.made.values()]}; Celery executed {len(executed)}')
        celery_told, bull_told, news = told['celery'], told['bullmq'], told['redis-py']
        assert not celery_told['trouble'] and not celery_told['wrong']
        assert celery_told['published'] == celery_told['received'] == len(executed) == sum(executed.values())
        assert not bull_told['trouble'] and bull_told['executedTwice'] == bull_told['heardTwice'] == 0
        assert bull_told['connects'] == bull_told['warm']
        assert bull_told['published'] == bull_told['executed'] == bull_told['heard']
        assert not news['trouble'] and news['connects'] == news['warm']
        count = news['count']
        assert count['published'] == count['listened'] == count['polled'] and count['pushed'] == count['popped']
        for word in ('Connection to broker lost', 'Traceback', 'Refreshing Redis pub/sub', 'not renewed', 'in place failed'):
            assert word not in worker.text(), worker.text()[-4000:]
    finally:
        [process.stop() for process in (worker, *runs.values())]
    denied = server.trail.denials()
    assert not denied, json.dumps(denied[0])[:1000]
    everything = server.trail.text() + server.process.text() + worker.text()
    for file in files.made.values():
        assert file.written > 4 and not any(token in everything for token in file.tokens)
    assert server.stop() == 0
