"""Redis forgets its users, under load: within a second they are back, and nobody got a wrong answer."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig.forwarder import Forwarder
from rig.keyward import BINARY, Keyward, run
from rig.process import Process, until
from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER, RedisServer
from rig.resp import Client, Closed, RespError

CLIENTS = 6
LEASE = {'lease': {'linger': '5s', 'period': '1s'}}
# What a client may be told while a server starts, follows another one, or a login waits for Redis.
PASSING = ('LOADING', 'MASTERDOWN', 'READONLY', 'TRYAGAIN')


class Load:
    """Clients of as many identities that count and read their own keys, alone and in pipelines."""

    def __init__(self, server, issuer):
        self.server, self.stop, self.wrong = server, threading.Event(), []
        self.tokens = [issuer.token(f'load-{n}', ['app'], ttl=3600) for n in range(CLIENTS)]
        self.counted, self.unsure, self.answers = [0] * CLIENTS, [0] * CLIENTS, [0] * CLIENTS
        self.ended, self.refused = [0] * CLIENTS, []
        self.threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(CLIENTS)]

    def __enter__(self):
        [t.start() for t in self.threads]
        until(lambda: all(self.answers), 10, 'the first answers')
        until(lambda: len(self.server.redis.leased_users()) >= CLIENTS, 10, 'a user for each identity')
        return self

    def __exit__(self, *_):
        self.stop.set()
        [t.join(30) for t in self.threads]
        assert not any(t.is_alive() for t in self.threads)

    def go_on(self):
        """Every client gets answers again."""
        before = list(self.answers)
        until(lambda: all(now > then + 5 for now, then in zip(self.answers, before)), 15, 'answers for every client')

    def _work(self, n):
        while not self.stop.is_set():
            try:
                with self.server.login(self.tokens[n], timeout=10) as client:
                    while not self.stop.is_set():
                        self._round(n, client)
            except RespError as error:
                if error.prefix not in PASSING + ('ERR', 'WRONGPASS', 'NOPERM', 'NOAUTH'):
                    self.wrong.append((n, str(error)))
                self.refused.append(str(error))
                time.sleep(0.01)
            except (Closed, OSError):
                self.ended[n] += 1
                time.sleep(0.01)

    def _round(self, n, client):
        at = self.answers[n]
        pipelined = 8 if at % 2 else 1
        told = sent = 0
        try:
            for k in range(pipelined):
                sent += 1
                client.send('INCR', f'app:count:{n}')
                client.send('ECHO', f'{n}-{at}-{k}')
            for k in range(pipelined):
                count, echo = client.read(), client.read()
                if isinstance(count, int):
                    told += 1
                for answer in (count, echo):
                    if isinstance(answer, RespError):
                        raise answer
                if not isinstance(count, int) or echo != f'{n}-{at}-{k}'.encode():
                    self.wrong.append((n, count, echo, f'{n}-{at}-{k}'))
        finally:
            self.counted[n] += told
            self.unsure[n] += sent - told
        self.answers[n] = at + 1


def back_within(server, users, redis, what, begun=None):
    begun = begun or time.monotonic()
    until(lambda: users <= set(redis.leased_users()), 5, f'all users after {what}', every=0.005)
    took = time.monotonic() - begun
    print(f'{what}: {len(users)} users again after {took * 1000:.0f} ms')
    assert took < 1.0, f'{what}: {took:.2f} s'


def test_acl_load_under_load(make_keyward, issuer):
    server = make_keyward(more=LEASE).start()
    with Load(server, issuer) as load:
        for _ in range(3):
            users = set(server.redis.leased_users())
            with server.redis.admin() as admin:
                assert admin('ACL', 'LOAD') == b'OK'
            back_within(server, users, server.redis, 'ACL LOAD')
            load.go_on()
    assert not load.wrong, load.wrong[:5]
    with server.redis.admin() as admin:
        for n in range(CLIENTS):  # every answer that came stands for an INCR that was done, once
            count = int(admin('GET', f'app:count:{n}'))
            assert load.counted[n] <= count <= load.counted[n] + load.unsure[n], (n, count)
    assert server.trail.verify().returncode == 0


def test_an_edited_user_under_load(make_keyward, issuer):
    server = make_keyward(more=LEASE).start()
    with Load(server, issuer) as load:
        time.sleep(0.8)
        user = server.redis.leased_users()[0]
        with server.redis.admin() as admin:
            right = admin('ACL', 'GETUSER', user)
            assert admin('ACL', 'SETUSER', user, '-incr', 'resetkeys', '>stolen', 'clearselectors') == b'OK'
            begun = time.monotonic()
            until(lambda: admin('ACL', 'GETUSER', user) == right, 5, 'its rules', every=0.005)
            took = time.monotonic() - begun
        print(f'edited user: as it was after {took * 1000:.0f} ms')
        assert took < 1.0
        load.go_on()
    assert not load.wrong, load.wrong[:5]
    drift = [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == 'drift']
    assert drift
    assert server.metric('keyward_lease_drift_total') >= 1


def test_a_refused_command_is_sent_once_more(make_keyward, app_token):
    """Alone under way: its client sees nothing. In a pipeline, in a script: the error, and the order holds."""
    server = make_keyward(more=LEASE).start()
    with server.login(app_token) as client, server.redis.admin() as admin:
        assert client('SET', 'app:x', 0) == b'OK'
        [user] = server.redis.leased_users()

        def edit():
            time.sleep(1.1)  # a user is mended once a second for this reason
            assert admin('ACL', 'SETUSER', user, 'resetkeys', 'clearselectors', '-@all') == b'OK'
        for n in range(1, 4):
            edit()
            assert client('INCR', 'app:x') == n
            assert client('GET', 'app:x') == str(n).encode()
        edit()
        for _ in range(40):
            client.send('INCR', 'app:x')
        answers = [client.read() for _ in range(40)]
        refused = [a for a in answers if isinstance(a, RespError)]
        assert all(a.prefix == 'NOPERM' for a in refused), refused[0]
        done = [a for a in answers if not isinstance(a, RespError)]
        assert done == list(range(4, 4 + len(done))) and int(admin('GET', 'app:x')) == 3 + len(done)
        time.sleep(0.5)
        assert client('INCR', 'app:x') == 4 + len(done)
        edit()
        answer = client('EVAL', 'return redis.call("incr", KEYS[1])', 1, 'app:x')
        assert isinstance(answer, int) or answer.prefix == 'NOPERM'
    drift = [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == 'drift']
    assert any('sent once more' in str(r) for r in drift)
    assert server.trail.verify().returncode == 0


def test_redis_is_killed_and_comes_back_under_load(make_keyward, issuer):
    server = make_keyward(more=LEASE).start()
    with Load(server, issuer) as load:
        users = set(server.redis.leased_users())
        server.redis.process.kill()
        server.redis.start()
        back_within(server, users, server.redis, 'kill -9 of Redis')
        load.go_on()
    assert not load.wrong, load.wrong[:5]
    assert server.trail.verify().returncode == 0


def test_keyward_is_killed_and_comes_back_under_load(make_keyward, issuer):
    server = make_keyward(more=LEASE).start()
    with Load(server, issuer) as load:
        old = set(server.redis.leased_users())
        server.kill()
        server.start()
        ready = time.monotonic()
        load.go_on()
        print(f'kill -9 of Keyward: every client works {time.monotonic() - ready:.2f} s after it was ready')
        assert set(server.redis.leased_users()) == old, 'the same identities and rights: the same names'
    assert not load.wrong, load.wrong[:5]
    with server.redis.admin() as admin:
        for n in range(CLIENTS):
            count = int(admin('GET', f'app:count:{n}'))
            assert load.counted[n] <= count <= load.counted[n] + load.unsure[n], (n, count)


@pytest.mark.parametrize('old_lives', [False, True])
def test_failover_to_a_promoted_replica_under_load(tmp_path, authority, issuer, issuer_config, old_lives):
    from conftest import POLICY
    primary = RedisServer(tmp_path / 'primary', authority)
    replica = RedisServer(tmp_path / 'replica', authority, options=[
        f'replicaof 127.0.0.1 {primary.port}', f'masteruser {ADMIN_USER}', f'masterauth {ADMIN_PASSWORD}'])
    address = Forwarder(primary.port)
    server = Keyward(tmp_path / 'keyward', authority, primary, [issuer_config], {'e2e.yaml': POLICY}, more=LEASE)
    server.config['upstream']['url'] = f'redis://127.0.0.1:{address.port}'
    try:
        with replica.admin() as admin:
            until(lambda: b'master_link_status:up' in admin('INFO', 'replication'), 10, 'replication')
        server.start()
        with Load(server, issuer) as load:
            users = set(primary.leased_users())
            assert not replica.leased_users(), 'ACL users are not replicated'
            begun = time.monotonic()
            with replica.admin() as admin:
                assert admin('REPLICAOF', 'NO', 'ONE') == b'OK'
            address.lead_to(replica.port)
            if old_lives:  # the connections that are there lead to a server that is no primary any more
                with primary.admin() as admin:
                    assert admin('REPLICAOF', '127.0.0.1', replica.port) == b'OK'
            else:
                primary.process.kill()
            back_within(server, users, replica, 'failover' + (', the old primary lives' if old_lives else ''), begun)
            server.redis = replica
            load.go_on()
        assert not load.wrong, load.wrong[:5]
        with server.login(issuer.token('after', ['app'])) as client:
            assert client('SET', 'app:after', 1) == b'OK'
        with replica.admin() as admin:
            assert admin('GET', 'app:after') == b'1'
        assert server.trail.verify().returncode == 0
    finally:
        server.stop()
        address.stop()
        primary.stop()
        replica.stop()


def test_instances_of_a_fleet(tmp_path, authority, issuer, issuer_config, redis_server):
    from conftest import POLICY

    def make(folder, name):
        return Keyward(tmp_path / folder, authority, redis_server, [issuer_config], {'e2e.yaml': POLICY},
                       more={**LEASE, 'instance': name})
    one, two, twin = make('one', 'one'), make('two', 'two'), make('twin', 'one')
    try:
        one.start()
        two.start()
        mine, theirs = one.login(issuer.token('alice', ['app'])), two.login(issuer.token('bob', ['app']))
        for client in (mine, theirs):
            assert client('SET', 'app:x', 1) == b'OK'
        both = set(redis_server.leased_users())
        assert len(both) == 2
        # A live name is not given twice, and nothing was touched.
        with pytest.raises(AssertionError) as refused:
            twin.start()
        assert "another live Keyward has the instance name 'one'" in str(refused.value)
        assert set(redis_server.leased_users()) == both
        # The users of a dead one are gone after two periods.
        two.kill()
        died = time.monotonic()
        until(lambda: len(redis_server.leased_users()) == 1, 10, 'the end of the orphans')
        took = time.monotonic() - died
        print(f'orphans: gone {took:.1f} s after the death of their instance, at a period of 1 s')
        assert 1.0 < took < 3.5
        assert mine('GET', 'app:x') == b'1'
    finally:
        for server in (one, two, twin):
            server.stop()


def test_the_admin_password_changes(make_keyward, issuer):
    server = make_keyward(more=LEASE).start()
    with Load(server, issuer) as load:
        with server.redis.admin() as admin:
            assert admin('ACL', 'SETUSER', ADMIN_USER, 'resetpass', '>another-secret') == b'OK'
            server.password_file.write_text('another-secret\n')
            until(lambda: 'logged in with the new admin password' in server.process.text(), 5, 'the new login')
            assert server.get('/readyz')[0] == 200
            assert admin('CLIENT', 'KILL', 'USER', ADMIN_USER, 'SKIPME', 'yes') >= 1
            until(lambda: server.metric('keyward_redis_up') == 1, 5, 'the control connection')
            # A wrong file: who works goes on, and readiness says what is wrong.
            server.password_file.write_text('a mistake\n')
            text = until(lambda: 'WRONGPASS' in server.get('/readyz')[1] and server.get('/readyz')[1], 5, 'the reason')
            assert str(server.password_file) in text and 'mistake' not in text
            assert server.get('/readyz')[0] == 200 and server.metric('keyward_redis_admin_refused') == 1
            with server.login(issuer.token('late', ['app'])) as late:
                assert late('SET', 'app:late', 1) == b'OK'
            server.password_file.write_text('another-secret\n')
            until(lambda: server.metric('keyward_redis_admin_refused') == 0, 5, 'the right password again')
            load.go_on()
            assert admin('ACL', 'SETUSER', ADMIN_USER, 'resetpass', '>' + ADMIN_PASSWORD) == b'OK'
            server.password_file.write_text(ADMIN_PASSWORD + '\n')
            load.go_on()
    assert not load.wrong, load.wrong[:5]
    assert not load.refused, load.refused[:5]
