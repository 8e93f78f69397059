"""Triggers end to end: events through Keyward start executions, once each, whatever dies on the way.

Short by default; KEYWARD_TRIGGER_EVENTS=100000 is the long form, KEYWARD_TRIGGER_RATE events a second at most.
"""
import json
import os
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest

from rig.process import ROOT, until
from rig.resp import Closed, RespError, encode
from rig.step_functions import ACCESS_KEY, MACHINE, SECRET_KEY, TOKEN, StepFunctions

EVENTS = int(os.environ.get('KEYWARD_TRIGGER_EVENTS', '400'))
RATE = int(os.environ.get('KEYWARD_TRIGGER_RATE', '400'))
INSTANCES = 3
BATCH = 100

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
"""


def policy(machine=MACHINE):
    return {'shop.yaml': POLICY.replace('MACHINE', machine)}


def at_aws(url, **more):
    return {'triggers': {'claim_after': '1s', 'connections': [
        {'name': 'aws', 'kind': 'aws', 'region': 'eu-west-1', 'url': url, 'internal': True, **more}]}}


def credentials(monkeypatch, key, secret, token=''):
    for name, value in (('AWS_ACCESS_KEY_ID', key), ('AWS_SECRET_ACCESS_KEY', secret), ('AWS_SESSION_TOKEN', token)):
        monkeypatch.setenv(name, value)


def entries(redis, stream):
    """(id, fields) of a whole stream."""
    out, after = [], '-'
    with redis.admin() as admin:
        while True:
            page = admin('XRANGE', stream, after, '+', 'COUNT', 5000)
            for entry, words in page:
                out.append((entry.decode(), {words[at].decode(): words[at + 1] for at in range(0, len(words), 2)}))
            if len(page) < 5000:
                return out
            after = '(' + page[-1][0].decode()


def pending(redis, stream, group='keyward'):
    """How many entries were not acknowledged; nothing as long as some were not read."""
    with redis.admin() as admin:
        newest = admin('XREVRANGE', stream, '+', '-', 'COUNT', 1)[0][0]
        for words in admin('XINFO', 'GROUPS', stream):
            facts = dict(zip(words[::2], words[1::2]))
            if facts[b'name'] == group.encode() and facts[b'last-delivered-id'] == newest:
                return facts[b'pending']
    return None


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Publisher:
    """Orders 0, 1, 2 ... through instances that may die at any moment: what an instance took with it is looked for in the stream
    and published again if it is not there."""

    def __init__(self, servers, redis, token):
        self.servers, self.redis, self.token, self.client = servers, redis, token, None

    def order(self, number):
        return encode('XADD', 'shop:orders', '*', 'order', number)

    def publish(self, numbers):
        missing = list(numbers)
        while missing:
            try:
                if self.client is None:
                    self.client = random.choice(self.servers).login(self.token, timeout=5)
                self.client.send_raw(b''.join(self.order(number) for number in missing))
                for number in list(missing):
                    answer = self.client.read()
                    if isinstance(answer, RespError):
                        raise AssertionError(answer)
                    missing.remove(number)
            except (Closed, OSError, RespError):
                if self.client:
                    self.client.close()
                self.client = None
                time.sleep(0.05)
                missing = self.not_there(missing)

    def not_there(self, numbers):
        with self.redis.admin() as admin:
            newest = admin('XREVRANGE', 'shop:orders', '+', '-', 'COUNT', 3 * BATCH)
        there = {words[words.index(b'order') + 1] for _, words in newest}
        return [number for number in numbers if b'%d' % number not in there]


class Killer(threading.Thread):
    """kill -9 of an instance chosen at random, and its start. What a thread started dies with it (PR_SET_PDEATHSIG): it lives until
    stop() has started the instances anew from the caller's thread."""

    def __init__(self, servers, pause):
        super().__init__(daemon=True)
        self.servers, self.pause, self.kills, self.failure = servers, pause, 0, None
        self.over, self.last = threading.Event(), threading.Event()

    def run(self):
        pick = random.Random(3)
        try:
            while not self.over.wait(pick.uniform(*self.pause)):
                server = pick.choice(self.servers)
                server.kill()
                self.kills += 1
                time.sleep(pick.uniform(0, 0.3))
                server.start(60)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error
        self.over.wait()
        self.last.wait()

    def stop(self):
        self.over.set()
        time.sleep(3)
        for server in self.servers:
            server.kill()
            server.start(60)
        self.last.set()
        self.join(90)
        assert self.failure is None, self.failure


