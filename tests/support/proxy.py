"""A TCP proxy that cuts connections or lets them hang."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards a port of loopback to another one.

    `after` is the number of bytes of an answer that get through, None for all. `then` says what
    happens to the rest: "cut" or "hang".
    """

    def __init__(self, port):
        self.after, self.then = None, "cut"
        self._to = port
        self._open = []

    def __enter__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._open.append(self._listening)
        self.drop()

    def drop(self):
        """Close all connections, as a run does at its end."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                threading.Thread(
                    target=self._pass, args=(client, server, None), daemon=True
                ).start()
                threading.Thread(
                    target=self._pass, args=(server, client, self.after), daemon=True
                ).start()

    def _pass(self, source, target, room):
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data if room is None else data[:room])
                room = None if room is None else room - len(data)
                if room is not None and room <= 0:
                    if self.then == "hang":
                        return
                    break
            for one in (source, target):
                one.shutdown(socket.SHUT_RDWR)
