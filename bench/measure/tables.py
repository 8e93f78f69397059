"""Figures of a workload as a Markdown table."""
import statistics

from .workloads import LOADS


def med(rows, key):
    v = [r[key] for r in rows if r.get(key) is not None]
    return (statistics.median(v), min(v), max(v)) if v else None


def num(v, d=2):
    if v is None:
        return '-'
    return f'{v:,.0f}' if abs(v) >= 1000 or d == 0 else f'{v:.{d}f}'


def mid(rows, key, d=2):
    return num((med(rows, key) or [None])[0], d)


def span(m, d=2):
    if m is None:
        return '-'
    return num(m[0], d) if m[1] == m[2] else f'{num(m[0], d)} ({num(m[1], d)}-{num(m[2], d)})'


def table(head, rows):
    width = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]

    def line(r):
        return '| ' + ' | '.join(str(c).ljust(width[i]) if i == 0 else str(c).rjust(width[i]) for i, c in enumerate(r)) + ' |'
    return [line(head), '|' + '|'.join('-' * (x + 2) if i == 0 else '-' * (x + 1) + ':' for i, x in enumerate(width)) + '|'] + [line(r) for r in rows]


def failed(rows, columns):
    said = rows[-1].get('error') if rows else 'not run'
    return ['failed: ' + said[:90] if said else 'only at another distance'] + ['-'] * (columns - 1)


def load_rows(o, data, good):
    bases = [b for b in o['base'] if good.get(b)]
    head = ['target', 'ops/s'] + [f'vs {b}' for b in bases] + ['p50 ms', 'p99 ms', 'p99.9 ms', 'proxy us/req', 'redis us/req', 'proxy+redis us/req'] + \
        [f'vs {b}' for b in bases] + ['client us/req', 'other CPU']
    rows = []
    for name, all_rows in data.items():
        g = good[name]
        if not g:
            rows.append([name] + failed(all_rows, len(head) - 1))
            continue
        against = lambda key: ['x%.2f' % (med(g, key)[0] / med(good[b], key)[0]) if med(g, key) and med(good[b], key) else '-' for b in bases]
        rows.append([name, span(med(g, 'ops'), 0), *against('ops'), span(med(g, 'p50'), 3), span(med(g, 'p99'), 2), mid(g, 'p999'), span(med(g, 'proxy')),
                     mid(g, 'redis'), span(med(g, 'server')), *against('server'), mid(g, 'client'), '%.0f%%' % (100 * (med(g, 'foreign') or [0])[0])])
    return head, rows


def calls_rows(o, data, good):
    return ['target', 'system calls per request', 'connections to Redis for 50 clients'], [
        [name, span(med(good[name], 'calls')), mid(good[name], 'upstream', 0)] if good[name] else [name] + failed(rows, 2) for name, rows in data.items()]


