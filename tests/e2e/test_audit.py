"""The trail as an auditor finds it: who did what, nothing secret, nothing missing, nothing altered unnoticed."""
import json
import os
import random
import shutil
import subprocess

import pytest

from rig.keyward import run
from rig.process import until
from rig.resp import RespError


@pytest.fixture
def worked(make_keyward, issuer):
    """A server after a small working day, stopped; its token and secret value as attributes."""
    server = make_keyward().start()
    server.token = issuer.token('alice', ['app'])
    server.secret = 'value-that-nobody-may-read'
    with server.login(server.token) as client:
        assert client('SET', 'app:salary', server.secret) == b'OK'
        assert client('GET', 'app:salary') == server.secret.encode()
        assert client('HSET', 'app:h', 'field', server.secret) == 1
        client('GET', 'foreign-key')
        client('MULTI')
        client('INCR', 'app:n')
        client('INCR', 'app:n')
        assert client('EXEC') == [1, 2]
        wrong = client('LPUSH', 'app:salary', server.secret)
        assert isinstance(wrong, RespError) and wrong.prefix == 'WRONGTYPE'
        assert client('EVAL', f"return redis.call('SET', KEYS[1], '{server.secret}')", '1', 'app:lua') == b'OK'
    with server.connect() as client:
        client('AUTH', server.token[:-4] + 'AAAA')
    assert server.stop() == 0
    return server


def of_class(records, number):
    return [r for r in records if r['class_uid'] == number]


def test_who_did_what(worked):
    records = worked.trail.records()
    for record in records:
        assert record['metadata']['version'].startswith('1.8') and isinstance(record['time'], int), record
        assert record['type_uid'] == record['class_uid'] * 100 + record['activity_id']
    commands = [r for r in of_class(records, 6005) if r.get('action_id') != 2]
    text = json.dumps(commands)
    for part in ('app:salary', 'app:h', 'app:n', 'app:lua', 'alice', 'app'):
        assert part in text, part
    assert all('alice' in json.dumps(r['actor']) for r in commands)
    failed = [r for r in commands if 'WRONGTYPE' in json.dumps(r)]
    assert len(failed) == 1 and failed[0]['status_id'] == 2
    assert len([r for r in commands if 'app:n' in json.dumps(r)]) == 2
    assert not any('"GET"' in json.dumps(r).upper() and 'foreign' not in json.dumps(r) for r in commands), 'reads are not asked for'
    denial = worked.trail.denials()
    assert len(denial) == 1 and 'foreign-key' in json.dumps(denial[0])
    assert len(worked.trail.logins(ok=True)) == 1 and len(worked.trail.logins(ok=False)) == 1
    changes = of_class(records, 3001) + of_class(records, 3007)
    assert sorted({r['activity_id'] for r in changes}) in ([1, 3], [1, 6]), 'a lease is created and deleted'
    assert of_class(records, 3004), 'the policy that was loaded'
    assert of_class(records, 6002), 'start and stop'


def test_every_file_says_whose_its_commands_are(worked):
    """A command is joined with the last `session` record of its session in the same file."""
    joined = 0
    for path in worked.trail.folder.glob('*.jsonl'):
        known = {}
        for record in map(json.loads, path.read_text().splitlines()):
            if record['class_uid'] == 3003:
                known[record['session']['uid']] = record
            elif record['class_uid'] == 6005:
                session = known[record['actor']['session']['uid']]
                assert session['user']['uid'] == record['actor']['user']['uid']
                facts = session['unmapped']['keyward']
                assert facts['lease_user'] and facts['policy_version'] and facts['tls_version'] and facts['token_digest']
                assert record['unmapped']['keyward'].get('grant', 'none') in [*session['privileges'], 'none']
                joined += 1
    assert joined >= 7


def test_case_e8_09_nothing_secret_anywhere(worked):
    everything = worked.trail.text() + worked.process.text()
    assert worked.secret not in everything
    assert worked.token not in everything and worked.token.split('.')[2] not in everything
    assert 'admin-secret-of-the-test' not in everything