def report(executions, kills, calls, seconds):
    lags = [when - int(name.split('-')[-2]) for when, name, _ in executions]
    print(f'\n{len(executions)} executions in {seconds:.0f} s ({len(executions) / seconds:.0f} a second), {kills} kills, '
          f'lag p50 {percentile(lags, .5)} ms, p99 {percentile(lags, .99)} ms, largest {max(lags)} ms; answers: {dict(calls)}')


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
    publisher = Publisher(servers, redis_server, issuer.token('app-1', ['app']))
    killer = Killer(servers, (0.4, 1.2) if EVENTS < 5000 else (2, 6))
    began = time.monotonic()
    killer.start()
    around = 0
    for first in range(0, EVENTS, BATCH):
        publisher.publish(range(first, min(first + BATCH, EVENTS)))
        if first % (10 * BATCH) == 0:  # written around Keyward
            with redis_server.admin() as admin:
                admin('XADD', 'shop:orders', '*', 'order', 'around')
            around += 1
        while time.monotonic() - began < first / RATE:
            time.sleep(0.01)
    until(lambda: len(target.executions()) >= EVENTS, 120, f'{EVENTS} executions')
    seconds = time.monotonic() - began
    killer.stop()
    until(lambda: pending(redis_server, 'shop:orders') == 0, 60, 'the last acknowledgement')
    time.sleep(1)
    executions, calls = target.executions(), target.stop()
    report(executions, killer.kills, calls, seconds)

    orders = [document['order'] for _, _, document in executions]
    assert len(orders) == EVENTS and set(orders) == {str(number) for number in range(EVENTS)}
    names = {name for _, name, _ in executions}
    stream = entries(redis_server, 'shop:orders')
    attested = {f'orders-{entry}' for entry, fields in stream if 'keyward-attestation' in fields}
    assert names == attested and len(stream) == EVENTS + around
    dead = entries(redis_server, 'shop:dead')
    assert {fields.get('order', b'') for _, fields in dead} <= {b'around'} and len(dead) >= around, dead[:3]
    assert killer.kills >= 1
    for server in servers:
        assert server.stop() == 0, server.process.text()[-2000:]
        verdict = server.trail.verify()
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr


MOTO = r"""
import json, sys
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0)
server.start()
host, port = server.get_host_and_port()
url = f'http://127.0.0.1:{port}'
def client(name, **keys):
    return boto3.client(name, region_name='eu-west-1', endpoint_url=url, **(keys or {'aws_access_key_id': 'x', 'aws_secret_access_key': 'x'}))
iam = client('iam')
iam.create_user(UserName='trigger')
key = iam.create_access_key(UserName='trigger')['AccessKey']
iam.put_user_policy(UserName='trigger', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Action': ['states:*', 'events:PutEvents'], 'Resource': '*'}]}))
machine = client('stepfunctions').create_state_machine(
    name='orders', definition=json.dumps({'StartAt': 'A', 'States': {'A': {'Type': 'Pass', 'End': True}}}),
    roleArn='arn:aws:iam::123456789012:role/x')['stateMachineArn']
print(json.dumps({'url': url, 'machine': machine, 'key': key['AccessKeyId'], 'secret': key['SecretAccessKey']}), flush=True)
sys.stdin.readline()
import moto.stepfunctions.models as models
backend = models.stepfunctions_backends['123456789012']['eu-west-1']
print(json.dumps([[e.name, e.execution_input] for m in backend.state_machines for e in m.executions]), flush=True)
"""


@pytest.fixture
def moto():
    """moto's server with a state machine, and the first calls done: from here on it verifies signatures and rights."""
    python = Path(os.environ.get('KEYWARD_MOTO_PYTHON', ROOT / '.venv/moto/bin/python'))
    if not python.exists():
        pytest.fail(f'{python} does not exist: scripts/test makes it')
    process = subprocess.Popen([python, '-c', MOTO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, 'INITIAL_NO_AUTH_ACTION_COUNT': '4'})
    facts = json.loads(next(line for line in process.stdout if line.startswith('{')))  # behind what Flask says

    def executions():
        process.stdin.write('\n')
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    facts['executions'] = executions
    yield facts
    process.kill()
    process.wait()


def test_moto_verifies_the_signatures(make_keyward, redis_server, issuer, moto, monkeypatch):
    credentials(monkeypatch, moto['key'], moto['secret'])
    server = make_keyward(policies=policy(moto['machine']), more=at_aws(moto['url'])).start()
    Publisher([server], redis_server, issuer.token('app-1', ['app'])).publish(range(50))
    until(lambda: len(entries(redis_server, 'shop:orders')) == 50, 5, 'the events')
    until(lambda: pending(redis_server, 'shop:orders') == 0, 30, 'the acknowledgements')
    assert not entries(redis_server, 'shop:dead')
    started = moto['executions']()
    assert sorted(json.loads(text)['order'] for _, text in started) == sorted(str(number) for number in range(50))
    assert {name for name, _ in started} == {f'orders-{entry}' for entry, _ in entries(redis_server, 'shop:orders')}


def test_moto_refuses_another_secret(make_keyward, redis_server, issuer, moto, monkeypatch):
    """That the test above means something."""
    credentials(monkeypatch, moto['key'], 'another' + moto['secret'][7:])
    server = make_keyward(policies=policy(moto['machine']), more=at_aws(moto['url'])).start()
    Publisher([server], redis_server, issuer.token('app-1', ['app'])).publish([1])
    time.sleep(2)
    assert pending(redis_server, 'shop:orders') == 1 and not entries(redis_server, 'shop:dead')
