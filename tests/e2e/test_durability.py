"""What each level of durability promises, at a whole server. Numbers of cases are those of the audit guarantee."""
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from rig.keyward import run
from rig.process import until
from rig.resp import RespError

POLICY = """
apiVersion: keyward/v1
team: e2e
owners: [e2e@example.com]
grants:
""" + ''.join(f"""
  - name: {level}
    who: [{{issuer: local, groups: [{level}]}}]
    allow:
      - commands: ["@all", "-@dangerous", "-scan", "-randomkey", "-dbsize"]
        keys: ["app:*"]
    audit: {{durability: {level}}}
""" for level in ('async', 'written', 'synced', 'strict'))


def facts(record):
    return record['unmapped']['keyward']


def of_key(server, key):
    return [facts(r) for r in server.trail.records() if key in facts(r).get('keys', [])]


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'e2e.yaml': POLICY})


def test_every_level_at_once(server, issuer):
    """Grants of all levels side by side: each answers, each is recorded once; strict says before what it is about to do."""
    server.start()
    for level in ('async', 'written', 'synced', 'strict'):
        with server.login(issuer.token('alice', [level])) as client:
            assert client('SET', f'app:{level}', 1) == b'OK'
            assert client('GET', f'app:{level}') == b'1'
            client.send_raw(b''.join(b'*2\r\n$4\r\nINCR\r\n$%d\r\napp:%s\r\n' % (len(level) + 4, level.encode()) for _ in range(20)))
            assert [client.read() for _ in range(20)] == list(range(2, 22))
            client('MULTI')
            client('INCR', f'app:{level}')
            client('SET', f'app:{level}:m', 1)
            assert client('EXEC') == [22, b'OK']
            assert client('BLPOP', f'app:{level}:none', '0.05') is None
    assert server.stop() == 0
    for level in ('async', 'written', 'synced', 'strict'):
        kinds = [f['kind'] for f in of_key(server, f'app:{level}')]
        assert kinds.count('command') == 22, level
        assert kinds.count('intent') == (22 if level == 'strict' else 0), level
    about = [(f['kind'], f['command_number']) for f in of_key(server, 'app:strict')]
    for kind, number in about:
        assert kind != 'command' or about.index(('intent', number)) < about.index(('command', number))
    assert server.trail.verify().returncode == 0


def test_a_large_value_is_not_taken_under_strict(server, issuer):
    server.start()
    with server.login(issuer.token('alice', ['strict']), timeout=30) as client:
        told = client('SET', 'app:large', b'x' * (12 << 20))
        assert isinstance(told, RespError) and 'strict' in str(told)
        assert client('SET', 'app:small', b'x' * 1000) == b'OK'
    with server.login(issuer.token('alice', ['synced']), timeout=30) as client:
        assert client('SET', 'app:large', b'x' * (12 << 20)) == b'OK'
    assert server.stop() == 0


@pytest.fixture
def slow_sync(tmp_path, monkeypatch):
    """A file: while it is there, no fdatasync of the server comes back."""
    if shutil.which('cc') is None or os.environ.get('KEYWARD_SANITIZED'):
        pytest.skip('needs a C compiler and a binary that lets others be loaded before it')
    library = tmp_path / 'slow_sync.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-o', str(library), str(Path(__file__).parent / 'slow_sync.c'), '-ldl'], check=True)
    gate = tmp_path / 'slow'
    monkeypatch.setenv('LD_PRELOAD', str(library))
    monkeypatch.setenv('SLOW_SYNC', str(gate))
    monkeypatch.setenv('READ_ONLY', str(tmp_path / 'read-only'))
    return gate


