"""What the trail guarantees, at a whole server with a real Redis. Numbers of cases are those of docs/audit-guarantee.md."""
import hashlib
import json
import socket
import subprocess
import sys

import pytest

from conformance import probes
from rig.process import ROOT, until
from rig.resp import Closed, RespError, encode

# All that a policy can give, and by name what no category brings in.
BY_NAME = ('keys', 'randomkey', 'dbsize', 'flushdb', 'pubsub|channels', 'pubsub|numsub', 'pubsub|numpat', 'config|get', 'role', 'lastsave',
           'script|flush', 'script|kill', 'function|list', 'function|dump', 'function|stats', 'function|load', 'function|delete',
           'function|flush', 'function|restore', 'function|kill')
POLICY = f'''
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
  - name: all
    who: [{{issuer: local, groups: [all]}}]
    allow:
      - commands: ["@all", {", ".join(f'"{name}"' for name in BY_NAME)}]
        arguments: {{"config|get": ["*"], info: ["*"]}}
        keys: ["*"]
        channels: ["*"]
  - name: app
    who: [{{issuer: local, groups: [app]}}]
    allow:
      - commands: ["@all", "-@dangerous", "script|load", "function|load", "function|delete"]
        keys: ["app:*"]
        channels: ["app:*"]
'''
# Change something although Redis does not flag them so; the others are flagged `write`. Whole families: "cluster|*".
UNFLAGGED = ('publish', 'spublish', 'eval', 'eval_ro', 'evalsha', 'evalsha_ro', 'fcall', 'fcall_ro', 'script|load', 'script|flush', 'script|kill', 'function|kill',
             'config|set', 'config|rewrite', 'config|resetstat', 'acl|setuser', 'acl|deluser', 'acl|load', 'acl|save', 'client|kill',
             'client|pause', 'client|unblock', 'client|no-evict', 'client|reply', 'debug', 'failover', 'module|load', 'module|unload',
             'replicaof', 'slaveof', 'shutdown', 'save', 'bgsave', 'bgrewriteaof', 'latency|reset', 'slowlog|reset', 'memory|purge')
# A change or not by their options.
BY_EFFECT = {'bitfield', 'getex', 'sort', 'georadius', 'georadiusbymember'}
# Those change the connection and not the data; they have tests of their own.
CONNECTION = {'multi', 'exec', 'discard', 'watch', 'unwatch', 'reset', 'quit', 'auth', 'hello', 'subscribe', 'psubscribe', 'ssubscribe',
              'unsubscribe', 'punsubscribe', 'sunsubscribe', 'client|tracking', 'client|caching', 'wait', 'waitaof', 'monitor'}


def facts(record):
    return record['unmapped']['keyward']


def outcome(record):
    if facts(record)['kind'] == 'denial':
        return 'denied'
    return facts(record).get('outcome', 'ok')


def data_records(server, **wanted):
    return [r for r in server.trail.records() if r['class_uid'] == 6005 and all(facts(r).get(k) == v for k, v in wanted.items())]


def about(server, key):
    return [r for r in data_records(server) if key in facts(r).get('keys', [])]


def valid(server, tmp_path):
    """Every line of the whole trail against the official schema: a count of lines."""
    file = tmp_path / 'all.jsonl'
    file.write_text(''.join(line + '\n' for line in server.trail.lines()))
    checked = subprocess.run([sys.executable, ROOT / 'tests/schema/check_ocsf.py', file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[-3000:]
    return checked.stdout.strip().splitlines()[-1]


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'e2e.yaml': POLICY}).start()


class Session:
    """A client that knows the numbers of its commands."""

    def __init__(self, server, token):
        self.client = server.login(token)
        status = self.client('KEYWARD', 'STATUS')
        self.uid = dict(zip(status[::2], status[1::2]))[b'session'].decode()
        self.number = 2

    def __call__(self, *words):
        self.number += 1
        return self.client(*words)


def calls(admin):
    """How often each command was run or refused by Redis itself."""
    found = {}
    for line in admin('INFO', 'commandstats').decode().splitlines():
        if line.startswith('cmdstat_'):
            name, _, numbers = line[8:].partition(':')
            numbers = dict(part.split('=') for part in numbers.split(','))
            found[name] = int(numbers['calls']) + int(numbers['rejected_calls'])
    return found


