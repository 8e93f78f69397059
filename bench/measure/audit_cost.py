"""What each level of durability costs against no records of commands at all, from the figures of `compare --json`.

  audit_cost.py FIGURES.json      a table a workload, as Markdown
  audit_cost.py --self-test       the arithmetic on made-up rounds

Targets were run in turn, so round n of a level is compared with round n of `audit-off`: the ratio of the two, its geometric mean over the
rounds, and the interval that holds the true one with 95 % confidence (Student's t of the logarithms). With fewer than three rounds there is none.
"""
import json
import math
import statistics
import sys

OFF, GOAL = 'audit-off', dict(level='audit-written', least=0.95)
T95 = (0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09)


def ratio(ours, theirs):
    """(mean, low, high) of ours/theirs, pair by pair; low and high are None when there are too few."""
    logs = [math.log(a / b) for a, b in zip(ours, theirs) if a and b]
    if not logs:
        return None
    mean = statistics.fmean(logs)
    if len(logs) < 3:
        return math.exp(mean), None, None
    t = T95[len(logs) - 1] if len(logs) <= len(T95) else 1.96
    half = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def told(r):
    if r is None:
        return '-'
    mean, low, high = r
    return f'{mean:.3f}' if low is None else f'{mean:.3f} ({low:.3f}-{high:.3f})'


def median(rows, key, digits):
    found = [r[key] for r in rows if r.get(key) is not None]
    return f'{statistics.median(found):,.{digits}f}' if found else '-'


def table(name, data):
    rounds = len(data[OFF])
    lines = [f'### {name}: {rounds} interleaved rounds', '',
             '| target | requests/s | p50 ms | p99 ms | proxy CPU µs/req | throughput to off | CPU to off |', '|---|---:|---:|---:|---:|---:|---:|']
    for target, rows in data.items():
        def against_off(key, rows=rows):
            return ratio([r.get(key) for r in rows], [r.get(key) for r in data[OFF]])
        said = ['1', '1'] if target == OFF else [told(against_off('ops')), told(against_off('proxy'))]
        lines.append(f"| {target} | {median(rows, 'ops', 0)} | {median(rows, 'p50', 3)} | {median(rows, 'p99', 2)} | {median(rows, 'proxy', 2)} | "
                     + ' | '.join(said) + ' |')
    wanted = ratio([r.get('ops') for r in data.get(GOAL['level'], [])], [r.get('ops') for r in data[OFF]])
    if wanted:
        mean, low, high = wanted
        word = ('reached' if (low or mean) > GOAL['least'] else 'missed' if (high or mean) < GOAL['least']
                else 'not decided by these rounds: take more, on a quiet machine')
        lines += ['', f"goal: `{GOAL['level']}` costs less than 5 % of the throughput: {100 * (1 - mean):.1f} %, {word}"]
    return '\n'.join(lines) + '\n'


def self_test():
    mean, low, high = ratio([96, 97, 95, 96], [100, 100, 100, 100])
    assert 0.946 < low < 0.948 and 0.972 < high < 0.974 and abs(mean - 0.96) < 0.001, (mean, low, high)
    assert ratio([50], [100]) == (0.5, None, None) and ratio([], [1]) is None and ratio([None], [1]) is None
    # Rounds that differ and pairs that do not: what is common to a pair cancels out.
    mean, low, high = ratio([90, 45, 180], [100, 50, 200])
    assert abs(mean - 0.9) < 1e-9 and high - low < 1e-9
    rows = [dict(ops=100.0, p50=1, p99=2, proxy=5.0)] * 3
    text = table('W1s', {OFF: rows, 'audit-written': [dict(rows[0], ops=96.0)] * 3})
    assert '4.0 %, reached' in text and '| 0.960 (0.960-0.960) |' in text, text
    noisy = [dict(rows[0], ops=ops) for ops in (80.0, 120.0, 95.0)]
    assert 'not decided' in table('W1s', {OFF: rows, 'audit-written': noisy})
    assert 'missed' in table('W1s', {OFF: rows, 'audit-written': [dict(rows[0], ops=94.0)] * 3})


if __name__ == '__main__':
    self_test()
    if sys.argv[1:] != ['--self-test']:
        for workload, figures in json.load(open(sys.argv[1]))['workloads'].items():
            print(table(workload, figures))
