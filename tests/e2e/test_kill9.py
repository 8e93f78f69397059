"""Case 1 of the audit guarantee: kill -9 under write load, at every durability. Every write that a client saw acknowledged stands
in the verified trail; with `async` what is missing is bounded."""
import json
import os
import random
import re
import threading
import time
from collections import Counter

import pytest

from rig.resp import Closed, RespError, encode

KILLS = int(os.environ.get('KEYWARD_KILLS', '8'))
LEVELS = ('written', 'strict', 'synced', 'async')
WRITERS = 6
KEY = re.compile(rb'app:w-[0-9]+-[0-9]+-[0-9]+')


def write(server, token, run, writer, acknowledged, protocol):
    """Pipelined writes with keys of their own, some of them in transactions, until the server is gone."""
    try:
        with server.login(token, protocol=protocol, timeout=10) as client:
            at = 0
            while True:
                depth = random.choice((1, 3, 20, 100))
                names = [b'app:w-%d-%d-%d' % (run, writer, at + n) for n in range(depth)]
                at += depth
                if writer % 3 == 2:
                    client.send_raw(encode('MULTI') + b''.join(encode('SET', name, 1) for name in names) + encode('EXEC'))
                    for _ in range(depth + 1):
                        client.read()
                    if client.read() == [b'OK'] * depth:
                        acknowledged.extend(names)
                else:
                    client.send_raw(b''.join(encode('SET', name, 1) for name in names))
                    for name in names:
                        if client.read() == b'OK':
                            acknowledged.append(name)
    except (Closed, OSError, RespError):
        pass


def facts(record):
    return record['unmapped']['keyward']


def check_ends(server, kills):
    """Each run but the last says at the next start that it crashed; an intent without outcome stands before a crash only. Answers how
    many of those there are."""
    crashes, open_intents, accounted = Counter(), {}, 0
    for line in server.trail.lines():  # in order, one stream after the other
        record = json.loads(line)
        f, stream = facts(record), record['metadata']['uid'].rsplit('.', 1)[0]
        mine = open_intents.setdefault(stream, set())
        if f['kind'] == 'start':
            crashes[stream] += (f['previous'] or {}).get('end') == 'crash'
            accounted += len(mine)
            mine.clear()
        elif f['kind'] in ('intent', 'command', 'denial'):
            place = (record['actor']['session']['uid'], f['command_number'])
            (mine.add if f['kind'] == 'intent' else mine.discard)(place)
    assert set(crashes.values()) == {kills}, crashes
    assert not any(open_intents.values()), 'an intent without an outcome, and no crash behind it'
    return accounted


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize('durability', LEVELS)
def test_case_e8_01_no_acknowledged_write_is_missing(make_keyward, issuer, durability):
    server = make_keyward(more={'audit': {'directory': 'audit', 'durability': durability, 'rotate': {'size': '1MiB'}}})
    tokens = [issuer.token(f'writer-{n}', ['app']) for n in range(WRITERS)]
    acknowledged = []
    kills = max(2, KILLS // len(LEVELS))
    for run in range(kills):
        server.start()
        lists = [[] for _ in range(WRITERS)]
        threads = [threading.Thread(target=write, args=(server, tokens[n], run, n, lists[n], 2 + n % 2)) for n in range(WRITERS)]
        [t.start() for t in threads]
        time.sleep(0.05 + random.random() * (0.6 if KILLS <= 40 else 0.12))
        server.kill()
        [t.join(30) for t in threads]
        acknowledged += [name for one in lists for name in one]
    assert len(acknowledged) > kills * 10
    verdict = server.trail.verify()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    recorded = set()
    for text in server.trail.segments():
        recorded.update(KEY.findall(text.encode()))
    missing = [name for name in acknowledged if name not in recorded]
    print(f'{durability}: {kills} kills, {len(acknowledged)} acknowledged writes, {len(recorded)} recorded, {len(missing)} missing')
    assert len(missing) <= (kills * WRITERS * 100 if durability == 'async' else 0), missing[:10]
    server.start()                                    # and the trail goes on after the last crash
    with server.login(tokens[0]) as client:
        assert client('SET', 'app:after', 1) == b'OK'
    server.sessions_gone()                            # what the crashed runs left on Redis was swept
    assert server.stop() == 0
    assert server.trail.verify().returncode == 0
    accounted = check_ends(server, kills)
    assert durability == 'strict' or accounted == 0
    print(f'{durability}: {accounted} intents without an outcome, each before a crash')
