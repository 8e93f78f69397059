"""The goals of the data path, and what a run measured beside them."""
from .tables import comparable, med
from .workloads import LOADS

BASE, DIRECT = 'haproxy-tls', 'redis-tls'
TWIN = {'W1': 'W1g', 'W2': 'W2g', 'W4': 'W4g'}  # the same with nothing to record


class Figures:
    """Medians of a run by workload, target and key; None for what was not measured."""

    def __init__(self, raw):
        self.raw, self.good, self.mixed = raw, {}, []
        for name, data in raw['workloads'].items():
            self.good[name], word = comparable(LOADS[name], data)
            if 'changed' in word:
                self.mixed.append(name)

    def get(self, workload, target, key):
        m = med(self.good.get(workload, {}).get(target, []), key)
        return m[0] if m else None

    def ratio(self, workload, target, base, key):
        a, b = self.get(workload, target, key), self.get(workload, base, key)
        return a / b if a is not None and b else None

    def micro(self, *names):
        found = [next((v for k, v in self.raw.get('micro', {}).items() if k.startswith(n)), None) for n in names]
        return None if None in found else sum(found)


class Goal:
    """One line. `on`, `off`, `stretch`: limits; `value(figures, target, twin)`: what was measured."""

    def __init__(self, what, unit, value, on, off=None, stretch=None, stretch_off=None, least=False, stretch_target=None):
        self.what, self.unit, self.value, self.least = what, unit, value, least
        self.on, self.off, self.stretch, self.stretch_off = on, off, stretch, stretch_off
        self.stretch_target = stretch_target or 'keyward'

    def sign(self, limit):
        return f"{'≥' if self.least else '≤'} {limit:g}{self.unit}"

    def holds(self, value, limit):
        return value >= limit if self.least else value <= limit

    def verdict(self, value, limit):
        if self.holds(value, limit):
            return 'met'
        if limit == 0:
            return '**missed**'
        return f'**missed by {100 * abs(value / limit - 1):.0f} %**'


def number(v):
    return f'{v:.0f}' if abs(v) >= 100 or v == int(v) and abs(v) >= 10 else f'{v:.2f}'


def against(workload, key, base, target='keyward'):
    def value(f, variant, twin):
        name = TWIN.get(workload, workload) if twin else workload
        return f.ratio(name, variant if target == 'keyward' else target, base, key)
    return value


def plain(workload, key, target='keyward'):
    return lambda f, variant, twin: f.get(workload, target, key)


def auth_cost(target):
    def value(f, variant, twin):
        a, b = f.get('W6a', target, 'server'), f.get('W6a', 'keyward-nologin', 'server')
        return a - b if a is not None and b is not None else None
    return value


def upstream(f, variant, twin):
    """Connections to Redis with the most clients over those with the fewest."""
    rows = f.good.get('conns', {}).get('keyward', [])
    steps = rows[0]['steps'] if rows else []
    return steps[-1]['upstream'] / steps[0]['upstream'] if len(steps) > 1 and steps[0]['upstream'] else None


