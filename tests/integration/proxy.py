"""A proxy that leads to a registry here and nowhere else, whatever it is asked for.

It is what ``HTTPS_PROXY`` names. The clients speak TLS through it with what they take for Docker
Hub, or for a registry on another machine: they look up their credentials by its name, and trust it
no more than any other. Loopback they would trust by itself.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class _Proxy(ThreadingTCPServer):
    daemon_threads = True  # a client may keep its connection for long


@contextmanager
def serving(port: int, addresses: Container[str]) -> Iterator[str]:
    """Serve the proxy in front of a registry's port, under addresses; yield its URL."""

    class Handler(StreamRequestHandler):
        rbufsize = 0  # what follows the request is not its business

        def handle(self) -> None:
            method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
            while self.rfile.readline().strip():
                pass
            if method != "CONNECT" or rest.split(" ")[0] not in addresses:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as registry:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pass, args=(registry, self.connection), daemon=True)
                back.start()
                _pass(self.connection, registry)
                back.join()

    with _Proxy(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            thread.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one of the two is gone
        for end in (source, target):
            end.close()
