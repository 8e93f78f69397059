"""Conductor's server and workers, and the example, as processes of a test."""
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

import flows
from rig.keyward import BINARY
from rig.process import ROOT, Process, free_port

EXAMPLE = ROOT / 'examples/conductor'
TROUBLE = ('NOPERM', 'NOAUTH', 'WRONGPASS', 'JedisConnectionException', 'JedisAccessControl', 'RedisException', 'RedisTimeoutException')


def policies():
    """The example's own file; its issuer is the one of these tests."""
    return {'conductor.yaml': (EXAMPLE / 'policies/conductor.yaml').read_text().replace('issuer: dev', 'issuer: local')}


def trust_store(system, folder, authority):
    """Java trusts what stands in a store of its own."""
    store = folder / 'trust.p12'
    subprocess.run([system.place / 'java/bin/keytool', '-importcert', '-noprompt', '-alias', 'ca', '-file', authority.ca, '-keystore', store,
                    '-storetype', 'PKCS12', '-storepass', 'public'], check=True, capture_output=True)
    return store


class Served:
    """Something that serves Conductor's API on `port`."""

    @property
    def api(self):
        return f'http://127.0.0.1:{self.port}/api'

    def healthy(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/health', timeout=5) as answer:
                return json.load(answer).get('healthy') is True
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def run(self, *what, **options):
        return flows.run(self.api, *what, **options)


class Conductor(Served):
    """The boot jar with the example's properties. `secrets`: file name -> token; `more`: properties of this test's own."""

    def __init__(self, system, folder, properties, environment, authority=None, secrets=None, more=None):
        self.port = free_port()
        (folder / 'secrets').mkdir(mode=0o700, parents=True)
        for name, value in (secrets or {}).items():
            (folder / 'secrets' / name).write_text(value + '\n')
        places = [f'file:{EXAMPLE / properties}']
        if more:
            (folder / 'own.properties').write_text('\n'.join(f'{name}={value}' for name, value in more.items()) + '\n')
            places.append(f'file:{folder / "own.properties"}')
        options = ['-Xmx700m']
        if authority:
            options += [f'-Djavax.net.ssl.trustStore={trust_store(system, folder, authority)}', '-Djavax.net.ssl.trustStorePassword=public']
        self.process = Process(['nice', system.place / 'java/bin/java', *options, '-jar', system.place / 'conductor-server.jar',
                                '--spring.config.additional-location=' + ','.join(places)], folder / 'conductor.log', cwd=folder,
                               env=dict(environment, PORT=str(self.port), SECRETS=str(folder / 'secrets')))

    def start(self, seconds=240):
        self.process.expect(self.healthy, seconds, 'health')
        return self

    def complaints(self):
        """What the server says of Redis in its log."""
        return [line for line in self.process.text().splitlines() if any(word in line for word in TROUBLE)]


class Example(Served):
    """examples/conductor/run as a person starts it."""

    def __init__(self, system, log, arguments=()):
        self.port = free_port()
        self.process = Process([EXAMPLE / 'run', *arguments], log, env={'PORT': str(self.port), 'CONDUCTOR': str(system.place),
                                                                        'KEYWARD_BIN': str(BINARY)})

    def start(self, seconds=240):
        self.process.expect(lambda: '\nready ' in '\n' + self.process.text(), seconds, 'the example')
        self.trail = self.process.text().strip().rsplit(' in ', 1)[1]
        return self


class Worker:
    """Processes of Conductor's Python SDK, one a kind of task."""

    def __init__(self, system, folder, conductor, threads=10):
        self.process = Process(['nice', system.python, system.folder / 'worker.py', conductor.api, threads], folder / 'worker.log')

    def start(self, seconds=60):
        self.process.expect(lambda: 'ready' in self.process.text().split('\n'), seconds, 'the worker')
        return self


def send(number, *owners):
    """A signal to processes and all that they started."""
    for owner in owners:
        os.killpg(owner.process.pid, number)


def hold(*owners):
    """Takes the processor from them until go_on()."""
    send(signal.SIGSTOP, *owners)


def go_on(*owners):
    send(signal.SIGCONT, *owners)
