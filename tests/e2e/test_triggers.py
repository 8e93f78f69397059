"""Triggers end to end: events through Keyward start executions, once each, whatever dies on the way.

Short by default; KEYWARD_TRIGGER_EVENTS=100000 is the long form, KEYWARD_TRIGGER_RATE events a second at most.
"""
import json
import os
import re
from pathlib import Path

import pytest

from rig.moto import Moto
from rig.process import ROOT, until
from rig.step_functions import ACCESS_KEY, MACHINE, SECRET_KEY, TOKEN, StepFunctions
from rig.trigger_load import Load, Publisher, at_aws, credentials, entries, pending

EVENTS = int(os.environ.get('KEYWARD_TRIGGER_EVENTS', '400'))
RATE = int(os.environ.get('KEYWARD_TRIGGER_RATE', '400'))
INSTANCES = 3

POLICY = """
apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: producer
    who: [{issuer: local, groups: [app]}]
    allow:
      - commands: [xadd, publish, set, expire, ping]
        keys: ["shop:*"]
        channels: ["shop:*"]
  - name: other
    who: [{issuer: local, groups: [other]}]
    allow:
      - commands: [xadd, ping]
        keys: ["shop:*"]
triggers:
  - name: orders
    source: {stream: "shop:orders"}
    from: [producer]
    target: {kind: step_functions, via: aws, state_machine: "MACHINE", timeout: 5s}
    input: {order: "{{fields.order}}"}
    concurrency: 64
    retry: {attempts: 100, first: 50ms, most: 500ms}
    breaker: {failures: 50, pause: 200ms}
    dead_letter: {stream: "shop:dead", keep: 1000000}
  - name: placed
    source: {stream: "shop:placed"}
    from: [producer]
    target: {kind: event_bridge, via: aws, bus: orders, source: shop.orders, detail_type: OrderPlaced}
    input: {id: "{{id}}", order: "{{fields.order}}", by: "{{principal}}"}
    retry: {attempts: 100, first: 50ms, most: 500ms}
    dead_letter: {stream: "shop:dead"}
  - name: lost
    source: {stream: "shop:lost"}
    from: [producer]
    target: {kind: event_bridge, via: aws, bus: nobody, source: shop.orders, detail_type: OrderPlaced}
    retry: {attempts: 3, first: 50ms, most: 500ms}
    dead_letter: {stream: "shop:dead"}
"""


def policy(machine=MACHINE):
    return {'shop.yaml': POLICY.replace('MACHINE', machine)}


@pytest.fixture
def step_functions(tmp_path, monkeypatch):
    credentials(monkeypatch, ACCESS_KEY, SECRET_KEY, TOKEN)
    started = []

    def start(**options):
        started.append(StepFunctions(tmp_path / f'sfn{len(started)}', **options))
        return started[-1]
    yield start
    for one in started:
        one.stop()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_event_starts_one_execution_whatever_is_killed(make_keyward, redis_server, issuer, step_functions):
    target = step_functions(faults=0.03, close=0.5)
    servers = [make_keyward(policies=policy(), more={'instance': f'kw-{at}', **at_aws(f'http://127.0.0.1:{target.port}')}).start()
               for at in range(INSTANCES)]
    load = Load(servers, redis_server, target, issuer.token('app-1', ['app']), 'shop:orders', 'shop:dead')
    load.run(EVENTS, RATE, (0.4, 1.2) if EVENTS < 5000 else (2, 6))
    for server in servers:
        assert server.stop() == 0, server.process.text()[-2000:]
        verdict = server.trail.verify()
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.fixture
def moto():
    python = Path(os.environ.get('KEYWARD_MOTO_PYTHON', ROOT / '.venv/moto/bin/python'))
    if not python.exists():
        pytest.fail(f'{python} does not exist: scripts/test makes it')
    server = Moto(python)
    yield server
    server.stop()


@pytest.fixture
def at_moto(make_keyward, moto, monkeypatch):
    """A Keyward with moto for AWS, and the right secret or another one."""
    def start(secret=moto.secret):
        credentials(monkeypatch, moto.key, secret)
        return make_keyward(policies=policy(moto.machine), more=at_aws(moto.url)).start()
    return start


def test_moto_verifies_the_signatures(at_moto, redis_server, issuer, moto):
    server = at_moto()
    Publisher([server], redis_server, issuer.token('app-1', ['app'])).publish(range(50))
    until(lambda: len(entries(redis_server, 'shop:orders')) == 50, 5, 'the events')
    until(lambda: pending(redis_server, 'shop:orders') == 0, 30, 'the acknowledgements')
    assert not entries(redis_server, 'shop:dead')
    started = moto.executions()
    assert sorted(json.loads(text)['order'] for _, text in started) == sorted(str(number) for number in range(50))
    assert {name for name, _ in started} == {f'orders-{entry}' for entry, _ in entries(redis_server, 'shop:orders')}


def test_an_event_arrives_behind_event_bridge(at_moto, redis_server, issuer, moto):
    """PutEvents, signed; a rule of the bus sends it to a queue. What its pattern does not take does not arrive."""
    server = at_moto()
    publisher = Publisher([server], redis_server, issuer.token('app-1', ['app']), 'shop:placed')
    publisher.publish(range(20))
    until(lambda: pending(redis_server, 'shop:placed') == 0, 30, 'the acknowledgements')
    came = moto.messages()
    ids = {entry: fields['order'].decode() for entry, fields in entries(redis_server, 'shop:placed')}
    assert {one['detail']['id']: one['detail']['order'] for one in came} == ids and len(came) == 20
    assert {(one['source'], one['detail-type'], one['detail']['by']) for one in came} == {('shop.orders', 'OrderPlaced', 'local:app-1')}
    Publisher([server], redis_server, issuer.token('app-1', ['app']), 'shop:lost').publish(['x'])
    until(lambda: pending(redis_server, 'shop:lost') == 0 and entries(redis_server, 'shop:dead'), 30, 'a dead letter')
    (_, letter), = entries(redis_server, 'shop:dead')
    assert letter['keyward-rule'] == b'lost' and len(moto.messages()) == 20, letter


def test_moto_refuses_another_secret(at_moto, redis_server, issuer, moto):
    """That the tests above mean something. It stays pending: others may come with the right one."""
    server = at_moto('another' + moto.secret[7:])
    for stream in ('shop:orders', 'shop:placed'):
        Publisher([server], redis_server, issuer.token('app-1', ['app']), stream).publish([1])
    def tried(rule):
        told = re.search(rf'keyward_trigger_retries_total{{rule="{rule}"}} (\d+)', server.get('/metrics')[1])
        return told and int(told[1]) > 0
    until(lambda: tried('orders') and tried('placed'), 10, 'attempts')
    assert pending(redis_server, 'shop:orders') == 1 and pending(redis_server, 'shop:placed') == 1
    assert not entries(redis_server, 'shop:dead') and moto.came() == {'executions': [], 'messages': []}
