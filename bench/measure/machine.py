"""What the kernel knows of processes: CPU time, memory, system calls; and what Redis knows of itself."""
import glob
import os
import re
import shutil
import socket
import subprocess
import time

from .target import Target, family


def cpu(pids):
    """CPU seconds that these processes have used, threads that ended included."""
    total = 0.0
    for p in pids:
        try:
            total += time.clock_gettime((~p << 3) | 2)  # the process's own CPU clock, in nanoseconds
        except OSError:
            try:
                with open(f'/proc/{p}/stat') as f:
                    v = f.read().rsplit(')', 1)[1].split()
                total += (int(v[11]) + int(v[12])) / os.sysconf('SC_CLK_TCK')
            except OSError:
                pass
    return total


def split(pids):
    """User and system seconds (coarse: clock ticks)."""
    u = s = 0
    for p in pids:
        try:
            with open(f'/proc/{p}/stat') as f:
                v = f.read().rsplit(')', 1)[1].split()
            u += int(v[11])
            s += int(v[12])
        except OSError:
            pass
    return u, s


def machine():
    """Seconds that all CPUs were busy, and that the host took away."""
    with open('/proc/stat') as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    hz = os.sysconf('SC_CLK_TCK')
    return (sum(v) - v[3] - v[4]) / hz, v[7] / hz


def pin(pids, cpus):
    for p in pids:
        try:
            tids = os.listdir(f'/proc/{p}/task')
        except OSError:
            continue
        for t in tids:
            try:
                os.sched_setaffinity(int(t), cpus)
            except OSError:
                pass


def mem(pids):
    """Resident KiB; pages shared between a master and its workers count once."""
    total = 0
    for p in pids:
        try:
            with open(f'/proc/{p}/smaps_rollup') as f:
                total += int(re.search(r'^Pss:\s+(\d+)', f.read(), re.M).group(1))
        except (OSError, AttributeError):
            try:
                with open(f'/proc/{p}/status') as f:
                    total += int(re.search(r'^VmRSS:\s+(\d+)', f.read(), re.M).group(1))
            except (OSError, AttributeError):
                pass
    return total


def slab():
    """KiB of kernel objects: sockets, among others."""
    with open('/proc/meminfo') as f:
        return int(re.search(r'^Slab:\s+(\d+)', f.read(), re.M).group(1))


def open_files_limit(pids):
    """Soft and hard limit of descriptors of the first of these processes."""
    try:
        with open(f'/proc/{pids[0]}/limits') as f:
            return [int(n) for n in re.search(r'^Max open files\s+(\d+)\s+(\d+)', f.read(), re.M).groups()]
    except (OSError, IndexError, AttributeError):
        return None


def system_calls(pids, seconds):
    """How many system calls these processes make in that time; None where perf may not count them."""
    if not pids or not shutil.which('perf'):
        return None
    r = subprocess.run(['perf', 'stat', '-x', ',', '-e', 'raw_syscalls:sys_enter', '-p', ','.join(map(str, pids)), 'sleep', str(seconds)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=seconds + 30)
    found = re.search(r'^(\d+),', r.stderr, re.M)
    return int(found.group(1)) if found else None


def tidy_trail(folder, seconds=120):
    """Waits until what a run recorded is indexed and compressed, so that it is not done during the next one, and
    removes it. The segments that are being written stay: altering a file under its writer would measure something else."""
    if not folder:
        return
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        plain, streams = glob.glob(folder + '/*.jsonl'), {}
        for name in plain:
            streams.setdefault(re.sub(r'\.[^.]*\.jsonl$', '', name), []).append(name)
        if all(len(of) == 1 for of in streams.values()) and not glob.glob(folder + '/*.zst.new'):
            break
        time.sleep(0.1)
    for name in glob.glob(folder + '/*.zst') + glob.glob(folder + '/*.index'):
        os.unlink(name)


def resp(*words):
    out = [b'*%d\r\n' % len(words)]
    for w in words:
        w = w if isinstance(w, bytes) else str(w).encode()
        out.append(b'$%d\r\n%s\r\n' % (len(w), w))
    return b''.join(out)


def reply(sock):
    """One simple, error, integer or bulk reply."""
    held = b''
    while b'\r\n' not in held:
        d = sock.recv(65536)
        if not d:
            raise OSError('closed')
        held += d
    line, _, rest = held.partition(b'\r\n')
    if line[:1] == b'$' and int(line[1:]) >= 0:
        n = int(line[1:]) + 2
        while len(rest) < n:
            d = sock.recv(65536)
            if not d:
                raise OSError('closed')
            rest += d
        return rest[:n - 2]
    if line[:1] == b'-':
        raise OSError(line.decode('utf-8', 'replace'))
    return line[1:]


class Backend:
    """Redis itself: it counts the commands, whatever generated them."""

    def __init__(self, spec, pidfile=None):
        t = self.target = Target('backend=' + spec)
        self.sock = socket.create_connection((t.host, t.port), 5)
        if t.password:
            self.sock.sendall(resp('AUTH', *([t.user] if t.user else []), t.password))
            reply(self.sock)
        pid = self.number('server', 'process_id')
        if pidfile:
            with open(pidfile) as f:
                pid = int(f.read())
        self.pids = family(pid)

    def number(self, section, name):
        self.sock.sendall(resp('INFO', section))
        return int(re.search(name.encode() + rb':(\d+)', reply(self.sock)).group(1))

    def commands(self):
        return self.number('stats', 'total_commands_processed')

    def connections_of(self, pids):
        """How many TCP connections these processes have to it."""
        inodes = set()
        for p in pids:
            try:
                for fd in os.listdir(f'/proc/{p}/fd'):
                    inodes.add(os.readlink(f'/proc/{p}/fd/{fd}')[8:-1])
            except OSError:
                pass
        with open('/proc/net/tcp') as f:
            rows = [line.split() for line in f]
        port = f':{self.target.port:04X}'
        return sum(r[2].endswith(port) and r[3] == '01' and r[9] in inodes for r in rows[1:])


class Sample:
    """One reading of all clocks and counters that a figure is the difference of."""

    def __init__(self, proxies, backend):
        self.t = time.monotonic()
        self.busy, self.stolen = machine()
        self.proxy, self.usr = cpu(proxies), split(proxies)
        self.backend = cpu(backend.pids) if backend else 0
        self.n = backend.commands() if backend else 0


def difference(a, b, n, client_cpu):
    """CPU per request between two samples, and what else ran meanwhile."""
    span, r = b.t - a.t, {}
    if n > 0:
        r['proxy'] = (b.proxy - a.proxy) * 1e6 / n
        r['redis'] = (b.backend - a.backend) * 1e6 / n
        r['server'] = r['proxy'] + r['redis']
        tick = 1e6 / os.sysconf('SC_CLK_TCK')
        r['usr'], r['sys'] = ((b.usr[i] - a.usr[i]) * tick / n for i in (0, 1))
        r['util'] = (b.proxy - a.proxy + b.backend - a.backend) / span
        r['client'] = client_cpu * 1e6 / n
    r['foreign'] = max(0.0, (b.busy - a.busy - (b.proxy - a.proxy) - (b.backend - a.backend) - client_cpu) / span)
    r['stolen'] = (b.stolen - a.stolen) / span
    return r
