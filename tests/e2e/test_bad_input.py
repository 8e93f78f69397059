"""Hostile and broken peers: a clear Redis error or a close within a deadline, bounded memory, nobody else is hurt."""
import socket
import ssl
import threading
import time

import pytest

from rig.resp import Client, Closed, RespError, encode

NOISE = [  # what arrives -> how Redis complains
    (b'*1\r\n$-5\r\n', 'Protocol error: invalid bulk length'),
    (b'*1\r\n$abc\r\n', 'Protocol error: invalid bulk length'),
    (b'*-x\r\n', 'Protocol error: invalid multibulk length'),
    (b'*99999999999\r\n', 'Protocol error: '),
    (b'*2147483648\r\n', 'Protocol error: '),
    (b'*1\r\n:1\r\n', "Protocol error: expected '$', got ':'"),
    (b'*2\r\n$3\r\nGET\r\n+x\r\n', "Protocol error: expected '$', got '+'"),
    (b'GET "unbalanced\r\n', 'Protocol error: unbalanced quotes in request'),
    (b'*1\r\n$' + b'1' * 70000, 'Protocol error: '),
    (b'x' * 70000, 'Protocol error: too big inline request'),
]


def open_fds(pid):
    import os
    return len(os.listdir(f'/proc/{pid}/fd'))


@pytest.fixture(autouse=True)
def another_client(keyward, app_token, request):
    """A client that works all the time while the others misbehave; it must never notice."""
    stop, trouble, rounds = threading.Event(), [], [0]
    client = keyward.login(app_token)

    def work():
        try:
            while not stop.is_set():
                n = rounds[0]
                assert client('SET', 'app:witness', n) == b'OK'
                assert client('GET', 'app:witness') == b'%d' % n
                rounds[0] += 1
                time.sleep(0.002)
        except Exception as error:  # noqa: BLE001 - handed to the test
            trouble.append(repr(error))
    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(20)
    client.close()
    assert not trouble and rounds[0] > 0, trouble


@pytest.mark.parametrize('noise, complaint', NOISE, ids=lambda value: repr(value[:18]) if isinstance(value, bytes) else '')
def test_malformed_frames_after_login(keyward, app_token, noise, complaint):
    with keyward.login(app_token) as client:
        after = encode('SET', 'app:never', 1) if noise.endswith(b'\n') else b''
        client.send_raw(encode('SET', 'app:ok', 1) + noise + after)
        assert client.read() == b'OK'
        answer = client.read()
        assert isinstance(answer, RespError) and complaint in str(answer), answer
        assert client.closed_within(5)
    with keyward.login(app_token) as client:
        assert client('EXISTS', 'app:ok', 'app:never') == 1


@pytest.mark.parametrize('noise, complaint', NOISE, ids=lambda value: repr(value[:18]) if isinstance(value, bytes) else '')
def test_malformed_frames_before_login(keyward, noise, complaint):
    with keyward.connect() as client:
        client.send_raw(noise)
        answer = client.read()
        assert isinstance(answer, RespError) and str(answer).startswith(('ERR', 'NOAUTH')), answer
        assert client.closed_within(5)


def test_limits_before_login(keyward):
    for request in (encode(*['x'] * 11), encode('AUTH', 'x' * 16385), b'*1\r\n$1000000\r\n', b'*100\r\n'):
        with keyward.connect() as client:
            client.send_raw(request)
            answer = client.read()
            assert isinstance(answer, RespError) and 'unauthenticated' in str(answer), answer
            assert client.closed_within(5)


def test_a_token_of_the_greatest_length(keyward, issuer):
    with keyward.connect() as client:
        assert client('AUTH', issuer.token_of_length(16384, 'big', ['app'])) == b'OK'
        assert client('PING') == b'PONG'
    with keyward.connect() as client:
        client.send('AUTH', issuer.token_of_length(16385, 'big', ['app']))
        answer = client.read()
        assert isinstance(answer, RespError) and 'unauthenticated bulk length' in str(answer)
        assert client.closed_within(5)


def test_nothing_but_login_before_login(keyward):
    with keyward.connect() as client:
        for command in (['GET', 'app:x'], ['SUBSCRIBE', 'app:x'], ['MULTI'], ['EXEC'], ['CLIENT', 'ID'], ['COMMAND'], ['SELECT', '0'],
                        ['EVAL', 'return 1', '0'], ['NOSUCH', 'x'], ['PING']):
            answer = client(*command)
            assert isinstance(answer, RespError) and answer.prefix == 'NOAUTH', (command, answer)
        assert client('RESET') == b'RESET'
        assert client('QUIT') == b'OK'


