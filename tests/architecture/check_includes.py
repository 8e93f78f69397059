#!/usr/bin/env python3
"""Checks the #include lines against the floors that CMakeLists.txt declares with kw_module().

  check_includes.py ROOT     exit 0 when every rule holds, 1 otherwise with one line a violation

Before it looks at ROOT it plants one violation of each rule in a scratch tree and sees that it is found.
Rules: a module includes public headers only of modules it depends on, directly or not; a private header
(src/<module>/) only from its own module; Asio and Beast only in modules marked ASIO, and not through the
headers of others either; in `identity` only key_fetcher and remote_verifier files; nobody the umbrella headers.
"""
import re
import sys
import tempfile
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)
UMBRELLAS = {'boost/asio.hpp', 'boost/beast.hpp'}
PURE_BUT = {'identity': ('key_fetcher', 'remote_verifier')}  # ASIO modules where only files of these stems may see Asio


class Floors:
    def __init__(self, text):
        self.deps, self.asio = {}, set()
        text = re.sub(r'#.*', '', text)
        for body in re.findall(r'kw_module\(([^)]*)\)', text):
            words = body.split()
            name, section = words[0], None
            self.deps[name] = set()
            for word in words[1:]:
                if word in ('DEPS', 'LIBS'):
                    section = word
                elif word == 'ASIO' and section is None:
                    self.asio.add(name)
                elif section == 'DEPS':
                    self.deps[name].add(word)
        for name in self.deps:
            for dep in self.deps[name]:
                if dep not in self.deps:
                    raise SystemExit(f'CMakeLists.txt: {name} depends on {dep}, which is no module above it')

    def reach(self, name):
        seen, todo = set(), [name]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += self.deps.get(here, ())
        return seen


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.floors = Floors((self.root / 'CMakeLists.txt').read_text())
        self.cache = {}

    def includes(self, path):
        if path not in self.cache:
            text = path.read_text(errors='replace')
            text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group().count('\n'), text, flags=re.S)
            self.cache[path] = [(m.group(1), m.group(2), text.count('\n', 0, m.start(1)) + 1)
                                for m in INCLUDE.finditer(text)]
        return self.cache[path]

    def resolve(self, path, name):
        """The project file that an #include names, or None."""
        for base in (path.parent, self.root / 'include', self.root / 'src', self.root / 'tests'):
            file = base / name
            if file.is_file():
                return file.resolve()
        return None

    def module_of(self, path):
        parts = path.resolve().relative_to(self.root.resolve()).parts
        if parts[0] == 'src' and len(parts) > 2:
            return parts[1]
        if parts[:2] == ('include', 'keyward') and len(parts) > 3:
            return parts[2]
        if parts[:2] == ('tests', 'unit') and len(parts) > 3:
            return parts[2]
        return None

    def pure(self, path, module):
        if module in PURE_BUT:
            return not path.name.startswith(PURE_BUT[module])
        return module not in self.floors.asio

    def way_to_asio(self, path, seen):
        """The chain of includes by which this file gets Asio or Beast, or None."""
        for kind, name, _ in self.includes(path):
            if name.startswith(('boost/asio', 'boost/beast')):
                return [name]
            if kind == '"':
                file = self.resolve(path, name)
                if file and file not in seen:
                    seen.add(file)
                    way = self.way_to_asio(file, seen)
                    if way:
                        return [name] + way
        return None

    def check(self):
        bad = []
        files = [p for top in ('src', 'include', 'tests/unit') for p in sorted((self.root / top).rglob('*'))
                 if p.suffix in ('.h', '.cc')]
        for path in files:
            module = self.module_of(path)
            where = path.relative_to(self.root)
            for kind, name, line in self.includes(path):
                at = f'{where}:{line}'
                if name in UMBRELLAS:
                    bad.append(f'{at}: umbrella: <{name}>; include the parts')
                if module is None or kind != '"':
                    continue
                reach = self.floors.reach(module)
                public = re.match(r'keyward/([^/]+)/', name)
                if public and public.group(1) not in reach:
                    bad.append(f'{at}: upward: {module} may not see {public.group(1)} ("{name}")')
                file = self.resolve(path, name)
                parts = file.relative_to(self.root.resolve()).parts if file else ()
                if len(parts) > 2 and parts[0] == 'src' and parts[1] != module:
                    bad.append(f'{at}: private: "{name}" belongs to {parts[1]}')
            if module is None:
                continue
            if module not in self.floors.deps:
                bad.append(f'{where}: unknown: no kw_module({module}) in CMakeLists.txt')
            elif path.parts[-3:-2] != ('unit',) and self.pure(path, module):
                way = self.way_to_asio(path, set())
                if way:
                    bad.append(f'{where}: asio: {module} is free of Asio but gets it by ' + ' -> '.join(way))
        return bad, len(files)


