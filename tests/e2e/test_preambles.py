"""What the client libraries say on a new connection, byte for byte: one command at a time, all in one packet, and dripping."""
import time

import pytest

from rig.resp import RespError, encode

OK, PONG = b'OK', b'PONG'
GREETING = 'greeting'       # the answer of HELLO: a map in RESP3, a flat list in RESP2
ANY = 'any'                 # an answer or a plain error: optional features, errors are ignored by the client
TEXT = 'text'               # a bulk string
INTEGER = 'integer'
TOKEN = object()

# (command, expected answer); TOKEN stands for a valid token.
PREAMBLES = {
    'redis-py 8': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN], GREETING),
        (['CLIENT', 'MAINT_NOTIFICATIONS', 'ON', 'moving-endpoint-type', 'internal-ip'], ANY),
        (['CLIENT', 'SETNAME', 'worker-1'], OK),
        (['CLIENT', 'SETINFO', 'LIB-NAME', 'redis-py'], ANY), (['CLIENT', 'SETINFO', 'LIB-VER', '8.1.0'], ANY),
        (['SELECT', '1'], OK), (['PING'], PONG)],
    'redis-py 4': [
        (['AUTH', 'default', TOKEN], OK), (['CLIENT', 'SETNAME', 'worker-1'], OK), (['SELECT', '1'], OK), (['PING'], PONG)],
    'redis-py 4, password alone': [(['AUTH', TOKEN], OK), (['SELECT', '0'], OK)],
    'jedis 6': [
        (['AUTH', TOKEN], OK), (['CLIENT', 'SETINFO', 'LIB-NAME', 'jedis'], ANY), (['CLIENT', 'SETINFO', 'LIB-VER', '6.0.0'], ANY),
        (['SELECT', '1'], OK), (['PING'], PONG)],
    'jedis 6, RESP3': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN, 'SETNAME', 'conductor'], GREETING),
        (['CLIENT', 'SETINFO', 'LIB-NAME', 'jedis'], ANY), (['CLIENT', 'SETINFO', 'LIB-VER', '6.0.0'], ANY), (['READONLY'], ANY)],
    'redisson 3': [
        (['AUTH', TOKEN], OK), (['SELECT', '0'], OK), (['CLIENT', 'SETNAME', 'lock'], OK), (['PING'], PONG),
        (['INFO', 'replication'], TEXT)],
    'lettuce 6': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN, 'SETNAME', 'lettuce'], GREETING),
        (['CLIENT', 'SETINFO', 'lib-name', 'Lettuce'], ANY), (['CLIENT', 'SETINFO', 'lib-ver', '6.5.0'], ANY),
        (['CLIENT', 'MAINT_NOTIFICATIONS', 'ON', 'moving-endpoint-type', 'none'], ANY), (['PING'], PONG)],
    'go-redis 9': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN, 'SETNAME', 'go'], GREETING), (['CLIENT', 'SETNAME', 'go'], OK),
        (['CLIENT', 'SETINFO', 'LIB-NAME', 'go-redis(,go1.22)'], ANY), (['CLIENT', 'SETINFO', 'LIB-VER', '9.7.0'], ANY),
        (['CLIENT', 'MAINT_NOTIFICATIONS', 'ON', 'moving-endpoint-type', 'external-ip'], ANY), (['SELECT', '1'], OK)],
    'go-redis 9, after a refused greeting': [
        (['HELLO', '3', 'AUTH', 'default', 'not-a-token'], 'WRONGPASS'), (['AUTH', TOKEN], OK), (['PING'], PONG)],
    'node-redis 5': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN, 'SETNAME', 'node'], GREETING), (['SELECT', '1'], OK),
        (['CLIENT', 'SETINFO', 'LIB-VER', '5.8.0'], ANY), (['CLIENT', 'SETINFO', 'LIB-NAME', 'node-redis'], ANY)],
    'ioredis 6': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN], GREETING), (['CLIENT', 'SETNAME', 'bull'], OK), (['SELECT', '1'], OK),
        (['CLIENT', 'SETINFO', 'LIB-VER', '6.0.0'], ANY), (['CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis'], ANY), (['INFO'], TEXT)],
    'ioredis 5': [
        (['AUTH', 'default', TOKEN], OK), (['CLIENT', 'SETINFO', 'LIB-VER', '5.4.1'], ANY),
        (['CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis'], ANY), (['INFO'], TEXT)],
    'StackExchange.Redis 2': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN], GREETING), (['AUTH', 'default', TOKEN], OK),
        (['CLIENT', 'SETNAME', 'box'], OK), (['CLIENT', 'SETINFO', 'lib-name', 'SE.Redis'], ANY),
        (['CLIENT', 'SETINFO', 'lib-ver', '2.8.0'], ANY), (['CLIENT', 'ID'], INTEGER),
        (['CONFIG', 'GET', 'timeout'], ANY), (['CONFIG', 'GET', 'replica-read-only'], ANY), (['CONFIG', 'GET', 'databases'], ANY),
        (['SENTINEL', 'MASTERS'], ANY), (['INFO', 'replication'], TEXT), (['INFO', 'server'], TEXT), (['CLUSTER', 'NODES'], ANY),
        (['GET', '__Booksleeve_TieBreak'], ANY), (['ECHO', b'\x11\x9d\x7f\x00tracer'], b'\x11\x9d\x7f\x00tracer')],
    'redis-cli': [(['AUTH', 'default', TOKEN], OK), (['COMMAND', 'DOCS'], ANY), (['COMMAND'], ANY), (['PING', 'x'], b'x')],
    'valkey-glide': [
        (['HELLO', '3', 'AUTH', 'default', TOKEN], GREETING), (['CLIENT', 'SETINFO', 'LIB-NAME', 'GlidePy'], ANY),
        (['INFO', 'REPLICATION'], TEXT)],
    'a client that asks before it logs in': [
        (['HELLO', '3'], 'NOAUTH'), (['PING'], 'NOAUTH'), (['AUTH', TOKEN], OK), (['HELLO', '3'], GREETING), (['PING'], PONG)],
    'a protocol of the future': [(['HELLO', '4', 'AUTH', 'default', TOKEN], 'NOPROTO'), (['HELLO', '2', 'AUTH', 'default', TOKEN], GREETING)],
}
WAYS = ['one by one', 'one packet', 'dripping']


