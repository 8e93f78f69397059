"""Keyward under callgrind: instructions and calls of the allocator while a load runs."""
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass

from rig.budget import Metered, program, settle

# operator new calls malloc: what one of these does for another is not counted twice.
ALLOCATOR = re.compile(r'(malloc|calloc|realloc|aligned_alloc|memalign|posix_memalign|operator new.*)(\'\d+)?$')
TLS_ALLOCATOR = re.compile(r'CRYPTO_\w*(malloc|zalloc|realloc|dup)\b')
TLS_LIBRARIES = ('libcrypto.so', 'libssl.so')
FIELD = re.compile(r'(c?(?:ob|fn|fl|fi|fe))=(?:\((\d+)\) ?)?(.*)')


@dataclass
class Profile:
    """`own`: instructions in keyward itself by function; `total`: in all objects. `allocations`: calls of the allocator
    outside of the TLS library, by the function that calls; `tls_allocations`: those inside."""
    own: Counter
    by_object: Counter
    allocations: Counter
    tls_allocations: int


SHORTER = (('keyward::', ''), ('(anonymous namespace)::', ''), ('[abi:cxx11]', ''), ('boost::asio::detail::', 'asio::'),
           ('std::basic_string_view<char, std::char_traits<char> >', 'string_view'),
           ('std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >', 'string'))


def short(name):
    for long, usual in SHORTER:
        name = name.replace(long, usual)
    return name if len(name) <= 110 else name[:107] + '...'


def top(profile, requests, rows=15):
    """Where the instructions went and who allocated, per request."""
    lines = []
    for title, counts in (('objects', profile.by_object), ('instructions in keyward', profile.own),
                          ('allocations', profile.allocations)):
        lines.append(f'{title}:')
        lines += [f'{count / requests:>12,.2f}  {short(name)}'
                  for name, count in counts.most_common(rows) if count >= requests / 100]
    return '\n'.join(lines) + '\n'


def read_profile(path, binary):
    """The format: https://valgrind.org/docs/manual/cl-format.html, one event, names compressed."""
    names, here, callee = {}, {}, {}
    own, by_object, allocations, of_tls, hooks = Counter(), Counter(), Counter(), Counter(), set()
    inclusive = False
    for line in path.read_text(errors='replace').splitlines():
        if line[:1] in '+-*0123456789' and line:
            if inclusive:  # the cost of a call belongs to the callee's own lines
                inclusive = False
                continue
            cost = int(line.split()[1])
            by_object[os.path.basename(here.get('ob', ''))] += cost
            if here.get('ob') == binary:
                own[here.get('fn', '')] += cost
        elif line.startswith('calls='):
            inclusive = True
            caller, called = here.get('fn', ''), callee.get('fn', '')
            if TLS_ALLOCATOR.match(caller):
                hooks.add(called)
            if ALLOCATOR.match(called) and not ALLOCATOR.match(caller):
                within = os.path.basename(here.get('ob', '')).startswith(TLS_LIBRARIES)
                (of_tls if within else allocations)[caller] += int(line[6:].split()[0])
            callee = {}
        elif match := FIELD.match(line):
            field, number, name = match.groups()
            kind = field.lstrip('c') if field[0] == 'c' else field
            if number is not None:
                table = {'ob': 'ob', 'fn': 'fn'}.get(kind, 'fl')
                name = names.setdefault((table, number), name) if name else names[(table, number)]
            (callee if field[0] == 'c' else here)[kind] = name
    for hook in hooks & set(allocations):  # what OpenSSL takes through functions that it was given
        of_tls[hook] += allocations.pop(hook)
    return Profile(own, by_object, allocations, sum(of_tls.values()))


class Callgrind(Metered):
    def __init__(self, folder, *arguments):
        self.pipes = folder / 'vgdb'
        meter = [program('valgrind', 'valgrind'), '--tool=callgrind', '--instr-atstart=no', '--separate-threads=no',
                 f'--vgdb-prefix={self.pipes}', f'--callgrind-out-file={folder}/callgrind.out']
        self.dumps = 0
        super().__init__(meter, folder, *arguments)

    def tell(self, *commands):
        words = [word for command in commands for word in ('-c', *command.split())]
        argv = [program('vgdb', 'valgrind'), f'--vgdb-prefix={self.pipes}', f'--pid={self.process.pid}', *words]
        told = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        assert told.returncode == 0, told.stdout + told.stderr

    def measure(self, load):
        """The path of callgrind's file of this load."""
        load.run(self, max(load.counted // 4, 32))
        settle()
        self.tell('instrumentation on')
        load.run(self, 32)  # from here on callgrind knows who called whom
        settle()
        self.tell('zero')
        load.run(self, load.counted)
        settle()
        self.tell(f'dump {load.name.replace(" ", "-")}', 'instrumentation off')
        self.dumps += 1
        return self.folder / f'callgrind.out.{self.dumps}'
