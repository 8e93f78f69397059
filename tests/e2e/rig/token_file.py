"""A file with a short-lived token in it that is replaced before it ends, as a kubelet or an agent does it."""
import os
import threading
import time
from pathlib import Path


class TokenFile:
    def __init__(self, path, make, ttl, part=0.5):
        """`make(ttl)` gives a token; a new one is written after that part of its life."""
        self.path, self.make, self.ttl, self.every = Path(path), make, ttl, ttl * part
        self.written, self.tokens, self.stopped = 0, [], threading.Event()
        self.write()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def write(self):
        token = self.make(self.ttl)
        draft = self.path.with_suffix('.new')
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
            file.write(token + '\n')
        draft.replace(self.path)
        self.written += 1
        self.tokens.append(token)

    def _run(self):
        due = time.monotonic() + self.every
        while not self.stopped.wait(max(0.0, due - time.monotonic())):
            self.write()
            due += self.every

    def stop(self):
        self.stopped.set()
        self.thread.join(5)
