"""Between clients and a server: passes bytes on, and cuts every connection when told. Clients see a reset, as from a crashed peer."""
import asyncio
import socket
import struct
import threading


class Relay:
    def __init__(self, port):
        self.target, self.port, self.writers, self.cuts = port, None, set(), 0
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve():
            server = await asyncio.start_server(self._join, '127.0.0.1', 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.create_task(serve())
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        assert ready.wait(10)

    async def _join(self, reader, writer):
        try:
            there_reader, there = await asyncio.open_connection('127.0.0.1', self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, there}
        self.writers |= pair
        await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer), return_exceptions=True)
        self.writers -= pair
        for one in pair:
            one.close()

    @staticmethod
    async def _pass(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self):
        """Resets all connections, on both sides; how many there were."""
        def now():
            writers = list(self.writers)
            for writer in writers:
                sock = writer.get_extra_info('socket')
                try:
                    if sock is not None:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                except OSError:
                    pass  # closed already
                writer.transport.abort()
            self.cuts += len(writers) // 2
            return len(writers) // 2
        return asyncio.run_coroutine_threadsafe(self._call(now), self.loop).result(10)

    @staticmethod
    async def _call(what):
        return what()

    def stop(self):
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