def curve_rows(o, data, good):
    rows = []
    for name, g in good.items():
        if not g:
            rows.append([name] + failed(data[name], 8))
        for at in range(len(g[0]['points']) if g else 0):
            points = [r['points'][at] for r in g]
            rows.append([name, '%.0f %%' % (100 * points[0]['load']), mid(points, 'rate', 0), span(med(points, 'p50'), 3), span(med(points, 'p99'), 3),
                         span(med(points, 'p999'), 2), mid(points, 'server'), mid(points, 'late', 3), mid(points, 'unfinished', 0)])
    return ['target', 'of capacity', 'requests/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'proxy+redis us/req', 'generator late p99 ms', 'unanswered'], rows


def fair_rows(o, data, good):
    head = ['target', 'p50 ms of the ten', 'p99 ms of the ten', 'p99.9 ms', 'p99 ms without the pipeliner', 'ops/s of the ten', 'ops/s of the pipeliner']
    return head, [[n, span(med(g, 'p50'), 3), span(med(g, 'p99'), 2), mid(g, 'p999'), mid(g, 'alone_p99'), mid(g, 'ops', 0), mid(g, 'heavy_ops', 0)]
                  if g else [n] + failed(data[n], 6) for n, g in good.items()]


def hold_rows(o, data, good):
    head = ['target', 'proxy KiB/conn', 'redis KiB/conn', 'kernel slab KiB/conn', 'together', 'proxy MiB at the low count', 'at the high count']
    return head, [[n] + [span(med(g, k), 1) for k in ('proxy_kib', 'redis_kib', 'slab_kib', 'all_kib', 'at_low', 'at_high')]
                  if g else [n] + failed(data[n], 6) for n, g in good.items()]


def many_rows(o, data, good):
    head = ['target', 'connections', 'logged in per s', 'proxy us each', 'redis us each', 'proxy KiB/conn', 'connections to Redis', 'idle CPU proxy', 'idle CPU redis', 'descriptor limit']
    rows = []
    for name, g in good.items():
        if not g:
            rows.append([name] + failed(data[name], len(head) - 1))
        for at in range(1, len(g[0]['steps']) if g else 0):
            s = [dict(r['steps'][at], rate=r['steps'][at]['opened'] / r['steps'][at]['secs']) for r in g]
            percent = lambda key: '%.2f %%' % (100 * med(s, key)[0]) if med(s, key) else '-'
            rows.append([name, num(s[0]['held'], 0), mid(s, 'rate', 0), mid(s, 'proxy_us', 0), mid(s, 'redis_us', 0), mid(s, 'proxy_kib', 1),
                         mid(s, 'upstream', 0), percent('idle_proxy'), percent('idle_redis'), '/'.join(map(str, g[0].get('limits') or []))])
    return head, rows


FAR = 200  # ns between CPUs and back: above it they share no cache; one machine may be at both, in turns of minutes


def place(row):
    """Where the two CPUs were in that run: near, far, or moved meanwhile. The speed of everything depends on it."""
    hops = [h for h in row.get('hop') or [] if h is not None]
    kinds = {'far' if h > FAR else 'near' for h in hops}
    return kinds.pop() if len(kinds) == 1 else 'moved'


def by_place(w, data):
    """The runs that gave figures, by target; and the same for each distance of the CPUs."""
    key = dict(calls='calls', curve='points', hold='steps').get(w['kind'], 'ops')
    good = {n: [r for r in rows if key in r] for n, rows in data.items()}
    return good, {p: {n: [r for r in rows if place(r) == p] for n, rows in good.items()} for p in ('near', 'far', 'moved')}


def fewest(good, names):
    counts = [len(good[n]) for n in names]
    return min(counts, default=0), sum(counts)


def main_ones(data):
    """The targets that took part in every round and did not always fail: the others follow."""
    alive = {n: len(rows) for n, rows in data.items() if not all(r.get('error') for r in rows)}
    return [n for n, count in alive.items() if count == max(alive.values())]


def lacking(w, data, enough):
    """Names of the targets of which too few runs compare with those of the others. One that always fails is not waited for."""
    names, by = main_ones(data), by_place(w, data)[1]
    if not names:
        return []
    best = max(by, key=lambda p: fewest(by[p], names))
    return [n for n, rows in by[best].items()
            if len(rows) < (enough if n in names else 1) and not all(r.get('error') for r in data[n])]


def comparable(w, data):
    """The runs that count, by target, and a word on them: those in which the CPUs were equally far apart."""
    good, by = by_place(w, data)
    if w['kind'] in ('hold', 'calls') or w.get('loose') or not any(good.values()):
        return good, ''
    names = main_ones(data)
    best = max(by, key=lambda p: fewest(by[p], names))
    chosen = by[best] if fewest(by[best], names)[0] > 0 else good
    hops = [h for rows in chosen.values() for r in rows for h in r.get('hop') or [] if h is not None]
    left = sum(map(len, good.values())) - sum(map(len, chosen.values()))
    seen = f'; CPUs {min(hops)} to {max(hops)} ns apart' if hops else ''
    if chosen is good and hops:
        seen += ', which changed meanwhile: take the ratios with care'
    return chosen, seen + (f' ({left} runs at another distance left out)' if left else '')


def show(o, name, data):
    """Lines of Markdown. `o`: rounds, secs, base (names), client_cpu, server_cpu."""
    w = LOADS[name]
    good, seen = comparable(w, data)
    rounds = max((len(rows) for rows in data.values()), default=0)
    where = 'nothing pinned' if w.get('loose') else f"client on CPU {o['client_cpu'] or 'any'}, servers on CPU {o['server_cpu'] or 'any'}"
    how = f'{rounds} interleaved rounds' + ('' if w['kind'] == 'hold' else f" of {o['secs']:g} s") + f'; median (least-most); {where}{seen}'
    rows = dict(load=load_rows, churn=load_rows, calls=calls_rows, curve=curve_rows, fair=fair_rows,
                hold=many_rows if w.get('idle') else hold_rows)[w['kind']](o, data, good)
    notes = []
    for n, all_rows in data.items():
        errors = [r['error'] for r in all_rows if r.get('error')]
        if errors and good[n]:
            notes.append(f'- note: {n}: {errors[0]}')
    return [f"### {name}: {w['what']}", '', how, ''] + table(*rows) + ([''] + notes if notes else [])
