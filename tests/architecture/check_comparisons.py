#!/usr/bin/env python3
"""Case 24 of the identity tests: secrets are compared in constant time, that is by CRYPTO_memcmp and by nothing else.

  check_comparisons.py ROOT     exit 0 when it holds, 1 otherwise with one line a violation

Before it looks at ROOT it plants violations in a scratch tree and sees that each is found. Rules: `Secret` has no comparison of its
own; what `reveal()` gives, and a local that was made from it, is not compared by an operator, by memcmp, compare, find or starts_with;
memcmp stands only where nothing is secret. Verdicts are looked up by SHA-256 of what was shown, which tells an attacker nothing
about another's token; that is no comparison of secrets.
"""
import re
import sys
import tempfile
from pathlib import Path

PUBLIC_MEMCMP = {'src/net/ticket_keys.cc'}  # the name of a ticket key, which every ticket shows
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
# `w = a.reveal()`, `w(a->reveal())`, `w = std::string(a.reveal())`: the text itself, not what a function made of it.
LOCAL = re.compile(r'\b(\w+)\s*(?:=|\(|\{)\s*(?:std::string(?:_view)?[({])?[\w.>*\[\]-]*\breveal\(\)\s*[)}]*$')
METHODS = r'(?:compare|find|starts_with|ends_with)'


def compared(secrets):
    """An operator beside a secret, a method of it or with it, a function that gets it."""
    one = rf'(?:{secrets})'
    return re.compile(rf'{one}\s*(?:[=!]=|<=>)|(?:[=!]=|<=>)\s*[(*]*{one}|{one}\s*\.{METHODS}\s*\(|\.{METHODS}\s*\(\s*{one}'
                      rf'|\b(?:memcmp|strcmp|std::equal)\s*\([^;]*{one}')


HARMLESS = re.compile(r'\b[\w.>()-]*?\breveal\(\)\.(?:size|empty)\(\)|\b\w+\.(?:size|empty)\(\)')


def statements(text):
    """Statements with the line on which each begins; comments and texts are blanked."""
    text = NOISE.sub(lambda m: '\n' * m.group().count('\n') or ' ', text)
    at = 0
    for part in re.split(r'([;{}])', text):
        stripped = part.strip()
        if stripped:
            yield text.count('\n', 0, at + part.index(stripped[0])) + 1, ' '.join(stripped.split())
        at += len(part)


def look(path, name):
    found, tainted = [], set()
    text = path.read_text(errors='replace')
    if name.endswith('base/secret.h') and re.search(r'\boperator\s*(?:==|!=|<|<=>)', text):
        found.append(f'{name}: Secret has a comparison operator')
    for line, statement in statements(text):
        local = LOCAL.search(statement)
        if local and re.match(r'(?:const |constexpr )*(?:std::string(?:_view)?|auto)\b', statement):
            tainted.add(local.group(1))
        bare = HARMLESS.sub('', statement.replace('CRYPTO_memcmp', 'constant_time'))
        if re.search(r'\bmemcmp\s*\(', bare) and name not in PUBLIC_MEMCMP:
            found.append(f'{name}:{line}: memcmp: CRYPTO_memcmp where either side is secret')
        if compared('|'.join([r'\b[\w.>-]*\breveal\(\)', *(rf'\b{word}\b' for word in tainted)])).search(bare):
            found.append(f'{name}:{line}: a secret is compared: same_secret() or CRYPTO_memcmp on equal lengths')
    return found


def check(root):
    found = []
    for top in ('src', 'include'):
        for path in sorted((root / top).rglob('*')):
            if path.suffix in ('.cc', '.h'):
                found += look(path, str(path.relative_to(root)))
    return found


PLANTED = {
    'operator': 'bool f(const Secret& a, std::string_view b) { return a.reveal() == b; }',
    'other side': 'bool f(const Secret& a, std::string_view b) { return b != a.reveal(); }',
    'local': 'bool f(const Secret& a, std::string_view b) { const std::string_view w = a.reveal(); return b == w; }',
    'copy': 'bool f(const Secret& a, std::string_view b) { const auto w = std::string(a.reveal()); return b == w; }',
    'memcmp': 'bool f(const char* a, const char* b) { return std::memcmp(a, b, 4) == 0; }',
    'compare': 'bool f(const Secret& a, std::string_view b) { return\n a.reveal().compare(b) == 0; }',
    'beside a good one': 'bool f() { return a.size() == b.size() && a.reveal() == b; }',
}
FINE = '''bool f() { const std::string_view w = t.reveal(); return g.size() == w.size() && CRYPTO_memcmp(g.data(), w.data(), 4) == 0; }
bool g() { const auto user = user_of(login.question->credential.reveal()); return user == name; }
// a.reveal() == b
'''


def prove():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in (*PLANTED.items(), ('fine', FINE)):
            (root / 'src').mkdir(exist_ok=True)
            (root / 'src/x.cc').write_text(text)
            if bool(check(root)) != (name != 'fine'):
                raise SystemExit(f'the check does not work: planted "{name}"')
        (root / 'src/x.cc').unlink()
        (root / 'include/keyward/base').mkdir(parents=True)
        (root / 'include/keyward/base/secret.h').write_text('class Secret { bool operator==(const Secret&) const; };')
        if not check(root):
            raise SystemExit('the check does not work: planted an operator of Secret')


prove()
violations = check(Path(sys.argv[1]))
print('\n'.join(violations) or 'no secret is compared but in constant time')
sys.exit(1 if violations else 0)
