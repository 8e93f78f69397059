"""The trail at other places: every record at least once, in the order of its stream, whatever happens to Keyward, the receiver
and the files meanwhile."""
import itertools
import json
import os
import random
import statistics
import threading
import time

import pytest

from rig.keyward import run
from rig.process import until
from rig.receivers import Collector, PlainSyslog, Rsyslog, uid_of
from rig.resp import encode

KILLS = int(os.environ.get('KEYWARD_FORWARD_KILLS', '2'))
QUICK = {'batch': {'time': '50ms'}, 'retry': {'first': '20ms', 'most': '200ms'}, 'timeout': '3s'}


@pytest.fixture
def collector(authority):
    server = Collector(authority)
    yield server
    server.stop()
    assert not server.errors, server.errors[:3]


@pytest.fixture
def token_file(tmp_path, collector):
    path = tmp_path / 'collector.token'
    path.write_text(collector.token + '\n')
    path.chmod(0o600)
    return path


def forwarder(collector, authority, token_file, name, **more):
    place = {'hec': {'kind': 'splunk_hec', 'to': collector.url()},
             'bulk': {'kind': 'opensearch', 'to': collector.url(), 'scheme': 'ApiKey'},
             'otlp': {'kind': 'otlp', 'to': collector.url()},
             'http': {'kind': 'http', 'to': collector.url('/lines'), 'header': 'X-Api-Key'}}[name]
    return {'name': name, **place, 'token_file': str(token_file), 'tls': {'ca': str(authority.ca)}, **QUICK, **more}


def to_syslog(rsyslog, authority, **more):
    certificate, key = authority.client('forwarder', 'spiffe://keyward/e2e')
    return {'name': 'siem', 'kind': 'syslog', 'to': f'tls://localhost:{rsyslog.port}',
            'tls': {'ca': str(authority.ca), 'certificate': str(certificate), 'key': str(key)}, **QUICK, **more}


def audited(forward, **audit):
    return {'audit': {'directory': 'audit', 'forward': forward, **audit}}


def write(client, count, name='app:key-with-some-length-%06d', batch=200):
    for at in range(0, count, batch):
        some = range(at, min(at + batch, count))
        client.send_raw(b''.join(encode('SET', name % n, 1) for n in some))
        for _ in some:
            assert client.read() == b'OK'


def position(server, name):
    return server.trail.folder / f'e2e.{name}.position'


def holds(records, trail, ordered=True):
    """At least once, and after removing repetitions exactly once, in order and unaltered."""
    lines = {}
    for line in trail.lines():
        lines[uid_of(json.loads(line))] = json.loads(line)
    seen, last = {}, {}
    for record in records:
        uid = uid_of(record)
        record = {key: value for key, value in record.items() if key != '@timestamp'}
        if uid in seen:
            assert seen[uid] == record
            continue
        seen[uid] = record
        stream, _, sequence = uid.rpartition('.')
        assert not ordered or int(sequence) > last.get(stream, 0), f'{uid} came after {last[stream]}'
        last[stream] = int(sequence)
    assert set(seen) == set(lines), (len(seen), len(lines), sorted(set(lines) ^ set(seen))[:5])
    assert all(seen[uid] == lines[uid] for uid in lines)
    return len(records) - len(seen)


def test_syslog_over_tls(make_keyward, authority, app_token, tmp_path):
    rsyslog = Rsyslog(tmp_path / 'rsyslog', authority).start()
    try:
        server = make_keyward(more=audited([to_syslog(rsyslog, authority)])).start()
        with server.login(app_token) as client:
            write(client, 500)
            client('GET', 'foreign')
            rsyslog.stop()                       # in the middle; what it read, it writes to its file
            write(client, 300, 'app:while-it-is-away-%d')
            rsyslog.start()
            write(client, 300, 'app:when-it-is-back-%d')
        server.sessions_gone()
        assert server.stop() == 0
        whole = [(app, msgid, data, json.loads(text)) for _, app, msgid, data, text in rsyslog.messages()]
        assert holds([r for *_, r in whole], server.trail) >= 0
        for app, msgid, data, record in whole:
            facts = record['unmapped']['keyward']
            assert app == 'keyward' and msgid == facts['kind'] and f'sequence="{facts["sequence"]}"' in data
        denied = [pri for pri, _, msgid, _, _ in rsyslog.messages() if msgid == 'denial']
        assert denied == [13 * 8 + 4]
    finally:
        rsyslog.stop()