def test_case_e8_02_a_disk_that_hangs(server, issuer, slow_sync):
    """synced and strict get no answer, then refusals; written and async go on; all comes back by itself."""
    server.start()
    clients = {level: server.login(issuer.token('alice', [level]), timeout=30) for level in ('async', 'written', 'synced', 'strict')}
    waiters = [server.login(issuer.token('bob', ['synced']), timeout=30) for _ in range(3)]
    for client in clients.values():
        assert client('SET', 'app:a', 1) == b'OK'
    slow_sync.touch()
    answers = []
    threads = [threading.Thread(target=lambda c=c: answers.append(c('SET', 'app:held', 1))) for c in (*waiters, clients['strict'])]
    [t.start() for t in threads]
    for level in ('async', 'written'):
        assert clients[level]('SET', 'app:b', 1) == b'OK'
    assert clients['synced']('GET', 'app:a') == b'1', 'what changes nothing waits for nothing'
    until(lambda: server.get('/readyz')[0] == 503, 15, 'readiness going off')
    assert not answers
    assert clients['written']('SET', 'app:b', 1) == b'OK'
    told = clients['synced']('SET', 'app:b', 1)
    assert isinstance(told, RespError) and 'audit trail' in str(told)
    slow_sync.unlink()
    [t.join(20) for t in threads]
    assert answers == [b'OK'] * 4
    until(lambda: clients['strict']('SET', 'app:c', 1) == b'OK', 15, 'writes coming back')
    until(server.ready, 10, 'readiness coming back')
    [c.close() for c in (*clients.values(), *waiters)]
    assert server.stop() == 0
    assert any('brought to the disk' in line for line in server.trail.lines())
    assert server.trail.verify().returncode == 0


def test_case_e8_02_a_file_system_that_became_read_only(server, issuer, slow_sync):
    """Every level that promises a record refuses changes at once; reads go on; nothing grows; all comes back by itself."""
    gate = slow_sync.with_name('read-only')
    server.start()
    clients = {level: server.login(issuer.token('alice', [level]), timeout=10) for level in ('async', 'written', 'synced', 'strict')}
    for client in clients.values():
        assert client('SET', 'app:a', 1) == b'OK'
    gate.touch()
    late = {level: clients[level] for level in ('written', 'synced', 'strict')}
    for client in late.values():
        client.send('SET', 'app:first', 1)  # under way when it failed: no answer without its record
    until(lambda: server.get('/readyz')[0] == 503, 15, 'readiness going off')
    assert clients['async']('SET', 'app:b', 1) == b'OK'
    before = server.process.resident_kib()
    for _ in range(20000):
        clients['async'].send('GET', 'app:a')
    assert all(clients['async'].read() == b'1' for _ in range(20000))
    assert server.process.resident_kib() - before < 16 << 10
    gate.unlink()
    until(server.ready, 10, 'readiness coming back')
    told = {level: client.read() for level, client in late.items()}
    assert all(answer == b'OK' or 'audit trail' in str(answer) for answer in told.values()), told
    for level, client in clients.items():
        assert client('SET', 'app:c', 1) == b'OK', level
        client.close()
    assert server.stop() == 0
    gaps = [facts(r) for r in server.trail.records() if facts(r)['kind'] == 'gap']
    assert gaps and all(f['lost'] == 0 for f in gaps), gaps
    for level, answer in told.items():
        made = [f for f in of_key(server, 'app:first') if f['kind'] == 'command' and f.get('grant') == level and 'outcome' not in f]
        assert (answer == b'OK') == bool(made), (level, answer, made)
    assert server.trail.verify().returncode == 0


