"""A raw RESP client that keeps what a client library would smooth over: error texts, types, raw bytes, order."""
import socket
import ssl


class RespError(Exception):
    def __eq__(self, other):
        return isinstance(other, RespError) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    @property
    def prefix(self):
        return str(self).split(' ')[0]


class Push(list):
    """A RESP3 push message."""


class Closed(Exception):
    """The peer closed the connection."""


def encode(*words):
    out = [b'*%d\r\n' % len(words)]
    for word in words:
        if not isinstance(word, bytes):
            word = str(word).encode()
        out.append(b'$%d\r\n%s\r\n' % (len(word), word))
    return b''.join(out)


class Client:
    def __init__(self, sock, timeout=20):
        self.sock, self.held = sock, b''
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, *words):
        self.sock.sendall(encode(*words))

    def send_raw(self, data):
        self.sock.sendall(data)

    def __call__(self, *words):
        """Sends one command and returns its answer; an error comes back as a RespError value."""
        self.send(*words)
        return self.read()

    def _more(self):
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed('end of stream')
        self.held += data

    def _line(self):
        while b'\r\n' not in self.held:
            self._more()
        line, _, self.held = self.held.partition(b'\r\n')
        return line

    def _exactly(self, count):
        if len(self.held) < count:
            parts, have = [self.held], len(self.held)
            while have < count:
                self.held = b''
                self._more()
                parts.append(self.held)
                have += len(self.held)
            self.held = b''.join(parts)
        data, self.held = self.held[:count], self.held[count:]
        return data

    def read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b'+':
            return rest
        if kind == b'-':
            return RespError(rest.decode('utf-8', 'replace'))
        if kind in (b':', b'('):
            return int(rest)
        if kind in (b'$', b'=', b'!'):
            if int(rest) < 0:
                return None
            data = self._exactly(int(rest) + 2)[:-2]
            return RespError(data.decode('utf-8', 'replace')) if kind == b'!' else data
        if kind == b'_':
            return None
        if kind == b'#':
            return rest == b't'
        if kind == b',':
            return float(rest)
        if kind == b'*':
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        if kind == b'~':
            return [self.read() for _ in range(int(rest))]
        if kind == b'>':
            return Push(self.read() for _ in range(int(rest)))
        if kind == b'%':
            return {self._hashable(self.read()): self.read() for _ in range(int(rest))}
        raise AssertionError(f'not RESP: {line!r}')

    @staticmethod
    def _hashable(value):
        return tuple(value) if isinstance(value, list) else value

    def closed_within(self, seconds):
        """True when the peer closes in that time; what it still sends is thrown away."""
        self.sock.settimeout(seconds)
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except socket.timeout:
            return False
        except (ConnectionError, ssl.SSLError, OSError):
            return True


def connect(port, ca=None, timeout=20, plain=False, certificate=None):
    """`certificate`: paths of the client's own and its key."""
    sock = socket.create_connection(('127.0.0.1', port), timeout)
    if not plain:
        context = ssl.create_default_context(cafile=str(ca))
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        sock = context.wrap_socket(sock, server_hostname='localhost')
    return Client(sock, timeout)