def test_kills_of_everything(make_keyward, authority, app_token, collector, token_file):
    """Keyward is killed, answers are lost, connections reset, requests refused for now; files rotate and are compressed."""
    names = ('hec', 'bulk', 'otlp', 'http')
    rng = random.Random(7)
    collector.trouble = lambda kind: rng.choice(['', '', '', 'lost', 'reset', 429, 503, 'some' if kind == 'bulk' else 'lost'])
    server = make_keyward(more=audited([forwarder(collector, authority, token_file, name) for name in names],
                                       rotate={'size': '1MiB'}))
    for turn in range(KILLS):
        server.start()
        with server.login(app_token) as client:
            write(client, 1500, f'app:turn-{turn}-' + 'x' * 80 + '-%d')
        time.sleep(rng.random() * 0.5)
        server.kill()
    server.start()
    server.sessions_gone()
    collector.trouble = lambda kind: ''
    uids = {uid_of(r) for r in server.trail.records()}
    for name in names:
        collector.wait_for(name, uids)
    assert server.stop() == 0
    assert server.trail.verify().returncode == 0
    for name in names:
        repeated = holds([json.loads(line) for line in collector.lines[name]], server.trail, ordered=name != 'bulk')
        print(f'{name}: {len(collector.lines[name])} records, {repeated} of them repeated')
        assert name != 'bulk' or repeated == 0, 'an _id that is there is never stored again'
    assert (server.trail.folder / 'e2e.hec.position').stat().st_mode & 0o777 == 0o600
    told = json.loads(run('audit', 'forwarders', '--json', server.trail.folder).stdout)
    assert sorted(one['forwarder'] for one in told['forwarders']) == sorted(names)
    assert all(one['lag_records'] == 0 for one in told['forwarders']), told


@pytest.fixture
def dying_syslog():
    """Dies with unread bytes on every second connection."""
    turns = itertools.cycle([True, False])
    receiver = PlainSyslog(lambda: next(turns))
    yield receiver
    receiver.stop()


def test_one_that_is_refused_holds_up_nothing(make_keyward, authority, app_token, collector, token_file, dying_syslog):
    names = ('hec', 'bulk', 'http', 'otlp')
    bad = {f'e2e.shard-0.{n}' for n in (5, 6, 40)}
    collector.refuse = lambda uid: uid in bad
    local = {'name': 'local', 'kind': 'syslog', 'to': f'tcp://127.0.0.1:{dying_syslog.port}', **QUICK}
    server = make_keyward(shards=1, more=audited([local] + [forwarder(collector, authority, token_file, name) for name in names])).start()
    with server.login(app_token) as client:
        for turn in range(4):
            write(client, 100, f'app:{turn}-%d')
            time.sleep(0.06)
    server.sessions_gone()
    expected = {uid_of(r) for r in server.trail.records()} - bad
    for name in names:
        collector.wait_for(name, expected)
    until(lambda: server.metric('keyward_forward_refused_total{forwarder="http"}') == 3, 5, 'the count')
    dying_syslog.dies = lambda: False
    assert server.stop() == 0
    for name in ('hec', 'bulk', 'http'):
        kept = [json.loads(line) for line in (server.trail.folder / f'e2e.{name}.refused.jsonl').read_text().splitlines()]
        assert {line['uid'] for line in kept} == bad and all(uid_of(line['record']) == line['uid'] for line in kept)
        assert not bad & set(collector.uids(name))
    assert 'too old' in (server.trail.folder / 'e2e.otlp.refused.jsonl').read_text()
    assert dying_syslog.died > 0 and not dying_syslog.errors, dying_syslog.errors[:3]
    holds(dying_syslog.records(), server.trail)


