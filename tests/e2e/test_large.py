"""Values of half a gigabyte pass through both ways while Keyward's memory stays where it was."""
import hashlib
import select
import threading
import time

import pytest

from rig.resp import encode

SIZE = 512 * 1024 * 1024
ROOM_KIB = 100 * 1024
BLOCK = bytes(range(256)) * 4096  # 1 MiB


class Watch:
    """Samples resident memory until told to stop."""

    def __init__(self, process):
        self.process, self.most, self.stop = process, 0, threading.Event()
        self.first = process.resident_kib()
        self.thread = threading.Thread(target=self.sample)

    def sample(self):
        while not self.stop.is_set():
            self.most = max(self.most, self.process.resident_kib())
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.first


def digest_of_reply(client):
    """Reads one bulk reply without keeping it: its length and SHA-256."""
    line = client._line()
    assert line[:1] == b'$', line[:200]
    length, digest = int(line[1:]), hashlib.sha256()
    left = length
    while left:
        if not client.held:
            client._more()
        piece, client.held = client.held[:left], client.held[left:]
        left -= len(piece)
        digest.update(piece)
    assert client._exactly(2) == b'\r\n'
    return length, digest.hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_half_a_gigabyte_both_ways(make_keyward, app_token):
    server = make_keyward().start()
    whole = hashlib.sha256()
    with server.login(app_token, timeout=120) as client, server.login(app_token) as other, Watch(server.process) as watch:
        began = time.monotonic()
        client.send_raw(b'*3\r\n$3\r\nSET\r\n$9\r\napp:large\r\n$%d\r\n' % SIZE)
        for n in range(SIZE // len(BLOCK)):
            client.send_raw(BLOCK)
            whole.update(BLOCK)
            if n % 16 == 0:
                assert other('PING') == b'PONG'        # the others go on meanwhile
        client.send_raw(b'\r\n')
        assert client.read() == b'OK'
        assert client('STRLEN', 'app:large') == SIZE
        up = time.monotonic() - began
        began = time.monotonic()
        client.send('GET', 'app:large')
        assert digest_of_reply(client) == (SIZE, whole.hexdigest())
        down = time.monotonic() - began
        assert client('PING') == b'PONG'
    print(f'512 MiB: SET {up:.1f} s, GET {down:.1f} s, memory +{watch.growth / 1024:.0f} MiB')
    assert watch.growth < ROOM_KIB, f'memory grew by {watch.growth} KiB'


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_reader_that_pauses_does_not_fill_memory(make_keyward, app_token):
    server = make_keyward().start()
    with server.redis.admin() as admin:
        admin('SETRANGE', 'app:large', SIZE // 2 - 1, 'x')
    with server.login(app_token, timeout=120) as client, server.login(app_token) as other, Watch(server.process) as watch:
        client.send('GET', 'app:large')
        # What is sent before the answer fills its link waits behind it, and then it is right to end who does not read.
        assert select.select([client.sock], [], [], 60)[0]
        time.sleep(1)
        for _ in range(20):
            time.sleep(0.1)
            assert other('SET', 'app:other', 1) == b'OK'
        length, _ = digest_of_reply(client)
        assert length == SIZE // 2
    assert watch.growth < ROOM_KIB, f'memory grew by {watch.growth} KiB'


@pytest.mark.slow
def test_a_refused_large_value_is_not_forwarded_and_not_held(make_keyward, app_token):
    server = make_keyward().start()
    with server.login(app_token, timeout=60) as client, Watch(server.process) as watch:
        client.send_raw(b'*3\r\n$3\r\nSET\r\n$7\r\nforeign\r\n$%d\r\n' % (SIZE // 4))
        for _ in range(SIZE // 4 // len(BLOCK)):
            client.send_raw(BLOCK)
        client.send_raw(b'\r\n' + encode('PING'))
        assert str(client.read()).startswith('NOPERM')
        assert client.read() == b'PONG'
    assert watch.growth < ROOM_KIB
    with server.redis.admin() as admin:
        assert admin('EXISTS', 'foreign') == 0


def test_sizes_around_every_buffer(keyward, app_token):
    sizes = sorted({base + delta for base in (0, 1024, 4096, 16384, 32768, 65536, 131072, 1 << 20, 4 << 20) for delta in (-2, -1, 0, 1, 2)
                    if base + delta >= 0})
    with keyward.login(app_token) as client, keyward.redis.admin() as admin:
        for size in sizes:
            value = (BLOCK * (size // len(BLOCK) + 1))[:size]
            client.send_raw(encode('SET', 'app:v', value) + encode('GET', 'app:v') + encode('STRLEN', 'app:v'))
            assert client.read() == b'OK'
            assert client.read() == value, size
            assert client.read() == size
            assert admin('GET', 'app:v') == value


def test_many_arguments(keyward, app_token):
    with keyward.login(app_token) as client:
        pairs = [word for n in range(20000) for word in (f'app:m{n}', n)]
        assert client('MSET', *pairs) == b'OK'
        assert client('MGET', *[f'app:m{n}' for n in range(20000)]) == [b'%d' % n for n in range(20000)]
        assert client('DEL', *[f'app:m{n}' for n in range(20000)]) == 20000