def check(command, expected, got):
    told = f'{command[:2]} was answered {got!r:.300}, not {expected}'
    if expected is ANY:
        return
    if expected in (GREETING, TEXT, INTEGER):
        kind = {GREETING: (dict, list), TEXT: bytes, INTEGER: int}[expected]
        assert isinstance(got, kind), told
    elif isinstance(expected, str):
        assert isinstance(got, RespError) and got.prefix == expected, told
    else:
        assert got == expected, told


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('name', PREAMBLES)
def test_preamble(keyward, app_token, name, way):
    script = [([app_token if word is TOKEN else word for word in command], expected) for command, expected in PREAMBLES[name]]
    script += [(['SET', 'app:preamble', name], OK), (['GET', 'app:preamble'], name.encode()), (['GET', 'foreign'], 'NOPERM')]
    data = b''.join(encode(*command) for command, _ in script)
    with keyward.connect() as client:
        if way == 'one packet':
            client.send_raw(data)
        elif way == 'dripping':
            # every byte of the short commands alone; the token in pieces, or the test would take minutes
            for at in range(0, len(data), 7):
                client.send_raw(data[at:at + 7])
        for command, expected in script:
            if way == 'one by one':
                client.send(*command)
            check(command, expected, client.read())


def test_every_byte_alone(keyward, app_token):
    with keyward.connect() as client:
        data = encode('HELLO', '3', 'AUTH', 'default', app_token) + encode('SET', 'app:x', 'y') + b'PING\r\n' + encode('GET', 'app:x')
        for at in range(len(data)):
            client.send_raw(data[at:at + 1])
            if at % 200 == 0:
                time.sleep(0.005)
        assert isinstance(client.read(), dict)
        assert [client.read() for _ in range(3)] == [OK, PONG, b'y']


def test_greeting_names_what_it_should(keyward, app_token):
    with keyward.login(app_token, protocol=3) as client:
        greeting = client('HELLO', '3')
        assert greeting[b'server'] == b'redis' and greeting[b'proto'] == 3 and greeting[b'role'] == b'master'
        assert isinstance(greeting[b'id'], int) and greeting[b'modules'] == []
        with keyward.redis.admin() as admin:
            assert b'redis_version:' + greeting[b'version'] in admin('INFO', 'server')
        flat = client('HELLO', '2')
        assert isinstance(flat, list) and flat[flat.index(b'proto') + 1] == 2
        assert client('GET', 'app:none') is None


def test_connection_commands_answer_as_redis_does(keyward, app_token):
    with keyward.login(app_token) as client:
        assert client('CLIENT', 'GETNAME') in (None, b'')
        assert client('CLIENT', 'SETNAME', 'me') == OK
        assert client('CLIENT', 'GETNAME') == b'me'
        bad = client('CLIENT', 'SETNAME', 'with space')
        assert isinstance(bad, RespError) and bad.prefix == 'ERR'
        first = client('CLIENT', 'ID')
        assert isinstance(first, int) and client('CLIENT', 'ID') == first
        assert b'name=me' in client('CLIENT', 'INFO')
        assert client('SELECT', '1') == OK
        assert client('SET', 'app:db', 'one') == OK
        assert client('SELECT', '0') == OK
        assert client('GET', 'app:db') is None
        refused = client('SELECT', '5')
        assert isinstance(refused, RespError) and refused.prefix in ('NOPERM', 'ERR')
        assert isinstance(client('SELECT', 'x'), RespError)
        assert client('ECHO', 'hi') == b'hi'
        assert client('RESET') == b'RESET'
        after = client('GET', 'app:db')
        assert isinstance(after, RespError) and after.prefix == 'NOAUTH'
        assert client('AUTH', app_token) == OK
        assert client('QUIT') == OK
        assert client.closed_within(5)


def test_inline_commands(keyward, app_token):
    with keyward.connect() as client:
        client.send_raw(f'AUTH {app_token}\r\nSET app:inline "a b\\x00c"\r\nGET app:inline\n\r\n\r\nPING\r\n'.encode())
        assert [client.read() for _ in range(4)] == [OK, OK, b'a b\x00c', PONG]