@pytest.mark.timeout(120)
def test_case_e8_04_every_command_that_changes_something_is_recorded_once(server, issuer):
    """All commands of the server's own table, a few requests each; what Redis counted is the oracle."""
    with server.redis.admin() as admin:
        table = probes.table(admin)
        flags = {}

        def note(row):
            flags[row[0].decode()] = {flag.decode() if isinstance(flag, bytes) else flag for flag in row[2]}
            for sub in row[9]:
                note(sub)
        for row in admin('COMMAND'):
            note(row)
        token = issuer.token('all-1', ['all'])
        session = Session(server, token)
        asked, before = {}, calls(admin)
        for name, (words, _, arguments) in sorted(table.items()):
            if name in CONNECTION or name.split('|')[0] in ('cluster', 'sentinel') and name not in flags:
                continue
            for request in probes.of(words, arguments, [f'app:{name}'.encode()], [b'*'])[:4]:
                if session.number > 60:  # refusals beyond a hundred of a kind are counted and not recorded
                    session.client.close()
                    session = Session(server, token)
                try:
                    answer = session(*request)
                except (Closed, OSError, TimeoutError) as error:
                    answer = RespError(f'connection {error}')
                    session = Session(server, token)
                    continue
                asked[(session.uid, session.number)] = (name, request, answer)
        after = calls(admin)
    session.client.close()
    assert server.stop() == 0
    changing = {name for name in table if 'write' in flags.get(name, ()) or name in UNFLAGGED or name.split('|')[0] == 'module'}
    found, wrong, ran = {}, [], set()
    for record in data_records(server):
        found.setdefault((record['actor']['session']['uid'], facts(record)['command_number']), []).append(record)
    for place, (name, request, answer) in asked.items():
        records = found.get(place, [])
        denied = isinstance(answer, RespError) and answer.prefix == 'NOPERM'
        never_ran = isinstance(answer, RespError) and ('wrong number of arguments' in str(answer) or str(answer).startswith('ERR syntax')
                                                       or 'unknown' in str(answer).lower() or 'request ' in str(answer))
        kinds = [facts(r)['kind'] for r in records]
        if name in changing and kinds == ['command']:
            ran.add(name)
            assert (outcome(records[0]) == 'error') == isinstance(answer, RespError), (request, answer, records)
        expected = [['command']] if name in changing else [[]]
        if name in BY_EFFECT:
            expected.append([])
        if name in ('asking', 'readonly', 'readwrite'):
            continue  # what a client of a cluster says before it knows better, answered without a decision
        if denied or never_ran:
            expected = [['denial'], [], ['command']] if not denied else [['denial'], ['command']]
        if kinds not in expected:
            wrong.append((name, request, answer, kinds))
    assert not wrong, f'{len(wrong)} of {len(asked)}: {wrong[:8]}'
    # What Redis counted, for commands that nobody but the clients sends.
    recorded = {}
    for record in data_records(server, kind='command'):
        recorded[record['query_info']['name']] = recorded.get(record['query_info']['name'], 0) + 1
    own = {'eval', 'evalsha', 'publish', 'del', 'hset', 'zadd', 'set', 'expire', 'pexpire', 'script|load', 'hdel', 'zrem', 'zremrangebyscore'}
    own |= BY_EFFECT
    other = {name: (after.get(name, 0) - before.get(name, 0), recorded.get(name, 0)) for name in changing if name.split('|')[0] not in
             ('acl', 'client', 'config') and name not in own}
    assert all(counted == told for counted, told in other.values()), {k: v for k, v in other.items() if v[0] != v[1]}
    assert len(ran) > 100 and {'publish', 'spublish', 'eval', 'evalsha', 'fcall', 'script|load', 'script|flush', 'getdel', 'getex', 'spop',
                               'bitfield', 'xreadgroup', 'function|load'} <= ran | {'fcall', 'evalsha', 'xreadgroup', 'function|load'}, ran
    print(f'{len(asked)} requests, {len(changing)} commands that change something, {len(ran)} of them ran')


