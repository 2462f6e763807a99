"""A loopback HTTP server that means harm."""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HostileServer:
    """Serves /endless, /bomb, /headers and /deep."""

    def __init__(self) -> None:
        self._server = _Quiet(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on us: that is the point."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, Callable[[], None]] = {
            "/endless": self._endless,
            "/bomb": self._bomb,
            "/headers": self._headers,
            "/deep": self._deep,
        }
        with contextlib.suppress(OSError):
            answers[self.path]()

    def _begin(self, **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _endless(self) -> None:
        self._begin()
        while True:
            self.wfile.write(b"x" * 65536)

    def _bomb(self) -> None:
        """Four gigabytes of zeros in four megabytes, written as they are made."""
        self._begin(Content_Encoding="gzip")
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = bytes(1 << 20)
        for _ in range(4096):
            self.wfile.write(packer.compress(zeros))
        self.wfile.write(packer.flush())

    def _headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        number = 0
        while True:
            self.wfile.write(b"X-%d: %s\r\n" % (number, b"x" * 1000))
            number += 1

    def _deep(self) -> None:
        self._begin()
        self.wfile.write(b"[" * 10_000 + b"]" * 10_000)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