def test_a_refusal_can_be_looked_up(make_keyward, app_token):
    server = make_keyward().start()
    with server.login(app_token) as client:
        told = str(client('GET', 'foreign'))
    until(lambda: server.trail.denials(), 5, 'the record')
    request = [word.strip('.,;()[]"\'') for word in told.replace(':', ' ').split()]
    text = json.dumps(server.trail.denials()[0])
    assert any(len(word) >= 8 and any(c.isdigit() for c in word) and word in text for word in request), f'{told}\n{text}'
    assert 'e2e' not in told or 'other' not in told   # no other team's name


def test_every_altered_byte_is_found(worked, tmp_path):
    files = [p for p in worked.trail.folder.rglob('*') if p.is_file() and p.stat().st_size]
    assert run('audit', 'verify', worked.trail.folder).returncode == 0
    random.seed(7)
    for n in range(40):
        copy = tmp_path / f'copy{n}'
        shutil.copytree(worked.trail.folder, copy)
        victim = copy / random.choice(files).relative_to(worked.trail.folder)
        data = bytearray(victim.read_bytes())
        at = random.randrange(len(data))
        data[at] ^= 1 << random.randrange(8)
        victim.write_bytes(data)
        ended = run('audit', 'verify', copy)
        assert ended.returncode == 1, f'byte {at} of {victim.name} was flipped and nothing was said:\n{ended.stdout}'
        shutil.rmtree(copy)


def test_missing_lines_and_files_are_found(worked, tmp_path):
    files = [p for p in worked.trail.folder.rglob('*') if p.is_file() and p.stat().st_size]
    for n, path in enumerate(files):
        lines = path.read_bytes().splitlines(keepends=True)
        for cut in ({len(lines) // 2} if len(lines) > 2 else set()) | {0}:
            copy = tmp_path / f'cut{n}-{cut}'
            shutil.copytree(worked.trail.folder, copy)
            (copy / path.relative_to(worked.trail.folder)).write_bytes(b''.join(lines[:cut] + lines[cut + 1:]))
            assert run('audit', 'verify', copy).returncode == 1, f'line {cut} of {path.name} was taken out'


def test_verify_of_nothing(tmp_path):
    assert run('audit', 'verify', tmp_path).returncode == 1
    assert run('audit', 'verify', tmp_path / 'none').returncode == 1


def test_case_e8_02_writes_are_refused_while_the_trail_cannot_be_written(make_keyward, app_token, tmp_path):
    """A folder that is full: reads pass, writes are refused, readiness goes off; all of it ends by itself."""
    folder = tmp_path / 'small'
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=700', 'tmpfs', str(folder)], capture_output=True).returncode:
        pytest.skip('needs to mount a small file system')
    try:
        server = make_keyward(more={'audit': {'directory': str(folder)}}).start()
        with server.login(app_token) as client:
            assert client('SET', 'app:x', 1) == b'OK'
            writers = [server.login(app_token, timeout=2) for _ in range(40)]  # a login is recorded too, so it would wait
            filler = os.open(folder / 'filler', os.O_WRONLY | os.O_CREAT)
            try:
                for _ in range(4096):
                    os.write(filler, b'x' * 1024)
            except OSError:
                pass                                   # full
            os.close(filler)

            stuck = []                                 # under way when it failed: answered when it is recorded, not before

            def refused():
                writer = writers.pop()
                try:
                    return isinstance(writer('SET', 'app:x', 2), RespError)
                except TimeoutError:
                    stuck.append(writer)
                    return False
            until(refused, 20, 'the refusal of a write')
            assert client('GET', 'app:x') is not None
            until(lambda: server.get('/readyz')[0] == 503, 10, 'readiness going off')
            (folder / 'filler').unlink()
            until(lambda: client('SET', 'app:x', 3) == b'OK', 15, 'writes coming back')
            assert all(writer.read() == b'OK' for writer in stuck)
            until(server.ready, 10, 'readiness coming back')
        assert server.stop() == 0
        assert run('audit', 'verify', folder).returncode == 0
    finally:
        subprocess.run(['umount', '-l', str(folder)], capture_output=True)