def test_case_e8_07_tampering_names_the_place(server, issuer, tmp_path):
    """Flip, delete, swap, cut, drop, replay, fork, wrong key: at a trail of a whole server, with its checkpoints."""
    copy = tmp_path / 'elsewhere.jsonl'
    server.config['audit'] = {'directory': 'audit', 'checkpoints': {'copy_to': [str(copy)]}}
    for _ in range(2):
        server.start()
        with server.login(issuer.token('alice', ['written'])) as client:
            for n in range(50):
                assert client('SET', f'app:{n}', 1) == b'OK'
        assert server.stop() == 0
    whole = server.trail.folder
    files = sorted(p for p in whole.glob('*.shard-*.jsonl') if p.stat().st_size > 20000)
    assert run('audit', 'verify', '--against', copy, whole).returncode == 0

    def problems(change, *options):
        place = tmp_path / 'changed'
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(whole, place)
        change(place)
        ended = run('audit', 'verify', *options, place)
        assert ended.returncode == 1, ended.stdout
        return ended.stdout

    def lines(change):
        def edit(place):
            path = place / files[0].name
            all_of_it = path.read_bytes().splitlines(keepends=True)
            change(all_of_it)
            path.write_bytes(b''.join(all_of_it))
        return edit

    name = files[0].name
    assert f'gap at {name}:21' in problems(lines(lambda all_: all_.pop(20)))
    assert f'swapped at {name}:21' in problems(lines(lambda all_: all_.insert(20, all_.pop(21))))
    assert f'repeated at {name}:22' in problems(lines(lambda all_: all_.insert(21, all_[20])))
    assert f'altered at {name}:21' in problems(lines(lambda all_: all_.__setitem__(20, all_[20].replace(b'app:', b'bpp:'))))
    newest = sorted(whole.glob('*.shard-0.*.jsonl'))[-1].name
    assert 'truncated' in problems(lambda place: (place / newest).write_bytes((whole / newest).read_bytes()[:-300]))
    assert 'truncated' in problems(lambda place: (place / newest).unlink())
    assert 'missing file' in problems(lambda place: [p.unlink() for p in place.glob('*.shard-0.*.jsonl')])
    assert 'missing checkpoint' in problems(lambda place: [p.unlink() for p in place.glob('*.checkpoints.*.jsonl')])
    assert 'forked' in problems(lambda place: shutil.copy(whole / name, place / name.replace('.2', '.3', 1)))
    assert 'unknown key' in problems(lambda place: (place / 'e2e.keys').unlink())

    def earlier(place):  # the state after the first run, whole in itself: only the copy tells
        for path in place.glob('*-000002.jsonl'):
            path.unlink()
    assert 'truncated' in problems(earlier, '--against', copy)
    other = tmp_path / 'other.pem'
    subprocess.run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-out', str(tmp_path / 'k.pem')], check=True, capture_output=True)
    subprocess.run(['openssl', 'pkey', '-in', str(tmp_path / 'k.pem'), '-pubout', '-out', str(other)], check=True, capture_output=True)
    assert 'unknown key' in problems(lambda place: None, '--key', other)


def test_case_e8_12_restarts_and_another_key(server, issuer):
    """Numbers only grow and the chain holds over restarts, crashes and an exchange of the key while it runs."""
    server.config['audit'] = {'directory': 'audit', 'checkpoints': {'every': '1s'}}
    known = server.folder / 'first.pem'
    for turn in range(4):
        server.start()
        with server.login(issuer.token('alice', ['synced'])) as client:
            assert client('SET', 'app:x', turn) == b'OK'
        if turn == 0:
            known.write_text(run('audit', 'key', server.trail.folder).stdout)
        if turn == 1:
            fresh = run('audit', 'rotate-key', '--json', server.trail.folder)
            assert fresh.returncode == 0, fresh.stdout
            until(lambda: any(facts(r).get('key') in fresh.stdout for r in server.trail.records() if facts(r)['kind'] == 'checkpoint'),
                  10, 'the new key signing')
        if turn % 2:
            server.kill()
        else:
            assert server.stop() == 0
    numbers = {}
    for record in server.trail.records():
        numbers.setdefault(facts(record).get('stream') or record['metadata']['uid'].split('.')[1], []).append(facts(record)['sequence'])
    assert all(sorted(all_of_it) == list(range(1, len(all_of_it) + 1)) for all_of_it in numbers.values())
    ended = run('audit', 'verify', '--key', known, server.trail.folder)
    assert ended.returncode == 0, ended.stdout
