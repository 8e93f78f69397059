"""Runs the load generators: kwload (bench/load, built on first use), or memtier_benchmark for comparison."""
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from .machine import Sample, difference
from .target import die

BENCH = Path(__file__).resolve().parent.parent


def complaint(text):
    """The line of a program's complaint that says most."""
    lines = [line.strip() for line in text.replace('\r', '\n').splitlines()
             if line.strip() and not line.lstrip().startswith(('[RUN', '^', '~', 'File '))]
    told = [line for line in lines if re.search(r'error|denied|refused|fail|invalid|wrong|cannot|NOAUTH', line, re.I)]
    return (told or lines or ['no word'])[-1][-160:]


def build():
    """Compiles bench/load when it is newer than the program, which stays in build/."""
    sources = sorted((BENCH / 'load').glob('*.cc'))
    program = BENCH.parent / 'build/kwload'
    newest = max(f.stat().st_mtime for f in (BENCH / 'load').iterdir())
    if program.exists() and program.stat().st_mtime > newest:
        return str(program)
    compiler = shutil.which('c++') or shutil.which('g++') or die('bench/load needs a C++20 compiler')
    program.parent.mkdir(exist_ok=True)
    scratch = program.with_suffix(f'.{os.getpid()}')
    r = subprocess.run([compiler, '-std=c++20', '-O2', '-o', str(scratch), *map(str, sources), '-lssl', '-lcrypto', '-pthread'],
                       capture_output=True, text=True)
    if r.returncode:
        die('bench/load does not compile:\n' + r.stderr[-2000:])
    scratch.replace(program)
    return str(program)


def client_prefix(o, w):
    return ['taskset', '-c', o.client_cpu] if o.client_cpu and not w.get('loose') else []


def hop(o):
    """Nanoseconds from the client's CPU to the server's and back; None where nothing is pinned."""
    if not o.client_cpu or not o.server_cpu:
        return None
    cpus = o.client_cpu.split(',')[0] + ',' + o.server_cpu.split(',')[0]
    r = subprocess.run([o.kwload, 'hop', '--counts', cpus], capture_output=True, text=True, timeout=20)
    return json.loads(r.stdout)['hop_ns'] if r.returncode == 0 else None


def where(o, t, secrets):
    a = ['--to', f'{t.host}:{t.port}']
    if t.tls:
        a += ['--tls'] + (['--ca', o.cacert] if o.cacert else []) + (['--sni', t.sni] if t.sni else [])
    if t.refused:
        return a + ['--refused']
    if t.noping:
        a += ['--no-ping']
    if t.secrets:
        return a + ['--secrets', t.secrets, '--once', str(used(t.secrets))] + (['--user', t.user] if t.user else [])
    return a + (['--secrets', secrets.name] + (['--user', t.user] if t.user else []) if t.password else [])


def used(file, more=0):
    """How many of the one-time tokens in that file were shown already, over all runs on this stage."""
    with open(file + '.used', 'a+') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        n = int(f.read() or 0) + more
        f.seek(0)
        f.truncate()
        f.write(str(n))
    return n


