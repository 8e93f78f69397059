"""Keyward under a meter, and loads whose answers are checked. What they may cost stands in test_budget.py."""
import json
import shutil
import time
from dataclasses import dataclass
from typing import Callable

from rig.keyward import BINARY, Keyward
from rig.process import TOOLS_PATH, Process
from rig.resp import encode

BATCH = 16
KEYS = 64
GRANTS = 20
VALUE = b'v' * 100


def policy():
    """Twenty grants of a team with prefix rules; the load runs under the last one."""
    text = 'apiVersion: keyward/v1\nteam: budget\nowners: [budget@example.com]\ngrants:\n'
    for n in range(GRANTS):
        last = n == GRANTS - 1
        group = 'load' if last else f'group-{n}'
        keys = '"key:*", "app:*"' if last else f'"team{n}:*", "shared:{n}:*", "jobs:{n}:?*"'
        text += (f'  - name: grant-{n}\n    who: [{{issuer: local, groups: [{group}]}}]\n    allow:\n'
                 f'      - commands: ["@read", "@write", "@blocking", "@transaction", "-@dangerous"]\n'
                 f'        keys: [{keys}]\n')
    return text


def program(name, package):
    """The path of a tool that these tests stand on."""
    found = shutil.which(name, path=TOOLS_PATH)
    assert found, f'{name} is missing: apt-get install {package} (scripts/test does)'
    return found


class Metered(Keyward):
    """A Keyward with one shard, started by the program that measures it; `token` is logged in once for all of its life,
    so that the lease of the identity stays."""

    def __init__(self, meter, folder, authority, redis, issuer, issuer_config):
        super().__init__(folder, authority, redis, [issuer_config], {'budget.yaml': policy()}, shards=1,
                         more={'instance': folder.name})
        self.meter = [str(word) for word in meter]
        self.token = issuer.token('budget-1', ['load'])
        self.client = None

    def start(self, seconds=60):
        self.config_file.write_text(json.dumps(self.config) + '\n')
        # Without --allow-core nobody may look into the process, which is what the meters do.
        argv = [*self.meter, BINARY, 'serve', '--allow-core', '--config', self.config_file]
        self.process = Process(argv, self.folder / 'keyward.log')
        self.process.expect(self.ready, seconds, 'readiness')
        self.client = self.login(self.token)
        return self

    def stop(self):
        if self.client:
            self.client.close()
        return self.process.stop(30) if self.process else None


@dataclass(frozen=True)
class Load:
    """`run(server, n)` sends n requests, one after the other or in batches, and checks every answer."""
    name: str
    unit: str
    run: Callable
    counted: int  # requests while instructions are counted
    traced: int   # requests while system calls are counted
    batch: int = 1


def _exchange(client, data, expected):
    """Sends, and reads until the answer has as many lines as what is expected. None: one refusal."""
    lines = expected.count(b'\r\n') if expected else 1
    client.send_raw(data)
    got = b''
    while got.count(b'\r\n') < lines:
        more = client.sock.recv(1 << 18)
        assert more, f'the connection was closed after {got[:200]!r}'
        got += more
    assert got == expected if expected else got.startswith(b'-NOPERM'), f'a wrong answer: {got[:300]!r}'


_get = [encode('GET', f'app:{n}') for n in range(KEYS)]
_set = [encode('SET', f'app:{n}', VALUE) for n in range(KEYS)]
_value = b'$%d\r\n%s\r\n' % (len(VALUE), VALUE)


def _pipelined(commands, answer):
    batches = [b''.join(commands[n:n + BATCH]) for n in range(0, KEYS, BATCH)]

    def run(server, count):
        for n in range(count // BATCH):
            _exchange(server.client, batches[n % len(batches)], answer * BATCH)
    return run


def _one_by_one(commands, answer):
    def run(server, count):
        for n in range(count):
            _exchange(server.client, commands[n % len(commands)], answer)
    return run


def _login_again(server, count):
    for _ in range(count):
        _exchange(server.client, encode('AUTH', server.token), b'+OK\r\n')


def _connections(server, count):
    """With pauses, so that the steps of a connection and of the next never share a turn by chance."""
    for _ in range(count):
        client = server.connect()
        time.sleep(0.005)
        _exchange(client, encode('AUTH', server.token), b'+OK\r\n')
        client.close()
        time.sleep(0.005)


LOADS = {load.name: load for load in (
    Load('pipelined SET', 'request', _pipelined(_set, b'+OK\r\n'), 3200, 640, BATCH),
    Load('pipelined GET', 'request', _pipelined(_get, _value), 3200, 640, BATCH),
    Load('single SET', 'request', _one_by_one(_set, b'+OK\r\n'), 1000, 400),
    Load('single GET', 'request', _one_by_one(_get, _value), 1000, 400),
    Load('denied GET', 'request', _one_by_one([encode('GET', f'other:{n}') for n in range(KEYS)], None), 1000, 400),
    Load('AUTH, token seen before', 'login', _login_again, 500, 200),
    Load('connection with login', 'connection', _connections, 100, 100),
)}


def settle():
    """Time for what follows a load without being waited for: the end of the turn, of a connection."""
    time.sleep(0.15)
