"""Leased Redis users: there while they are used, gone after; repaired, swept, never an open door."""
import threading
import time

from rig.keyward import run
from rig.process import until
from rig.resp import Closed, RespError


def test_one_user_per_identity_while_it_is_needed(make_keyward, issuer):
    server = make_keyward().start()
    assert server.redis.leased_users() == []
    first, second = issuer.token('alice', ['app']), issuer.token('bob', ['app'])
    with server.login(first) as a, server.login(first) as b, server.login(second) as c:
        for client in (a, b, c):
            assert client('SET', 'app:x', 1) == b'OK'
        users = server.redis.leased_users()
        assert len(users) == 2 and all(len(user) < 64 for user in users), users
        assert not any('alice' in user or 'bob' in user for user in users)
        with server.redis.admin() as admin:
            for user in users:
                for command in (['GET', 'foreign'], ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['PUBLISH', 'foreign', 'x']):
                    assert b'no permissions' in admin('ACL', 'DRYRUN', user, *command)
                assert admin('ACL', 'DRYRUN', user, 'SET', 'app:x', '1') == b'OK'
            log = admin('ACL', 'LOG')
            assert log == [], f'the leased user lacked something: {log}'
    server.sessions_gone()
    with server.login(first) as client:                # and a new one when it is needed again
        assert client('GET', 'app:x') == b'1'
        assert len(server.redis.leased_users()) == 1


def test_the_users_of_a_crashed_run_are_swept(make_keyward, issuer):
    server = make_keyward().start()
    clients = [server.login(issuer.token(f'u{n}', ['app'])) for n in range(5)]
    for client in clients:
        assert client('SET', 'app:x', 1) == b'OK'
    server.kill()
    left = server.redis.leased_users()
    assert len(left) == 5
    with server.redis.admin() as admin:                # somebody else's users stay
        assert admin('ACL', 'SETUSER', 'kw_0000aaaa_0123456789abcdef', 'on', '>x', '+ping') == b'OK'
        assert admin('ACL', 'SETUSER', 'application', 'on', '>x', '+ping') == b'OK'
    server.start()
    until(lambda: not set(server.redis.leased_users()) & set(left), 10, 'the sweep')
    with server.redis.admin() as admin:
        users = admin('ACL', 'USERS')
    assert b'kw_0000aaaa_0123456789abcdef' in users and b'application' in users


def test_a_user_that_an_operator_deletes_is_made_again(make_keyward, app_token):
    server = make_keyward().start()
    with server.login(app_token) as client:
        assert client('SET', 'app:x', 1) == b'OK'
        with server.redis.admin() as admin:
            for user in server.redis.leased_users():
                admin('ACL', 'DELUSER', user)          # this also closes the connections that ran as it

    def works():
        try:
            with server.login(app_token) as again:
                return again('GET', 'app:x') == b'1'
        except (RespError, Closed, OSError):
            return False
    until(works, 10, 'a working login', every=0.1)


def test_redis_restarts_and_forgets_its_users(make_keyward, app_token):
    server = make_keyward().start()
    held = server.login(app_token)
    assert held('SET', 'app:x', 1) == b'OK'
    server.redis.process.kill()
    try:                                               # a client never takes silence for success
        answer = held('SET', 'app:x', 2)
        assert isinstance(answer, RespError), answer
    except (Closed, OSError):
        pass
    server.redis.start()
    assert server.redis.leased_users() == []

    def works():
        try:
            with server.login(app_token) as client:
                return client('SET', 'app:x', 3) == b'OK'
        except (RespError, Closed, OSError):
            return False
    until(works, 20, 'a working login', every=0.1)


def test_upstream_over_tls(make_keyward, app_token):
    server = make_keyward(upstream='tls').start()
    with server.login(app_token) as client:
        assert client('SET', 'app:x', 'over tls') == b'OK'
    with server.redis.admin() as admin:
        assert admin('GET', 'app:x') == b'over tls'