def test_unknown_and_forbidden_commands(keyward, app_token):
    with keyward.login(app_token) as client:
        for command in (['NOSUCH', 'app:x'], ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['ACL', 'WHOAMI'], ['ACL', 'LIST'], ['MONITOR'], ['SYNC'],
                        ['PSYNC', '?', '-1'], ['REPLICAOF', 'a', '1'], ['DEBUG', 'SLEEP', '0'], ['SHUTDOWN'], ['MODULE', 'LIST'], ['KEYS', '*'],
                        ['SCRIPT', 'FLUSH'], ['CLIENT', 'KILL', 'TYPE', 'normal'], ['CONFIG', 'NOSUCH'], ['MIGRATE', 'h', '1', 'app:x', '0', '1'],
                        ['GET', 'foreign'], ['MSET', 'app:x', 1, 'foreign', 2], ['SORT', 'app:x', 'BY', 'foreign*'], ['SORT', 'app:x', 'GET', 'foreign*'],
                        ['SORT', 'app:x', 'STORE', 'foreign'], ['COPY', 'app:x', 'foreign'], ['RENAME', 'app:x', 'foreign'],
                        ['EVAL', 'return 1', '1', 'foreign'], ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'app:x', 'foreign', '>', '>'],
                        ['GEORADIUS', 'app:x', '1', '1', '1', 'km', 'STORE', 'foreign'], ['BITOP', 'AND', 'app:x', 'foreign'],
                        ['LMPOP', '2', 'app:x', 'foreign', 'LEFT'], ['BLMPOP', '1', '2', 'app:x', 'foreign', 'LEFT'], [b'\xff\xfe\x00'], ['']):
            answer = client(*command)
            assert isinstance(answer, RespError) and answer.prefix in ('NOPERM', 'ERR'), (command, answer)
        assert client('PING') == b'PONG'
    with keyward.redis.admin() as admin:
        assert admin('EXISTS', 'foreign') == 0


def test_wrong_arity_says_what_redis_says(keyward, app_token):
    with keyward.login(app_token) as client, keyward.redis.admin() as admin:
        for command in (['GET'], ['GET', 'app:a', 'app:b'], ['SET', 'app:a'], ['MSET', 'app:a'], ['HSET', 'app:h', 'f'], ['AUTH']):
            assert client(*command) == admin(*command), command


