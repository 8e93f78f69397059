"""The trail in use: search over rotated, compressed and open segments, exports, tail with filters; all beside a running keyward."""
import csv
import io
import json
import os
import subprocess

import pytest

from rig.keyward import BINARY, run
from rig.process import until
from rig.resp import encode

COMMANDS = 4000


def many_sets(client, keys):
    client.send_raw(b''.join(encode('SET', key, 'v') for key in keys))
    for _ in keys:
        assert client.read() == b'OK'


@pytest.fixture(scope='module')
def busy(tmp_path_factory, authority, redis_shared, issuer, issuer_config):
    """A server that rotated a few times and still runs: closed segments with indexes, compressed ones, an open one."""
    from conftest import POLICY
    from rig.keyward import Keyward
    server = Keyward(tmp_path_factory.mktemp('busy'), authority, redis_shared, [issuer_config], {'e2e.yaml': POLICY}, shards=1,
                     more={'instance': 'busy', 'audit': {'directory': 'audit', 'rotate': {'size': '1MiB'}, 'checkpoints': {'every': '1s'}}})
    server.start()
    with server.login(issuer.token('alice', ['app'])) as client:
        for start in range(0, COMMANDS, 100):
            many_sets(client, [f'app:user:{number}' for number in range(start, start + 100)])
        client('SET', 'app:=cmd|calc', 'v')
        client('GET', 'elsewhere')
        client('LPUSH', 'app:user:7', 'v')
    with server.login(issuer.token('bob', ['app'])) as client:
        client('DEL', 'app:user:7')
    folder = server.trail.folder
    until(lambda: len(list(folder.glob('*.index'))) >= 2 and list(folder.glob('*.jsonl.zst')), 20, 'indexes and compressed segments')
    yield server
    server.stop()


def search(server, *options, code=0):
    done = run('audit', 'search', '--json', *options, server.trail.folder)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def touching(server, key):
    return [r['metadata']['uid'] for r in server.trail.records()
            if key in r['unmapped']['keyward'].get('keys', []) and r['class_uid'] == 6005]


def test_one_key_is_found_with_who_and_under_which_policy(busy):
    found = search(busy, '--key', 'app:user:7')
    assert sorted(r['metadata']['uid'] for r in found) == sorted(touching(busy, 'app:user:7')) and len(found) == 3
    assert [r['time'] for r in found] == sorted(r['time'] for r in found)
    assert {r['joined']['principal'] for r in found} == {'local:alice', 'local:bob'}
    for record in found:
        assert record['joined']['policy_version'] and record['joined']['lease_user'].startswith('kw')
    text = run('audit', 'search', '--key', 'app:user:7', busy.trail.folder)
    assert len(text.stdout.splitlines()) == 3 and 'SET app:user:7' in text.stdout and 'blocks in' in text.stderr


def test_terms_are_anded_and_words_ored(busy):
    everything = json.loads(run('audit', 'search', '--json', '--count', '--command', 'set', busy.trail.folder).stdout)
    assert everything['found'] == COMMANDS + 1
    assert len(search(busy, '--key', 'app:user:7', '--key', 'app:user:8')) == 4
    assert len(search(busy, '--key', 'app:user:7', '--principal', 'local:bob')) == 1
    assert len(search(busy, '--key-prefix', 'app:user:39', '--command', 'SET')) == 111
    assert len(search(busy, '--key', 'app:user:?9')) == 9
    [denied] = search(busy, '--outcome', 'denied', '--from', '-1h')
    assert denied['unmapped']['keyward']['keys'] == ['elsewhere']
    [wrong] = search(busy, '--outcome', 'error')
    assert wrong['status_code'] == 'WRONGTYPE'
    assert search(busy, '--key', 'app:user:7', '--from', '2001-01-01', '--to', '2002-01-01', code=1) == []
    assert search(busy, '--kind', 'login', '--user', 'bob', '--limit', '1')[0]['class_uid'] == 3002