GOALS = [
    Goal('W1 CPU / HAProxy', '×', against('W1', 'server', BASE), .60, .55, .50),
    Goal('W1 CPU / Redis with TLS', '×', against('W1', 'server', DIRECT), 1.25, 1.15, 1.05),
    Goal('W1 throughput / HAProxy', '×', against('W1', 'ops', BASE), 1.6, None, 2.0, least=True),
    Goal('W1 throughput / Redis with TLS', '×', against('W1', 'ops', DIRECT), .8, least=True),
    Goal('W1 p99 / HAProxy', '×', against('W1', 'p99', BASE), .8),
    Goal("W1 Redis's own CPU / Redis with TLS", '×', against('W1', 'redis', DIRECT), .33, None, .25),
    Goal("W3 Redis's own CPU / Redis with TLS", '×', against('W3', 'redis', DIRECT), .33, None, .25),
    Goal('W2 CPU / HAProxy', '×', against('W2', 'server', BASE), 1.1, .90, .95, .80),
    Goal('W3 CPU / HAProxy', '×', against('W3', 'server', BASE), .55, None, .40),
    Goal('W3 throughput / HAProxy', '×', against('W3', 'ops', BASE), 1.6, least=True),
    Goal('W4 p50 / HAProxy', '×', against('W4', 'p50', BASE), 1.0, .9, .75, stretch_target='keyward-unix'),
    Goal('W4 p99 / HAProxy', '×', against('W4', 'p99', BASE), 1.0, .9, .75, stretch_target='keyward-unix'),
    Goal('W5 CPU / HAProxy', '×', against('W5', 'server', BASE), .80, None, .70),
    Goal('W5 throughput / HAProxy', '×', against('W5', 'ops', BASE), 1.15, least=True),
    Goal('W6 CPU, token never seen / HAProxy without login', '×', against('W6', 'server', BASE, 'keyward-first'), .90),
    Goal('W6 AUTH alone, token never seen', ' µs', auth_cost('keyward-auth-first'), 80),
    Goal('W6 CPU, token seen before / HAProxy without login', '×', against('W6', 'server', BASE), .85, None, .75),
    Goal('W6 AUTH alone, token seen before', ' µs', auth_cost('keyward-auth'), 8),
    Goal('W6 TLS tickets a handshake', '', plain('W6', 'tickets'), 1),
    Goal('W7 proxy memory of an idle connection', ' KiB', plain('W7', 'proxy_kib'), 17.4, None, 15.5),
    Goal('W7 proxy + Redis + kernel / HAProxy', '×', against('W7', 'all_kib', BASE), .75),
    Goal('W8 CPU / HAProxy', '×', against('W8', 'server', BASE), .65, None, .52),
    Goal('W8 p50 / HAProxy', '×', against('W8', 'p50', BASE), .6),
    Goal('W8 p99 / HAProxy', '×', against('W8', 'p99', BASE), .8),
    Goal('analysis + decision of a SET, 20 grants', ' ns', lambda f, v, t: f.micro('analyse/set', 'decide/set_last_entry'), 400, None, 200),
    Goal('one audit record encoded, hashed, written in batches', ' µs', lambda f, v, t: f.micro('Record'), 1.5, None, .8),
    Goal('W1 system calls per request', '', plain('calls', 'calls'), 3.2, None, 2.5),
    Goal('connections to Redis, with the most clients / with the fewest', '×', upstream, 1),
    Goal('two shards, CPU / one shard', '×', lambda f, v, t: f.ratio('shards', 'keyward-2shards', 'keyward', 'server'), 1.1),
]


def lines(raw):
    """The goals as a Markdown table, and what to know of it."""
    f = Figures(raw)
    off = 'keyward-off' if any('keyward-off' in rows for rows in f.good.values()) else None
    out = ['| | goal | measured | | without audit: goal | measured | | stretch | |', '|---|--:|--:|---|--:|--:|---|--:|---|']
    met = missed = 0
    for g in GOALS:
        value = g.value(f, 'keyward', False)
        cells = [g.what, g.sign(g.on), show(value, g.unit), '' if value is None else g.verdict(value, g.on)]
        if value is not None:
            met, missed = met + g.holds(value, g.on), missed + (not g.holds(value, g.on))
        bare = None
        if g.off is None:
            cells += ['', '', '']
        else:
            bare = g.value(f, off or 'keyward', off is None)
            cells += [g.sign(g.off), show(bare, g.unit) + ('' if off or bare is None else ' (GET)'), '' if bare is None else g.verdict(bare, g.off)]
            if bare is not None:
                met, missed = met + g.holds(bare, g.off), missed + (not g.holds(bare, g.off))
        best = value if g.stretch_target == 'keyward' else g.value(f, g.stretch_target, False)
        limits = [(v, limit) for v, limit in ((best, g.stretch), (bare, g.stretch_off)) if limit is not None]
        cells += [' / '.join(g.sign(limit) for _, limit in limits) + (' (unix socket)' if g.stretch_target != 'keyward' else ''),
                  ' / '.join('-' if v is None else '**reached**' if g.holds(v, limit) else 'not yet' for v, limit in limits)]
        out.append('| ' + ' | '.join(cells) + ' |')
    note = 'Without audit: the variant `keyward-off`.' if off else \
        'Without audit: Keyward has no setting that stops recording state-changing commands, so these are GETs only, ' \
        'on both sides, for which nothing is recorded.'
    out += ['', f'{met} of {met + missed} measured goals are met. {note}']
    if f.mixed:
        out += ['', 'The CPUs moved apart or together during ' + ', '.join(f.mixed) + ': ratios of these workloads are uncertain.']
    names = [n for n in ('W1', 'W2', 'W3', 'W4', 'W5', 'W6', 'W7', 'W8') if n in raw['workloads']]
    return out + [''] + [f'- {n}: ' + LOADS[n]['what'] for n in names]


def show(value, unit):
    return 'not measured' if value is None else number(value) + unit
