#!/usr/bin/env python3
"""Puts Keyward on the stage that `peers` has built.

  stage.py start DIR BINARY [--tokens N] [VARIANT...]   start variants (default: keyward keyward-reads), print their `compare` targets
  stage.py restart DIR NAME                             a fresh Redis, empty, and in front of it a fresh NAME, Keyward or peer
  stage.py stop DIR                                     end what `start` left in DIR, and nothing else

In front of the same Redis, with the peers' certificate and a policy of 20 grants. All record what `durability: written` asks
for (logins, refusals, every state-changing command), but for keyward-off.
  keyward          one shard, upstream over loopback TCP
  keyward-reads    every read recorded as well
  keyward-unix     upstream over a unix socket
  keyward-2shards  two shards
  audit-off        no record of any command: a switch of `serve` for this alone, which takes loopback listeners only
  audit-async, audit-written, audit-synced, audit-strict
                   these levels of durability
  keyward-off      the least recording that the binary knows; skipped when it knows no less than `written`
With --tokens, N different ES256 tokens of one subject are made as well, for logins with a token never seen before.
"""
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'tests/e2e'))
from rig.resp import Client  # noqa: E402
from rig.tokens import Issuer  # noqa: E402

GRANTS = 20
USER, PASSWORD = 'bench-admin', 'bench-admin-password'
ISSUER = 'https://bench.test'
VARIANTS = {
    'keyward': dict(port=70),
    'keyward-reads': dict(port=80, audit={'reads': True}),
    'keyward-unix': dict(port=82, unix=True),
    'keyward-2shards': dict(port=84, shards=2),
    'keyward-off': dict(port=86, audit={'durability': 'async'}, optional=True),
    'audit-off': dict(port=88, arguments=['--measure-without-audit']),
    **{f'audit-{level}': dict(port=90 + 2 * n, audit={'durability': level})
       for n, level in enumerate(('async', 'written', 'synced', 'strict'))},
}


def policy(audit):
    """Twenty grants of a team, each with a few key patterns; the load runs under the last one."""
    grants = []
    for n in range(GRANTS):
        last = n == GRANTS - 1
        keys = ['key:*', 'kwbench:*'] if last else [f'team{n}:*', f'shared:{n}:*', f'jobs:{n}:?*']
        grants.append({
            'name': f'grant-{n}',
            'who': [{'issuer': 'bench', 'groups': ['load'] if last else [f'group-{n}']}],
            'allow': [{'commands': ['@read', '@write', '@blocking', '@transaction', '-@dangerous'], 'keys': keys}],
            'audit': audit,
        })
    return json.dumps({'apiVersion': 'keyward/v1', 'team': 'bench', 'owners': ['bench@example.com'], 'grants': grants}, indent=1)