@pytest.mark.parametrize('data', [b'PING\r\n', b'*1\r\n$4\r\nPING\r\n', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01' + b'\xff' * 600, b'\x00' * 100])
def test_plaintext_and_noise_on_the_tls_port(keyward, data):
    with Client(socket.create_connection(('127.0.0.1', keyward.port), 10)) as client:
        client.send_raw(data)
        assert client.closed_within(12)


def test_old_tls_is_refused(keyward):
    context = ssl.create_default_context(cafile=str(keyward.authority.ca))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers('ALL:@SECLEVEL=0')
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        context.wrap_socket(socket.create_connection(('127.0.0.1', keyward.port), 10), server_hostname='localhost')


def test_transactions_of_a_confused_client(keyward, app_token):
    with keyward.login(app_token) as client:
        assert client('EXEC') == RespError('ERR EXEC without MULTI')
        assert client('DISCARD') == RespError('ERR DISCARD without MULTI')
        assert client('MULTI') == b'OK'
        assert client('MULTI') == RespError('ERR MULTI calls can not be nested')
        assert client('WATCH', 'app:x') == RespError('ERR WATCH inside MULTI is not allowed')
        assert client('SET', 'app:x', 1) == b'QUEUED'
        assert isinstance(client('AUTH', 'x'), RespError)
        answer = client('EXEC')
        assert isinstance(answer, RespError) and answer.prefix == 'EXECABORT'
        assert client('EXISTS', 'app:x') == 0
        client('MULTI')
        refused = client('GET', 'foreign')
        assert isinstance(refused, RespError) and refused.prefix == 'NOPERM'
        assert client('SET', 'app:x', 1) == b'QUEUED'
        answer = client('EXEC')
        assert isinstance(answer, RespError) and answer.prefix == 'EXECABORT'
        assert client('EXISTS', 'app:x') == 0


def test_deadlines(make_keyward, app_token):
    """Half-open and dripping peers are closed on time; the rest of the server goes on."""
    server = make_keyward(limits={'handshake_deadline': '1s', 'login_deadline': '2s', 'stall_deadline': '2s', 'output_buffer': '1MiB'}).start()
    began = time.monotonic()
    silent = Client(socket.create_connection(('127.0.0.1', server.port), 10))             # no TLS at all
    half = Client(socket.create_connection(('127.0.0.1', server.port), 10))
    half.send_raw(b'\x16\x03\x01\x02\x00\x01')                                             # a piece of a ClientHello
    idle = server.connect()                                                               # TLS, no login
    dripping = server.connect()
    login = encode('AUTH', app_token)
    reader = server.login(app_token)                                                      # never reads its answers
    reader('SET', 'app:big', 'x' * 1000000)
    for _ in range(40):
        reader.send('GET', 'app:big')
    for at in range(40):  # far slower than the login deadline
        try:
            dripping.send_raw(login[at:at + 1])
        except (OSError, Closed):
            break
        time.sleep(0.1)
    assert silent.closed_within(4) and half.closed_within(4)
    assert idle.closed_within(4)
    assert dripping.closed_within(4)
    assert time.monotonic() - began < 12
    with server.login(app_token) as client:
        assert client('PING') == b'PONG'
    time.sleep(max(0.0, 6 - (time.monotonic() - began)))
    total = 0
    with pytest.raises((Closed, socket.timeout, OSError)):  # cut off in the middle: what it did not read is gone
        while True:
            total += len(reader.read())
    assert total < 40 * 1000000
    for client in (silent, half, idle, dripping, reader):
        client.close()


def test_a_client_that_sends_and_leaves(keyward, app_token):
    """Thousands of commands, then a reset: no leak of sockets or leases, the commands either ran or did not."""
    before = open_fds(keyward.process.pid)
    for _ in range(30):
        client = keyward.login(app_token)
        client.send_raw(encode('INCR', 'app:left') * 500 + b'*3\r\n$3\r\nSET\r\n$8\r\napp')
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\x00\x00\x00\x00\x00\x00\x00')
        client.close()
    deadline = time.monotonic() + 10
    while open_fds(keyward.process.pid) > before + 12 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert open_fds(keyward.process.pid) <= before + 12
    with keyward.redis.admin() as admin:
        assert 0 <= int(admin('GET', 'app:left') or 0) <= 30 * 500


def test_many_logins_at_once(keyward, issuer):
    """500 connects within seconds, by ten identities."""
    tokens = [issuer.token(f'burst-{n}', ['app']) for n in range(10)]
    took, trouble = [], []

    def burst(n):
        try:
            for _ in range(25):
                began = time.monotonic()
                with keyward.login(tokens[n % 10]) as client:
                    assert client('PING') == b'PONG'
                took.append(time.monotonic() - began)
        except Exception as error:  # noqa: BLE001
            trouble.append(repr(error))
    threads = [threading.Thread(target=burst, args=(n,)) for n in range(20)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not trouble, trouble[:3]
    took.sort()
    assert len(took) == 500 and took[int(len(took) * 0.5)] < 0.5, took[-5:]


def test_a_connection_limit_speaks_redis(make_keyward, app_token):
    server = make_keyward(limits={'connections': 5}).start()
    held = [server.login(app_token) for _ in range(5)]
    with pytest.raises((RespError, Closed, OSError)) as told:
        server.login(app_token)
    if isinstance(told.value, RespError):
        assert 'max number of clients reached' in str(told.value)
    held.pop().close()
    time.sleep(0.5)
    with server.login(app_token) as client:
        assert client('PING') == b'PONG'
    [client.close() for client in held]


def test_login_floods_are_slowed(make_keyward, app_token):
    server = make_keyward(limits={'failed_logins_per_minute': 5}).start()
    refused = []
    with server.connect() as client:
        try:
            for n in range(30):
                refused.append(client('AUTH', f'wrong-{n}'))
        except (Closed, OSError):
            pass
    assert refused and all(isinstance(answer, RespError) for answer in refused)
    assert len(server.trail.logins(ok=False)) <= 30