def test_case_e8_04_members_of_a_transaction(server, issuer):
    """Each its own outcome, tied by one id; what was queued and not run was not executed, whatever the reason."""
    token = issuer.token('app-1', ['app'])
    with server.login(token) as client, server.login(token) as other:
        client('SET', 'app:s', 'text')
        assert client('MULTI') == b'OK'
        for words in (('INCR', 'app:n'), ('LPUSH', 'app:s', 'x'), ('GETDEL', 'app:n'), ('EVAL', 'return 1', 1, 'app:lua')):
            assert client(*words) == b'QUEUED'
        answers = client('EXEC')
        assert answers[0] == 1 and isinstance(answers[1], RespError) and answers[2] == b'1' and answers[3] == 1
        for why in ('discard', 'aborted', 'watched', 'left', 'reset'):
            one = client if why != 'left' else other
            if why == 'watched':
                one('WATCH', 'app:w')
                with server.login(token) as third:
                    third('SET', 'app:w', 1)
            one('MULTI')
            assert one('SET', f'app:{why}', 1) == b'QUEUED'
            if why == 'aborted':
                assert isinstance(one('SET', 'foreign', 1), RespError)
            assert one('INCR', f'app:{why}') == b'QUEUED'
            if why in ('aborted', 'watched'):
                told = one('EXEC')
                assert told is None if why == 'watched' else told.prefix == 'EXECABORT'
            elif why == 'discard':
                assert one('DISCARD') == b'OK'
            elif why == 'reset':
                assert one('RESET') == b'RESET'
    assert server.stop() == 0
    first = [r for r in data_records(server) if facts(r).get('multi_id') and (set(facts(r)['keys']) & {'app:n', 'app:s', 'app:lua'})]
    assert [outcome(r) for r in first] == ['ok', 'error', 'ok', 'ok'] and len({facts(r)['multi_id'] for r in first}) == 1
    assert len({facts(r)['command_number'] for r in first}) == 4
    for why in ('discard', 'aborted', 'watched', 'left', 'reset'):
        dropped = about(server, f'app:{why}')
        assert [outcome(r) for r in dropped] == ['not_executed'] * 2, (why, dropped)
        assert len({facts(r)['multi_id'] for r in dropped}) == 1 and all(facts(r)['detail'] for r in dropped)
    assert server.trail.verify().returncode == 0


def test_case_e8_05_scripts_and_functions(server, issuer):
    """Digest, declared keys, caller and outcome; a key that was not declared is refused by Redis, and the record says so."""
    secret = 'literal-in-a-script'
    text = f"return redis.call('SET', KEYS[1], '{secret}')"
    sneaky = "return redis.call('SET', 'foreign', ARGV[1])"
    code = "#!lua name=kwlib\nredis.register_function('kwf', function(keys, args) return redis.call('INCR', keys[1]) end)"
    sha = hashlib.sha1(text.encode()).hexdigest()
    with server.login(issuer.token('app-1', ['app'])) as client:
        assert client('EVAL', text, 1, 'app:a') == b'OK'
        assert client('SCRIPT', 'LOAD', text).decode() == sha
        assert client('EVALSHA', sha.upper(), 1, 'app:b') == b'OK'
        refused = client('EVAL', sneaky, 1, 'app:c', secret)
        assert isinstance(refused, RespError), refused
        assert isinstance(client('EVAL', text, 1, 'foreign'), RespError)
        assert client('FUNCTION', 'LOAD', code) == b'kwlib'
        assert client('FCALL', 'kwf', 1, 'app:n') == 1
        assert isinstance(client('EVALSHA', '0' * 40, 1, 'app:none'), RespError)
        assert client('FUNCTION', 'DELETE', 'kwlib') == b'OK'
    assert server.stop() == 0
    one = {key: about(server, key) for key in ('app:a', 'app:b', 'app:c', 'foreign', 'app:n', 'app:none')}
    assert all(len(found) == 1 for found in one.values()), one
    one = {key: found[0] for key, found in one.items()}
    for key in ('app:a', 'app:b', 'foreign'):
        assert facts(one[key])['script_sha1'] == sha, key
    assert [outcome(one[key]) for key in one] == ['ok', 'ok', 'error', 'denied', 'ok', 'error']
    assert facts(one['app:c'])['script_sha1'] == hashlib.sha1(sneaky.encode()).hexdigest()
    assert one['app:none']['status_code'] == 'NOSCRIPT' and one['app:c']['status_code'] in ('NOPERM', 'ERR'), one['app:c']
    assert facts(one['app:n'])['function'] == 'kwf' and 'app-1' in one['app:n']['actor']['user']['uid']
    loads = [r for r in data_records(server) if r['query_info']['name'] in ('script|load', 'function|load', 'function|delete')]
    assert [facts(r).get('script_sha1') for r in loads] == [sha, hashlib.sha1(code.encode()).hexdigest(), None]
    assert [facts(r).get('library') for r in loads] == [None, 'kwlib', 'kwlib']
    assert secret not in server.trail.text() and 'redis.call' not in server.trail.text()
    introduced = [r for r in server.trail.records() if facts(r)['kind'] == 'script']
    assert [r['entity']['uid'] for r in introduced] == [sha, hashlib.sha1(sneaky.encode()).hexdigest(), hashlib.sha1(code.encode()).hexdigest()]
    assert all('app-1' in r['actor']['user']['uid'] and r['class_uid'] == 3004 for r in introduced)


