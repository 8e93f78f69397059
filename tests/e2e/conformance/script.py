"""Runs commands.txt on any server: what it says, and how to compare two runs of it."""
import hashlib
import re
from pathlib import Path

from rig.resp import RespError

FILE = Path(__file__).parent / 'commands.txt'
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


class Line:
    """One line of the script: on which connection, what to send (nothing: only read), how to compare."""

    def __init__(self, number, text):
        self.text = f'{FILE.name}:{number}: {text}'
        words = [self._word(match) for match in WORD.finditer(text)]
        self.connection = 'a'
        if len(words[0]) == 1:
            self.connection = words.pop(0).decode()
        self.how = words.pop(0).decode()[1:] if words[0].startswith(b'!') else 'exactly'
        self.reads = words[-1] != b'&'
        self.words = [] if words == [b'<'] else words if self.reads else words[:-1]

    @staticmethod
    def _word(match):
        quoted, plain = match.groups()
        return plain.encode() if quoted is None else quoted.encode().decode('unicode_escape').encode('latin-1')


def lines():
    texts = enumerate(FILE.read_text().splitlines(), 1)
    return [Line(number, text) for number, text in texts if text and not text.startswith('#')]


def safe_scripts():
    """SHA-1 of every script in it: what a grant with a namespace has to declare."""
    found = set()
    for line in lines():
        name = b' '.join(line.words[:2]).upper()
        if name.startswith((b'EVALSHA', b'SCRIPT EXISTS')):
            found.add(line.words[-1 if name.startswith(b'SCRIPT') else 1].decode())
        elif name.startswith((b'EVAL', b'SCRIPT LOAD')):
            found.add(hashlib.sha1(line.words[2 if name.startswith(b'SCRIPT') else 1]).hexdigest())
    return sorted(found)


def run(connect):
    """The answers, one for each line that reads one. `connect` makes a logged-in connection."""
    clients, answers = {}, []
    try:
        for line in lines():
            if line.connection not in clients:
                clients[line.connection] = connect()
            client = clients[line.connection]
            if line.words:
                client.send(*line.words)
            if line.reads:
                answers.append((line, client.read()))
    finally:
        for client in clients.values():
            client.close()
    return answers


def comparable(line, answer):
    if isinstance(answer, RespError):
        return ('error', answer.prefix)  # its words may say more than Redis's
    if line.how == 'kind':
        return (type(answer).__name__, len(answer) if isinstance(answer, list) else None)
    return in_order(answer) if line.how == 'sorted' else answer


def in_order(answer):
    if not isinstance(answer, list):
        return answer
    return sorted((in_order(one) for one in answer), key=repr)


def differences(expected, answers):
    assert len(expected) == len(answers)
    return [f'{line.text}\n  expected {wanted!r}\n  got      {got!r}'
            for (line, wanted), (_, got) in zip(expected, answers) if comparable(line, wanted) != comparable(line, got)]
