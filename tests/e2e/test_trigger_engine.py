"""Triggers with an HTTP target of the test's own: what a verified publisher causes starts once, everything else is a dead letter,
and instances that die lose and double nothing."""
import json
import os
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis

from rig.keyward import run
from rig.process import until

EVENTS = int(os.environ.get('KEYWARD_TRIGGER_ENGINE_EVENTS', '300'))
POLICY = """
apiVersion: keyward/v1
team: shop
owners: [e2e@example.com]
grants:
  - name: publisher
    who: [{issuer: local, groups: [publishers]}]
    allow:
      - {commands: ["@read", "@write", "@transaction", "-@dangerous"], keys: ["shop:*"]}
      - {commands: [publish], channels: ["shop:*"]}
  - name: guest
    who: [{issuer: local, groups: [guests]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["shop:*"]}
triggers:
  - name: orders
    source: {stream: "shop:orders"}
    from: [publisher]
    target: {kind: http, via: hooks, path: /orders, type: shop.order, timeout: 2s}
    input: {order: "{{fields.order}}", by: "{{principal}}", run: "{{name}}"}
    retry: {attempts: 3, first: 20ms, most: 50ms}
    breaker: {failures: 50, pause: 100ms}
    dead_letter: {stream: "shop:dead"}
  - name: jobs
    source: {channel: "shop:jobs"}
    from: [publisher]
    target: {kind: http, via: hooks, path: /jobs}
    input: "{{json message}}"
    dead_letter: {stream: "shop:dead"}
  - name: timers
    source: {expired: "shop:timer:*"}
    from: [publisher]
    target: {kind: http, via: hooks, path: /timers}
    input: {key: "{{key}}"}
    dead_letter: {stream: "shop:dead"}
"""