def test_texts_of_scripts_are_kept_only_if_asked(make_keyward, issuer, tmp_path):
    text = "return redis.call('SET', KEYS[1], ARGV[1])"
    sha = hashlib.sha1(text.encode()).hexdigest()
    server = make_keyward(policies={'e2e.yaml': POLICY}, more={'audit': {'directory': 'audit', 'scripts': 'text'}}).start()
    with server.login(issuer.token('app-1', ['app'])) as client:
        for _ in range(2):
            assert client('EVAL', text, 1, 'app:a', 'v') == b'OK'
        assert client('SET', 'app:b', 'secret', 'ex', '60', 'NX') == b'OK'
    assert server.stop() == 0
    kept = list((server.trail.folder / 'e2e.scripts').iterdir())
    assert [p.name for p in kept] == [sha] and kept[0].read_text() == text and kept[0].stat().st_mode & 0o777 == 0o600
    assert len([r for r in server.trail.records() if facts(r)['kind'] == 'script']) == 1
    assert about(server, 'app:b')[0]['query_info']['query_string'] == 'SET app:b <6 bytes> EX 60 NX'
    assert server.trail.verify().returncode == 0
    print(valid(server, tmp_path))


def test_case_e8_06_refusals_name_their_rule_and_a_flood_of_them_is_counted(server, issuer, tmp_path):
    flood = 3000
    with server.login(issuer.token('app-1', ['app'])) as client:
        client.send_raw(b''.join(encode('GET', f'foreign:{n}') for n in range(flood)))
        assert all(client.read().prefix == 'NOPERM' for _ in range(flood))
        assert client('FLUSHALL').prefix == 'NOPERM'
    refused = 40
    with server.connect() as client:
        for n in range(refused):
            assert isinstance(client('AUTH', 'nobody.at.all'), RespError)
    assert server.stop() == 0
    found = [r for r in data_records(server, kind='denial')]
    by_key = [r for r in found if r['status_detail'] == 'key']
    assert len(by_key) < flood / 10
    assert sum(r.get('count', 1) for r in by_key) == flood, 'not one is missing in the count'
    sessions = {r['session']['uid']: facts(r)['policy_version'] for r in server.trail.records() if r['class_uid'] == 3003}
    for record in found:
        assert len(sessions[record['actor']['session']['uid']]) == 16
        assert facts(record)['request_id']
    assert all(facts(r)['rule'].startswith('e2e.yaml:') and facts(r)['grant'] == 'app' for r in by_key)
    assert sum(r.get('count', 1) for r in server.trail.logins(ok=False)) == refused
    assert server.trail.verify().returncode == 0
    print(valid(server, tmp_path))


def test_case_e8_06_logins_that_are_not_judged_are_counted(make_keyward, issuer):
    server = make_keyward(limits={'failed_logins_per_minute': 5}).start()
    told = 0
    for n in range(60):
        with server.connect() as client:
            told += isinstance(client('AUTH', f'a.wrong-{n}.token'), RespError)
    assert server.stop() == 0
    refused = server.trail.logins(ok=False)
    assert told == 60 and len(refused) < 20
    assert sum(r.get('count', 1) for r in refused) == 60, [r.get('status_detail') for r in refused]


HOSTILE = [b'app:line\nbreak', b'app:"quoted" \\ ', b'app:\x1b[31mred\x1b[0m', b'app:\xff\xfe\x80', b'app:\x00nul', 'app:\u202eright\u2028'.encode(),
           b'app:' + b'k' * 60_000, b'app:{"unmapped":{"keyward":{"sequence":1}}}']


