"""Prefect as its documentation deploys it for high availability: API servers behind each other's back, background services apart, a worker;
PostgreSQL for what stays and Redis for everything that they tell each other."""
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from rig.process import Process, free_port
from rig.setting import System

HERE = Path(__file__).parent
PYTHON = System('prefect').python
PREFECT = PYTHON.with_name('prefect')

# Modules of prefect-redis for everything that has one, and shorter rounds than the defaults: they are made for days.
SETTINGS = {
    'PREFECT_SERVER_EVENTS_MESSAGING_BROKER': 'prefect_redis.messaging',
    'PREFECT_SERVER_EVENTS_MESSAGING_CACHE': 'prefect_redis.messaging',
    'PREFECT_SERVER_EVENTS_CAUSAL_ORDERING': 'prefect_redis.ordering',
    'PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE': 'prefect_redis.lease_storage',
    'PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE': 'prefect_redis.cleanup_queue',
    'PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED': 'true',
    'PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED': 'true',
    'PREFECT_REDIS_MESSAGING_PUBLISHER_PUBLISH_EVERY': '1',
    'PREFECT_SERVER_DATABASE_MIGRATE_ON_START': 'false',
    'PREFECT_SERVER_UI_ENABLED': 'false',
    'PREFECT_SERVER_ANALYTICS_ENABLED': 'false',
    'PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS': '2',
    'PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS': '2',
    'PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS': '2',
    'PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS': '2',
    'PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS': '2',
    'PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS': '3',
    'PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS': '2',
    'PREFECT_SERVER_LOG_LEVEL': 'INFO',
    'PREFECT_WORKER_QUERY_SECONDS': '2',
    'PREFECT_CLIENT_METRICS_ENABLED': 'false',
    'DO_NOT_TRACK': '1',
    'NO_COLOR': '1',
    'PYTHONDONTWRITEBYTECODE': '1',
}


class Stack:
    """`url`: what the servers know of Redis. `flow_url`: what flows and workers know of it. `ca`: whom TLS is to trust."""

    def __init__(self, folder, database, url, flow_url, ca, replicas=2):
        self.folder, self.url, self.flow_url = Path(folder), url, flow_url
        self.folder.mkdir(parents=True, exist_ok=True)
        self.common = dict(SETTINGS, SSL_CERT_FILE=str(ca), PREFECT_HOME=str(self.folder / 'home'))
        self.server_env = dict(self.common, PREFECT_SERVER_DATABASE_CONNECTION_URL=database, PREFECT_SERVER_DOCKET_URL=url,
                               PREFECT_REDIS_MESSAGING_URL=url, PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL=url)
        self.ports = [free_port() for _ in range(replicas)]
        self.apis = [f'http://127.0.0.1:{port}/api' for port in self.ports]
        self.processes = {}

    def env(self, replica):
        """Of a client of one replica: it has no part in the servers' access to Redis."""
        return dict(self.common, PREFECT_API_URL=self.apis[replica], FLOW_REDIS_URL=self.flow_url, API_URLS=' '.join(self.apis))

    def start(self, seconds=240):
        self.migrate()
        # One after the other: on an empty database two first starts at once collide over the types of blocks that each registers.
        for replica, port in enumerate(self.ports):
            self._start(f'server-{replica}', ['server', 'start', '--host', '127.0.0.1', '--port', port, '--no-services'])
            self.processes[f'server-{replica}'].expect(lambda: self.answers(port), seconds, f'an answer of replica {replica}')
        self._start('services', ['server', 'services', 'start'])
        return self

    def renew(self, url):
        """The servers again, with another URL of Redis: their environment is all that they read it from."""
        self.stop()
        for name in ('PREFECT_SERVER_DOCKET_URL', 'PREFECT_REDIS_MESSAGING_URL', 'PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL'):
            self.server_env[name] = url
        self.start()

    def migrate(self):
        ended = subprocess.run([PREFECT, 'server', 'database', 'upgrade', '-y'], capture_output=True, text=True, timeout=240,
                               env=dict(os.environ, **self.server_env), cwd=self.folder, stdin=subprocess.DEVNULL)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]

    def start_worker(self, pool):
        self._start('worker', ['worker', 'start', '--pool', pool, '--type', 'process', '--name', 'worker', '--limit', '4'], self.env(1))

    def _start(self, name, arguments, env=None):
        self.processes[name] = Process([PREFECT, *arguments], self.folder / f'{name}.log', env=env or self.server_env, cwd=self.folder)

    @staticmethod
    def answers(port):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/api/health', timeout=5) as answer:
                return answer.read() == b'true'
        except (OSError, urllib.error.URLError):
            return False

    def alive(self):
        return [name for name, process in self.processes.items() if not process.alive()] == []

    def text(self):
        return ''.join(process.text() for process in self.processes.values())

    def stop(self):
        for process in reversed(self.processes.values()):
            if process.alive():
                process.popen.terminate()
        for process in self.processes.values():
            process.stop(20)
