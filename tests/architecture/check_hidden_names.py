#!/usr/bin/env python3
"""Checks that no file's own function hides one of a header.

  check_hidden_names.py ROOT     exit 0 when none does, 1 otherwise with one line for each

Whole builds compile a dozen files of a module as one (KEYWARD_UNITY), so a function of an unnamed namespace is seen by the
files behind it. Where it has the name of a function that headers declare, those files call it instead, without a word of the
compiler. Looked at are functions at the outermost level of unnamed namespaces in src/MODULE/*.cc, against functions declared
in namespace keyward itself and in keyward::MODULE that take as many arguments. Before it looks at ROOT it plants such a pair and sees that it is found.
"""
import re
import sys
import tempfile
from pathlib import Path

# At the beginning of a line: a type, a name, the parameters.
FUNCTION = re.compile(r'^(?!(?:return|using|typedef|namespace|struct|class|enum|friend|else|case|throw|static_assert)\b)'
                      r'(?:\[\[\w+\]\] )?[A-Za-z][\w:<>,*& ]*[\w>*&] [*&]*(?!operator)(\w+)\(([^;{]*?)\)[^;{(]*[;{]', re.M)
NAMESPACE = re.compile(r'^namespace keyward(?:::([\w:]+))? \{$', re.M)


def without_comments(text):
    return re.sub(r'//[^\n]*', '', text)


def arity(parameters):
    flat = re.sub(r'<[^<>]*>', '', re.sub(r'<[^<>]*>', '', parameters)).strip()
    return flat.count(',') + 1 if flat else 0


def declared(root):
    """Functions that headers declare, with how many parameters, by the module whose files they are seen from; '' = all."""
    out = {}
    for path in [*root.glob('include/keyward/*/*.h'), *root.glob('src/*/*.h')]:
        text = without_comments(path.read_text())
        for space in NAMESPACE.finditer(text):
            body = text[space.end():]
            names = {(found[1], arity(found[2])) for found in FUNCTION.finditer(body)}
            out.setdefault(space[1] or '', {}).update(dict.fromkeys(names, path.relative_to(root)))
    return out


def hidden(root):
    known, out = declared(root), []
    for path in sorted(root.glob('src/*/*.cc')):
        module = path.parent.name
        text = without_comments(path.read_text())
        for part in re.findall(r'^namespace \{\n(.*?)^\}', text, re.M | re.S):
            for found in FUNCTION.finditer(part):
                for space in ('', module):
                    header = known.get(space, {}).get((found[1], arity(found[2])))
                    if header:
                        out.append(f'{path.relative_to(root)}: {found[1]}() has the name of a function in {header}; give it another')
    return out


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {'include/keyward/base/a.h': 'namespace keyward {\n\nconstexpr bool is_plain(char c) { return c > 0; }\n\n}\n',
                           'src/m/a.cc': 'namespace keyward::m {\nnamespace {\n\nbool is_plain(char c) {\n  return c;\n}\nbool own() {\n'
                                         '  return is_plain(1);\n}\n\n}  // namespace\n}\n'}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = hidden(root)
        assert len(found) == 1 and 'is_plain' in found[0], found


def main():
    self_test()
    found = hidden(Path(sys.argv[1]))
    print('\n'.join(found) if found else 'no hidden names')
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
