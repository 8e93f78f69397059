"""Events in Redis that start executions of Step Functions and events of EventBridge, under the template of their producers."""
import json
import time
from collections import Counter

import pytest

from rig.foreign import all_refused, plant
from rig.moto import Moto
from rig.process import until
from rig.setting import ended_well, no_refusals, refused, who_did_what
from rig.step_functions import ACCESS_KEY, MACHINE, SECRET_KEY, TOKEN, StepFunctions
from rig.trigger_load import Load, Publisher, at_aws, credentials, entries, pending

INSTANCES = 3
STREAM, DEAD = 'shop:sfn:orders', 'shop:sfn:dead'
RETRY = """
    retry: {attempts: 100, first: 50ms, most: 500ms}
    breaker: {failures: 50, pause: 200ms}
    dead_letter: {stream: "shop:sfn:dead", keep: 1000000}"""
POLICY = """
apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: shop-producer
    who: [{issuer: local, groups: [shop]}]
    template: {name: stepfunctions-bridge, grant: producer, with: {prefix: "shop:"}}
  - name: shop-reporter
    who: [{issuer: local, groups: [reporters]}]
    allow: [{commands: [xadd], keys: ["shop:sfn:orders"]}]
triggers:
  - name: orders
    source: {stream: "shop:sfn:orders"}
    from: [shop-producer]
    target: {kind: step_functions, via: aws, state_machine: "MACHINE", timeout: 5s}
    input: {order: "{{fields.order}}"}
    concurrency: 64RETRY
  - name: jobs
    source: {channel: "shop:sfn:jobs"}
    from: [shop-producer]
    target: {kind: step_functions, via: aws, state_machine: "MACHINE"}
    input: {order: "{{message}}"}RETRY
  - name: reminders
    source: {expired: "shop:sfn:timer:*"}
    from: [shop-producer]
    target: {kind: step_functions, via: aws, state_machine: "MACHINE"}
    input: {order: "{{key}}"}RETRY
  - name: placed
    source: {stream: "shop:sfn:placed"}
    from: [shop-producer]
    target: {kind: event_bridge, via: aws, bus: orders, source: shop.orders, detail_type: OrderPlaced}
    input: {id: "{{id}}", order: "{{fields.order}}", by: "{{principal}}"}RETRY
"""


def policy(machine=MACHINE):
    return {'shop.yaml': POLICY.replace('RETRY', RETRY).replace('MACHINE', machine)}


@pytest.fixture
def moto(system):
    server = Moto(system.python)
    yield server
    server.stop()


@pytest.fixture
def at_moto(make_keyward, moto, monkeypatch):
    """A Keyward with moto for AWS, and the right secret or another one."""
    def start(secret=moto.secret):
        credentials(monkeypatch, moto.key, secret)
        return make_keyward(policies=policy(moto.machine), more=at_aws(moto.url)).start()
    return start


def started(server):
    return [r for r in server.trail.records() if r['unmapped']['keyward'].get('kind') == 'trigger_started']


def test_every_source_under_the_template(at_moto, redis_server, issuer, moto, matrix):
    server = at_moto()
    publisher = Publisher([server], redis_server, issuer.token('alice', ['shop']), STREAM)
    publisher.publish(range(50))
    publisher.stream = 'shop:sfn:placed'
    publisher.publish(range(20))
    assert publisher.client('PUBLISH', 'shop:sfn:jobs', 'job') == 0
    for number in range(2):
        publisher.client('SET', f'shop:sfn:timer:{number}', 'x', 'PX', '300')
    assert publisher.client('DEL', 'shop:sfn:timer:1') == 1
    until(lambda: len(moto.executions()) == 52 and len(moto.messages()) == 20, 20, '52 executions and 20 events')
    for stream in (STREAM, 'shop:sfn:placed'):
        until(lambda: pending(redis_server, stream) == 0, 10, 'the acknowledgements')
    came = moto.came()
    assert Counter(json.loads(text)['order'] for _, text in came['executions']) == Counter(
        [str(number) for number in range(50)] + ['job', 'shop:sfn:timer:0'])
    assert {one['detail']['id'] for one in came['messages']} == {entry for entry, _ in entries(redis_server, 'shop:sfn:placed')}
    assert {(one['source'], one['detail-type'], one['detail']['by']) for one in came['messages']} == {('shop.orders', 'OrderPlaced', 'local:alice')}
    no_refusals(server)
    assert not entries(redis_server, DEAD)
    until(lambda: len(started(server)) == 72, 5, 'the records')
    assert {(r['actor']['user']['name'], r['unmapped']['keyward']['grant']) for r in started(server)} == {('local:alice', 'shop-producer')}
    matrix.cell('stepfunctions', 'template', '50 entries, a message, a timer started 52 executions; 20 entries went through EventBridge, whose rule '
                'put them into a queue; a timer that was deleted started nothing; moto verified each signature; no refusal')
    did = who_did_what(server)
    matrix.cell('stepfunctions', 'trail', f'XADD {did["alice", "XADD"]}, PUBLISH {did["alice", "PUBLISH"]}, SET {did["alice", "SET"]}, '
                f'DEL {did["alice", "DEL"]} and 72 starts, each under the name and the grant that caused it')
    ended_well(server)


