"""An Airflow of the tests: PostgreSQL, api-server, scheduler, dag-processor, triggerer and Celery workers, on free loopback ports."""
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from rig.process import ROOT, Process, free_port, until

EXAMPLE = ROOT / 'examples/airflow'
DONE = ('success', 'failed')


class Postgres:
    """The metadata database, from the template that `setup` made. PostgreSQL refuses to run as root."""

    def __init__(self, system, folder):
        self.port, self.folder = free_port(), Path(folder)
        data = self.folder / 'data'
        self.folder.mkdir(parents=True)
        subprocess.run(['tar', '-xf', str(system.place / 'postgres.tar'), '-C', str(self.folder)], check=True)
        argv = [system.place / 'postgres/bin/postgres', '-D', data, '-h', '127.0.0.1', '-p', self.port, '-k', '', '-c', 'fsync=off']
        self.process = Process([*as_nobody(data), *argv], self.folder / 'postgres.log')
        self.process.expect(lambda: 'ready to accept connections' in self.process.text(), 30, 'PostgreSQL being ready')
        self.url = f'postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow'
        self.async_url = f'postgresql+asyncpg://airflow@127.0.0.1:{self.port}/airflow'


def as_nobody(data):
    """Words before a command that make it run as somebody else, who then owns `data`."""
    if os.getuid() != 0:
        return []
    for path in [data.parent, data, *data.rglob('*')]:
        shutil.chown(path, 'nobody', 'nogroup')
    above, ours = data.parent.parent, Path(tempfile.gettempdir())
    while ours in above.parents:  # pytest's folders are its user's own
        above.chmod(above.stat().st_mode | 0o011)
        above = above.parent
    return ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups']


class Airflow:
    """`redis`: for a part's name, the environment that says where broker, result backend and `redis_default` are."""

    def __init__(self, system, folder, redis, triggerer=True, settings=None):
        self.redis = redis
        self.system, self.folder = system, Path(folder)
        self.home = self.folder / 'home'
        self.home.mkdir(parents=True)
        self.database = Postgres(system, self.folder / 'postgres')
        self.port = free_port()
        self.bin = system.place / 'venv/bin'
        self.env = {
            'AIRFLOW_HOME': str(self.home), 'PATH': f'{self.bin}:{os.environ["PATH"]}', 'PYTHONDONTWRITEBYTECODE': '1',
            'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN': self.database.url, 'AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC': self.database.async_url,
            'AIRFLOW__CORE__DAGS_FOLDER': str(EXAMPLE / 'dags'),
            'AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS': 'True',
            'AIRFLOW__CORE__EXECUTION_API_SERVER_URL': f'http://127.0.0.1:{self.port}/execution/',
            'AIRFLOW__API__PORT': str(self.port), 'AIRFLOW__API__HOST': '127.0.0.1', 'AIRFLOW__API__WORKERS': '1',
            'AIRFLOW__API__SECRET_KEY': secrets.token_hex(16), 'AIRFLOW__API_AUTH__JWT_SECRET': secrets.token_hex(32),
            'AIRFLOW__CORE__FERNET_KEY': '', 'AIRFLOW__LOGGING__BASE_LOG_FOLDER': str(self.home / 'logs'),
            'AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT': str(free_port()), 'AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT': str(free_port()),
            'AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT': '12', 'AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC': '3',
            'AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL': '3',
            'AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK': 'False', 'AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES': '1',
            **example_settings(), **(settings or {})}
        self.parts, self.workers = {}, []
        for name in ('api-server', 'scheduler', 'dag-processor', *(['triggerer'] if triggerer else [])):
            self.parts[name] = self.run(name)

    def run(self, *words, part=None):
        part = part or words[0]
        return Process(['nice', self.bin / 'airflow', *words], self.folder / f'{part}.log', env={**self.env, **self.redis(part)}, cwd=self.home)

    def worker(self, name, concurrency=4):
        """`name` is what `inspect` and remote control know it by."""
        process = self.run('celery', 'worker', '--concurrency', str(concurrency), '--celery-hostname', f'{name}@test', '--skip-serve-logs', part=name)
        process.name = name
        self.workers.append(process)
        return process

    def ready(self, seconds=120):
        for worker in self.workers:
            worker.expect(lambda: 'ready.' in worker.text(), seconds, 'the worker being ready')
        self.parts['api-server'].expect(lambda: self.dags() >= {'fan_out', 'retries', 'sensors', 'long_task', 'refused'}, seconds, 'the DAGs being parsed')
        return self

    def command(self, *words, part='operator', timeout=120):
        """A verb of the airflow command, to its end."""
        ended = subprocess.run([str(self.bin / 'airflow'), *words], env={**os.environ, **self.env, **self.redis(part)}, cwd=self.home,
                               timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-3000:]
        return ended.stdout

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method, headers={'content-type': 'application/json'},
                                         data=json.dumps(body).encode() if body is not None else None)
        if path.startswith('/api/'):
            request.add_header('authorization', f'Bearer {self.ask("GET", "/auth/token")["access_token"]}')
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def dags(self):
        try:
            return {dag['dag_id'] for dag in self.ask('GET', '/api/v2/dags')['dags']}
        except OSError:
            return set()

    def trigger(self, dag, **conf):
        return self.ask('POST', f'/api/v2/dags/{dag}/dagRuns', {'logical_date': None, 'conf': conf})['dag_run_id']

    def state(self, dag, run):
        return self.ask('GET', f'/api/v2/dags/{dag}/dagRuns/{run}')['state']

    def tasks(self, dag, run):
        return self.ask('GET', f'/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=1000')['task_instances']

    def wait(self, dag, run, seconds=120):
        """Waits for the run's success; its task instances."""
        try:
            until(lambda: self.state(dag, run) in DONE, seconds, f'the end of {dag}', every=0.2)
        except AssertionError as error:
            raise AssertionError(f'{error}: {[(t["task_id"], t["map_index"], t["state"]) for t in self.tasks(dag, run)]}\n{self.logs()[-4000:]}') from None
        tasks = self.tasks(dag, run)
        assert self.state(dag, run) == 'success', f'{[(t["task_id"], t["map_index"], t["state"]) for t in tasks]}\n{self.logs()[-4000:]}'
        return tasks

    def play(self, dag, seconds=120, **conf):
        return self.wait(dag, self.trigger(dag, **conf), seconds)

    def logs(self):
        """The end of what every part and every task said."""
        texts = [f'--- {name}\n{part.text()[-1500:]}' for name, part in self.parts.items()]
        texts += [f'--- {worker.name}\n{worker.text()[-1500:]}' for worker in self.workers]
        texts += [f'--- {path.name}\n{path.read_text()[-1500:]}' for path in sorted(self.home.rglob('attempt=*.log'))[-3:]]
        return '\n'.join(texts)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in [*self.workers, *self.parts.values()]:
            if process.alive():
                process.popen.terminate()
        for process in [*self.workers, *self.parts.values()]:
            process.stop(20)
        self.database.process.stop()


def example_settings():
    """examples/airflow/airflow.env: what a user takes over."""
    lines = (line.strip() for line in (EXAMPLE / 'airflow.env').read_text().splitlines())
    return dict(line.split('=', 1) for line in lines if line and not line.startswith('#'))
