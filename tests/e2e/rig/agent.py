"""A `keyward agent` in front of a Keyward of the test."""
import json
from pathlib import Path

from rig.keyward import BINARY, run
from rig.process import Process, free_port


class Agent:
    def __init__(self, folder, server, arguments, listen=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.socket = free_port(), self.folder / 'agent.sock'
        self.listen = listen or [f'unix://{self.socket}', f'127.0.0.1:{self.port}']
        self.url = f'redis://127.0.0.1:{self.port}/0'
        options = [word for place in self.listen for word in ('--listen', place)]
        self.process = Process([BINARY, 'agent', '--upstream', f'rediss://localhost:{server.port}', '--ca',
                                server.authority.ca, *arguments, *options], self.folder / 'agent.log')

    def start(self, seconds=15):
        self.process.expect(lambda: self.process.text().count('\nready ') + self.process.text().startswith('ready ')
                            >= len(self.listen), seconds, 'readiness')
        return self

    def status(self):
        return json.loads(run('agent', 'status', '--json', '--listen', f'127.0.0.1:{self.port}').stdout)

    def stop(self):
        return self.process.stop()