def test_what_is_foreign_stays_out(at_moto, redis_server, issuer, moto, matrix):
    """Other keys and commands; and entries that nobody vouches for."""
    server, key = at_moto(), plant(redis_server)
    with server.login(issuer.token('alice', ['shop'])) as client:
        tried = all_refused(client, ('XADD', 'shop:sfn:news', '*', 'a', 'b'), key)
    assert len(refused(server)) == tried and {who for who, *_ in refused(server)} == {'alice'}
    Publisher([server], redis_server, issuer.token('bob', ['reporters']), STREAM).publish(['of bob'])
    Publisher([server], redis_server, issuer.token('alice', ['shop']), STREAM).publish(['good'])
    with redis_server.admin() as admin:
        admin('XADD', STREAM, '*', 'order', 'around')
        genuine = next(words for _, words in admin('XRANGE', STREAM, '-', '+') if words[1] == b'good')
        admin('XADD', STREAM, '*', *genuine)
        admin('XADD', STREAM, '*', 'order', 'altered', *genuine[2:])
    until(lambda: len(entries(redis_server, DEAD)) == 4 and pending(redis_server, STREAM) == 0, 10, 'the dead letters')
    said = sorted((fields['order'], fields['keyward-reason']) for _, fields in entries(redis_server, DEAD))
    assert said == [(b'altered', b'forged'), (b'around', b'absent'), (b'good', b'copied'), (b'of bob', b'absent')]
    assert [json.loads(text)['order'] for _, text in moto.executions()] == ['good']
    matrix.cell('stepfunctions', 'foreign', f'{tried} attempts of a producer refused, each recorded under its name, its connection went on; an entry '
                'of another grant, one around Keyward, a copy, an altered one: four dead letters, recorded, no execution')
    ended_well(server)


def test_another_secret(at_moto, redis_server, issuer, moto, matrix):
    """Nothing starts, nothing is lost: with the right one it goes on."""
    server = at_moto('another' + moto.secret[7:])
    Publisher([server], redis_server, issuer.token('alice', ['shop']), STREAM).publish(range(5))
    time.sleep(2)
    assert pending(redis_server, STREAM) == 5 and not entries(redis_server, DEAD) and not moto.executions()
    assert server.stop() == 0
    server = at_moto()
    until(lambda: pending(redis_server, STREAM) == 0, 30, 'the acknowledgements')
    assert len(moto.executions()) == 5 and not entries(redis_server, DEAD)
    matrix.cell('stepfunctions', 'trigger', 'moto refuses the signature of a wrong secret: 5 events waited, tried again and again; after a start with '
                'the right one 5 executions', variant='a wrong secret')
    ended_well(server)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_events(make_keyward, redis_server, issuer, tmp_path, monkeypatch, matrix):
    credentials(monkeypatch, ACCESS_KEY, SECRET_KEY, TOKEN)
    target = StepFunctions(tmp_path / 'sfn', faults=0.03, close=0.5)
    servers = [make_keyward(policies=policy(), more={'instance': f'kw-{at}', **at_aws(f'http://127.0.0.1:{target.port}')}).start()
               for at in range(INSTANCES)]
    try:
        load = Load(servers, redis_server, target, issuer.token('alice', ['shop']), STREAM, DEAD, [issuer.token('bob', ['reporters'])])
        told = load.run(100_000, 400, (2, 6))
    finally:
        target.stop()
    for server in servers:
        ended_well(server)
    answers = ', '.join(f'{name} {count:,}' for name, count in sorted(told['answers'].items()))
    matrix.cell('stepfunctions', 'kill', f'100,000 events in {told["seconds"]:.0f} s by three instances, killed {told["kills"]} times at random: 100,000 '
                f'executions, none twice, none unattested; {told["around"]} entries that nobody vouches for are dead letters; lag p50 '
                f'{told["lag_p50_ms"]} ms, p99 {told["lag_p99_ms"]} ms, largest {told["lag_most_ms"] / 1000:.1f} s. Answers of the target: {answers}', **told)