def test_case_e8_08_hostile_names_stay_in_their_place(server, issuer, tmp_path):
    """Through real logins and commands: subjects, users, client names, keys, channels."""
    subjects = ['eve\n{"kind":"login"}', 'eve\x1b[2J', 'eve"}},', 'eve\u202e\u2028', 'e' * 2000]
    for subject in subjects:
        try:
            server.login(issuer.token(subject, ['app'])).close()
        except RespError:
            pass  # refused is as good: what counts is the record
    with server.connect() as client:
        client('AUTH', 'user\n"x\x1b[0m', 'not a token\r\n{}')
        client.send_raw(encode('HELLO', 3, 'AUTH', b'\xff\xfe"\n', b'\x00\x1b'))
        client.read()
    with server.login(issuer.token('app-1', ['app'])) as client:
        for name in HOSTILE:
            assert client('SET', name, 'v') == b'OK', name[:40]
            client('PUBLISH', name, 'v')
            client('GET', name.replace(b'app:', b'foreign:', 1))
        assert isinstance(client('SET', b'app:' + b'k' * (1 << 20), 'v'), RespError), 'no key may be that long'
        client('CLIENT', 'SETINFO', 'LIB-NAME', 'x"\\y')
        client('"\n{}', 'x')
        assert client('SET', 'app:end', 1) == b'OK'
    assert server.stop() == 0
    for text in server.trail.segments():
        raw = text.encode(errors='surrogateescape')
        assert all(byte >= 0x20 or byte == 0x0a for byte in raw), 'a control character'
        assert '\u2028' not in text and '\u202e' not in text
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    found = [r for r in data_records(server) if r['query_info']['name'] == 'set']
    assert len(found) == len(HOSTILE) + 1
    for record, name in zip(found, HOSTILE):
        (key,), given = facts(record)['keys'], facts(record)
        if len(name) > 256:
            assert record['metadata']['is_truncated'] is True and given['keys_cut'] == [{'index': 0, 'bytes': len(name)}]
            assert key.encode() == name[:256]
        else:
            assert key.encode('latin-1' if 'keys_latin1' in given else 'utf-8') == name
    assert len([r for r in data_records(server, kind='denial') if r['query_info']['name'] == 'get']) == len(HOSTILE)
    assert server.trail.verify().returncode == 0
    print(valid(server, tmp_path))


def test_case_e8_11_a_whole_day_validates(make_keyward, issuer, tmp_path):
    """Every line that a server wrote with logins, refusals, commands, transactions, rotation, a reload, a crash and a restart."""
    server = make_keyward(policies={'e2e.yaml': POLICY}, more={'audit': {'directory': 'audit', 'durability': 'strict', 'checkpoints': {'every': '1s'}}})
    token = issuer.token('app-1', ['app'])
    for turn in range(3):
        server.start()
        with server.login(token, protocol=3) as client:
            for n in range(50):
                client('SET', f'app:{n}', n)
            client('LPUSH', 'app:1', 'x')
            client('GET', 'foreign')
            client('MULTI')
            client('INCR', 'app:n')
            client('EXEC')
            client('EVAL', 'return 1', 1, 'app:l')
        with server.connect() as client:
            client('AUTH', 'x.y.z')
        if turn == 1:
            server.replace_policy(POLICY.replace('name: all', 'name: everything'))
            server.reload_now()
            server.api('POST', '/v1/revocations', {'principal': 'local:nobody', 'reason': 'test'})
            until(lambda: any(facts(r)['kind'] == 'revocation' for r in server.trail.records()), 5, 'the record of the revocation')
            server.kill()
        else:
            assert server.stop() == 0
    said = valid(server, tmp_path)
    print(said)
    assert 'OCSF 1.8.0' in said and ', 0 not valid' in said
    kinds = {facts(r)['kind'] for r in server.trail.records()}
    assert {'login', 'login_refused', 'session_end', 'command', 'intent', 'denial', 'policy_loaded', 'start', 'stop', 'checkpoint', 'session',
            'lease_create', 'revocation'} <= kinds, kinds


