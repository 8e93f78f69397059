"""One run of one workload on one target. Answers a dict of figures, or one with `error`."""
import subprocess
import time

from . import generator
from .machine import Backend, Sample, cpu, machine, mem, open_files_limit, pin, slab, system_calls, tidy_trail
from .workloads import counts_of


def times(o, secs=None):
    return ['--warm', str(o.warm), '--secs', str(secs or o.secs)]


def load(o, t, w, proxies, backend):
    if o.tool == 'memtier':
        return generator.memtier(o, t, w, proxies, backend)
    how = ['open', '--rate', str(w['rate'])] + [w[k] for k in ('spacing',) if k in w] if w.get('rate') else ['closed']
    d, r = generator.measured(o, t, w, proxies, backend, *how, '--conns', str(w['conns']), '--pipe', str(w['pipe']), *times(o))
    if d['unfinished']:
        r['unfinished'] = d['unfinished']
    return r


def churn(o, t, w, proxies, backend):
    if w.get('resume') and not t.tls:
        return dict(error='not TLS')
    more = ['--resume'] if w.get('resume') else []
    d, r = generator.measured(o, t, w, proxies, backend, 'churn', '--conns', str(w['conns']), *more, *times(o), commands=False)
    if more and d['resumed'] < d['answered'] * 0.9:
        return dict(error=f"resumed only {d['resumed']} of {d['answered']}")
    r['tickets'] = d['tickets'] / max(1, d['answered'])
    return r


def calls(o, t, w, proxies, backend):
    with generator.Kwload(o, t, w, 'closed', '--conns', str(w['conns']), '--warm', str(o.warm), '--secs', '2.5') as run:
        run.line('go')
        a = Sample(proxies, backend)
        count = system_calls(proxies or backend.pids, 1)
        b, links = Sample(proxies, backend), backend.connections_of(proxies)
        run.line('end')
        run.json()
    if count is None:
        return dict(error='perf may not count system calls here')
    return dict(calls=count / ((b.n - a.n) / (b.t - a.t)), upstream=links)


def curve(o, t, w, proxies, backend):
    """Capacity first, then open loops at parts of it."""
    base = ['--conns', str(w['conns'])]
    d, _ = generator.measured(o, t, w, proxies, backend, 'closed', *base, '--warm', '0.4', '--secs', '1.2')
    r = dict(capacity=d['ops'], points=[], foreign=0)
    for part in w['points']:
        d, p = generator.measured(o, t, w, proxies, backend, 'open', *base, '--rate', str(d_rate(r, part)), *times(o))
        p.update(load=part, rate=d_rate(r, part), late=d['late']['p99'], unfinished=d['unfinished'])
        r['points'].append(p)
        r['foreign'] = max(r['foreign'], p['foreign'])
    return r


def d_rate(r, part):
    return round(r['capacity'] * part)


def fair(o, t, w, proxies, backend):
    few = ['--conns', str(w['conns'])]
    alone, _ = generator.measured(o, t, w, proxies, backend, 'closed', *few, '--warm', '0.3', '--secs', str(max(1, o.secs / 2)))
    d, r = generator.measured(o, t, w, proxies, backend, 'closed', *few, '--heavy', str(w['heavy']), '--heavy-pipe', str(w['heavy_pipe']), *times(o))
    r.update(ops=d['n'] / d['secs'], heavy_ops=d['heavy']['n'] / d['secs'], heavy_p50=d['heavy']['p50'], alone_p50=alone['p50'], alone_p99=alone['p99'])
    return r


def hold(o, t, w, proxies, backend):
    """Opens and logs in connections up to each count, looks at memory there, and at CPU while they idle."""
    counts = [n for n in counts_of(o, w) if t.most is None or n <= t.most]
    steps, r = [], dict(limits=open_files_limit(proxies or backend.pids))
    with generator.Kwload(o, t, w, 'hold', '--counts', ','.join(map(str, counts))) as run:
        for want in counts:
            a = cpu(proxies), cpu(backend.pids)
            d = run.json()
            b = cpu(proxies), cpu(backend.pids)
            time.sleep(2)  # what a login leaves behind settles
            step = dict(held=want, opened=d['opened'], secs=d['secs'], proxy_us=(b[0] - a[0]) * 1e6 / d['opened'], redis_us=(b[1] - a[1]) * 1e6 / d['opened'],
                        proxy_mem=mem(proxies), redis_mem=mem(backend.pids), slab_mem=slab(), upstream=backend.connections_of(proxies))
            if w['idle'] and want > counts[0]:
                at, p0, b0 = time.monotonic(), cpu(proxies), cpu(backend.pids)
                time.sleep(o.idle_secs)
                span = time.monotonic() - at
                step.update(idle_proxy=(cpu(proxies) - p0) / span, idle_redis=(cpu(backend.pids) - b0) / span)
            steps.append(step)
            run.go()
        r['alive'] = run.json()['alive']
    first = steps[0]
    for step in steps[1:]:
        more = step['held'] - first['held']
        for part in ('proxy', 'redis', 'slab'):
            step[part + '_kib'] = (step[part + '_mem'] - first[part + '_mem']) / more
    if r['alive'] < counts[-1]:
        r['error'] = f"{counts[-1] - r['alive']} of {counts[-1]} connections did not answer at the end"
    last = steps[-1]
    return dict(r, steps=steps, proxy_kib=last['proxy_kib'], redis_kib=last['redis_kib'], slab_kib=last['slab_kib'],
                all_kib=last['proxy_kib'] + last['redis_kib'] + last['slab_kib'], at_low=first['proxy_mem'] / 1024, at_high=last['proxy_mem'] / 1024)


KINDS = dict(load=load, churn=churn, calls=calls, curve=curve, fair=fair, hold=hold)


def quiet(o):
    """Waits, within bounds, until little else runs."""
    while o.wait > 0:
        a, t = machine()[0], time.monotonic()
        time.sleep(0.25)
        if (machine()[0] - a) / (time.monotonic() - t) <= o.quiet:
            return
        time.sleep(1.5)
        o.wait -= 1.75


def restarted(o, t, backend):
    """A fresh process for honest memory figures. Redis may be fresh as well, so it is looked up again."""
    subprocess.run(o.restart.replace('{}', t.name), shell=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60, check=True)
    return Backend(o.backend, o.backend_pid)


def once(o, t, w, backend):
    try:
        quiet(o)
        proxies = t.pid_numbers()
        cpus = set(range(64)) if w.get('loose') or not o.server_cpu else {int(c) for c in o.server_cpu.split(',')}
        pin(proxies + (backend.pids if backend else []), cpus & set(range(64)))
        before = generator.hop(o)
        try:
            return dict(KINDS[w['kind']](o, t, w, proxies, backend), hop=[before, generator.hop(o)])
        finally:
            tidy_trail(t.trail)
    except subprocess.TimeoutExpired:
        return dict(error='ran past its time: nothing there, or it hangs')
    except (OSError, ValueError, subprocess.SubprocessError) as e:
        return dict(error=str(e)[-160:])