class Hooks:
    """Takes CloudEvents and remembers them; what it is told to answer by order number, else 202."""

    def __init__(self):
        self.calls, self.answers, self.lock = [], {}, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                data = body.get('data', body)
                with outer.lock:
                    outer.calls.append((self.path, body, time.time()))
                status = outer.answers.get(data.get('order') if isinstance(data, dict) else None, 202)
                self.send_response(status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = {'triggers': {'claim_after': '1s', 'connections': [
            {'name': 'hooks', 'kind': 'http', 'url': f'http://127.0.0.1:{self.server.server_port}', 'internal': True}]}}

    def data(self, path):
        with self.lock:
            return [body.get('data', body) for where, body, _ in self.calls if where == path]

    def ids(self, path):
        with self.lock:
            return [body['id'] for where, body, _ in self.calls if where == path]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hooks():
    server = Hooks()
    yield server
    server.stop()


@pytest.fixture
def server(make_keyward, hooks):
    return make_keyward(policies={'shop.yaml': POLICY}, more=hooks.config).start()


@pytest.fixture
def connect(issuer):
    opened = []

    def connect(server, group='publishers', subject='alice'):
        client = redis.Redis(host='localhost', port=server.port, ssl=True, ssl_ca_certs=str(server.authority.ca),
                             password=issuer.token(subject, [group]))
        opened.append(client)
        return client
    yield connect
    for client in opened:
        client.close()


def letters(server):
    with server.redis.admin() as admin:
        found = [dict(zip(fields[::2], fields[1::2])) for _, fields in admin('XRANGE', 'shop:dead', '-', '+')]
    return [{name.decode(): value.decode(errors='replace') for name, value in one.items()} for one in found]


def pending(server, stream='shop:orders'):
    with server.redis.admin() as admin:
        return admin('XPENDING', stream, 'keyward')[0]


def facts(server, kind):
    return [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == kind]


def test_each_source_starts_what_its_rule_says(server, connect, hooks):
    client = connect(server)
    entry = client.xadd('shop:orders', {'order': '42', 'total': '9.90'}).decode()
    client.publish('shop:jobs', '{"job": [1, 2]}')
    client.set('shop:timer:1', 'x', px=300)
    client.set('shop:timer:2', 'x', px=300)
    client.delete('shop:timer:2')
    until(lambda: hooks.data('/orders') and hooks.data('/jobs') and hooks.data('/timers'), 10, 'three starts')
    assert hooks.data('/orders') == [{'order': '42', 'by': 'local:alice', 'run': f'orders-{entry}'}]
    assert hooks.ids('/orders') == [f'orders-{entry}']
    assert hooks.data('/jobs') == [{'job': [1, 2]}]
    until(lambda: pending(server) == 0, 5, 'an acknowledgement')
    time.sleep(0.5)
    assert hooks.data('/timers') == [{'key': 'shop:timer:1'}] and letters(server) == []
    started = until(lambda: len(facts(server, 'trigger_started')) == 3 and facts(server, 'trigger_started'), 5, 'records')
    order = next(r for r in started if f'orders-{entry}' in r['api']['operation'])
    assert order['class_uid'] == 6003 and order['actor']['user']['name'] == 'local:alice'
    assert order['unmapped']['keyward']['grant'] == 'publisher'
    assert order['unmapped']['keyward']['rule'].startswith('shop.yaml:')
    assert server.metric('keyward_trigger_started_total{rule="orders"}') == 1
    assert server.metric('keyward_trigger_lag_seconds_count{rule="orders"}') == 1


def test_what_nobody_vouches_for_is_a_dead_letter(server, connect, hooks):
    connect(server, 'guests', 'bob').xadd('shop:orders', {'order': '1'})
    client = connect(server)
    client.xadd('shop:orders', {'order': '2'})
    with server.redis.admin() as admin:
        admin('XADD', 'shop:orders', '*', 'order', '3')
        (_, genuine), = [one for one in admin('XRANGE', 'shop:orders', '-', '+') if one[1][1] == b'2']
        admin('XADD', 'shop:orders', '*', *genuine)  # a copy
        admin('XADD', 'shop:orders', '*', b'order', b'4', *genuine[2:])  # altered
        admin('XADD', 'keyward:fleet:trigger:jobs:events', '*', *genuine)  # moved
    until(lambda: len(letters(server)) == 5, 10, 'the dead letters')
    until(lambda: len(hooks.calls) == 1, 5, 'the one that is genuine')
    assert hooks.data('/orders')[0]['order'] == '2'
    assert sorted((one['keyward-rule'], one['keyward-reason'], one.get('order')) for one in letters(server)) == [
        ('jobs', 'forged', '2'), ('orders', 'absent', '1'), ('orders', 'absent', '3'), ('orders', 'copied', '2'),
        ('orders', 'forged', '4')]
    assert not any('attestation' in name for one in letters(server) for name in one)
    until(lambda: len(facts(server, 'trigger_refused')) == 5, 5, 'the records')
    assert all(r['class_uid'] == 6003 and r['action_id'] == 2 for r in facts(server, 'trigger_refused'))
    assert pending(server) == 0


def test_answers_decide_between_done_again_and_dead(server, connect, hooks):
    hooks.answers = {'busy': 503, 'wrong': 400}
    client = connect(server)
    for order in ('busy', 'wrong', 'good'):
        client.xadd('shop:orders', {'order': order})
    client.xadd('shop:orders', {'other': 'x'})
    until(lambda: len(letters(server)) == 3, 10, 'the dead letters')
    assert Counter(one['order'] for one in hooks.data('/orders')) == {'busy': 3, 'wrong': 1, 'good': 1}
    said = {one.get('order', 'none'): (one['keyward-reason'], one['keyward-detail']) for one in letters(server)}
    assert said['busy'][0] == 'attempts' and '503' in said['busy'][1]
    assert said['none'] == ('input', '{{fields.order}} is not in the event')
    assert len(set(hooks.ids('/orders'))) == 3 and pending(server) == 0
    assert {r['unmapped']['keyward']['reason'] for r in facts(server, 'trigger_dead')} >= {'attempts', 'input'}


def test_a_reload_changes_rules_and_loses_nothing(server, connect, hooks):
    client = connect(server)
    client.xadd('shop:orders', {'order': 'a'})
    until(lambda: len(hooks.data('/orders')) == 1, 10, 'the first')
    server.replace_policy(POLICY.replace('path: /orders', 'path: /later'), 'shop.yaml')
    server.reload_now()
    client.xadd('shop:orders', {'order': 'b'})
    until(lambda: len(hooks.data('/later')) == 1, 10, 'the second')
    server.replace_policy(POLICY.split('triggers:')[0], 'shop.yaml')
    server.reload_now()
    assert client.xadd('shop:orders', {'order': 'c'})
    with server.redis.admin() as admin:
        assert len(admin('XRANGE', 'shop:orders', '-', '+')[-1][1]) == 2


def test_instances_share_the_work_and_die(make_keyward, connect, hooks):
    """Three instances, killed by turns while events come in: each event starts under one name, and none is left."""
    servers = []
    for number in range(3):
        servers.append(make_keyward(policies={'shop.yaml': POLICY}, shards=1,
                                    more={**hooks.config, 'instance': f'e2e-{number}'}).start())
    writer = connect(servers[0])
    for number in range(EVENTS):
        writer.xadd('shop:orders', {'order': str(number)})
        if number % (EVENTS // 4) == EVENTS // 8:
            victim = servers[1 + number % 2]
            victim.kill()
            victim.start()
    until(lambda: len(set(hooks.ids('/orders'))) == EVENTS and pending(servers[0]) == 0, 60, 'all events')
    names = Counter(hooks.ids('/orders'))
    assert len(names) == EVENTS and letters(servers[0]) == []
    assert sorted(int(one['order']) for one in {json.dumps(d): d for d in hooks.data('/orders')}.values()) == list(range(EVENTS))
    # Called twice only for want of an acknowledgement, under the name that a target knows.
    print(f'{EVENTS} events, {sum(names.values()) - EVENTS} calls repeated under their name')


def test_list_and_test_send_nothing(server, hooks):
    listed = json.loads(run('trigger', 'list', '--config', server.config_file, '--json').stdout)
    assert [one['name'] for one in listed['triggers']] == ['orders', 'jobs', 'timers']
    assert listed['triggers'][0]['stream'] == 'shop:orders' and listed['triggers'][0]['via'] == 'hooks'
    shown = run('trigger', 'test', 'orders', '--config', server.config_file, '--json', '--id', '1700000000000-1',
                '--field', 'order=7', '--principal', 'local:alice')
    assert shown.returncode == 0, shown.stderr
    shown = json.loads(shown.stdout)
    assert json.loads(shown['input']) == {'order': '7', 'by': 'local:alice', 'run': 'orders-1700000000000-1'}
    assert shown['method'] == 'POST' and shown['url'].endswith('/orders')
    wrong = run('trigger', 'test', 'orders', '--config', server.config_file, '--field', 'x=1')
    assert wrong.returncode == 1 and '{{fields.order}} is not in the event' in wrong.stderr
    assert "did you mean 'orders'" in run('trigger', 'test', 'order', '--config', server.config_file).stderr
    assert hooks.calls == []
