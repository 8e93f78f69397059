"""Round trips of Redis beside a server that works: straight to Redis and through Keyward in turn, both over TLS.

What Conductor asks most, one command at a time: it reads a task, writes one, puts one into a queue (Keyward records the last two before
their answers leave). Both ways are asked within the same millisecond, so whatever else the machine does hits both; what differs is Keyward."""
import gc
import os
import random
import threading
import time
from pathlib import Path

from rig.probe import summary
from rig.resp import RespError, encode

COMMANDS = [encode(*words) for words in (('GET', 'conductor.test.TASK.probe'), ('SET', 'conductor.test.TASK.probe', 'v' * 900),
                                         ('ZADD', 'conductor_queues.test.QUEUE.probe.c', '1', 'probe'))]


class RoundTrips:
    """`ways`: name -> raw client that is logged in. Used with `with`: measures until the block ends."""

    def __init__(self, ways, pause=0.002):
        self.ways, self.pause, self.stopped = list(ways.items()), pause, threading.Event()
        self.seconds = {name: [] for name in ways}
        self.failed = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.stopped.wait(self.pause):
                random.shuffle(self.ways)  # neither always goes first
                for command in COMMANDS:
                    for name, client in self.ways:
                        began = time.perf_counter()
                        client.send_raw(command)
                        answer = client.read()
                        self.seconds[name].append(time.perf_counter() - began)
                        assert not isinstance(answer, RespError), answer
        except Exception as error:
            self.failed = error

    def __enter__(self):
        gc.disable()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(30)
        gc.enable()
        assert not self.failed, self.failed

    def told(self):
        return {name: summary(seconds) for name, seconds in self.seconds.items()}


class FirstInLine:
    """While it holds, the processes named (all of their threads) and the caller get a processor as soon as they want one: SCHED_RR.

    Two processors here carry Redis, Keyward, a JVM and its workers, which in earnest have machines of their own. Without this, a round trip
    mostly measures how long a busy processor takes to come round, with Keyward or without."""

    def __init__(self, *pids):
        self.pids = [*pids, os.getpid()]

    def _set(self, policy, priority):
        for pid in self.pids:
            for thread in Path(f'/proc/{pid}/task').iterdir():
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))

    def __enter__(self):
        self._set(os.SCHED_RR, 5)

    def __exit__(self, *_):
        self._set(os.SCHED_OTHER, 0)
