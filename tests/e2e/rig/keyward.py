"""A `keyward serve` in front of a redis-server of the test, with its configuration, policies and audit trail."""
import http.client
import json
import os
import signal
import subprocess
from pathlib import Path

from rig.process import ROOT, Process, free_port, until
from rig.redis_server import ADMIN_PASSWORD, ADMIN_USER
from rig.resp import RespError, connect

BINARY = Path(os.environ.get('KEYWARD_BIN', ROOT / 'build/release/keyward'))


def run(*arguments, timeout=60, **options):
    """One verb of the binary, to its end."""
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **options)


def unpacked(path):
    return subprocess.run(['zstdcat', str(path)], capture_output=True, check=True).stdout.decode(errors='replace')


class Trail:
    """The audit folder, read as an auditor would."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def segments(self):
        """The text of each, compressed or not."""
        for path in sorted(p for p in self.folder.rglob('*') if p.name.endswith(('.jsonl', '.jsonl.zst'))
                           and not p.name.endswith('.refused.jsonl')):
            try:
                yield path.read_text(errors='replace') if path.suffix == '.jsonl' else unpacked(path)
            except FileNotFoundError:  # compressed a moment ago
                yield unpacked(path.with_name(path.name + '.zst'))

    def lines(self):
        for text in self.segments():
            for line in text.splitlines():
                if line.startswith('{') and line.endswith('}'):
                    yield line

    def records(self):
        return [json.loads(line) for line in self.lines()]

    def denials(self):
        return [r for r in self.records() if r.get('class_uid') == 6005 and r.get('action_id') == 2]

    def logins(self, ok=None):
        return [r for r in self.records() if r.get('class_uid') == 3002 and r.get('activity_id') == 1
                and ok in (None, r.get('status_id') == 1)]

    def text(self):
        return '\n'.join(self.lines())

    def verify(self):
        return run('audit', 'verify', self.folder)


class Keyward:
    """`policies`: file name -> YAML text. `issuers`: what stands under issuers: in the configuration. `upstream`: plain, tls or unix."""

    def __init__(self, folder, authority, redis, issuers, policies, limits=None, shards=2, upstream='plain', more=None):
        self.folder, self.authority, self.redis = Path(folder), authority, redis
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.admin_port = free_port(), free_port()
        self.certificate, self.key = authority.server('keyward')
        self.policies = self.folder / 'policies'
        self.policies.mkdir(exist_ok=True)
        self.write_policies(policies)
        self.password_file = self.folder / 'admin.password'
        self.password_file.write_text(ADMIN_PASSWORD + '\n')
        self.password_file.chmod(0o600)
        self.trail = Trail(self.folder / 'audit')
        self.config = {
            'instance': 'e2e',
            'shards': shards,
            'listeners': [{'name': 'default', 'listen': f'127.0.0.1:{self.port}',
                           'tls': {'certificate': str(self.certificate), 'key': str(self.key)}}],
            'upstream': {'url': f'redis://127.0.0.1:{redis.port}', 'user': ADMIN_USER,
                         'password_file': str(self.password_file)},
            'issuers': issuers,
            'policies': 'policies',
            'audit': {'directory': 'audit'},
            'admin': {'listen': f'127.0.0.1:{self.admin_port}', 'tls': False},
            'lease': {'linger': '300ms'},
            'limits': {'failed_logins_per_minute': 1000000, **(limits or {})},
        }
        if upstream == 'tls':
            self.config['upstream'].update(url=f'rediss://localhost:{redis.tls_port}', tls={'ca': str(authority.ca)})
        elif upstream == 'unix':
            self.config['upstream'].update(url=f'unix://{redis.socket}')
        self.config.update(more or {})
        self.process = None

    @property
    def config_file(self):
        return self.folder / 'keyward.yaml'

    def write_policies(self, policies):
        for old in self.policies.glob('*.yaml'):
            old.unlink()
        for name, text in policies.items():
            (self.policies / name).write_text(text)

    def replace_policy(self, text, name='e2e.yaml'):
        """One file, replaced at once: no reader sees half of it."""
        draft = self.policies / f'.{name}.new'
        draft.write_text(text)
        draft.replace(self.policies / name)

    def start(self, seconds=15, arguments=()):
        self.config_file.write_text(json.dumps(self.config, indent=1) + '\n')  # JSON is YAML
        self.process = Process([BINARY, 'serve', '--config', self.config_file, *arguments], self.folder / 'keyward.log')
        self.process.expect(self.ready, seconds, 'readiness')
        return self

    def get(self, path):
        """Status and body of an admin page."""
        connection = http.client.HTTPConnection('127.0.0.1', self.admin_port, timeout=5)
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def api(self, method, path, body=None, headers=None):
        """Status and JSON of a request to /v1/, with the header that keeps web pages out."""
        connection = http.client.HTTPConnection('127.0.0.1', self.admin_port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {'X-Keyward-Request': '1'} if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def reload_now(self):
        """Reads the folder again and waits for it; the status afterwards."""
        status, body = self.api('POST', '/v1/policy/reload')
        assert status == 200, body
        return body

    def metric(self, name):
        for line in self.get('/metrics')[1].splitlines():
            if line.startswith(name + ' ') or line.startswith(name + '{'):
                return float(line.rsplit(' ', 1)[1])
        raise AssertionError(f'{name} is not served')

    def ready(self):
        try:
            return self.get('/readyz')[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def connect(self, timeout=20, certificate=None):
        """A raw TLS client that sent nothing yet."""
        return connect(self.port, self.authority.ca, timeout, certificate=certificate)

    def login(self, token, user=None, protocol=None, timeout=20):
        client = self.connect(timeout)
        answer = (client('HELLO', protocol, 'AUTH', user or 'default', token) if protocol
                  else client('AUTH', *([user] if user else []), token))
        if isinstance(answer, RespError):
            client.close()
            raise answer
        return client

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def sessions_gone(self, seconds=10):
        """Waits until no leased user is left on Redis."""
        until(lambda: not self.redis.leased_users(), seconds, 'the end of every lease')

    def kill(self):
        self.process.kill()

    def stop(self):
        return self.process.stop() if self.process else None
