"""The ways in that a part of Airflow has: which environment each takes, and the token file of each identity."""
import json

from rig.agent import Agent
from rig.process import ROOT
from rig.token_file import TokenFile

PYTHON = ROOT / 'deploy/python'


def connection(host, port, password='', authority=None):
    """`redis_default` of the Redis provider."""
    extra = {'db': 0, **({'ssl': True, 'ssl_cert_reqs': 'required', 'ssl_ca_certs': str(authority.ca)} if authority else {})}
    return {'AIRFLOW_CONN_REDIS_DEFAULT': json.dumps({'conn_type': 'redis', 'host': host, 'port': port, 'login': 'default', 'password': password,
                                                      'extra': extra})}


class Ways:
    """Every part of an Airflow is somebody: scheduler, worker-1 ... `ways.command` and the others are what Airflow(redis=...) wants."""

    def __init__(self, folder, server, issuer, group='airflow', ttl=3600, part=0.5):
        self.folder, self.server, self.issuer, self.group, self.ttl, self.part = folder, server, issuer, group, ttl, part
        self.files, self.agents = {}, {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def file(self, name):
        if name not in self.files:
            make = lambda ttl: self.issuer.token(name, [self.group], ttl=ttl)
            self.files[name] = TokenFile(self.folder / f'{name}.jwt', make, self.ttl, self.part)
        return self.files[name]

    def command(self, name):
        """`broker_url_cmd`: a URL with the token in it, read when a process starts."""
        file, ask = self.file(name), (f'env PYTHONPATH={PYTHON} python -m keyward_redis url --ca {self.server.authority.ca} '
                                      f'rediss://localhost:{self.server.port}/0')
        return {'AIRFLOW__CELERY__BROKER_URL_CMD': ask, 'AIRFLOW__CELERY__RESULT_BACKEND_CMD': ask, 'KEYWARD_TOKEN_FILE': str(file.path),
                **connection('localhost', self.server.port, file.tokens[-1], self.server.authority)}

    def provider(self, name):
        """`credential_provider` in the URL: redis-py asks for tokens and renews connections in place."""
        url = (f'rediss://localhost:{self.server.port}/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={self.server.authority.ca}'
               '&credential_provider=keyward_redis.from_environment')
        beside = self.agent(name)  # the connections of the Redis provider know no credential_provider
        return {**beside, 'AIRFLOW__CELERY__BROKER_URL': url, 'AIRFLOW__CELERY__RESULT_BACKEND': 'keyward_redis.CeleryBackend+' + url,
                'KEYWARD_TOKEN_FILE': str(self.file(name).path), 'PYTHONPATH': str(PYTHON)}

    def agent(self, name):
        """A `keyward agent` beside each part, which logs in for it."""
        if name not in self.agents:
            self.agents[name] = Agent(self.folder / name, self.server, ['--token-file', self.file(name).path]).start()
        agent = self.agents[name]
        return {'AIRFLOW__CELERY__BROKER_URL': agent.url, 'AIRFLOW__CELERY__RESULT_BACKEND': agent.url, **connection('127.0.0.1', agent.port)}

    def tokens(self):
        return [token for file in self.files.values() for token in file.tokens]

    def stop(self):
        for agent in self.agents.values():
            agent.stop()
        for file in self.files.values():
            file.stop()


def plain(direct, authority):
    """Without Keyward: TLS and a password."""
    url = direct.url(query=f'?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={authority.ca}')
    environment = {'AIRFLOW__CELERY__BROKER_URL': url, 'AIRFLOW__CELERY__RESULT_BACKEND': url}
    whole = connection('localhost', direct.tls_port, direct.password, authority)
    known = json.loads(whole['AIRFLOW_CONN_REDIS_DEFAULT'])
    return lambda name: {**environment, 'AIRFLOW_CONN_REDIS_DEFAULT': json.dumps({**known, 'login': direct.user})}