PLANTED = {
    'CMakeLists.txt': 'kw_module(base DEPS)\n# kw_module(ghost DEPS)\nkw_module(net ASIO DEPS base)\n'
                      'kw_module(identity ASIO DEPS net)\nkw_module(policy DEPS identity LIBS yaml)\n'
                      'kw_module(proxy ASIO DEPS policy)\n',
    'include/keyward/base/a.h': '#pragma once\n',
    'include/keyward/net/stream.h': '#include <boost/asio/io_context.hpp>\n#include "keyward/base/a.h"\n',
    'include/keyward/identity/key_fetcher.h': '#include "keyward/net/stream.h"\n',
    'include/keyward/identity/principal.h': '#include "keyward/base/a.h"\n',
    'include/keyward/proxy/p.h': '#include "keyward/base/a.h"\n',
    'src/proxy/inner.h': '',
    'src/proxy/good.cc': '#include "proxy/inner.h"\n#include "inner.h"\n#include <boost/asio/post.hpp>\n',
    'src/identity/key_fetcher.cc': '#include "keyward/identity/key_fetcher.h"\n',
    'src/base/commented.cc': '/* #include "keyward/proxy/p.h" */\n// #include "keyward/proxy/p.h"\n',
    # one violation each
    'src/policy/upward.cc': '#include "keyward/proxy/p.h"\n',
    'src/policy/private.cc': '#include "proxy/inner.h"\n',
    'src/base/asio.cc': '#include <boost/asio/post.hpp>\n',
    'src/policy/indirect.cc': '#include "keyward/identity/key_fetcher.h"\n',
    'src/identity/jwt.cc': '#include "keyward/net/stream.h"\n',
    'src/proxy/umbrella.cc': '#include <boost/asio.hpp>\n',
    'src/stray/x.cc': '',
    'tests/unit/base/x_test.cc': '#include "keyward/proxy/p.h"\n',
}
EXPECTED = {
    ('src/policy/upward.cc', 'upward'), ('src/policy/private.cc', 'private'), ('src/base/asio.cc', 'asio'),
    ('src/policy/indirect.cc', 'asio'), ('src/identity/jwt.cc', 'asio'), ('src/proxy/umbrella.cc', 'umbrella'),
    ('src/stray/x.cc', 'unknown'), ('tests/unit/base/x_test.cc', 'upward'),
}


def self_test():
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in PLANTED.items():
            file = Path(scratch) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        bad, _ = Tree(scratch).check()
    found = {(line.split(':')[0], next(w for w in line.split(': ')[1:])) for line in bad}
    if found != EXPECTED:
        sys.exit(f'check_includes.py does not find what it should: missing {EXPECTED - found}, '
                 f'wrong {found - EXPECTED}')


def main():
    self_test()
    bad, count = Tree(sys.argv[1] if len(sys.argv) > 1 else '.').check()
    for line in bad:
        print(line)
    print(f'{count} files, {len(bad)} includes that break a rule')
    sys.exit(1 if bad else 0)


main()
