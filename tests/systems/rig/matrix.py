"""The test matrix: what each system was put through and what came of it. A full run writes results/NAME.json, and the tables of
docs/systems/README.md from all of these. `python3 tests/systems/rig/matrix.py` writes the tables alone."""
import datetime
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RESULTS, PAGE = ROOT / 'tests/systems/results', ROOT / 'docs/systems/README.md'

# In the order of the tables. A system may have a case more than once: cell('bullmq', 'template', ..., variant='ioredis 6').
CASES = {
    'template': 'Its whole script under its template',
    'foreign': 'A foreign key, channel, db, SCAN, keyevent',
    'trail': 'Who did what, by the trail',
    'kill': 'All upstream and all client connections killed under load',
    'worker': 'A worker killed in the middle of its work',
    'expiry': 'The token ends in the middle of a wait, a subscription, a transaction',
    'reauth': 'Logging in again on an open connection',
    'static': 'A client with a fixed token, after its end',
    'connects': '500 connects in 1 s',
    'preamble': 'Its first words on a connection',
    'upstream': 'Another server behind Keyward',
    'direct': 'Direct over TLS and through Keyward, in one run',
    'trigger': 'An event in Redis that starts it',
    'rule': 'A rule of its own',
}


class Matrix:
    def __init__(self):
        self.systems = {}

    def cell(self, system, case, result, variant='', **numbers):
        """One line of the table; also printed, so that a run shows it. `numbers`: what was measured, kept in the JSON."""
        assert case in CASES, f'no such case: {case}; {", ".join(CASES)}'
        cell = {'case': case, 'variant': variant, 'result': result, 'numbers': numbers}
        kept = [c for c in self.systems.get(system, []) if (c['case'], c['variant']) != (case, variant)]
        self.systems[system] = kept + [cell]
        print(f'matrix: {system} | {CASES[case]}{f" ({variant})" if variant else ""} | {result}')

    def write(self, keep):
        """With `keep`: cells of this run replace the same cells of earlier ones."""
        if not keep:
            return
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        for system, cells in self.systems.items():
            path = RESULTS / f'{system}.json'
            old = json.loads(path.read_text())['cells'] if path.exists() else []
            new = {(c['case'], c['variant']) for c in cells}
            cells = [c for c in old if (c['case'], c['variant']) not in new] + cells
            cells.sort(key=lambda c: (list(CASES).index(c['case']), c['variant']))
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps({'system': system, 'measured': today, 'cells': cells}, indent=1, ensure_ascii=False) + '\n')
        PAGE.write_text(page(PAGE.read_text()))


def table(system):
    """The lines of one system, or of one that has no results yet."""
    path = RESULTS / f'{system}.json'
    if not path.exists():
        return 'Not run yet.\n'
    found = json.loads(path.read_text())
    lines = ['| case | result |', '|---|---|']
    for cell in found['cells']:
        name = CASES[cell['case']] + (f' ({cell["variant"]})' if cell['variant'] else '')
        lines.append(f'| {name} | {cell["result"]} |')
    return '\n'.join(lines) + f'\n\nMeasured {found["measured"]}.\n'


def page(text):
    """The page with every table between its two marks written anew."""
    return re.sub(r'(<!-- results (\S+) -->\n).*?(<!-- end -->)', lambda m: m[1] + table(m[2]) + m[3], text, flags=re.S)


if __name__ == '__main__':
    PAGE.write_text(page(PAGE.read_text()))
