"""Attested publishers with redis-py as it comes: what passes to a trigger's source says who caused it, a kill -9 loses none of what
was acknowledged, and what was not caused is not believed. The verifier here is the description in docs/attestation.md, not our code."""
import base64
import hashlib
import hmac
import os
import struct
import threading
import time
from urllib.parse import unquote_to_bytes

import pytest
import redis

from rig.keyward import run
from rig.process import until
from rig.redis_server import ADMIN_PASSWORD

KILLS = int(os.environ.get('KEYWARD_ATTEST_KILLS', '3'))
FIELD = b'keyward-attestation'
BASE = 'keyward:fleet:trigger:{}:'
POLICY = """
apiVersion: keyward/v1
team: shop
owners: [e2e@example.com]
grants:
  - name: publisher
    who: [{issuer: local, groups: [publishers]}]
    allow:
      - {commands: ["@read", "@write", "@transaction", "-@dangerous"], keys: ["shop:*"]}
      - {commands: [publish], channels: ["shop:*"]}
  - name: guest
    who: [{issuer: local, groups: [guests]}]
    allow:
      - {commands: ["@read", "@write"], keys: ["shop:*"]}
      - {commands: [publish], channels: ["shop:*"]}
triggers:
  - name: orders
    source: {stream: "shop:orders"}
    from: [publisher]
    target: {kind: http, via: hooks}
    dead_letter: {stream: "shop:dead"}
  - name: jobs
    source: {channel: "shop:jobs"}
    from: [publisher]
    target: {kind: http, via: hooks}
    dead_letter: {stream: "shop:dead"}
  - name: timers
    source: {expired: "shop:timer:*"}
    from: [publisher]
    target: {kind: http, via: hooks}
    dead_letter: {stream: "shop:dead"}
"""


def attested(stream, fields, secret=ADMIN_PASSWORD.encode()):
    """(principal, due) of the fields of an entry, a flat list; None when it is not to be believed."""
    purpose = b'keyward attestation v1'
    key = hmac.new(hmac.new(bytes(32), secret, hashlib.sha256).digest(), purpose + b'\1', hashlib.sha256).digest()
    *rest, name, text = fields
    if name != FIELD or FIELD in rest[::2]:
        return None
    head, mac = text.rsplit(b' ', 1)
    digest = hashlib.sha256(b''.join(struct.pack('>Q', len(part)) + part for part in (stream.encode(), head, *rest))).digest()
    made = base64.urlsafe_b64encode(hmac.new(key, purpose + digest, hashlib.sha256).digest()).rstrip(b'=')
    words = head.split(b' ')
    return (unquote_to_bytes(words[5]).decode(), int(words[2])) if made == mac else None


@pytest.fixture
def server(make_keyward):
    return make_keyward(policies={'shop.yaml': POLICY}).start()


@pytest.fixture
def connect(server, issuer):
    opened = []

    def connect(group='publishers', subject='alice', **options):
        client = redis.Redis(host='localhost', port=server.port, ssl=True, ssl_ca_certs=str(server.authority.ca),
                             password=issuer.token(subject, [group]), **options)
        opened.append(client)
        return client
    yield connect
    for client in opened:
        client.close()


def entries(server, stream):
    with server.redis.admin() as admin:
        return [fields for _, fields in admin('XRANGE', stream, '-', '+')]


