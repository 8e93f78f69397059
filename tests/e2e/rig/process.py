"""Child processes that log to a file, are waited for, and are ended by the test that started them."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOOLS_PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'


def die_with_parent():
    """In the child: nothing that a test started outlives a test run that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def until(condition, seconds=10.0, what='the condition', every=0.02):
    """The condition's first true value; fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{what} did not come within {seconds} s')
        time.sleep(every)


class Process:
    def __init__(self, argv, log, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.argv, self.log = [str(a) for a in argv], Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, 'PATH': TOOLS_PATH, **(env or {})}
        with open(self.log, 'ab') as out:
            self.popen = subprocess.Popen(self.argv, stdout=out, stderr=subprocess.STDOUT, stdin=stdin, env=environment,
                                          cwd=cwd, start_new_session=True, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors='replace')

    def expect(self, condition, seconds, what):
        def step():
            if not self.alive():
                raise AssertionError(f'{self.argv[0]} ended with {self.popen.returncode} before {what}:\n{self.text()[-3000:]}')
            return condition()
        try:
            return until(step, seconds, what)
        except AssertionError as error:
            raise AssertionError(f'{error}\n{self.text()[-3000:]}') from None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """kill -9, and waits until the process is gone."""
        if self.alive():
            self.popen.kill()
        self.popen.wait(30)

    def stop(self, seconds=15):
        """SIGTERM, then SIGKILL when that does not help; the exit code."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(30)
        try:  # what it may have left behind: its own process group only
            os.killpg(self.popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        return self.popen.returncode

    def resident_kib(self):
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
        return 0

    def peak_kib(self):
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1])
        return 0


def last_json(process, name):
    """The last line that the process printed."""
    lines = [line for line in process.text().splitlines() if line.startswith('{')]
    assert lines, f'{name} counted nothing:\n{process.text()[-3000:]}'
    told = json.loads(lines[-1])
    print(f'{name}: {told}')
    return told