def test_a_hanging_receiver_costs_clients_nothing(make_keyward, authority, app_token, collector, token_file):
    def median_of_writes(server):
        with server.login(app_token) as client:
            times = []
            for n in range(1500):
                began = time.perf_counter()
                client('SET', f'app:slow-{n % 50}', 'x' * 50)
                times.append(time.perf_counter() - began)
            write(client, 4000)
        return statistics.median(times)

    hanging = make_keyward(more=audited([forwarder(collector, authority, token_file, 'http', timeout='20s',
                                                   batch={'time': '10ms', 'bytes': '256KiB'})]))
    collector.trouble = lambda kind: 'hang'
    hanging.start()
    with_it = median_of_writes(hanging)
    until(lambda: hanging.metric('keyward_forward_lag_records') > 4000, 10, 'the lag')
    memory = hanging.process.resident_kib()
    began = time.monotonic()
    assert hanging.stop() == 0
    assert time.monotonic() - began < 10, 'a receiver that hangs does not hold up the end'
    quiet = make_keyward(more=audited([])).start()
    without = median_of_writes(quiet)
    alone = quiet.process.resident_kib()
    print(f'median SET {without * 1e6:.0f} us alone, {with_it * 1e6:.0f} us beside a hanging receiver; '
          f'{alone} KiB and {memory} KiB')
    assert with_it < without * 1.5 + 50e-6
    assert memory < alone + 16 * 1024


def test_what_was_removed_is_said(make_keyward, authority, app_token, collector, token_file):
    server = make_keyward(shards=1, more=audited([forwarder(collector, authority, token_file, 'http')],
                                                 rotate={'size': '1MiB'}, compress='none')).start()
    with server.login(app_token) as client:
        write(client, 50)
    server.sessions_gone()
    assert server.stop() == 0
    collector.trouble = lambda kind: 503
    server.start()
    with server.login(app_token) as client:
        write(client, 3200, 'app:' + 'y' * 120 + '-%d')
    until(lambda: len(list(server.trail.folder.glob('e2e.shard-0.*.jsonl'))) >= 4, 10, 'rotations')
    server.kill()
    for path in sorted(server.trail.folder.glob('e2e.shard-0.*.jsonl'))[:2]:
        path.unlink()
    collector.trouble = lambda kind: ''
    server.start()
    wanted = {uid_of(r) for r in server.trail.records() if 'shard-0' in uid_of(r)}
    collector.wait_for('http', wanted)
    gaps = [r for line in collector.lines['http'] if 'forward_gap' in line for r in [json.loads(line)]]
    assert len(gaps) == 1 and gaps[0]['unmapped']['keyward']['missed'] > 1000, gaps
    assert gaps[0]['unmapped']['keyward']['stream'] == 'shard-0' and gaps[0]['severity_id'] == 4
    assert server.metric('keyward_forward_lost_total') == gaps[0]['unmapped']['keyward']['missed']
    assert server.stop() == 0


def test_copies_of_checkpoints_hold_the_trail(make_keyward, authority, app_token, collector, token_file, tmp_path):
    rsyslog = Rsyslog(tmp_path / 'rsyslog', authority).start()
    try:
        copies = [{**forwarder(collector, authority, token_file, name), 'name': 'copy-' + name} for name in ('http', 'hec')]
        copies.append({**to_syslog(rsyslog, authority), 'name': 'copy-syslog'})
        server = make_keyward(more={'audit': {'directory': 'audit', 'checkpoints': {'every': '1s', 'copy_to': copies}}}).start()
        with server.login(app_token) as client:
            write(client, 20)
            until(lambda: len(collector.lines['http']) >= 2 and len(collector.lines['hec']) >= 2, 10, 'copies')
            write(client, 20)
        server.sessions_gone()
        assert server.stop() == 0
        assert all('"kind":"checkpoint"' in line for line in collector.lines['http'] if '"start"' not in line and '"stop"' not in line)
        kept = {}
        kept['http'] = '\n'.join(collector.lines['http'])
        kept['hec'] = '\n'.join('{"time":1.5,"event":%s}' % line for line in collector.lines['http'])
        kept['text'] = '\n'.join(json.dumps({'body': line}) for line in collector.lines['http'])
        kept['syslog'] = rsyslog.received.read_text()
        for name, text in kept.items():
            (tmp_path / name).write_text(text + '\n')
            verdict = run('audit', 'verify', '--against', tmp_path / name, server.trail.folder)
            assert verdict.returncode == 0, verdict.stdout + verdict.stderr
        for path in server.trail.folder.glob('e2e.shard-*.jsonl'):       # the end of the trail is cut off
            path.write_text('\n'.join(path.read_text().splitlines()[:3]) + '\n')
        for path in server.trail.folder.glob('e2e.checkpoints.*.jsonl'):
            path.write_text('\n'.join(path.read_text().splitlines()[:2]) + '\n')
        for name in kept:
            assert run('audit', 'verify', '--against', tmp_path / name, server.trail.folder).returncode == 1, name
    finally:
        rsyslog.stop()