@pytest.mark.parametrize('protocol', [2, 3])
def test_publishers_change_nothing(server, connect, protocol):
    client = connect(protocol=protocol)
    entry = client.xadd('shop:orders', {'id': 1, 'total': '9.90'}, maxlen=1000)
    assert b'-' in entry
    assert client.publish('shop:jobs', 'hello') == 0
    assert client.set('shop:timer:1', 'x', ex=100) is True
    assert client.set('shop:timer:2', 'x', px=100_000, get=True) is None
    assert client.expire('shop:timer:2', 200) is True and client.expire('shop:timer:none', 5) is False
    assert client.getdel('shop:timer:1') == b'x'
    with client.pipeline(transaction=True) as pipe:
        answers = pipe.xadd('shop:orders', {'id': 2}).publish('shop:jobs', b'\0\xff').set('shop:timer:3', 'x', exat=int(time.time()) + 300).get('shop:timer:3').execute()
    assert answers[1:] == [0, True, b'x']
    with client.pipeline(transaction=False) as pipe:
        for number in range(50):
            pipe.xadd('shop:orders', {'id': number + 3}).publish('shop:jobs', str(number)).get('shop:timer:3')
        answers = pipe.execute()
    assert answers[1::3] == [0] * 50 and answers[2::3] == [b'x'] * 50
    # readers see one field more, the last
    assert [list(fields)[-1] for _, fields in client.xrange('shop:orders')] == [FIELD] * 52
    orders, jobs = entries(server, 'shop:orders'), entries(server, BASE.format('jobs') + 'events')
    assert [int(fields[1]) for fields in orders] == list(range(1, 53))
    assert [fields[3] for fields in jobs] == [b'hello', b'\0\xff', *(b'%d' % number for number in range(50))]
    assert {attested('shop:orders', fields)[0] for fields in orders} == {'local:alice'}
    assert {attested(BASE.format('jobs') + 'events', fields)[0] for fields in jobs} == {'local:alice'}
    with server.redis.admin() as admin:
        timers = admin('HGETALL', BASE.format('timers') + 'timers')
        due = admin('ZRANGE', BASE.format('timers') + 'due', 0, -1, 'WITHSCORES')
    timers, due = dict(zip(timers[::2], timers[1::2])), dict(zip(due[::2], due[1::2]))
    assert set(timers) == set(due) == {b'shop:timer:2', b'shop:timer:3'}
    for key, text in timers.items():
        who, when = attested(BASE.format('timers') + 'events', [b'key', key, FIELD, text])
        assert who == 'local:alice' and when == int(due[key])
        assert abs(when / 1000 - time.time() - {b'shop:timer:2': 200, b'shop:timer:3': 300}[key]) < 5


def test_others_are_not_believed(server, connect):
    publisher, guest = connect(), connect('guests', 'mallory')
    publisher.xadd('shop:orders', {'id': 1})
    proof = publisher.xrange('shop:orders')[0][1][FIELD]
    guest.xadd('shop:orders', {'id': 2})
    guest.xadd('shop:orders', {'id': 3, FIELD: proof})
    guest.xadd('shop:orders', {'id': 1, FIELD: proof.replace(b'alice', b'admin')})
    guest.publish('shop:jobs', 'x')
    guest.set('shop:timer:1', 'x', ex=100)
    with server.redis.admin() as admin:
        admin('XADD', 'shop:orders', '*', 'id', 4)
        assert admin('EXISTS', BASE.format('jobs') + 'events', BASE.format('timers') + 'due') == 0
    found = [fields if fields[-2] == FIELD and attested('shop:orders', fields) else None for fields in entries(server, 'shop:orders')]
    assert found[0] and found[1:] == [None] * 4
    for command in (('XADD', BASE.format('jobs') + 'events', '*', 'a', 'b'), ('HGETALL', BASE.format('timers') + 'timers')):
        with pytest.raises(redis.exceptions.NoPermissionError):
            publisher.execute_command(*command)
    with pytest.raises(redis.exceptions.ResponseError, match='written by Keyward itself'):
        publisher.xadd('shop:orders', {'id': 1, FIELD: proof})
    assert publisher.ping()
    text = server.trail.text() + server.process.text()
    assert ADMIN_PASSWORD not in text and proof.decode().rsplit(' ', 1)[1] not in text


def keyward_parts(server, kind):
    return [r['unmapped']['keyward'] for r in server.trail.records() if r['unmapped']['keyward']['kind'] == kind]


def by_principal(server, principal, command):
    """`attested` of the commands of that name, by whoever it was."""
    sessions = {r['session']['uid'] for r in server.trail.records() if r['unmapped']['keyward']['kind'] == 'session'
                and r['unmapped']['keyward']['principal'] == principal}
    return [r['unmapped']['keyward'].get('attested') for r in server.trail.records()
            if r['unmapped']['keyward']['kind'] == 'command' and r['query_info']['name'] == command
            and r['actor']['session']['uid'] in sessions]


