"""What one identity may take: its rate of commands and bytes, its pipeline, its unread answers."""
import time

import pytest

from rig.process import until
from rig.resp import Closed, encode

LIMITS = {'rate': 'commands_per_second: 200', 'bytes': 'bytes_per_second: 1MiB', 'single': 'pipeline: 1', 'unread': 'output_buffer: 2MiB'}
POLICY = """
apiVersion: keyward/v1
team: limits
owners: [e2e@example.com]
grants:
""" + ''.join(f"""
  - name: {name}
    who: [{{issuer: local, groups: [{name}]}}]
    limits: {{{limit}}}
    allow: [{{commands: ["@all", "-@dangerous", "-scan", "-randomkey"], keys: ["app:*"], channels: ["app:*"]}}]
""" for name, limit in LIMITS.items())


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'limits.yaml': POLICY}).start()


def test_a_rate_is_spread_evenly_and_holds_over_all_connections(server, issuer):
    token = issuer.token('r', ['rate'])
    clients = [server.login(token) for _ in range(4)]
    begin = time.monotonic()
    for client in clients:
        client.send_raw(encode('INCR', 'app:n') * 200)
    stamps = []
    for client in clients:
        for _ in range(200):
            assert isinstance(client.read(), int)
            stamps.append(time.monotonic() - begin)
    took = max(stamps)
    assert 2.7 < took < 6, f'800 commands at 200 a second, of which a second is there at once: {took:.2f} s'
    stamps.sort()
    late = [b - a for a, b in zip(stamps, stamps[1:]) if a > 1]
    assert max(late) < 0.5, f'nothing happened for {max(late):.2f} s: budget comes back in steps'
    for client in clients:
        client.close()


def test_bytes_are_slowed_down_and_not_refused(server, issuer):
    with server.login(issuer.token('b', ['bytes'])) as client:
        value, begin = b'x' * 262144, time.monotonic()
        for _ in range(16):
            assert client('SET', 'app:v', value) == b'OK'
        took = time.monotonic() - begin
        assert 2 < took < 8, f'4 MiB at 1 MiB a second: {took:.2f} s'
    with server.login(issuer.token('b2', ['bytes'])) as client:      # one request that is streamed
        begin = time.monotonic()
        assert client('SET', 'app:v', b'y' * (4 << 20)) == b'OK'
        assert 2 < time.monotonic() - begin < 8
        assert client('STRLEN', 'app:v') == 4 << 20


def test_a_pipeline_of_one_sends_one_command_at_a_time(server, issuer):
    with server.login(issuer.token('p', ['single'])) as client, server.redis.admin() as admin:
        admin('CLIENT', 'PAUSE', '700', 'ALL')
        client.send_raw(encode('INCR', 'app:n') * 20)
        page = server.get('/metrics')[1]
        time.sleep(0.2)
        assert page
        assert [client.read() for _ in range(20)] == list(range(1, 21))


def test_who_does_not_take_its_answers_is_closed_and_recorded(server, issuer):
    client = server.login(issuer.token('o', ['unread']))
    assert client('SET', 'app:v', b'x' * 100_000) == b'OK'
    for _ in range(20):
        client.send_raw(encode('GET', 'app:v') * 50)                 # 100 MB, read by nobody
    until(lambda: 'limits.output_buffer' in server.trail.text(), 10, 'the record of the end')
    ended = [r for r in server.trail.records() if 'limits.output_buffer' in r.get('status_detail', '')]
    assert len(ended) == 1 and ended[0]['class_uid'] == 3002 and ended[0]['activity_id'] == 2
    assert 'output_overruns_total{shard="' in server.get('/metrics')[1]
    assert 'answers not taken' in server.process.text()
    with pytest.raises((Closed, OSError)):
        while True:
            client.read()
    with server.login(issuer.token('o', ['unread'])) as reader:      # who reads gets all of it
        for _ in range(300):
            assert len(reader('GET', 'app:v')) == 100_000
