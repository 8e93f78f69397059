"""Events through instances of Keyward that die, and what came of them: the load of tests/e2e/test_triggers.py and of tests/systems/stepfunctions."""
import random
import threading
import time

from rig.process import until
from rig.resp import Closed, RespError, encode

BATCH = 100


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

    def __init__(self, servers, redis, token, stream='shop:orders'):
        self.servers, self.redis, self.token, self.stream, self.client = servers, redis, token, stream, None

    def order(self, number):
        return encode('XADD', self.stream, '*', 'order', number)

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
            newest = admin('XREVRANGE', self.stream, '+', '-', 'COUNT', 3 * BATCH)
        there = {words[words.index(b'order') + 1] for _, words in newest}
        return [number for number in numbers if str(number).encode() not in there]


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


class Load:
    """`events` orders through three instances that are killed at random, to a rig.step_functions. `strangers`: tokens whose entries nobody
    vouches for: an order 'around' of each, and one written around Keyward, for each thousand orders."""

    def __init__(self, servers, redis, target, token, stream, dead, strangers=()):
        self.servers, self.redis, self.target, self.token = servers, redis, target, token
        self.stream, self.dead, self.strangers = stream, dead, strangers

    def unvouched(self):
        with self.redis.admin() as admin:
            admin('XADD', self.stream, '*', 'order', 'around')
        for token in self.strangers:
            Publisher(self.servers, self.redis, token, self.stream).publish(['around'])

    def run(self, events, rate, kills_every):
        """Checks that each was started once and nothing else was; numbers of the run."""
        publisher, killer = Publisher(self.servers, self.redis, self.token, self.stream), Killer(self.servers, kills_every)
        began = time.monotonic()
        killer.start()
        for first in range(0, events, BATCH):
            publisher.publish(range(first, min(first + BATCH, events)))
            if first % (10 * BATCH) == 0:
                self.unvouched()
            while time.monotonic() - began < first / rate:
                time.sleep(0.01)
        until(lambda: len(self.target.executions()) >= events, 120, f'{events} executions')
        seconds = time.monotonic() - began
        killer.stop()
        until(lambda: pending(self.redis, self.stream) == 0, 60, 'the last acknowledgement')
        time.sleep(1)
        told = self.check(self.target.executions(), events)
        told.update(events=events, seconds=round(seconds, 1), kills=killer.kills, answers=dict(self.target.stop()))
        print(f'\n{events} executions in {seconds:.0f} s ({events / seconds:.0f} a second), {killer.kills} kills, lag p50 {told["lag_p50_ms"]} ms, '
              f'p99 {told["lag_p99_ms"]} ms, largest {told["lag_most_ms"]} ms; answers: {told["answers"]}')
        assert killer.kills >= 1
        return told

    def check(self, executions, events):
        orders = [document['order'] for _, _, document in executions]
        assert len(orders) == events and set(orders) == {str(number) for number in range(events)}
        stream = entries(self.redis, self.stream)
        around = [entry for entry, fields in stream if fields['order'] == b'around']
        attested = {f'orders-{entry}' for entry, fields in stream if 'keyward-attestation' in fields}
        assert {name for _, name, _ in executions} == attested and len(stream) == events + len(around)
        dead = entries(self.redis, self.dead)
        assert {fields.get('order', b'') for _, fields in dead} <= {b'around'} and len(dead) >= len(around), dead[:3]
        lags = sorted(when - int(name.split('-')[-2]) for when, name, _ in executions)
        return {'around': len(around), 'dead': len(dead), 'lag_p50_ms': percentile(lags, .5), 'lag_p99_ms': percentile(lags, .99),
                'lag_most_ms': lags[-1]}