def test_the_trail_says_what_was_attested_and_what_caused_nothing(server, connect):
    publisher, guest = connect(), connect('guests', 'mallory')
    for client in (publisher, guest):
        client.xadd('shop:orders', {'id': 1})
        client.publish('shop:jobs', 'x')
        client.set('shop:timer:1', 'x', ex=100)
        client.expire('shop:timer:1', 200)
        # no events of any trigger
        client.delete('shop:timer:1')
        client.set('shop:timer:2', 'x')
        client.publish('shop:other', 'x')
    with publisher.pipeline(transaction=True) as pipe:
        pipe.publish('shop:jobs', 'x').get('shop:timer:2').set('shop:timer:3', 'x', px=100_000).execute()
    with pytest.raises(redis.exceptions.ResponseError):
        publisher.lpush('shop:list', 1) and publisher.xadd('shop:list', {'id': 1})
    guest.publish('shop:jobs', 'y' * 400_000)  # flows through
    publisher.ping(), guest.ping()
    assert by_principal(server, 'local:alice', 'xadd') == [['orders'], None]
    assert by_principal(server, 'local:alice', 'publish') == [['jobs'], None, ['jobs']]
    assert by_principal(server, 'local:alice', 'set') == [['timers'], None, ['timers']]
    assert by_principal(server, 'local:alice', 'expire') == [['timers']]
    assert set(map(str, by_principal(server, 'local:mallory', 'publish') + by_principal(server, 'local:mallory', 'set'))) == {'None'}
    refused = keyward_parts(server, 'trigger_refused')
    lines = {name: next(number for number, line in enumerate(POLICY.splitlines(), 1) if f'name: {name}' in line) for name in ('jobs', 'timers')}
    assert [(one['by'], one['detail'], one['rule'], one['grant'], one['reason']) for one in refused] == [
        ('local:mallory', f'{name} of shop:{source}', f'shop.yaml:{lines[name]}', 'guest', 'caused_nothing')
        for name, source in (('jobs', 'jobs'), ('timers', 'timer:*'), ('timers', 'timer:*'), ('jobs', 'jobs'))]
    assert refused[0]['channels'] == ['shop:jobs'] and refused[1]['keys'] == ['shop:timer:1']
    assert refused[0]['principal'] == 'local:mallory' and 'yyyy' not in server.trail.text()
    # what can be seen of it: search, export
    found = run('audit', 'search', '--kind', 'trigger_refused', '--channel', 'shop:jobs', server.trail.folder).stdout
    assert len(found.splitlines()) == 2 and 'caused_nothing' in found and 'local:mallory' in found
    assert '[attested for orders]' in run('audit', 'search', '--command', 'xadd', server.trail.folder).stdout
    cells = run('audit', 'export', '--format', 'csv', '--columns', 'command,attested', '--command', 'xadd', server.trail.folder).stdout.split()
    assert cells[:2] == ['command,attested', 'xadd,orders'] and 'xadd,' in cells[2:]


def test_a_flood_that_causes_nothing_is_counted(server, connect):
    guest = connect('guests', 'mallory')
    with guest.pipeline(transaction=False) as pipe:
        for _ in range(250):
            pipe.publish('shop:jobs', 'x')
        pipe.execute()
    guest.close()
    until(lambda: sum(one.get('repeated', 1) for one in keyward_parts(server, 'trigger_refused')) == 250, 5, 'the count')
    refused = keyward_parts(server, 'trigger_refused')
    assert len(refused) == 101 and {one['by'] for one in refused} == {'local:mallory'}


def publish(connect, run, worker, acknowledged):
    """Until the server is gone; nothing is tried again."""
    client = connect(subject=f'p{worker}', retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0), socket_timeout=10)
    try:
        for number in range(1_000_000):
            name = f'{run}-{worker}-{number}'
            if number % 3 == 0:
                client.xadd('shop:orders', {'id': name})
            elif number % 3 == 1:
                client.publish('shop:jobs', name)
            else:
                client.execute_command('SETEX', f'shop:timer:{name}', 1000, 'x')
            acknowledged[number % 3].append(name)
    except redis.exceptions.RedisError:
        pass


def test_a_kill_loses_nothing_that_was_acknowledged(server, connect):
    acknowledged = ([], [], [])
    for run in range(KILLS):
        workers = [threading.Thread(target=publish, args=(connect, run, worker, acknowledged)) for worker in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.7)
        server.process.kill()
        for worker in workers:
            worker.join()
        server.start()
    orders, jobs = entries(server, 'shop:orders'), entries(server, BASE.format('jobs') + 'events')
    assert all(attested('shop:orders', fields) for fields in orders)
    assert all(attested(BASE.format('jobs') + 'events', fields) for fields in jobs)
    with server.redis.admin() as admin:
        timers = {key.decode().removeprefix('shop:timer:') for key in admin('ZRANGE', BASE.format('timers') + 'due', 0, -1)}
        keys = {key.decode().removeprefix('shop:timer:') for key in admin('KEYS', 'shop:timer:*')}
    kept = [fields[1].decode() for fields in orders], [fields[3].decode() for fields in jobs]
    for done, there in zip(acknowledged, (*kept, timers)):
        assert len(done) > 20 * KILLS, 'too little was under way'
        assert set(done) <= set(there)
    assert all(len(set(there)) == len(there) for there in kept), 'nothing twice'
    assert timers == keys, 'a timer for every key that expires, and no other'
    print(f'{KILLS} kills: {", ".join(str(len(done)) for done in acknowledged)} acknowledged, '
          f'{", ".join(str(len(there)) for there in (*kept, timers))} kept')
