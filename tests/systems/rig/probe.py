"""Round trips of Redis while a system works: a process of its own that sends one small command after the other with pauses,
and prints {"count", "p50_ms", "p99_ms", "max_ms"}. The same probe beside the system direct and through Keyward makes the two comparable.

probe.py HOST PORT CA USER PASSWORD_FILE KEY SECONDS [PAUSE_MS]"""
import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path


def encode(*words):
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in (str(w).encode() for w in words))


def measure(host, port, authority, user, password, key, seconds, pause):
    sock = ssl.create_default_context(cafile=authority).wrap_socket(socket.create_connection((host, port), 10), server_hostname='localhost')
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(*words):
        sock.sendall(encode(*words))
        answer = b''
        while not answer.endswith(b'\r\n'):
            answer += sock.recv(4096)
        if answer.startswith(b'-'):
            sys.exit(answer.decode())
    ask('AUTH', user, password)
    request_times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        ask('EXISTS', key)
        request_times.append(time.perf_counter() - began)
        time.sleep(pause)
    return summary(request_times)


def summary(times):
    """The numbers of a list of seconds, in milliseconds."""
    times = sorted(times)
    at = lambda part: round(times[min(len(times) - 1, int(len(times) * part))] * 1000, 3)
    return {'count': len(times), 'p50_ms': at(0.5), 'p99_ms': at(0.99), 'max_ms': round(times[-1] * 1000, 3)}


class Probe:
    """Started beside a system; `result()` waits for its end. Direct: pass the server's tls_port, user and password."""

    def __init__(self, folder, port, authority, user, password, key, seconds, pause_ms=2):
        secret = Path(folder) / f'probe-{port}.password'
        secret.touch(mode=0o600)
        secret.write_text(password)
        self.popen = subprocess.Popen([sys.executable, __file__, 'localhost', str(port), str(authority.ca), user, str(secret), key, str(seconds),
                                       str(pause_ms)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, error = self.popen.communicate(timeout=600)
        assert self.popen.returncode == 0, error
        return json.loads(out)


if __name__ == '__main__':
    where, port, authority, user, password_file, key, seconds = sys.argv[1:8]
    pause = float(sys.argv[8] if len(sys.argv) > 8 else 2) / 1000
    print(json.dumps(measure(where, int(port), authority, user, Path(password_file).read_text().strip(), key, float(seconds), pause)))
