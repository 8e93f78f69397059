#!/usr/bin/env python3
"""Puts Keyward on the stage that `peers` has built: stage.py start DIR BINARY | stop DIR.

In front of the same Redis, with the peers' certificate, one shard and a policy of 20 grants. `keyward` records
what `durability: written` asks for (logins, refusals, every state-changing command); `keyward-reads` records every
read as well. Prints one `compare` target a line.
"""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tests/e2e'))
from rig.resp import Client  # noqa: E402
from rig.tokens import Issuer  # noqa: E402

GRANTS = 20
USER, PASSWORD = 'bench-admin', 'bench-admin-password'
VARIANTS = {'keyward': (70, False), 'keyward-reads': (80, True)}


def policy(reads):
    """Twenty grants of a team, each with a few key patterns; the load runs under the last one."""
    grants = []
    for n in range(GRANTS):
        last = n == GRANTS - 1
        keys = ['key:*', 'kwbench:*'] if last else [f'team{n}:*', f'shared:{n}:*', f'jobs:{n}:?*']
        grants.append({
            'name': f'grant-{n}',
            'who': [{'issuer': 'bench', 'groups': ['load'] if last else [f'group-{n}']}],
            'allow': [{'commands': ['@read', '@write', '@blocking', '@transaction', '-@dangerous'], 'keys': keys}],
            'audit': {'reads': reads},
        })
    return json.dumps({'apiVersion': 'keyward/v1', 'team': 'bench', 'owners': ['bench@example.com'], 'grants': grants}, indent=1)


def configuration(folder, base, port, admin_port, issuer):
    return json.dumps({
        'instance': f'bench-{port}', 'shards': 1,
        'listeners': [{'listen': f'127.0.0.1:{port}', 'tls': {'certificate': f'{folder}/server.crt', 'key': f'{folder}/server.key'}}],
        'upstream': {'url': f'redis://127.0.0.1:{base}', 'user': USER, 'password_file': f'{folder}/admin.password'},
        'issuers': [{'alias': 'bench', 'issuer': issuer.issuer, 'audiences': [issuer.audience], 'jwks_file': str(issuer.file)}],
        'policies': 'policies', 'audit': {'directory': 'audit'},
        'admin': {'listen': f'127.0.0.1:{admin_port}', 'tls': False},
    }, indent=1)


def ready(port, process, log):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=2)
        try:
            connection.request('GET', '/readyz')
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    sys.exit('keyward did not become ready:\n' + log.read_text()[-2000:])


def start(folder, binary):
    base = int((folder / 'base').read_text())
    with Client(socket.create_connection(('127.0.0.1', base), 5)) as redis:
        answer = redis('ACL', 'SETUSER', USER, 'on', f'>{PASSWORD}', '~*', '&*', '+@all')
        assert answer == b'OK', answer
    password = folder / 'admin.password'
    password.write_text(PASSWORD + '\n')
    password.chmod(0o600)
    issuer = Issuer(folder / 'jwks.json', issuer='https://bench.test')
    token = folder / 'token.jwt'
    token.write_text(issuer.token('load', ['load'], ttl=20 * 3600))
    for name, (offset, reads) in VARIANTS.items():
        home = folder / name
        (home / 'policies').mkdir(parents=True, exist_ok=True)
        (home / 'policies/bench.yaml').write_text(policy(reads))
        port, admin_port = base + offset, base + offset + 1
        (home / 'keyward.yaml').write_text(configuration(folder, base, port, admin_port, issuer))
        log = home / 'keyward.log'
        with open(log, 'ab') as out:
            process = subprocess.Popen([binary, 'serve', '--config', str(home / 'keyward.yaml')], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        (folder / f'{name}.pid').write_text(str(process.pid))
        ready(admin_port, process, log)
        print(f'{name}=127.0.0.1:{port},tls,user=default,passfile={token},pid={folder}/{name}.pid')


def stop(folder):
    """Ends what start() left in that folder, and nothing else."""
    for name in VARIANTS:
        file = folder / f'{name}.pid'
        if not file.exists():
            continue
        pid = int(file.read_text())
        try:
            if str(folder) in Path(f'/proc/{pid}/cmdline').read_text():
                os.kill(pid, signal.SIGTERM)
                for _ in range(100):
                    if not Path(f'/proc/{pid}/exe').exists():
                        break
                    time.sleep(0.1)
                else:
                    os.kill(pid, signal.SIGKILL)
        except (OSError, ProcessLookupError):
            pass
        file.unlink()


if len(sys.argv) == 4 and sys.argv[1] == 'start':
    start(Path(sys.argv[2]).resolve(), sys.argv[3])
elif len(sys.argv) == 3 and sys.argv[1] == 'stop':
    stop(Path(sys.argv[2]).resolve())
else:
    sys.exit(__doc__)