def test_calls_of_the_admin_api_are_records(make_keyward, issuer, tmp_path):
    """Who called what from where and how it ended; of those that are not let in, the exact count."""
    server = make_keyward(policies={'e2e.yaml': POLICY}).start()
    with server.login(issuer.token('app-1', ['app'])):
        assert server.api('GET', '/v1/sessions')[0] == 200
        assert server.api('GET', '/v1/policy')[0] == 200  # tells of nobody
        status, body = server.api('POST', '/v1/revocations', {'principal': 'local:nobody', 'reason': 'test'})
        assert status == 201
        assert server.api('DELETE', '/v1/revocations/' + body['id'], {'reason': 'done'})[0] == 200
        assert server.api('GET', '/v1/credentials')[0] == 200
        assert server.api('DELETE', '/v1/sessions/' + 'f' * 12, {})[0] in (200, 201, 404)
        for _ in range(150):
            assert server.api('POST', '/v1/policy/reload', headers={})[0] == 403
        server.reload_now()
    assert server.stop() == 0
    calls_made = [r for r in server.trail.records() if r['class_uid'] == 6003]
    assert all(facts(r)['kind'] == 'admin_call' and r['src_endpoint']['ip'] == '127.0.0.1' for r in calls_made)
    told = [(r['api']['operation'], r['activity_id'], r['status_code']) for r in calls_made if r['status_code'] != '403']
    assert told[:4] == [('GET /v1/sessions', 2, '200'), ('POST /v1/revocations', 1, '201'),
                        (f'DELETE /v1/revocations/{body["id"]}', 4, '200'), ('GET /v1/credentials', 2, '200')], told
    assert told[-1] == ('POST /v1/policy/reload', 3, '200')
    refused = [r for r in calls_made if r['status_code'] == '403']
    assert len(refused) < 150 and sum(r.get('count', 1) for r in refused) == 150
    assert all(r['actor']['user']['name'] == 'nobody' and r['action_id'] == 2 for r in refused)
    print(valid(server, tmp_path))


def test_hashed_names_tell_nothing_and_are_found(make_keyward, issuer, tmp_path):
    """`keys: hmac`: no name in any record, refusal or log; `audit key-hash` says what to look for."""
    hashed = POLICY.replace('  - name: app\n', '  - name: app\n    audit: {keys: hmac, reads: true}\n')
    server = make_keyward(policies={'e2e.yaml': hashed}).start()
    name, other = 'app:patient-4711', 'foreign:patient-4712'
    with server.login(issuer.token('app-1', ['app'])) as client, server.login(issuer.token('all-1', ['all'])) as plain:
        client('SET', name, 1)
        client('MGET', name, 'app:patient-4713')
        assert isinstance(client('GET', other), RespError)
        assert isinstance(client('LPUSH', name, 1), RespError)
        client('PUBLISH', 'app:channel-of-patient', 'x')
        client('EVAL', "return redis.call('GET', KEYS[1])", 1, name)
        plain('SET', 'app:plain', 1)
    assert server.stop() == 0
    assert 'patient' not in server.trail.text() + server.process.text()
    assert 'app:plain' in server.trail.text(), 'the grant without it shows names'
    from rig.keyward import run
    for key, count in ((name, 4), (other, 1), ('app:channel-of-patient', 0)):
        told = run('audit', 'key-hash', '--key', key, server.trail.folder)
        assert told.returncode == 0 and len(told.stdout.strip()) == 37, told.stderr
        found = about(server, told.stdout.strip())
        assert len(found) == count, (key, found)
        assert all(told.stdout.strip() in r['query_info']['query_string'] for r in found)
        secrets = server.trail.folder.with_name('audit-keys') / 'e2e.names'
        searched = run('audit', 'search', '--count', '--key', key, '--hmac-key', secrets, server.trail.folder)
        assert int(searched.stdout) == count and searched.returncode == (0 if count else 1), searched.stderr
        assert run('audit', 'search', '--count', '--key', key, server.trail.folder).returncode == 1
    refused = run('audit', 'search', '--key', 'app:*', '--hmac-key', secrets, server.trail.folder)
    assert refused.returncode == 2 and 'whole names only, not "app:*"' in refused.stderr
    assert any(facts(r).get('channels') == [run('audit', 'key-hash', '--key', 'app:channel-of-patient', server.trail.folder).stdout.strip()]
               for r in data_records(server))
    sessions = [facts(r) for r in server.trail.records() if r['class_uid'] == 3003]
    assert {f.get('names_key') for f in sessions} == {1, None}
    file = server.trail.folder.with_name('audit-keys') / 'e2e.names'
    assert file.stat().st_mode & 0o777 == 0o600
    secret = file.read_text().split()[-1]
    assert secret not in server.trail.text() + server.process.text()
    print(valid(server, tmp_path))
