"""Access that ends before its time: by API and by verb, on every instance, whatever its connections are doing.

KEYWARD_REVOCATIONS: rounds of the measurement (default 3).
"""
import json
import os
import threading
import time

import pytest

from rig.keyward import run
from rig.process import until
from rig.resp import Closed, RespError

ROUNDS = int(os.environ.get('KEYWARD_REVOCATIONS', '3'))
LAST = (Closed, OSError, ValueError)


@pytest.fixture
def fleet(make_keyward):
    """Two instances before one Redis."""
    return [make_keyward(more={'instance': name}).start() for name in ('one', 'two')]


def revoke(server, status=201, **body):
    got, answer = server.api('POST', '/v1/revocations', {'reason': 'test', **body})
    assert got == status, answer
    return answer


def refused(server, token):
    try:
        server.login(token).close()
    except RespError as error:
        assert error.prefix == 'WRONGPASS', error
        return True
    return False


def records(server, kind):
    return [r['unmapped']['keyward'] for r in server.trail.records()
            if r.get('unmapped', {}).get('keyward', {}).get('kind') == kind]


def test_a_principal_is_out_everywhere_until_it_is_lifted(fleet, issuer):
    one, two = fleet
    bob, eve = issuer.token('bob', ['app']), issuer.token('eve', ['app'])
    clients = [server.login(bob) for server in fleet for _ in range(2)]
    with two.login(eve) as other:
        for client in [*clients, other]:
            assert client('SET', 'app:x', 1) == b'OK'
        users = set(one.redis.leased_users())
        answer = revoke(one, principal='local:bob', reason='left the team', by='alice')
        assert answer['ended_here'] == 2 and answer['shared'] is True, answer
        for client in clients:
            assert client.closed_within(1), 'still connected after a second'
        until(lambda: len(one.redis.leased_users()) == len(users) - 2, 1, 'the end of the ACL users')
        assert refused(one, bob) and refused(two, bob) and refused(two, issuer.token('bob', ['app']))
        assert other('GET', 'app:x') == b'1'
    status, listed = two.api('GET', '/v1/revocations')
    assert status == 200 and [r['principal'] for r in listed['revocations']] == ['local:bob'], listed
    status, lifted = two.api('DELETE', f"/v1/revocations/{answer['id']}", {'reason': 'a mistake'})
    assert status == 200 and lifted['lifted']['reason'] == 'a mistake', lifted
    until(lambda: not refused(one, bob), 1, 'access again')
    for server, here in ((one, True), (two, False)):
        (record,) = records(server, 'revocation')
        assert record['revocation'] == answer['id'] and record['by'] == 'api 127.0.0.1 (alice)', record
        assert record['reason'] == 'left the team' and 'principal local:bob' in record['detail'], record
        assert ('heard from the fleet' in record['detail']) is not here, record
        assert len(records(server, 'revocation_lifted')) == 1
        ended = [r for r in records(server, 'session_end') if r['reason'] == 'revoked']
        assert len(ended) == 2 and all(answer['id'] in r['detail'] for r in ended), ended
        assert {'revoked'} <= {r['reason'] for r in records(server, 'lease_delete')}
        assert {'revoked'} <= {r['reason'] for r in records(server, 'login_refused')}
        assert server.trail.verify().returncode == 0


def test_only_what_was_issued_before_a_time(fleet, issuer):
    one, two = fleet
    now = int(time.time())
    old, new = issuer.token('bob', ['app'], iat=now - 60), issuer.token('bob', ['app'], iat=now)
    with one.login(old) as before, two.login(new) as after:
        assert after('PING') == b'PONG'
        revoke(one, principal='local:bob', issued_before=now - 10)
        assert before.closed_within(1)
        time.sleep(1)
        assert after('SET', 'app:x', 1) == b'OK'
        until(lambda: refused(two, old), 1, 'the refusal')
        assert not refused(one, new)


