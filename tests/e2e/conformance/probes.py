"""Requests for every command of a server, made from its own COMMAND DOCS: a few of each, with names that the caller gives."""


def table(client):
    """Full name ("config|get") -> (the words of its name, its group, its arguments as COMMAND DOCS tells them)."""
    found = {}

    def add(name, words, docs):
        facts = dict(zip(docs[::2], docs[1::2]))
        subcommands = facts.get(b'subcommands') or []
        for sub, more in zip(subcommands[::2], subcommands[1::2]):
            add(sub, [name, sub.split(b'|', 1)[1]], more)
        found[name.decode()] = (words, facts[b'group'].decode(), [dict(zip(a[::2], a[1::2])) for a in facts.get(b'arguments') or []])

    docs = client('COMMAND', 'DOCS')
    for name, more in zip(docs[::2], docs[1::2]):
        add(name, [name], more)
    return found


class Probe:
    """One way to fill the arguments: `names` in turn for keys and channels, `choice` picks among alternatives."""

    def __init__(self, names, pattern, choice, optional):
        self.names, self.pattern, self.choice, self.optional = names, pattern, choice, optional
        self.used, self.count_at = 0, None

    def words(self, name_words, arguments):
        out = list(name_words)
        for argument in arguments:
            self._add(out, argument)
        return out

    def _name(self):
        self.used += 1
        return self.names[(self.used - 1) % len(self.names)]

    def _add(self, out, argument):
        flags = argument.get(b'flags') or []
        if b'optional' in flags and not self.optional:
            return
        kind, name = argument[b'type'], argument[b'name']
        if argument.get(b'token') and kind != b'pure-token':
            out.append(argument[b'token'])
        if kind == b'pure-token':
            out.append(argument[b'token'])
        elif kind == b'oneof':
            children = self._children(argument)
            self._add(out, children[self.choice % len(children)])
        elif kind == b'block':
            for child in self._children(argument):
                self._add(out, child)
        elif argument.get(b'token') == b'BLOCK':
            out.append(b'10')
        else:
            out.append(self._value(kind, name))

    @staticmethod
    def _children(argument):
        return [dict(zip(child[::2], child[1::2])) for child in argument[b'arguments']]

    def _value(self, kind, name):
        if kind == b'key' or b'channel' in name or name in (b'key', b'destkey', b'destination'):
            return self._name()
        if kind == b'pattern':
            return self.pattern
        if kind == b'double':
            return b'0.01'  # timeouts too
        if kind == b'unix-time':
            return b'9999999999'
        if kind == b'integer':
            return {b'cursor': b'0', b'numkeys': b'1', b'milliseconds': b'1000000', b'seconds': b'1000', b'db': b'0', b'index': b'0'}.get(name, b'1')
        return {b'id': b'0', b'group': b'grp', b'consumer': b'c', b'script': b'return 1', b'member': b'm'}.get(name, b'v')


def of(name_words, arguments, names, patterns):
    """Requests, each once: with and without options, alternatives in turn, names one after the other."""
    made = []
    for start in range(len(names)):
        turned = names[start:] + names[:start]
        for optional in (False, True):
            for choice in range(3):
                words = Probe(turned, patterns[start % len(patterns)], choice, optional).words(name_words, arguments)
                if words not in made:
                    made.append(words)
    made.append(list(name_words))
    made.append([*name_words, patterns[0]])
    return made