def configuration(folder, base, variant, audience):
    port = base + variant['port']
    upstream = f'unix://{folder}/redis.sock' if variant.get('unix') else f'redis://127.0.0.1:{base}'
    return json.dumps({
        'instance': f'bench-{port}', 'shards': variant.get('shards', 1),
        'listeners': [{'listen': f'127.0.0.1:{port}', 'tls': {'certificate': f'{folder}/server.crt', 'key': f'{folder}/server.key'}}],
        'upstream': {'url': upstream, 'user': USER, 'password_file': f'{folder}/admin.password'},
        'issuers': [{'alias': 'bench', 'issuer': ISSUER, 'audiences': [audience], 'jwks_file': f'{folder}/jwks.json'}],
        'policies': 'policies', 'audit': {'directory': 'audit'},
        'admin': {'listen': f'127.0.0.1:{port + 1}', 'tls': False},
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


def admin_user(base):
    with Client(socket.create_connection(('127.0.0.1', base), 5)) as redis:
        answer = redis('ACL', 'SETUSER', USER, 'on', f'>{PASSWORD}', '~*', '&*', '+@all')
        assert answer == b'OK', answer


def few_files():
    """The soft limit that most systems start with: Keyward is to raise it itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))


def launch(folder, base, name, binary):
    """Starts one variant; False when it is optional and the binary does not know its settings."""
    variant, home = VARIANTS[name], folder / name
    shutil.rmtree(home, ignore_errors=True)
    (home / 'policies').mkdir(parents=True)
    (home / 'policies/bench.yaml').write_text(policy(variant.get('audit', {'reads': False})))
    (home / 'keyward.yaml').write_text(configuration(folder, base, variant, 'keyward'))
    if variant.get('optional'):
        known = subprocess.run([binary, 'check', str(home / 'keyward.yaml')], capture_output=True)
        if known.returncode:
            print(f'skipped: {name}: this Keyward cannot record less', file=sys.stderr)
            return False
    log = home / 'keyward.log'
    with open(log, 'ab') as out:
        process = subprocess.Popen([binary, 'serve', '--config', str(home / 'keyward.yaml'), *variant.get('arguments', [])],
                                   stdout=out, stderr=out,
                                   stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=few_files)
    (folder / f'{name}.pid').write_text(str(process.pid))
    ready(base + variant['port'] + 1, process, log)
    return True


def make_tokens(issuer, file, count):
    told = time.monotonic()
    scratch = file.with_suffix('.new')
    with open(scratch, 'w') as out:
        for n in range(count):
            out.write(issuer.token('load', ['load'], ttl=20 * 3600) + '\n')
            if time.monotonic() - told > 10:
                told = time.monotonic()
                print(f'tokens: {n} of {count}', file=sys.stderr, flush=True)
    scratch.replace(file)
    Path(f'{file}.used').unlink(missing_ok=True)


def start(folder, binary, names, tokens):
    base = int((folder / 'base').read_text())
    admin_user(base)
    password = folder / 'admin.password'
    password.write_text(PASSWORD + '\n')
    password.chmod(0o600)
    (folder / 'binary').write_text(binary)
    issuer = Issuer(folder / 'jwks.json', issuer=ISSUER)
    token, many = folder / 'token.jwt', folder / 'tokens.txt'
    token.write_text(issuer.token('load', ['load'], ttl=20 * 3600))
    if tokens:
        make_tokens(issuer, many, tokens)
    for name in names:
        if not launch(folder, base, name, binary):
            continue
        at = f'127.0.0.1:{base + VARIANTS[name]["port"]},tls'
        rest = f'trail={folder}/{name}/audit,pid={folder}/{name}.pid'
        only = ',for=shards' if name == 'keyward-2shards' else ''
        print(f'{name}={at},user=default,passfile={token},{rest}{only}')
        if name == 'keyward' and tokens:
            print(f'keyward-first={at},user=default,secrets={many},{rest},for=W6')
            print(f'keyward-auth={at},noping,user=default,passfile={token},{rest},for=W6a')
            print(f'keyward-auth-first={at},noping,user=default,secrets={many},{rest},for=W6a')
            print(f'keyward-nologin={at},refused,{rest},for=W6a')


def end(folder, name):
    file = folder / f'{name}.pid'
    if not file.exists():
        return
    pid = int(file.read_text())
    try:
        if str(folder) in Path(f'/proc/{pid}/cmdline').read_text():
            os.kill(pid, signal.SIGTERM)
            for _ in range(150):
                if not Path(f'/proc/{pid}/exe').exists():
                    break
                time.sleep(0.1)
            else:
                os.kill(pid, signal.SIGKILL)
    except (OSError, ProcessLookupError):
        pass
    file.unlink()


def restart(folder, name):
    base = int((folder / 'base').read_text())
    if name in VARIANTS:
        end(folder, name)  # while its Redis is there: it takes its users with it
    peers = [str(HERE / 'peers'), 'restart', str(folder)]
    subprocess.run(peers + ['redis'], check=True, stdout=subprocess.DEVNULL)
    admin_user(base)
    if name in VARIANTS:
        launch(folder, base, name, (folder / 'binary').read_text())
    elif not name.startswith('redis'):
        subprocess.run(peers + [name], check=True, stdout=subprocess.DEVNULL)


def main(args):
    if len(args) >= 3 and args[0] == 'start':
        names, tokens = args[3:], 0
        if '--tokens' in names:
            at = names.index('--tokens')
            tokens = int(names[at + 1])
            del names[at:at + 2]
        unknown = [n for n in names if n not in VARIANTS]
        if unknown:
            sys.exit('no variant ' + unknown[0] + '; known: ' + ' '.join(VARIANTS))
        start(Path(args[1]).resolve(), args[2], names or ['keyward', 'keyward-reads'], tokens)
    elif len(args) == 3 and args[0] == 'restart':
        restart(Path(args[1]).resolve(), args[2])
    elif len(args) == 2 and args[0] == 'stop':
        for name in VARIANTS:
            end(Path(args[1]).resolve(), name)
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
