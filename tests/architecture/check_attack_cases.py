#!/usr/bin/env python3
"""Every numbered attack on a login has a test that names its number, and docs/attacks.md says which.

  check_attack_cases.py ROOT            exit 0 when that holds, 1 otherwise with one line a fault
  check_attack_cases.py ROOT --write    writes the table of docs/attacks.md again

A test names a case by CaseNN in a TEST of C++ (Case48And52... names two), by case_NN in a function of Python or in the
name of an add_test. Before it looks at ROOT it plants faults and sees that each is found.
"""
import re
import sys
from pathlib import Path

import numbered_cases

CASES = {
    1: 'alg `none` in any case, with any signature',
    2: 'HMAC signed with the public key as secret',
    3: 'signed by the key that is embedded in the header (`jwk`)',
    4: '`jku` and `x5u` to a host of the attacker: refused, and nothing is fetched',
    5: 'self-signed chain in `x5c`',
    6: 'hostile `kid`: paths, SQL, shell, NUL, 10 KB, other types',
    7: 'empty signature, missing or too many parts, a million dots',
    8: 'encrypted tokens: zip bomb, huge PBES2 count',
    9: 'JSON serialisation, and texts that are JSON and compact at once',
    10: 'standard base64, padding, line breaks, loose trailing bits',
    11: 'a credential of 16,384 bytes is taken, one of 16,385 is a protocol error',
    12: 'names that stand twice, in header and payload',
    13: '`crit` and `b64`',
    14: 'deep nesting, huge arrays, numbers that parsers round',
    15: 'broken UTF-8, lone surrogates, NUL',
    16: 'bytes around the object; other JSON than an object',
    17: '`typ` of other kinds of JWT; upper case is fine',
    18: 'ECDSA numbers out of range, DER, wrong length; PSS salts',
    19: 'key of another kind or curve than the algorithm',
    20: 'weak and oversized RSA keys',
    21: 'EC points that are off the curve',
    22: 'a good signature over another header',
    23: 'symmetric keys cannot be configured',
    24: 'secrets are compared in constant time',
    25: 'flipped bits and 100,000 mutated credentials',
    26: 'issuers that look alike',
    27: 'a key of one issuer under the name of another',
    28: 'audience missing, of another type, close to ours',
    29: 'dates that are none',
    30: '`exp` to the second, with and without leeway; the session ends with it',
    31: '`nbf` and `iat` in the future',
    32: 'longer life than the issuer may give',
    33: 'ID tokens, refresh tokens, assertions',
    34: 'other client, tenant or authorised party',
    35: 'token of the Okta organisation server',
    36: 'groups left out because there are too many',
    37: 'groups of odd shapes',
    38: 'scopes are words, not parts of words',
    39: 'odd subjects reach no ACL rule and no reply',
    40: 'claim values that would move a template',
    41: 'a user name that is not that of the token',
    42: 'known, but nobody granted anything',
    43: 'repository of the same name with another id',
    44: 'request tags that the caller chose',
    45: 'token bound to another certificate',
    46: 'revoked token id, subject or moment; live sessions end',
    47: 'endless chain of actors',
    48: 'a flood of unknown keys costs one fetch and disturbs nobody',
    49: 'key servers that hang, drip, flood, redirect or lie',
    50: 'names that come to point at private addresses',
    51: 'metadata of another issuer or host',
    52: 'key rotation',
    53: 'two keys of one `kid`; no `kid` and two fitting keys',
    54: 'keys for other purposes',
    55: 'bad TLS certificate of an issuer',
    56: 'steps of the clock in both directions',
    57: 'recovery after `max_stale`',
    58: 'STS hosts that look alike',
    59: 'other paths, fragments and parameters of the presigned request',
    60: 'query parameters that stand twice or differ in case',
    61: 'audience header not signed, or signed for another gateway',
    62: 'dates and lives of a presigned request',
    63: 'answers of STS that are none',
    64: 'an answer of another STS action',
    65: 'the same request again under each `reuse`',
    66: 'same role name, another account',
    67: 'STS throttles or is down: undecided, not remembered',
    68: 'limits and deadline before login',
    69: 'AUTH in a transaction and while subscribed',
    70: 'a failed AUTH keeps the identity of before',
    71: 'two identities in one pipeline: each command under its own',
    72: 'a flood of logins from one source',
    73: 'no credential in any output, trace or memory',
    74: 'end of a session in every state of a connection',
    75: 'renewal with fewer groups',
}
PAGE = 'docs/attacks.md'
CPP = re.compile(r'\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w*Case\d\w*)\)')
PYTHON = re.compile(r'^def (test_\w*case_\d\w*)\(', re.M)
CMAKE = re.compile(r'add_test\(\s*NAME (case_\d\w*)')
NUMBERS = re.compile(r'[Cc]ase_?(\d+(?:(?:And|_and_)\d+)*)')


def numbers(name):
    return [int(number) for group in NUMBERS.findall(name) for number in re.findall(r'\d+', group)]


def collect(files):
    return numbered_cases.collect(files, CPP, PYTHON, CMAKE, numbers)


def table(found):
    return numbered_cases.table(CASES, found)


def faults(found, page):
    out = numbered_cases.number_faults(CASES, found)
    rows = {int(number): rest for number, rest in re.findall(r'^\| (\d+) \|(.*)$', page, re.M)}
    known = {name for tests in found.values() for _, name in tests}
    for number in CASES:
        named = set(re.findall(r'`([\w.]+)`', rows.get(number, '').rsplit('|', 2)[-2] if number in rows else ''))
        if number in found and not named & {name for _, name in found[number]}:
            out.append(f'{PAGE}: case {number} names none of its tests; write it again with --write')
        out += [f'{PAGE}: case {number} names {name}, which is no test; write it again with --write'
                for name in sorted(named) if re.search(r'[Cc]ase_?\d', name) and name not in known]
    return out


def self_test():
    whole = {'tests/a_test.cc': '\n'.join(f'TEST(A, Case{n:02}X) {{' for n in range(2, 74)) + '\nTEST_F(\n  B, Case74And75Y) {',
             'tests/e2e/test_b.py': 'def test_case_1_x():\n', 'tests/CMakeLists.txt': ''}
    good = collect(whole)
    assert faults(good, table(good)) == [], faults(good, table(good))
    less = collect({**whole, 'tests/e2e/test_b.py': 'def test_case_99_x():\n'})
    assert sum('no test names it' in fault or 'none of 1' in fault for fault in faults(less, table(less))) == 2
    assert any('names none' in fault for fault in faults(good, table(good).replace('`A.Case07X`', '')))
    assert any('is no test' in fault for fault in faults(good, table(good).replace('`A.Case07X`', '`A.Case07X`, `A.Case07Gone`')))


def main(root, *flags):
    self_test()
    found, page = collect(numbered_cases.test_files(root)), root / PAGE
    if flags == ('--write',):
        head = page.read_text().split('\n| case |')[0].rstrip() if page.exists() else '# Attacks on a login'
        page.write_text(f'{head}\n\n{table(found)}\n')
    wrong = faults(found, page.read_text() if page.exists() else '')
    return numbered_cases.tell(CASES, found, wrong)


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