def test_ecs_documents_can_be_read_alone(make_keyward, authority, app_token, collector, token_file):
    """Each command with what its session says, also when the session was introduced before the last run's end."""
    server = make_keyward(shards=1, more=audited([forwarder(collector, authority, token_file, 'bulk', format='ecs')])).start()
    with server.login(app_token) as client:
        write(client, 50)
        until(lambda: len(collector.index) > 50, 10, 'the first documents')
        time.sleep(1.2)                              # until the position is stored
        collector.trouble = lambda kind: 503
        write(client, 50, 'app:later-%d')
        server.kill()
    collector.trouble = lambda kind: ''
    server.start()
    server.sessions_gone()
    wanted = {uid_of(r) for r in server.trail.records()}
    until(lambda: wanted <= set(collector.index), 15, 'every document', every=0.1)
    assert server.stop() == 0
    commands = [one for one in collector.index.values() if one['keyward']['kind'] == 'command']
    assert len(commands) == 100
    for document in commands:
        assert document['event']['id'] in wanted and document['ecs']['version'] and document['user']['id'], document
        assert document['keyward']['policy_version'] and document['tls']['version'], document


def test_a_destination_can_be_tried(make_keyward, authority, collector, token_file, tmp_path):
    names = ('hec', 'bulk', 'otlp', 'http')
    server = make_keyward(more=audited([forwarder(collector, authority, token_file, name) for name in names]))
    server.config_file.write_text(json.dumps(server.config))
    tried = run('check', '--connect', server.config_file)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert all(f'forwarder {name}' in tried.stdout for name in names), tried.stdout
    assert not any(collector.lines.values())
    token_file.write_text('another\n')
    tried = run('check', '--connect', server.config_file)
    assert tried.returncode == 1 and 'another' not in tried.stdout + tried.stderr


@pytest.mark.skipif(not os.environ.get('KEYWARD_FORWARD_LONG'), reason='KEYWARD_FORWARD_LONG=1 waits for retention (30 s)')
@pytest.mark.parametrize('held', [True, False])
def test_retention_waits_as_far_as_it_was_told(make_keyward, authority, app_token, collector, token_file, held):
    collector.trouble = lambda kind: 503
    more = {} if held else {'hold_at_most': {'age': '0ms'}}
    server = make_keyward(shards=1, more=audited([forwarder(collector, authority, token_file, 'http', **more)], rotate={'size': '1MiB'},
                                                 compress='none', retention={'size': '1MiB'})).start()
    first = next(server.trail.folder.glob('e2e.shard-0.*-000001.jsonl'))
    with server.login(app_token) as client:
        for turn in range(4):
            write(client, 2000, f'app:{turn}' + 'z' * 90 + '-%d')
    server.sessions_gone()
    if held:
        time.sleep(7)
        assert first.exists()
    else:
        until(lambda: not first.exists(), 20, 'retention')
    collector.trouble = lambda kind: ''
    wanted = {uid_of(r) for r in server.trail.records()}
    collector.wait_for('http', wanted)
    gaps = [line for line in collector.lines['http'] if 'forward_gap' in line]
    assert bool(gaps) != held, gaps
    if held:
        until(lambda: not first.exists(), 20, 'retention, once it was sent')
    assert server.stop() == 0
    verdict = server.trail.verify()
    assert verdict.returncode == 0, verdict.stdout