class Kwload:
    """One run of it: `go` and `end` frame the measured part, then comes its JSON."""

    def __init__(self, o, t, w, mode, *more):
        self.t = t
        self.secrets = tempfile.NamedTemporaryFile('w')  # not on the command line, where others could read it
        if t.password:
            self.secrets.write(t.password + '\n')
            self.secrets.flush()
        args = [o.kwload, mode, *where(o, t, self.secrets), *more]
        if mode not in ('churn', 'hold'):
            args += ['--size', str(w['size']), '--keys', str(w['keys']), '--gets', str(w['gets']), '--prefix', o.prefix]
        self.p = subprocess.Popen(client_prefix(o, w) + args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.err = []
        self.reader = threading.Thread(target=lambda: self.err.append(self.p.stderr.read()), daemon=True)
        self.reader.start()

    def line(self, wanted=None):
        text = self.p.stdout.readline().strip()
        if not text or (wanted and text != wanted):
            self.reader.join(5)
            raise OSError(complaint(''.join(self.err)))
        return text

    def json(self):
        d = json.loads(self.line())
        if self.t.secrets and 'logins' in d:
            used(self.t.secrets, d['logins'])
        return d

    def go(self):
        self.p.stdin.write('\n')
        self.p.stdin.flush()

    def __enter__(self):
        # Whatever hangs, the run ends: no harness waits for a server for ever.
        self.alarm = threading.Timer(180, self.p.kill)
        self.alarm.start()
        return self

    def __exit__(self, *_):
        self.alarm.cancel()
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.secrets.close()


def measured(o, t, w, proxies, backend, mode, *more, commands=True):
    """Runs kwload and samples around its measured part; answers its JSON and the figures per request."""
    with Kwload(o, t, w, mode, *more) as load:
        load.line('go')
        a = Sample(proxies, backend)
        load.line('end')
        b = Sample(proxies, backend)
        d = load.json()
    n = b.n - a.n - 1 if backend and commands else d['answered']
    return d, dict(difference(a, b, n, d['client_cpu']), ops=d['ops'], p50=d['p50'], p99=d['p99'], p999=d['p999'], n=d['answered'])


def fill(o, t, w):
    """Every GET finds a value of the right size."""
    with Kwload(o, t, w, 'fill') as load:
        load.json()


def memtier_args(o, t, w, secs):
    a = client_prefix(o, w) + [o.memtier, '-h', t.host, '-p', str(t.port), '-t', '1', '-c', str(w['conns']), '--pipeline', str(w['pipe']),
         '-d', str(w['size']), '--key-prefix', o.prefix + 'm', '--key-minimum', '1', '--key-maximum', str(w['keys']),
         '--hide-histogram', '--distinct-client-seed']
    if secs:
        a += ['--test-time', str(max(2, round(secs))), '--ratio', '0:1' if w['gets'] == 100 else '1:1']
    if w.get('rate'):
        a += ['--rate-limiting', str(w['rate'] // w['conns'])]
    if t.password:
        a += ['-a', (t.user + ':' if t.user else '') + t.password]
    if t.tls:
        a += ['--tls'] + (['--cacert', o.cacert] if o.cacert else ['--tls-skip-verify']) + (['--sni', t.sni] if t.sni else [])
    return a


def memtier_fill(o, t, w):
    few = dict(w, conns=10, pipe=8 if w['size'] > 10000 else 32, rate=0)
    try:
        subprocess.run(memtier_args(o, t, few, 0) + ['--key-pattern', 'P:P', '--ratio', '1:0', '-n', 'allkeys'],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
    except subprocess.TimeoutExpired:
        pass


def memtier(o, t, w, proxies, backend):
    with tempfile.TemporaryDirectory() as d:
        js = os.path.join(d, 'out.json')
        r0 = os.times()
        secs = max(2, round(o.secs + o.warm))
        p = subprocess.Popen(memtier_args(o, t, w, secs) + ['--json-out-file', js], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        err = []
        reader = threading.Thread(target=lambda: err.append(p.stderr.read()), daemon=True)
        reader.start()
        time.sleep(o.warm)
        a = Sample(proxies, backend)
        time.sleep(max(0.2, secs - o.warm - 0.4))
        b = Sample(proxies, backend)
        try:
            p.wait(secs + 20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        reader.join(2)
        r1 = os.times()
        cpu = r1.children_user + r1.children_system - r0.children_user - r0.children_system
        try:
            with open(js) as f:
                total = json.load(f)['ALL STATS']['Totals']
        except (OSError, ValueError, KeyError):
            return dict(error='no result: ' + complaint(''.join(err)))
    if total['Ops/sec'] <= 0:
        return dict(error='no requests: ' + complaint(''.join(err)))
    latencies = total.get('Percentile Latencies') or {}
    n = b.n - a.n - 1 if backend else total['Ops/sec'] * (b.t - a.t)
    r = dict(difference(a, b, n, cpu * (b.t - a.t) / secs), ops=total['Ops/sec'], p50=latencies.get('p50.00'), p99=latencies.get('p99.00'),
             p999=latencies.get('p99.90'))
    seen = total.get('Hits/sec', 0) + total.get('Misses/sec', 0)
    if seen and total['Misses/sec'] > seen * 0.02:
        r['error'] = f"{100 * total['Misses/sec'] / seen:.0f}% of GETs found nothing, so replies were shorter"
    return r