def test_exit_codes_and_complaints(busy, tmp_path):
    assert run('audit', 'search', '--key', 'none', busy.trail.folder).returncode == 1
    for words, part in ((('--from', 'yesterday'), '-24h'), (('--outcome', 'bad'), 'not_executed'), (('--db', 'x'), 'number')):
        done = run('audit', 'search', *words, busy.trail.folder)
        assert done.returncode == 2 and part in done.stderr, done.stderr
    assert run('audit', 'search', tmp_path / 'none').returncode == 2


def test_indexes_are_made_again_and_believed_in_nothing(busy):
    folder = busy.trail.folder
    wanted = [r['metadata']['uid'] for r in search(busy, '--key', 'app:user:7')]
    indexes = sorted(folder.glob('*.index'))
    assert all(oct(path.stat().st_mode & 0o777) == '0o600' for path in indexes)
    before = {path: path.read_bytes() for path in indexes}
    indexes[0].unlink()
    indexes[1].write_bytes(before[indexes[1]][:200] + b'garbage')
    assert [r['metadata']['uid'] for r in search(busy, '--key', 'app:user:7')] == wanted
    assert {path: path.read_bytes() for path in indexes} == before
    assert [r['metadata']['uid'] for r in search(busy, '--key', 'app:user:7', '--no-index')] == wanted
    rare = json.loads(run('audit', 'search', '--json', '--count', '--key', 'app:user:7', folder).stdout)
    assert rare['blocks_read'] < rare['blocks'], rare
    assert busy.trail.verify().returncode == 0


def test_exports_hold_the_same_records(busy, tmp_path):
    folder = busy.trail.folder
    target = tmp_path / 'out.csv'
    done = run('audit', 'export', '--format', 'csv', '--columns', 'time,user,command,keys,policy_version,outcome', '--command', 'set',
               '--output', target, folder)
    assert done.returncode == 0, done.stderr
    assert oct(target.stat().st_mode & 0o777) == '0o600' and list(tmp_path.iterdir()) == [target]
    rows = list(csv.DictReader(io.StringIO(target.read_text(), newline='')))
    assert len(rows) == COMMANDS + 1 and {row['user'] for row in rows} == {'alice'}
    assert all(row['policy_version'] for row in rows)
    assert {row['keys'] for row in rows} >= {'app:user:0', 'app:=cmd|calc'}
    ecs = [json.loads(line) for line in run('audit', 'export', '--format', 'ecs', '--key', 'app:user:7', folder).stdout.splitlines()]
    assert [r['event']['action'] for r in ecs] == ['set', 'lpush', 'del'] and ecs[0]['user']['id'] == 'local:alice'
    lines = run('audit', 'export', '--format', 'jsonl', '--outcome', 'denied', folder).stdout.splitlines()
    assert len(lines) == 1 and json.loads(lines[0])['joined']['principal'] == 'local:alice'
    wrong = run('audit', 'export', '--columns', 'password', folder)
    assert wrong.returncode == 2 and 'policy_version' in wrong.stderr


def test_tail_follows_what_fits_over_a_rotation(busy, issuer):
    watch = subprocess.Popen([str(BINARY), 'audit', 'tail', '--follow', '--principal', 'local:carol', '--outcome', 'denied',
                              str(busy.trail.folder)], stdout=subprocess.PIPE, text=True, env={**os.environ, 'LC_ALL': 'C'})
    try:
        with busy.login(issuer.token('carol', ['app'])) as client:
            client('GET', 'elsewhere:1')
            before = len(list(busy.trail.folder.glob('*.jsonl*')))
            for start in range(0, 1500, 100):
                many_sets(client, [f'app:more:{number}' for number in range(start, start + 100)])
            until(lambda: len(list(busy.trail.folder.glob('*.jsonl*'))) > before, 10, 'a rotation')
            client('GET', 'elsewhere:2')
        seen = [watch.stdout.readline() for _ in range(2)]
        assert 'elsewhere:1' in seen[0] and 'elsewhere:2' in seen[1] and all('denied' in line for line in seen)
    finally:
        watch.kill()
        watch.wait()
