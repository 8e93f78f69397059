"""A PostgreSQL of the test's own: two replicas of a Prefect server share a database, and Prefect does not take SQLite for that."""
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig.process import Process, free_port

PASSWORD = 'postgres-of-the-test'


def programs():
    """The folder of initdb and postgres; Debian keeps them out of the PATH."""
    return max(Path('/usr/lib/postgresql').glob('*/bin'), key=lambda path: int(path.parent.name))


class Postgres:
    def __init__(self):
        self.folder, self.port = Path(tempfile.mkdtemp(prefix='keyward-prefect-')), free_port()
        self.data, self.programs = self.folder / 'data', programs()
        password = self.folder / 'password'
        password.write_text(PASSWORD)
        # It refuses to run as root, and a process that changes its user forgets whose death it was to follow.
        self.prefix = []
        if os.geteuid() == 0:
            other = pwd.getpwnam('postgres')
            for path in (self.folder, password):
                os.chown(path, other.pw_uid, other.pw_gid)
            self.prefix = ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups', '--pdeathsig', 'INT', '--']
        subprocess.run([*self.prefix, self.programs / 'initdb', '-D', self.data, '-U', 'prefect', '-A', 'scram-sha-256', '-N', '-E', 'UTF8',
                        f'--pwfile={password}'], check=True, capture_output=True, timeout=120, cwd=self.folder)
        self.process = Process([*self.prefix, self.programs / 'postgres', '-D', self.data, '-h', '127.0.0.1', '-p', self.port, '-k', self.folder,
                                '-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300'],
                               self.folder / 'postgres.log', cwd=self.folder)
        self.process.expect(lambda: 'database system is ready' in self.process.text(), 60, 'PostgreSQL being ready')

    def create(self, name):
        """A new database; its URL for Prefect."""
        subprocess.run([self.programs / 'createdb', '-h', '127.0.0.1', '-p', str(self.port), '-U', 'prefect', name],
                       check=True, capture_output=True, timeout=60, env=dict(os.environ, PGPASSWORD=PASSWORD), cwd=self.folder)
        return f'postgresql+asyncpg://prefect:{PASSWORD}@127.0.0.1:{self.port}/{name}'

    def stop(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
