#!/usr/bin/env python3
"""What the ACL commands of leased users cost Redis, by its own clock (INFO commandstats), by number of users.

    bench/acl_cost.py [redis-server]        prints a Markdown table; starts a server of its own on a free loopback port
"""
import hashlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

USERS = (10, 100, 1000, 5000)
CALLS = 300
# What a policy's `+@read +@write ...` becomes: one rule for each command.
RULES = 110


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Redis:
    def __init__(self, program, folder):
        port = free_port()
        self.process = subprocess.Popen(
            [program, '--port', str(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
            stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.sock = socket.create_connection(('127.0.0.1', port), 10)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.sock.makefile('rb')

    def __call__(self, *words):
        out = b'*%d\r\n' % len(words)
        for word in words:
            out += b'$%d\r\n%s\r\n' % (len(str(word).encode()), str(word).encode())
        self.sock.sendall(out)
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            raise SystemExit(rest.decode())
        if kind == b'$':
            return None if int(rest) < 0 else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b'*':
            return [self.read() for _ in range(int(rest))]
        return rest.decode()

    def cost(self, stat, calls):
        """Microseconds a call."""
        self('CONFIG', 'RESETSTAT')
        for n in range(CALLS):
            self(*calls(n))
        found = re.search(rf'cmdstat_{re.escape(stat)}:calls=\d+,usec=\d+,usec_per_call=([\d.]+)', self('INFO', 'commandstats'))
        return float(found[1])


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which('redis-server')
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(program, folder)
        try:
            measure(redis)
        finally:
            redis.process.terminate()
            redis.process.wait(10)


def measure(redis):
    refused = {'acl', 'config', 'debug', 'flushall', 'keys', 'monitor', 'shutdown', 'sync', 'psync', 'replconf', 'module'}
    commands = [c[0] for c in redis('COMMAND') if c[0] not in refused][:RULES]

    def name(n):
        return f'kw_0000aaaa_{n:016x}'

    def make(n, rules):
        return ['ACL', 'SETUSER', name(n), 'reset', 'on', '#' + hashlib.sha256(str(n).encode()).hexdigest(),
                f'~app:{n}:*', '&app:*', '-@all', *('+' + c for c in commands[:rules])]
    print(f'Redis {re.search("redis_version:(.*)", redis("INFO", "server"))[1].strip()}, microseconds a call:\n')
    print(f'| users | SETUSER, {RULES} rules | SETUSER, 9 rules | GETUSER, {RULES} rules | USERS | INFO (look) |')
    print('|---|---|---|---|---|---|')
    made = 0
    for count in USERS:
        for made in range(made, count):
            redis(*make(made, RULES))
        small = redis.cost('acl|setuser', lambda n: make(n % 10, 9))
        large = redis.cost('acl|setuser', lambda n, count=count: make(n % count, RULES))
        rules = redis.cost('acl|getuser', lambda n, count=count: ['ACL', 'GETUSER', name(n % count)])
        users = redis.cost('acl|users', lambda n: ['ACL', 'USERS'])
        look = redis.cost('info', lambda n: ['INFO', 'server', 'replication', 'commandstats'])
        print(f'| {count:,} | {large:.0f} | {small:.0f} | {rules:.0f} | {users:.0f} | {look:.0f} |')


if __name__ == '__main__':
    main()