def test_logins_that_are_on_their_way_when_it_is_asked_for(fleet, issuer):
    token, stop, last = issuer.token('bob', ['app']), threading.Event(), [0.0] * 8

    def storm(at):
        while not stop.is_set():
            try:
                with fleet[at % 2].login(token) as client:
                    if client('INCR', f'app:storm:{at}') is not None:
                        last[at] = time.time()
            except (RespError, *LAST):
                pass

    threads = [threading.Thread(target=storm, args=(at,), daemon=True) for at in range(len(last))]
    for thread in threads:
        thread.start()
    until(lambda: all(last), 5, 'logins')
    revoke(fleet[0], principal='local:bob')
    answered = time.time()
    time.sleep(1)
    assert not any(server.api('GET', '/v1/sessions?principal=local:bob')[1]['sessions'] for server in fleet)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert max(last) - answered < 1, [one - answered for one in last]
    assert not any(user for user in fleet[0].redis.leased_users())


def test_one_token_one_session_one_lease(fleet, issuer):
    one, two = fleet
    first, second = issuer.token('bob', ['app'], jti='a-1'), issuer.token('bob', ['app'], jti='a-2')
    with one.login(first) as a, two.login(first) as b, one.login(second) as c, two.login(second) as d:
        revoke(one, token='local:a-1')
        assert a.closed_within(1) and b.closed_within(1)
        assert c('SET', 'app:x', 1) == b'OK' and d('SET', 'app:x', 1) == b'OK'
        assert refused(one, first)
        status, shown = two.api('GET', '/v1/sessions?principal=local%3Abob')
        assert status == 200 and shown['instance'] == 'two' and len(shown['sessions']) == 1, shown
        (session,) = shown['sessions']
        assert session['grants'] == ['app'] and session['state'] == 'idle' and session['commands'] >= 2, session
        assert second not in json.dumps(shown) and session['redis_user'] in one.redis.leased_users()
        # asked of the instance where it is not
        status, ended = one.api('DELETE', f"/v1/sessions/{session['id']}", {'reason': 'stuck'})
        assert status == 200 and ended['ended_here'] == 0, ended
        assert d.closed_within(1) and c('GET', 'app:x') == b'1'
        with two.login(second) as again:                # a session is no identity
            assert again('GET', 'app:x') == b'1'
            lease = two.api('GET', '/v1/sessions')[1]['sessions'][0]['redis_user']
            revoke(one, lease=lease)
            assert again.closed_within(1)
        until(lambda: lease not in two.redis.leased_users(), 1, 'the end of the lease')
        with two.login(second) as anew:                 # and neither is a lease
            assert anew('GET', 'app:x') == b'1'
        assert c('GET', 'app:x') == b'1'


def test_restarts_and_flushall_forget_nothing(fleet, issuer):
    one, two = fleet
    bob = issuer.token('bob', ['app'])
    revoke(one, principal='local:bob')
    until(lambda: refused(two, bob), 1, 'the refusal')
    with one.redis.admin() as admin:
        assert admin('FLUSHALL') == b'OK'
        until(lambda: admin('HLEN', 'keyward:fleet:revocations') == 1, 3, 'its return')
        one.stop()
        two.stop()
        assert admin('FLUSHALL') == b'OK'
        two.start()                                     # from its own file
        assert refused(two, bob)
        until(lambda: admin('HLEN', 'keyward:fleet:revocations') == 1, 3, 'its return')
        (one.folder / 'audit' / 'revocations.one.json').unlink()
        one.start()                                     # from Redis
        assert refused(one, bob)
        file = two.folder / 'audit' / 'revocations.two.json'
        assert file.stat().st_mode & 0o777 == 0o600
        assert b'bob' not in b''.join(admin('HGETALL', 'keyward:fleet:revocations'))
    two.stop()
    file.write_text('{"revocations": [')
    with pytest.raises(AssertionError, match='revocations.two.json'):
        two.start()


def test_while_redis_is_away_the_last_known_list_holds(make_keyward, issuer):
    server = make_keyward().start()
    bob, eve = issuer.token('bob', ['app']), issuer.token('eve', ['app'])
    revoke(server, principal='local:bob')
    server.redis.stop()
    answer = revoke(server, principal='local:eve')
    assert answer['shared'] is False and 'note' in answer, answer
    server.redis.start()
    until(lambda: server.get('/readyz')[0] == 200, 10, 'Redis again')
    assert refused(server, bob) and refused(server, eve)
    with server.redis.admin() as admin:
        until(lambda: admin('HLEN', 'keyward:fleet:revocations') == 2, 5, 'both in Redis')


