"""The charts of docs/performance.md. Needs matplotlib (bench/requirements.txt)."""
import matplotlib
import matplotlib.ticker

matplotlib.use('svg')
import matplotlib.pyplot as plt  # noqa: E402

from .goals import BASE, Figures  # noqa: E402
from .tables import med  # noqa: E402

COLOURS = {'keyward': '#0b5fa5', 'keyward-unix': '#6aaed6', 'keyward-off': '#9ecae1', 'redis-tls': '#c0392b', 'haproxy-tls': '#7f8c8d',
           'envoy-tls': '#8e44ad', 'floor-mux': '#27ae60'}
plt.rcParams.update({'svg.hashsalt': 'keyward', 'svg.fonttype': 'none', 'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False,
                     'font.family': 'sans-serif'})


def save(figure, folder, name):
    figure.tight_layout()
    figure.savefig(folder / name, metadata={'Date': None, 'Creator': None})
    plt.close(figure)
    text = (folder / name).read_text()
    (folder / name).write_text('\n'.join(line.rstrip() for line in text.splitlines()) + '\n')


def bars(f, folder, name, key, workloads, title):
    """Ratios to HAProxy, a group a workload."""
    workloads = [w for w in workloads if f.get(w, BASE, key)]
    targets = [t for t in COLOURS if t != BASE and any(f.ratio(w, t, BASE, key) for w in workloads)]
    if not workloads or not targets:
        return None
    figure, axes = plt.subplots(figsize=(9, 3.4))
    width = 0.8 / len(targets)
    for n, t in enumerate(targets):
        values = [f.ratio(w, t, BASE, key) or 0 for w in workloads]
        at = [x + (n - (len(targets) - 1) / 2) * width for x in range(len(workloads))]
        shapes = axes.bar(at, values, width * 0.92, label=t, color=COLOURS[t])
        axes.bar_label(shapes, labels=[f'{v:.2f}' if v else '' for v in values], fontsize=6, padding=1)
    axes.axhline(1, color=COLOURS[BASE], linewidth=1, linestyle='--', label='haproxy-tls = 1')
    axes.set_xticks(range(len(workloads)), workloads)
    axes.set_title(title, loc='left', fontsize=10)
    axes.legend(ncols=4, fontsize=7, frameon=False, loc='upper center', bbox_to_anchor=(0.5, -0.08))
    save(figure, folder, name)
    return name


def curves(f, folder, name):
    """Latency against load, one panel a percentile."""
    data = f.good.get('curve', {})
    if not any(data.values()):
        return None
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True)
    for axes, (key, title) in zip(panels, (('p50', 'p50, ms'), ('p99', 'p99, ms'), ('p999', 'p99.9, ms'))):
        for t, rows in data.items():
            if not rows:
                continue
            points = [[r['points'][n] for r in rows] for n in range(len(rows[0]['points']))]
            axes.plot([med(p, 'rate')[0] / 1000 for p in points], [med(p, key)[0] for p in points], marker='o', markersize=4, label=t,
                      color=COLOURS.get(t))
        axes.set_title(title, loc='left', fontsize=10)
        axes.set_xlabel('thousand requests/s')
        axes.set_yscale('log')
        for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            axis(matplotlib.ticker.FormatStrFormatter('%g'))
        axes.tick_params(axis='y', which='both', labelsize=7)
    panels[0].legend(fontsize=7, frameon=False)
    save(figure, folder, name)
    return name


def memory(f, folder, name):
    """What an idle connection costs, stacked."""
    data = {t: rows for t, rows in f.good.get('W7', {}).items() if rows}
    if not data:
        return None
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.32 * len(data)))
    names = sorted(data, key=lambda t: -med(data[t], 'all_kib')[0])
    left = [0.0] * len(names)
    for key, label, colour in (('proxy_kib', 'proxy', '#0b5fa5'), ('redis_kib', 'Redis', '#c0392b'), ('slab_kib', 'kernel', '#bdc3c7')):
        values = [max(0, med(data[t], key)[0]) for t in names]
        axes.barh(names, values, left=left, label=label, color=colour)
        left = [a + b for a, b in zip(left, values)]
    for y, total in enumerate(left):
        axes.text(total + 0.5, y, f'{total:.1f}', va='center', fontsize=7)
    axes.set_xlabel('KiB for each idle connection')
    axes.legend(fontsize=7, frameon=False)
    save(figure, folder, name)
    return name


def draw(raw, folder):
    """Writes the charts; answers (file, caption) for those that had figures."""
    folder.mkdir(parents=True, exist_ok=True)
    f = Figures(raw)
    charts = [
        (bars(f, folder, 'cpu.svg', 'server', ['W1', 'W2', 'W3', 'W4', 'W5', 'W6', 'W6r', 'W8'], 'CPU per request, proxy + Redis, as a part of HAProxy with TLS (less is better)'),
         'CPU per request'),
        (bars(f, folder, 'throughput.svg', 'ops', ['W1', 'W2', 'W3', 'W4', 'W5'], 'Throughput of one core of servers, as a multiple of HAProxy with TLS (more is better)'),
         'Throughput'),
        (curves(f, folder, 'latency.svg'), 'Latency under load'),
        (memory(f, folder, 'memory.svg'), 'Memory of idle connections'),
    ]
    return [(name, caption) for name, caption in charts if name]
