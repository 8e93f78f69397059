"""`keyward check --connect`: every kind of target with a good credential, with a wrong one, away; and what a rule names is not there."""
import http.server
import json
import os
import threading
from pathlib import Path

import pytest

from rig.keyward import run
from rig.moto import Moto
from rig.process import ROOT, free_port
from rig.trigger_load import credentials

DEPLOYMENT = '8c0d7e6e-41a1-4f0c-a9a0-0b8f0b8f0b8f'
THERE = ('/api/v2/dags/etl', f'/api/deployments/{DEPLOYMENT}', '/api/metadata/workflow/orders?version=2')
TARGETS = {
    'airflow': '{kind: airflow, via: web, dag: etl}',
    'prefect': '{kind: prefect, via: prefect, deployment: "%s"}' % DEPLOYMENT,
    'conductor': '{kind: conductor, via: web, workflow: orders, version: 2}',
    'hook': '{kind: http, via: web, path: /hook}',
    'machine': '{kind: step_functions, via: aws, state_machine: "MACHINE"}',
    'bus': '{kind: event_bridge, via: aws, bus: orders, source: shop, detail_type: T}',
}


def policy(targets):
    rules = [f'  - name: {name}\n    source: {{stream: "shop:{name}"}}\n    from: [producer]\n    target: {target}\n'
             '    dead_letter: {stream: "shop:dead"}' for name, target in targets.items()]
    return '\n'.join(['apiVersion: keyward/v1', 'team: shop', 'owners: [e2e@example.com]', 'grants:', '  - name: producer',
                      '    who: [{issuer: local, groups: [shop]}]', '    allow: [{commands: [xadd], keys: ["shop:*"]}]', 'triggers:', *rules]) + '\n'


class Web:
    """Airflow's, Prefect's and Conductor's answers to a question for what is there; anything else fails the test."""

    def __init__(self):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers.get('Authorization')))
                status = 401 if self.headers.get('Authorization') != 'Bearer good-token' else 200 if self.path in THERE else 404
                self.send_response(status)
                self.send_header('Content-Length', '2')
                self.end_headers()
                self.wfile.write(b'{}')

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def moto():
    python = Path(os.environ.get('KEYWARD_MOTO_PYTHON', ROOT / '.venv/moto/bin/python'))
    if not python.exists():
        pytest.fail(f'{python} does not exist: scripts/test makes it')
    server = Moto(python)
    yield server
    server.stop()


@pytest.fixture
def check(make_keyward, tmp_path):
    """check(web's port, moto's url, targets): what the verb says; no server runs."""
    secret = tmp_path / 'token'
    secret.write_text('good-token\n')
    made = []

    def check(port, aws, targets):
        if not made:
            made.append(make_keyward(policies={'shop.yaml': policy(targets)}))
        server = made[0]
        server.write_policies({'shop.yaml': policy(targets)})
        own = {'kind': 'http', 'internal': True, 'auth': 'bearer', 'secret_file': str(secret)}
        server.config['triggers'] = {'connections': [
            {'name': 'web', 'url': f'http://127.0.0.1:{port}', **own}, {'name': 'prefect', 'url': f'http://127.0.0.1:{port}/api', **own},
            {'name': 'aws', 'kind': 'aws', 'region': 'eu-west-1', 'url': aws, 'internal': True}]}
        server.config_file.write_text(json.dumps(server.config))
        told = run('check', '--connect', '--json', server.config_file)
        assert 'good-token' not in told.stdout + told.stderr and 'wrong-token' not in told.stdout + told.stderr
        found = json.loads(told.stdout)
        assert (told.returncode == 0) == found['ok'], told.stdout
        return {one['name']: one['ok'] for one in found['checked'] if one['kind'] == 'target'}, [
            one for one in found['diagnostics'] if one['level'] == 'error']
    check.secret = secret
    return check


def text(diagnostics, name):
    return next(one['what'] for one in diagnostics if f'trigger {name}: ' in one['what'])


def test_every_kind_of_target(check, web, moto, monkeypatch):
    targets = {name: target.replace('MACHINE', moto.machine) for name, target in TARGETS.items()}
    credentials(monkeypatch, moto.key, moto.secret)
    asked, wrong = check(web.port, moto.url, targets)
    # A webhook cannot be asked.
    assert asked == {'airflow': True, 'prefect': True, 'conductor': True, 'machine': True, 'bus': True} and not wrong
    assert not moto.executions() and not moto.messages()

    check.secret.write_text('wrong-token\n')
    credentials(monkeypatch, moto.key, 'another' + moto.secret[7:])
    asked, wrong = check(web.port, moto.url, targets)
    assert not any(asked.values()) and len(asked) == 5
    for name in asked:  # moto does not name the error as AWS does
        assert ('answered 403' if name in ('machine', 'bus') else 'the credential is not taken') in text(wrong, name), wrong

    check.secret.write_text('two words\n')
    credentials(monkeypatch, moto.key, moto.secret)
    asked, wrong = check(web.port, moto.url, targets)
    assert asked == {'airflow': False, 'prefect': False, 'conductor': False, 'machine': True, 'bus': True}, wrong
    assert 'no printable word' in text(wrong, 'airflow')

    check.secret.write_text('good-token\n')
    nowhere = free_port()
    asked, wrong = check(nowhere, f'http://127.0.0.1:{nowhere}', targets)
    assert not any(asked.values()) and all('refused' in text(wrong, name) for name in asked), wrong


def test_what_a_rule_names_is_not_there(check, web, moto, monkeypatch):
    credentials(monkeypatch, moto.key, moto.secret)
    targets = {'airflow': '{kind: airflow, via: web, dag: other}', 'conductor': '{kind: conductor, via: web, workflow: orders, version: 3}',
               'machine': '{kind: step_functions, via: aws, state_machine: "%sx"}' % moto.machine}
    asked, wrong = check(web.port, moto.url, targets)
    assert not any(asked.values())
    assert all('does not have what the rule names' in text(wrong, name) for name in asked), wrong
    assert 'StateMachineDoesNotExist' in text(wrong, 'machine') and 'http_404' in text(wrong, 'airflow')
    assert all(one['file'].endswith('shop.yaml') and one['line'] > 0 for one in wrong), wrong
