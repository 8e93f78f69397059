"""Numbered cases, the tests that name their numbers, and the table of a page that says which: what the checks of such cases share."""


def collect(files, cpp, python, cmake, numbers):
    """number -> sorted [(file, test)] of {path: text}. `cpp`, `python`, `cmake`: the names of tests in such files; `numbers`: those in a name."""
    found = {}
    for path, text in files.items():
        names = ([f'{suite}.{name}' for suite, name in cpp.findall(text)] if path.endswith('.cc')
                 else python.findall(text) if path.endswith('.py') else cmake.findall(text))
        for name in names:
            for number in numbers(name):
                found.setdefault(number, []).append((path, name))
    return {number: sorted(set(tests)) for number, tests in found.items()}


def table(cases, found):
    lines = ['| case | what | tests |', '|---:|---|---|']
    for number, what in cases.items():
        files = {}
        for path, name in found.get(number, []):
            files.setdefault(path, []).append(name)
        tests = ' · '.join(f'`{path.removeprefix("tests/")}`: ' + ', '.join(f'`{name}`' for name in names) for path, names in files.items())
        lines.append(f'| {number} | {what} | {tests} |')
    return '\n'.join(lines)


def number_faults(cases, found):
    """Cases that no test names, and numbers that are no case's."""
    out = [f'case {number} ({what}): no test names it' for number, what in cases.items() if number not in found]
    return out + [f'{path}: {name} names case {number}, which is none of 1 to {len(cases)}'
                  for number, tests in sorted(found.items()) if number not in cases for path, name in tests]


def test_files(root):
    tests = root / 'tests'
    return {str(path.relative_to(root)): path.read_text() for path in
            [*sorted(tests.rglob('*_test.cc')), *sorted((tests / 'e2e').glob('test_*.py')), tests / 'CMakeLists.txt']}


def tell(cases, found, wrong):
    """Prints the faults and a line of numbers; the exit code."""
    print('\n'.join(wrong + [f'{len(found)} of {len(cases)} cases, {sum(map(len, found.values()))} tests, {len(wrong)} faults']))
    return 1 if wrong else 0
