"""What an identity must not reach, tried over one connection that must go on working: the second line of the matrix."""
from rig.resp import RespError

SECRET = b'of another team'


def plant(redis, key='foreign:secret'):
    """Something that is worth reading, put there around Keyward."""
    with redis.admin() as admin:
        assert admin('SET', key, SECRET) == b'OK'
    return key


def attempts(key='foreign:secret', channel='foreign:news', database=9):
    """name -> commands, each of which must be refused."""
    return {
        'key': [('GET', key), ('SET', key, 'x'), ('DEL', key), ('RENAME', key, key + '2'), ('MGET', key, key)],
        'channel': [('PUBLISH', channel, 'x'), ('SUBSCRIBE', channel), ('PSUBSCRIBE', '*')],
        'db': [('SELECT', str(database))],
        'SCAN': [('KEYS', '*'), ('RANDOMKEY',), ('DBSIZE',)],
        'keyevent': [('PSUBSCRIBE', '__keyevent@*__:*'), ('SUBSCRIBE', '__keyevent@0__:expired'), ('PSUBSCRIBE', '__keyspace@0__:*')],
        'admin': [('CONFIG', 'GET', '*'), ('FLUSHALL',), ('SCRIPT', 'FLUSH'), ('ACL', 'LIST'), ('MONITOR',)],
    }


def all_refused(client, own, key='foreign:secret', database=9, names=None, allowed=()):
    """Every attempt is answered with an error, SCAN shows nothing foreign, and `own` (a command that is allowed) works after each.
    Answers how many were tried. `names`: only these of attempts(), but for `allowed`."""
    tried = 0
    for name, commands in attempts(key, database=database).items():
        if names is not None and name not in names:
            continue
        for command in commands:
            if command in allowed:
                continue
            answer = client(*command)
            assert isinstance(answer, RespError) and answer.prefix in ('NOPERM', 'ERR'), f'{command} was answered with {answer!r}'
            assert SECRET not in str(answer).encode()
            works = client(*own)
            assert not isinstance(works, RespError), f'after {command} the client cannot go on: {works}'
            tried += 1
    cursor = b'0'
    while True:  # refused, or filtered to what is this identity's own
        answer = client('SCAN', cursor, 'COUNT', '1000')
        tried += 1
        if isinstance(answer, RespError):
            assert answer.prefix == 'NOPERM', answer
            break
        cursor, keys = answer
        assert key.encode() not in keys
        if cursor == b'0':
            break
    assert not isinstance(client(*own), RespError)
    return tried