def test_bad_requests_say_what_to_write(make_keyward):
    server = make_keyward().start()
    for body, said in [({'principal': 'bob'}, 'aliases here: local'), ({'principal': 'okta:bob'}, 'aliases here: local'),
                       ({'token': 'sha256:xyz'}, '16 hex digits'), ({}, 'exactly one of'),
                       ({'principal': 'local:b', 'session': 'x'}, 'exactly one of'),
                       ({'principal': 'local:b', 'reason': ''}, '"reason"'), ({'principal': 'local:b', 'for': '3 days'}, '7d'),
                       ({'principal': 'local:b', 'until': 'yesterday'}, '2026-11-22T10:00:00Z'),
                       ({'principal': 'local:b', 'until': '2020-01-01T00:00:00Z'}, 'over already'),
                       ({'principal': 'local:b', 'for': '9000d'}, '366 days'),
                       ({'token': 'local:b', 'issued_before': 'now'}, 'belongs to a principal'),
                       ({'principle': 'local:b'}, 'none of principal')]:
        assert said in revoke(server, 400, **body)['error'], body
    assert server.api('POST', '/v1/revocations', {'principal': 'local:b'})[0] == 400
    assert server.api('DELETE', '/v1/revocations/r-0')[0] == 404
    assert server.api('DELETE', '/v1/sessions/nothing')[0] == 404
    assert server.api('PUT', '/v1/revocations')[0] == 405
    assert server.api('GET', '/v1/revocations')[1]['revocations'] == []


def test_the_verbs(make_keyward, issuer):
    server = make_keyward().start()
    place = {'env': {**os.environ, 'KEYWARD_ADMIN_URL': f'http://127.0.0.1:{server.admin_port}', 'USER': 'alice'}}
    place['env'].pop('SUDO_USER', None)
    with server.login(issuer.token('bob', ['app'])) as client:
        assert client('PING') == b'PONG'
        shown = run('sessions', **place)
        assert shown.returncode == 0 and 'local:bob' in shown.stdout and shown.stdout.startswith('ID '), shown
        answer = run('revoke', '--principal', 'local:bob', '--reason', 'left', **place)
        assert answer.returncode == 0 and '1 session ended' in answer.stdout, answer
        assert client.closed_within(1)
    listed = json.loads(run('revocations', '--json', **place).stdout)
    (entry,) = listed['revocations']
    assert entry['by'] == 'api 127.0.0.1 (alice)' and entry['reason'] == 'left', entry
    assert 'principal local:bob' in run('revocations', **place).stdout
    assert 'lifted' in run('revocations', '--lift', entry['id'], **place).stdout
    assert run('revocations', **place).stdout == 'nothing is revoked\n'
    assert 'lifted' in run('revocations', '--all', **place).stdout
    assert run('sessions', '--principal', 'local:bob', **place).stdout.startswith('nobody is logged in')
    wrong = run('revoke', '--principal', 'bob', '--reason', 'x', **place)
    assert wrong.returncode == 1 and 'aliases here: local' in wrong.stderr, wrong
    assert run('revoke', '--reason', 'x', **place).returncode == 2
    with server.login(issuer.token('eve', ['app'])) as client:
        session = json.loads(run('sessions', '--json', **place).stdout)['sessions'][0]['id']
        assert 'ends, wherever it is' in run('sessions', '--end', session, **place).stdout
        assert client.closed_within(1)
    for verb in ('revoke', 'revocations', 'sessions'):
        assert 'Example' in run(verb, '--help').stdout


# --- revoke under load

class Worker(threading.Thread):
    """One connection of the identity that is revoked; `last` is when it was last served."""

    def __init__(self, server, token, kind, key):
        super().__init__(daemon=True)
        self.client, self.kind, self.key, self.last, self.closed = server.login(token), kind, key, 0.0, None
        self.client.sock.settimeout(5)
        self.begun = threading.Event()
        self.start()

    def run(self):
        try:
            getattr(self, self.kind)()
        except LAST:
            pass
        self.closed = time.time()

    def served(self, answer):
        if isinstance(answer, RespError):
            raise Closed(str(answer))
        if answer is not None:
            self.last = time.time()
        self.begun.set()

    def idle(self):
        self.served(self.client('INCR', self.key))
        self.client.closed_within(5)                    # and never asks for anything again

    def pipelining(self):
        while True:
            for _ in range(50):
                self.client.send('INCR', self.key)
            for _ in range(50):
                self.served(self.client.read())

    def blocked(self):
        while True:
            self.begun.set()
            self.served(self.client('BLPOP', self.key, 0))

    def subscribed(self):
        self.served(self.client('SUBSCRIBE', self.key))
        while True:
            self.served(self.client.read())

    def in_multi(self):
        self.client('MULTI')
        self.begun.set()
        while True:
            for _ in range(20):
                time.sleep(0.005)
                answer = self.client('INCR', self.key)
                if isinstance(answer, RespError):
                    break
            self.served(self.client('EXEC'))
            self.client('MULTI')


