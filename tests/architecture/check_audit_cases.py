#!/usr/bin/env python3
"""Every case that defines the guarantee of the audit trail has a test that names its number, and docs/audit-guarantee.md says which.

  check_audit_cases.py ROOT            exit 0 when that holds, 1 otherwise with one line a fault
  check_audit_cases.py ROOT --write    writes the table of docs/audit-guarantee.md again

A test names case N by E8NN in a TEST of C++, by case_e8_NN in a function of Python or in the name of an add_test. Before it looks at
ROOT it plants faults and sees that each is found.
"""
import re
import sys
from pathlib import Path

import numbered_cases

CASES = {
    1: '`kill -9` at random points under load: every acknowledged write is in the verified trail; with `async` at most the declared bound is missing; the next start says that it crashed',
    2: 'disk full, file system read-only, disk that hangs or takes long: changes are refused, nothing grows, all comes back by itself',
    3: 'Redis dies after the command was sent: `unknown`, never ok; also in transactions, blocking commands and scripts',
    4: 'every state-changing command, also those without the write flag, gives one record per execution; members of a transaction each their own, tied by `multi_id`; what EXEC, WATCH or DISCARD dropped was `not_executed`',
    5: 'scripts and functions: digest, declared keys, caller, outcome; a key that was not declared is refused by Redis and that is recorded',
    6: 'refusals name rule and policy version; of a flood of them the exact count is kept',
    7: 'flipped byte, deleted, swapped or repeated record, cut tail, missing file, replayed file, fork, wrong key: found and located',
    8: 'hostile names, users and claims: one line per record, valid JSON, truncation marked with the original length',
    9: 'tokens, passwords and values are in no output',
    10: 'what the trail costs, measured against none in one run',
    11: 'every line validates against the official OCSF schema',
    12: 'steps of the clock and restarts: numbers only grow, the chain is unbroken',
}
PAGE = 'docs/audit-guarantee.md'
CPP = re.compile(r'\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w*E8(?:0[1-9]|1\d)\w*)\)')
PYTHON = re.compile(r'^def (test_\w*case_e8_\d\d\w*)\(', re.M)
CMAKE = re.compile(r'add_test\(\s*NAME (case_e8_\d\d\w*)')
NUMBER = re.compile(r'(?:E8|case_e8_)(\d\d)')


def collect(files):
    return numbered_cases.collect(files, CPP, PYTHON, CMAKE, lambda name: map(int, NUMBER.findall(name)))


def table(found):
    return numbered_cases.table(CASES, found)


def faults(found, page):
    out = numbered_cases.number_faults(CASES, found)
    if table(found) not in page:
        out.append(f'{PAGE}: its table is not what the tests say; write it again with --write')
    return out


def self_test():
    whole = {'tests/a_test.cc': '\n'.join(f'TEST(A, E8{n:02}X) {{' for n in range(3, 13)) + '\nTEST_F(\n  B, E802Y) {',
             'tests/e2e/test_b.py': 'def test_case_e8_01_x(a):\n', 'tests/CMakeLists.txt': 'add_test(NAME case_e8_10_x'}
    good = collect(whole)
    assert faults(good, table(good)) == [], faults(good, table(good))
    less = collect({**whole, 'tests/e2e/test_b.py': 'def test_case_e8_13_x():\n'})
    assert sum('no test names it' in fault or 'none of 1' in fault for fault in faults(less, table(less))) == 2
    assert any('not what the tests say' in fault for fault in faults(good, table(good).replace('`A.E807X`', '')))


def main(root, *flags):
    self_test()
    found, page = collect(numbered_cases.test_files(root)), root / PAGE
    if flags == ('--write',):
        text = page.read_text()
        head, _, rest = text.partition('\n| case |')
        tail = re.sub(r'\A(?:[^\n]*\n)(?:\|[^\n]*\n?)*', '', rest) if rest else ''
        page.write_text(f'{head.rstrip()}\n\n{table(found)}\n{tail}')
    wrong = faults(found, page.read_text() if page.exists() else '')
    return numbered_cases.tell(CASES, found, wrong)


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
