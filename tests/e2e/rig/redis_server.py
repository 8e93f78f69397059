"""A redis-server of its own for a test: free ports, a temporary folder, plain TCP and TLS, an ACL file with an admin."""
import os
import shutil
import socket
import tempfile
from pathlib import Path

from rig.process import Process, TOOLS_PATH, free_port
from rig.resp import Client, RespError

ADMIN_USER, ADMIN_PASSWORD = 'keyward-admin', 'admin-secret-of-the-test'


class Admin(Client):
    """KEYS shows what clients made, without the records that instances of Keyward keep for each other."""

    def __call__(self, *words):
        answer = super().__call__(*words)
        if words[0] != 'KEYS' or not isinstance(answer, list) or 'fleet' in words[1]:
            return answer
        return [key for key in answer if not key.startswith(b'keyward:fleet:')]


class RedisServer:
    def __init__(self, folder, authority=None, protected=True, options=()):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.tls_port = free_port(), None
        self.socket = Path(tempfile.mkdtemp(prefix='kw-redis-')) / 'redis.sock'  # a path of at most 107 bytes: unix(7)
        lines = ['bind 127.0.0.1', f'port {self.port}', f'unixsocket {self.socket}', f'dir {folder}', 'save ""', 'appendonly no', 'daemonize no',
                 'maxclients 5000', f'aclfile {folder}/users.acl', *options]
        if authority and os.environ.get('KEYWARD_REDIS_TLS') != '0':  # some builds of a server have no TLS
            self.tls_port = free_port()
            certificate, key = authority.server('redis')
            lines += [f'tls-port {self.tls_port}', f'tls-cert-file {certificate}', f'tls-key-file {key}',
                      f'tls-ca-cert-file {authority.ca}', 'tls-auth-clients no']
        (folder / 'redis.conf').write_text('\n'.join(lines) + '\n')
        default = 'user default off nopass -@all' if protected else 'user default on nopass ~* &* +@all'
        (folder / 'users.acl').write_text(f'{default}\nuser {ADMIN_USER} on >{ADMIN_PASSWORD} ~* &* +@all\n')
        self.process = None
        self.start()

    def start(self):
        self.socket.parent.mkdir(exist_ok=True)
        program = shutil.which('redis-server', path=TOOLS_PATH)
        self.process = Process([program, self.folder / 'redis.conf'], self.folder / 'redis.log')
        self.process.expect(self._answers, 10, 'an answer of redis-server')

    def _answers(self):
        try:
            with self.admin() as admin:
                return admin('PING') == b'PONG'
        except (OSError, RespError):
            return False

    def admin(self):
        """A raw client that is logged in as the admin user."""
        client = Admin(socket.create_connection(('127.0.0.1', self.port), 10))
        answer = client('AUTH', ADMIN_USER, ADMIN_PASSWORD)
        if isinstance(answer, RespError):
            raise answer
        return client

    def keys(self):
        """What clients made."""
        with self.admin() as admin:
            return admin('KEYS', '*')

    def leased_users(self):
        with self.admin() as admin:
            return [user.decode() for user in admin('ACL', 'USERS') if user.startswith(b'kw_')]

    def stop(self):
        self.process.stop()
        shutil.rmtree(self.socket.parent, ignore_errors=True)