KINDS = ('idle', 'pipelining', 'blocked', 'subscribed', 'in_multi')


class Monitor(threading.Thread):
    """What Redis executed, with its own times, by the key that each kind of connection uses."""

    def __init__(self, redis):
        super().__init__(daemon=True)
        self.client, self.last, self.over = redis.admin(), {}, False
        assert self.client('MONITOR') == b'OK'
        self.start()

    def run(self):
        try:
            while not self.over:
                line = self.client.read().decode(errors='replace')
                words = line.split('"')
                if '[0 lua]' in line or len(words) < 4 or words[1].upper() in ('RPUSH', 'PUBLISH', 'DEL'):
                    continue
                self.last[words[3]] = float(line.split(' ', 1)[0])
        except LAST:
            pass


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def test_revoke_under_load(fleet, issuer):
    one, two = fleet
    monitor, stop = Monitor(one.redis), threading.Event()
    took = {kind: [] for kind in KINDS}
    gone = {kind: [] for kind in KINDS}
    bystander = [Worker(server, issuer.token('eve', ['app']), 'pipelining', 'app:eve') for server in fleet]
    feeding = ['']

    def feed():
        with one.redis.admin() as admin:
            while not stop.is_set():
                name = feeding[0]
                if name:
                    for at in range(2):
                        admin('RPUSH', f'app:{name}:blocked:{at}', 'x')
                        admin('PUBLISH', f'app:{name}:subscribed:{at}', 'x')
                time.sleep(0.005)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    for number in range(ROUNDS):
        name = f'bob{number}'
        token = issuer.token(name, ['app'])
        workers = [Worker(server, token, kind, f'app:{name}:{kind}:{at}')
                   for at, server in enumerate(fleet) for kind in KINDS]
        feeding[0] = name
        for worker in workers:
            assert worker.begun.wait(5), worker.kind
        time.sleep(0.3)
        revoke(one, principal=f'local:{name}')
        answered = time.time()
        for worker in workers:
            worker.join(3)
            assert worker.closed, f'{worker.kind} is still there three seconds later'
        time.sleep(0.1)
        feeding[0] = ''
        for worker in workers:
            last = max(worker.last, monitor.last.get(worker.key, 0.0))
            took[worker.kind].append(max(0.0, last - answered))
            gone[worker.kind].append(max(0.0, worker.closed - answered))
        with one.redis.admin() as admin:
            admin('DEL', *(f'app:{name}:blocked:{at}' for at in range(2)))
    alive = [worker for worker in bystander if worker.closed is None and time.time() - worker.last < 1]
    stop.set()
    monitor.over = True
    feeder.join()
    print(f'\n{ROUNDS} rounds, two instances, one of them asked: milliseconds from its answer')
    print(f'{"":12}{"last command":>28}{"connection closed":>28}')
    print(f'{"":12}{"p50":>10}{"p99":>9}{"max":>9}{"p50":>10}{"p99":>9}{"max":>9}')
    for kind in KINDS:
        cells = [1000 * f(values) for values in (took[kind], gone[kind])
                 for f in (lambda v: percentile(v, 0.5), lambda v: percentile(v, 0.99), max)]
        print(f'{kind:12}' + '{:10.0f}{:9.0f}{:9.0f}{:10.0f}{:9.0f}{:9.0f}'.format(*cells))
    for kind in KINDS:
        assert percentile(took[kind], 0.99) < 1, f'{kind}: {took[kind]}'
        assert max(gone[kind]) < 2, f'{kind}: {gone[kind]}'
    assert len(alive) == 2, 'others were cut as well'