def test_killed_upstream_connections_never_mix_up_answers(make_keyward, app_token):
    """While Keyward's connections are killed again and again, each client gets its own answers or is closed."""
    server = make_keyward().start()
    stop, trouble, answers, closes = threading.Event(), [], [0], [0]

    def work(n):
        at = 0
        while not stop.is_set():
            try:
                with server.login(app_token) as client:
                    while not stop.is_set():
                        for k in range(20):
                            client.send('SET', f'app:{n}', f'{n}-{at}-{k}')
                            client.send('GET', f'app:{n}')
                        for k in range(20):
                            stored, got = client.read(), client.read()
                            if stored != b'OK' or got != f'{n}-{at}-{k}'.encode():
                                if isinstance(stored, RespError) or isinstance(got, RespError):
                                    raise Closed('error answer')
                                trouble.append((stored, got, f'{n}-{at}-{k}'))
                        answers[0] += 20
                        at += 1
            except (Closed, OSError, RespError):
                closes[0] += 1
                time.sleep(0.02)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    [t.start() for t in threads]
    with server.redis.admin() as admin:
        for _ in range(12):
            time.sleep(0.25)
            admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    before = answers[0]
    until(lambda: answers[0] > before + 200, 15, 'answers after the last kill')
    stop.set()
    [t.join(20) for t in threads]
    assert not trouble, trouble[:5]
    assert closes[0] > 0
    assert server.trail.verify().returncode == 0


SHARED = """
apiVersion: keyward/v1
team: shared
owners: [e2e@example.com]
grants:
  - name: app
    who: [{issuer: local, groups: [app]}]
    lease: {LEASE}
    allow: [{commands: ["@read", "@write", "@pubsub", "@transaction", "-@dangerous"], keys: ["app:*"], channels: ["app:*"]}]
"""


def test_equal_rights_share_one_user_and_records_name_the_person(make_keyward, issuer):
    server = make_keyward(policies={'p.yaml': SHARED.replace('LEASE', 'scope: rights')}).start()
    with server.login(issuer.token('alice', ['app'])) as a, server.login(issuer.token('bob', ['app'])) as b:
        assert a('SET', 'app:x', 1) == b'OK' and b('INCR', 'app:x') == 2
        assert len(server.redis.leased_users()) == 1
    commands = [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == 'command']
    assert sorted(r['actor']['user']['name'] for r in commands) == ['alice', 'bob']
    [made] = [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == 'lease_create']
    assert 'shared by all identities of equal rights' in made['unmapped']['keyward']['detail']


def test_a_static_user_where_nobody_may_make_users(make_keyward, issuer, tmp_path):
    secret = tmp_path / 'app.pw'
    secret.write_text('app-secret\n')
    secret.chmod(0o600)
    server = make_keyward(policies={'p.yaml': SHARED.replace('LEASE', 'mode: static')})
    with server.redis.admin() as admin:
        assert admin('ACL', 'SETUSER', 'app', 'on', '>app-secret', '~app:*', '&app:*', '+@all') == b'OK'
        assert admin('ACL', 'SETUSER', 'limited', 'on', '>limited', '-@all', '+ping', '+info', '+command', '+hello', '+auth') == b'OK'
    password = tmp_path / 'limited.pw'
    password.write_text('limited\n')
    password.chmod(0o600)
    server.config['upstream'].update(user='limited', password_file=str(password))
    server.config_file.write_text(__import__('json').dumps(server.config))
    assert 'upstream: {static_user: NAME' in run('check', server.config_file).stderr
    server.config['upstream'].update(static_user='app', static_password_file=str(secret))
    server.start()
    assert run('check', server.config_file).returncode == 0
    with server.login(issuer.token('alice', ['app'])) as a, server.login(issuer.token('bob', ['app'])) as b:
        assert a('SET', 'app:x', 1) == b'OK' and b('INCR', 'app:x') == 2
        assert a('GET', 'foreign').prefix == 'NOPERM' and a('FLUSHALL').prefix == 'NOPERM'
        a.send('PSUBSCRIBE', 'app:*')              # as it stands on the static user
        assert a.read() == [b'psubscribe', b'app:*', 1]
    status, page = server.get('/readyz')
    assert status == 200 and "run as Redis user 'app'" in page
    assert 'no second fence' in server.process.text()
    with server.redis.admin() as admin:
        assert b'app' in admin('ACL', 'USERS') and server.redis.leased_users() == []
    assert server.stop() == 0
    assert server.trail.verify().returncode == 0
