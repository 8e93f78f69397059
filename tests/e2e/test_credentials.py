"""Users and passwords given out for tokens: at one instance, good at all of them, gone when they should be."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
import redis

from rig.keyward import BINARY, run
from rig.process import ROOT, TOOLS_PATH, until
from rig.resp import Client, Closed, RespError

POLICY = """
apiVersion: keyward/v1
team: queue
owners: [queue@example.com]
grants:
  - name: worker
    who: [{issuer: local, groups: [app]}]
    credentials: {proxy: 1h, direct: 15m}
    allow:
      - commands: ["@read", "@write", "@blocking", "-@dangerous", keys, subscribe, psubscribe, publish]
        keys: ["app:*"]
        channels: ["app:*"]
  - name: own
    who: [{issuer: local, groups: [app]}]
    allow: [{commands: [get], keys: ["own:*"]}]
  - name: shown
    who: [{issuer: local, groups: [named]}]
    namespace: "team:"
    credentials: {direct: 10m}
    allow: [{commands: ["@read", "@write"], keys: ["*"]}]
"""
POLICIES = {'queue.yaml': POLICY}


def exchange(server, token, path='/v1/credentials', **wish):
    return server.api('POST', path, wish or None, {'Authorization': f'Bearer {token}'} if token else {})


def given(server, token, **wish):
    status, body = exchange(server, token, **wish)
    assert status == 200, body
    return body


def direct_client(server, credential):
    import socket
    client = Client(socket.create_connection(('127.0.0.1', server.redis.port), 10))
    answer = client('AUTH', credential['user'], credential['password'])
    if isinstance(answer, RespError):
        client.close()
        raise answer
    return client


def refused(call, *words):
    with pytest.raises(RespError) as error:
        answer = call()
        if isinstance(answer, RespError):
            raise answer
    assert any(str(error.value).startswith(word) for word in words), error.value
    return str(error.value)


def direct_users(server):
    with server.redis.admin() as admin:
        return {user.decode() for user in admin('ACL', 'USERS') if user.startswith(b'kwd_')}


def records(server, kind):
    return [r for r in server.trail.records() if r['unmapped']['keyward']['kind'] == kind]


def redis_py(server, user, password, **options):
    return redis.Redis(host='localhost', port=server.port, username=user, password=password, ssl=True,
                       ssl_ca_certs=str(server.authority.ca), **options)


@pytest.fixture
def pair(make_keyward):
    """Two instances that share nothing but Redis."""
    first = make_keyward(POLICIES, more={'instance': 'one'}).start()
    second = make_keyward(POLICIES, more={'instance': 'two'}).start()
    return first, second


def test_given_at_one_instance_good_at_the_other(pair, issuer):
    first, second = pair
    token = issuer.token('w1', ['app'])
    one = given(first, token, ttl='20m')
    assert one['mode'] == 'proxy' and one['user'].startswith('kwc_') and one['lease_id'] == one['user']
    assert one['principal'] == 'local:w1' and one['grants'] == ['worker'] and one['renewable'] is False
    assert 1190 <= one['ttl'] <= 1200 and one['limited_by'] == 'asked'
    user, password = one['user'], one['password']
    for protocol in (2, 3):
        with redis_py(second, user, password, protocol=protocol) as client:
            assert client.set('app:k', 'v') and client.get('app:k') == b'v'
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.get('own:k')                       # the grant that gives out no credentials
    with second.login(password) as old:                   # a client that knows only passwords
        assert old('GET', 'app:k') == b'v'
    with redis_py(second, None, password, protocol=2) as old:
        assert old.ping()
    cli = shutil.which('redis-cli', path=TOOLS_PATH)
    if cli:
        said = subprocess.run([cli, '-h', 'localhost', '-p', str(second.port), '--tls', '--cacert', str(second.authority.ca),
                               '--user', user, '--no-auth-warning', 'GET', 'app:k'], capture_output=True, text=True,
                              env={**os.environ, 'REDISCLI_AUTH': password}, timeout=20)
        assert said.stdout.strip() == 'v', said
    # Wrong in every way: one answer.
    texts = set()
    for who, secret in ((user, password[:-1] + ('0' if password[-1] != '0' else '1')), (user, 'x'), ('admin', password),
                        ('kwc_' + '0' * 24, password), (user, 'kwcp_' + '0' * 24 + '_' + '0' * 64)):
        texts.add(refused(lambda who=who, secret=secret: second.login(secret, who), 'WRONGPASS').rsplit(' ', 1)[0])
    assert len(texts) == 1, texts
    issued, = records(first, 'credential_issue')
    assert issued['user']['name'] == user and issued['actor']['user']['uid'] == 'local:w1'
    logins = [r for r in second.trail.logins(True) if r['session'].get('credential_uid') == user]
    assert logins and all(r['auth_protocol'] == 'keyward-credential' and r['user']['uid'] == 'local:w1' for r in logins)
    reasons = {r['unmapped']['keyward']['reason'] for r in second.trail.logins(False)}
    assert {'credential_password', 'user_mismatch', 'credential_unknown', 'not_a_jwt'} <= reasons
    everything = first.trail.text() + second.trail.text() + first.process.text() + second.process.text()
    assert password not in everything and token not in everything
    with first.redis.admin() as admin:                     # sealed: nothing of it can be read in Redis
        for key in admin('KEYS', 'keyward:fleet:*'):
            value = admin('DUMP', key) or b''
            assert b'local:w1' not in value and password.encode() not in value


def test_who_may_exchange_and_for_what(make_keyward, issuer):
    server = make_keyward(POLICIES, limits={'failed_logins_per_minute': 15}).start()
    token = issuer.token('w1', ['app'])
    for bad, status in ((None, 401), ('nonsense', 401), (issuer.token('w1', ['app'], ttl=-5), 401),
                        (issuer.token('stranger', ['nobody']), 401)):
        assert exchange(server, bad)[0] == status
    assert exchange(server, token, grants=['own'])[0] == 403
    assert exchange(server, token, grants=['worker', 'nobodys'])[0] == 403
    status, body = exchange(server, issuer.token('n', ['named']))
    assert status == 403 and 'credentials: {proxy: 1h}' in body['error']
    for wrong in ({'mode': 'root'}, {'ttl': '-1s'}, {'ttl': 'for ever'}, {'ttl': '1h\nx: y'}, {'grants': []}, {'user': 'x'}):
        status, body = exchange(server, token, **wrong)
        assert status == 400, (wrong, body)
    assert server.api('POST', '/v1/credentials', {'token': token}, {})[0] == 200
    assert server.api('POST', '/v1/credentials', {'token': token}, {'Authorization': f'Bearer {token}'})[0] == 400
    for page in ({'Origin': 'https://evil.example'}, {'Sec-Fetch-Site': 'cross-site'}):
        assert server.api('POST', '/v1/credentials', None, {'Authorization': f'Bearer {token}', **page})[0] == 403
    one = given(server, token)
    assert exchange(server, one['password'])[0] == 401         # no chain of credentials
    short = given(server, issuer.token('w1', ['app'], ttl=90))
    assert short['limited_by'] == 'token' and 80 <= short['ttl'] <= 90
    assert given(server, token)['limited_by'] in ('policy', 'token')
    for n in range(20):
        status, body = exchange(server, f'nonsense{n}')
    assert status == 429 and exchange(server, token)[0] == 200  # as at the proxy: what was good before still is
    refused(lambda: server.login('nonsense99'), 'ERR', 'WRONGPASS', 'NOAUTH')
    assert server.process.text().count('nonsense') == 0


def test_ends_with_its_life_with_a_word_and_with_its_record(pair, issuer):
    first, second = pair
    token = issuer.token('w1', ['app'])
    brief, revoked, flushed = (given(first, token, ttl=ttl) for ttl in ('2s', '1h', '1h'))
    with second.login(brief['password']) as client:
        assert client('SET', 'app:k', 1) == b'OK'
        time.sleep(2.6)
        answer = client('GET', 'app:k')
        assert isinstance(answer, RespError) and str(answer).startswith('NOAUTH'), answer
    refused(lambda: second.login(brief['password']), 'WRONGPASS')
    # Not another identity's, and nobody learns that it exists.
    stranger = issuer.token('w2', ['app'])
    assert second.api('DELETE', '/v1/credentials/' + revoked['user'], None, {'Authorization': 'Bearer ' + stranger})[0] == 404
    status, all_of_them = second.api('GET', '/v1/credentials')
    assert status == 200 and {c['user'] for c in all_of_them['credentials']} == {revoked['user'], flushed['user']}
    assert 'password' not in json.dumps(all_of_them)
    with first.login(revoked['password']) as live, first.login(revoked['password'], protocol=3) as heard, \
            first.login(token) as own:
        assert heard('SUBSCRIBE', 'app:x')
        assert second.api('DELETE', '/v1/credentials/' + revoked['user'], None, {'Authorization': 'Bearer ' + token})[0] == 200
        began = time.monotonic()                             # sessions by it end at the other instance, too
        for client in (live, heard):
            client.sock.settimeout(5)
            with pytest.raises(Closed):
                while True:
                    client('PING') if client is live else client.read()
                    time.sleep(0.02)
        assert time.monotonic() - began < 1.5
        assert own('GET', 'app:k') == b'1'                   # the token's own session does not
    refused(lambda: first.login(revoked['password']), 'WRONGPASS')
    second.login(flushed['password']).close()
    with first.redis.admin() as admin:
        admin('FLUSHALL')
    refused(lambda: second.login(flushed['password']), 'WRONGPASS')
    ended, = records(second, 'credential_end')
    assert ended['user']['name'] == revoked['user'] and ended['actor']['user']['uid'] == 'local:w1'


def test_survives_a_restart_and_a_policy_that_takes_it_back(make_keyward, issuer):
    server = make_keyward(POLICIES).start()
    one = given(server, issuer.token('w1', ['app']))
    server.kill()
    server.start()
    with server.login(one['password'], one['user']) as client:
        assert client('SET', 'app:k', 1) == b'OK'
    server.replace_policy(POLICY.replace('    credentials: {proxy: 1h, direct: 15m}\n', ''), 'queue.yaml')
    server.reload_now()
    refused(lambda: server.login(one['password'], one['user']), 'WRONGPASS')
    server.replace_policy(POLICY, 'queue.yaml')
    server.reload_now()
    assert server.login(one['password'], one['user'])


def test_wrong_passwords_by_the_hundred_hurt_nobody(make_keyward, issuer):
    server = make_keyward(POLICIES).start()
    one = given(server, issuer.token('w1', ['app']))
    stop, slow = threading.Event(), []

    def flood(seed):
        n = 0
        with server.connect() as client:
            while not stop.is_set():
                n += 1
                form = f'kwcp_{seed}{n:023x}_' + '0' * 64 if n % 2 else one['password'][:-4] + f'{n % 65536:04x}'
                if form != one['password']:
                    assert str(client('AUTH', form)).startswith('WRONGPASS')

    floods = [threading.Thread(target=flood, args=(seed,)) for seed in range(4)]
    for thread in floods:
        thread.start()
    for _ in range(30):
        began = time.monotonic()
        server.login(one['password']).close()
        slow.append(time.monotonic() - began)
    stop.set()
    for thread in floods:
        thread.join()
    assert sorted(slow)[len(slow) // 2] < 1, slow


def test_direct_is_a_user_of_redis_with_the_rights_of_the_grant(pair, issuer):
    first, second = pair
    token = issuer.token('w1', ['app'])
    one = given(first, token, mode='direct', ttl='1m')
    assert one['mode'] == 'direct' and one['renewable'] is True and one['max_ttl'] == 900
    assert any('keys' in note for note in one['notes']), one
    with direct_client(first, one) as client:
        assert client('SET', 'app:k', 'v') == b'OK' and client('GET', 'app:k') == b'v'
        assert client('CLIENT', 'SETNAME', 'w') == b'OK'
        for argv in (['GET', 'foreign'], ['KEYS', '*'], ['SCAN', '0'], ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['ACL', 'LIST'],
                     ['GET', 'keyward:fleet:x'], ['PUBLISH', 'foreign', 'x'], ['SELECT', '3'], ['EVAL', 'return 1', '0'],
                     ['SUBSCRIBE', '__keyevent@0__:set'], ['GET', 'own:k']):
            assert str(client(*argv)).startswith('NOPERM'), argv
        with first.redis.admin() as admin:
            for argv, ok in ((['BLPOP', 'app:l', '1'], True), (['LPUSH', 'app:l', 'x'], True), (['LPUSH', 'other', 'x'], False),
                             (['DEBUG', 'SLEEP', '0'], False)):
                assert (admin('ACL', 'DRYRUN', one['user'], *argv) == b'OK') == ok, argv
        # Not good at the proxy.
        refused(lambda: second.login(one['password'], one['user']), 'WRONGPASS')
        # Renewed at the other instance, never beyond its max_ttl.
        status, more = exchange(second, token, '/v1/credentials/renew', lease_id=one['user'], ttl='10m')
        assert status == 200 and 590 <= more['ttl'] <= 600 and 'password' not in more
        status, most = exchange(second, token, '/v1/credentials/renew', lease_id=one['user'], ttl='12h')
        assert status == 200 and 890 <= most['ttl'] <= 900 and most['renewable'] is False
        assert exchange(second, issuer.token('w2', ['app']), '/v1/credentials/renew', lease_id=one['user'])[0] == 404
        assert client('GET', 'app:k') == b'v'                # nobody was disturbed
        # Ended at the other instance, and the connection with it.
        began = time.monotonic()
        assert second.api('DELETE', '/v1/credentials/' + one['user'])[0] == 200
        assert time.monotonic() - began < 1 and one['user'] not in direct_users(first)
        with pytest.raises(Exception):
            answer = client('GET', 'app:k')
            if isinstance(answer, RespError):
                raise answer
    refused(lambda: direct_client(first, one), 'WRONGPASS')
    with first.redis.admin() as admin:
        assert [entry for entry in admin('ACL', 'LOG') if b'kw_' in str(entry).encode()] == []


def test_direct_ends_whoever_lives_on(pair, issuer):
    first, second = pair
    one = given(first, issuer.token('w1', ['app']), mode='direct', ttl='4s')
    lasting = given(first, issuer.token('w1', ['app']), mode='direct')
    lost = given(first, issuer.token('w1', ['app']), mode='direct')
    first.kill()
    with first.redis.admin() as admin:                       # Redis loses a user: it is made again
        admin('ACL', 'DELUSER', lost['user'])
    until(lambda: lost['user'] in direct_users(second), 6, 'the lost user')
    with direct_client(second, lost) as client:
        assert client('SET', 'app:k', 1) == b'OK'
    assert one['user'] in direct_users(second)
    until(lambda: one['user'] not in direct_users(second), 8, 'its end')
    assert {lasting['user'], lost['user']} <= direct_users(second)
    ended, = records(second, 'credential_end')
    assert ended['unmapped']['keyward']['reason'] == 'expired' and ended['actor']['user']['uid'] == 'local:w1'
    first.start()                                            # its sweep leaves them alone
    time.sleep(2.5)
    assert {lasting['user'], lost['user']} <= direct_users(second)
    first.replace_policy(POLICY.replace('keys: ["app:*"]', 'keys: ["app:x:*"]'), 'queue.yaml')
    first.reload_now()                                       # other rights: not by this user
    until(lambda: not direct_users(second), 3, 'the end of users of the old policy')
    with first.redis.admin() as admin:                       # records lost: users without one are leftovers
        again = given(second, issuer.token('w1', ['app']), mode='direct')
        admin('FLUSHALL')
    until(lambda: again['user'] not in direct_users(second), 6, 'the end of a user without a record')


def test_a_revoked_identity_has_nothing_left(pair, issuer):
    first, second = pair
    token = issuer.token('w1', ['app'])
    one, direct = given(first, token), given(first, token, mode='direct')
    with direct_client(first, direct) as client, first.login(one['password']) as session:
        assert client('SET', 'app:k', 1) == b'OK' and session('GET', 'app:k') == b'1'
        status, body = second.api('POST', '/v1/revocations', {'principal': 'local:w1', 'reason': 'left'})
        assert status in (200, 201), body
        until(lambda: not direct_users(first), 1, 'the end of the direct user')
        with pytest.raises(Closed):
            client('GET', 'app:k')
    until(lambda: exchange(first, token)[0] == 401, 1, 'the news at the other instance')
    time.sleep(0.1)                                          # and its shards
    refused(lambda: first.login(one['password']), 'WRONGPASS')
    assert exchange(first, token, '/v1/credentials/renew', lease_id=direct['user'])[0] == 401


def test_direct_under_a_namespace_says_so(make_keyward, issuer):
    server = make_keyward(POLICIES).start()
    one = given(server, issuer.token('n', ['named']), mode='direct')
    assert one['namespace'] == 'team:' and any('write full names, team:KEY' in note for note in one['notes']), one
    with direct_client(server, one) as client:
        assert client('SET', 'team:k', 1) == b'OK'
        assert str(client('SET', 'k', 1)).startswith('NOPERM')


def test_the_verb(make_keyward, issuer, tmp_path):
    server = make_keyward(POLICIES).start()
    token = issuer.token('w1', ['app'])
    file = tmp_path / 'token'
    file.write_text(token + '\n')
    url = ['--admin', f'http://127.0.0.1:{server.admin_port}']
    environment = {k: v for k, v in os.environ.items() if not k.startswith('KEYWARD_')}

    def verb(*words, env=None):
        return subprocess.run([str(BINARY), 'credentials', *words], capture_output=True, text=True, timeout=30,
                              env={**environment, **(env or {})}, stdin=subprocess.DEVNULL)

    got = verb('get', *url, '--token-file', str(file), '--ttl', '10m', '--json')
    assert got.returncode == 0, got
    one = json.loads(got.stdout)
    assert server.login(one['password'])
    shown = verb('get', *url, '--token-command', 'cat', str(file), env={'KEYWARD_URL': f'rediss://localhost:{server.port}'})
    assert shown.returncode == 0 and f'rediss://kwc_' in shown.stdout and f'@localhost:{server.port}' in shown.stdout, shown
    direct = json.loads(verb('get', *url, '--mode', 'direct', '--ttl', '1m', '--json', env={'KEYWARD_TOKEN': token}).stdout)
    more = verb('renew', *url, direct['user'], '--json', env={'KEYWARD_TOKEN': token})
    assert more.returncode == 0 and json.loads(more.stdout)['ttl'] > 800, more
    listed = verb('list', *url)
    assert listed.returncode == 0 and one['user'] in listed.stdout and direct['user'] in listed.stdout, listed
    assert verb('revoke', *url, one['user']).returncode == 0
    assert verb('revoke', *url, direct['user'], env={'KEYWARD_TOKEN': token}).returncode == 0
    assert verb('revoke', *url, direct['user']).returncode == 1
    assert verb('get', *url).returncode == 1                       # no token
    assert verb('get', *url, '--grant', 'own', env={'KEYWARD_TOKEN': token}).returncode == 1
    assert verb('get', '--admin', 'http://192.0.2.1:9380', env={'KEYWARD_TOKEN': token}).returncode == 1
    assert verb('revoke', *url, '../policy').returncode == 2
    assert verb('list', *url).stdout.strip() == 'no credentials live' or verb('list', *url).returncode == 0


def test_records_are_valid_ocsf(make_keyward, issuer, tmp_path):
    server = make_keyward(POLICIES).start()
    token = issuer.token('w1', ['app'])
    one = given(server, token, mode='direct', ttl='1m')
    exchange(server, token, '/v1/credentials/renew', lease_id=one['user'])
    server.api('DELETE', '/v1/credentials/' + one['user'])
    exchange(server, 'nonsense')
    server.login(given(server, token)['password']).close()
    kinds = ('credential_issue', 'credential_renew', 'credential_end', 'login_refused', 'login')
    file = tmp_path / 'lines.jsonl'
    chosen = [line for line in server.trail.lines() if json.loads(line)['unmapped']['keyward']['kind'] in kinds]
    assert {json.loads(line)['unmapped']['keyward']['kind'] for line in chosen} == set(kinds)
    file.write_text('\n'.join(chosen) + '\n')
    check = subprocess.run([sys.executable, ROOT / 'tests/schema/check_ocsf.py', file], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    assert server.trail.verify().returncode == 0
