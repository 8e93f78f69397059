"""An address that leads to one server today and to another tomorrow, as a service name or a virtual address does."""
import selectors
import socket
import threading


class Forwarder:
    def __init__(self, target):
        self.target, self.pairs, self.lock, self.stopping = target, set(), threading.Lock(), False
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, port):
        """New connections go there; those that are there stay."""
        self.target = port

    def cut(self):
        with self.lock:
            for one in [s for pair in self.pairs for s in pair]:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.stopping = True
        self.listener.close()
        self.cut()

    def _accept(self):
        while not self.stopping:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(('127.0.0.1', self.target), 5)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.settimeout(None)
            threading.Thread(target=self._carry, args=((near, far),), daemon=True).start()

    def _carry(self, pair):
        with self.lock:
            self.pairs.add(pair)
        selector = selectors.DefaultSelector()
        for source, sink in (pair, pair[::-1]):
            selector.register(source, selectors.EVENT_READ, sink)
        try:
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
        except OSError:
            pass
        finally:
            selector.close()
            with self.lock:
                self.pairs.discard(pair)
            for one in pair:
                one.close()
