"""An OpenID provider that changes its keys several times while clients log in: no valid login is refused, no retired key is taken.

KEYWARD_ROTATIONS: how often (3). Each fetch of keys brings the key in use and the next one, and keys that are not known are fetched
once in 30 s at most: three changes fit in one such time."""
import base64
import json
import os
import threading
import time
from collections import Counter

import pytest

from rig.process import until
from rig.resp import RespError
from test_oidc import POLICY_OF_IDP

ROTATIONS = int(os.environ.get('KEYWARD_ROTATIONS', '3'))
CLIENTS, PER_SECOND = 5, 50
COOL_DOWN = 31


def kid_of(token):
    head = token.split('.')[0]
    return json.loads(base64.urlsafe_b64decode(head + '=' * (-len(head) % 4)))['kid']


class Load:
    """Clients that log in at a steady pace, each with a token that it gets anew about every half second."""

    def __init__(self, server, provider):
        self.server, self.provider, self.stop_now = server, provider, threading.Event()
        self.by_kid, self.refused, self.latest, self.longest = Counter(), [], {}, 0.0
        self.threads = [threading.Thread(target=self.run, args=['worker' if n % 2 else 'worker-rsa']) for n in range(CLIENTS)]
        [thread.start() for thread in self.threads]

    def run(self, client):
        due, n, token = time.monotonic(), 0, None
        while not self.stop_now.is_set():
            if n % 5 == 0:
                token = self.provider.token(client)
                self.latest[kid_of(token)] = token
            n, due = n + 1, due + CLIENTS / PER_SECOND
            began = time.monotonic()
            try:
                with self.server.login(token) as session:
                    assert session('PING') == b'PONG'
                self.by_kid[kid_of(token)] += 1
            except (RespError, OSError, AssertionError) as error:
                self.refused.append(f'{kid_of(token)}: {error!r}')
            self.longest = max(self.longest, time.monotonic() - began)
            self.stop_now.wait(max(0.0, due - time.monotonic()))

    def stop(self):
        self.stop_now.set()
        [thread.join(20) for thread in self.threads]


@pytest.mark.timeout(120 + 40 * ROTATIONS)
def test_keys_change_under_load(make_keyward, provider):
    provider.control(rotate='publish')
    server = make_keyward(issuers=[provider.config()], policies={'p.yaml': POLICY_OF_IDP}).start()
    load, began, fetched = Load(server, provider), time.monotonic(), -COOL_DOWN
    retired = []

    def wait_for(kids, count):
        until(lambda: load.refused or all(load.by_kid[kid] >= count for kid in kids), 20, 'logins with the keys in use')

    try:
        kids = provider.control()['kids'][:2]
        wait_for(kids, 40)
        for change in range(ROTATIONS):
            asks = change % 2 == 1         # else Keyward learned of the key with the fetch for the one before
            if asks and fetched > 0:
                time.sleep(max(0.0, fetched + COOL_DOWN - time.monotonic()))
            provider.control(rotate='publish')
            fresh = provider.control(rotate='use')['kids'][:2]
            if asks:
                fetched = time.monotonic()
            wait_for(fresh, 40)
            assert not load.refused, load.refused[:5]
            retired += kids
            kids = fresh
            if not asks:
                provider.control(rotate='retire')   # gone with the next fetch
    finally:
        load.stop()
    seconds, total = time.monotonic() - began, sum(load.by_kid.values())
    control = provider.control()
    print(f'{total} logins in {seconds:.0f} s ({total / seconds:.0f}/s) with {len(load.by_kid)} keys, {ROTATIONS} changes: '
          f'{len(load.refused)} refused, the longest took {load.longest * 1000:.0f} ms, {control["fetches"]["jwks"]} fetches of keys; '
          f'by key {sorted(load.by_kid.values())}')
    assert not load.refused and total / seconds > PER_SECOND * 0.6
    assert len(load.by_kid) == 2 * (ROTATIONS + 1)
    gone = [kid for kid in retired if kid not in control['kids']]
    assert gone
    told = {}
    for kid in gone:
        try:
            server.login(load.latest[kid]).close()
            told[kid] = 'let in'
        except RespError as error:
            told[kid] = error.prefix
    print('tokens of retired keys:', told)
    dropped = 2 * (1 + (ROTATIONS - 2) // 2 * 2) if ROTATIONS >= 2 else 0   # those that a fetch since has not shown any more
    assert list(told.values())[:dropped] == ['WRONGPASS'] * dropped
    for kid in kids:
        with server.login(load.latest[kid]) as session:
            assert session('PING') == b'PONG'
