#!/usr/bin/env python3
"""A small HTTP service on 127.0.0.1 that fails in a fixed pattern, for `call-with-retries.yaml`.

    python3 workflows/flaky_service.py [--port 8765] [--seconds 60] [--requests 200]

    GET  /stock/NAME   503 twice, then {"name", "pieces"}; the count is kept for each name
    GET  /price/NAME   always 503
    GET  /rating/NAME  answers after 5 seconds: later than anybody waits
    POST /stop         204, then the service ends

It ends by itself after that many seconds or requests, and serves nobody but this machine.
Standard library only.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Flaky(BaseHTTPRequestHandler):
    """Answers one request; what was asked before is counted on the server object."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        kind, _, name = self.path[1:].partition("/")
        asked = self.server.count(self.path)
        if kind == "stock" and asked > 2:
            self.answer(200, {"name": name, "pieces": 10 * len(name)})
        elif kind in ("stock", "price"):
            self.answer(503, {"title": "Service Unavailable", "status": 503, "asked": asked})
        elif kind == "rating":
            self.server.ending.wait(5)
            self.answer(200, {"name": name, "stars": 4})
        else:
            self.answer(404, {"title": "Not Found", "status": 404})

    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()
        self.close_connection = True
        if self.path == "/stop":
            self.server.ending.set()

    def answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the workflow's own history tells what happened."""


class Service(ThreadingHTTPServer):
    """Counts requests, and knows when it has to end."""

    daemon_threads = True

    def __init__(self, port: int, requests: int) -> None:
        super().__init__(("127.0.0.1", port), Flaky)
        self.ending = threading.Event()
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._requests = requests

    def count(self, path: str) -> int:
        """How often `path` was asked for, this time included."""
        with self._lock:
            self._asked[path] += 1
            if self._asked.total() >= self._requests:
                self.ending.set()
            return self._asked[path]


def main() -> None:
    options = argparse.ArgumentParser(description="An HTTP service on 127.0.0.1 that fails in a fixed pattern.")
    options.add_argument("--port", type=int, default=8765)
    options.add_argument("--seconds", type=float, default=60, help="end after this long")
    options.add_argument("--requests", type=int, default=200, help="end after so many requests")
    given = options.parse_args()
    with Service(given.port, given.requests) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        service.ending.wait(given.seconds)
        service.shutdown()


if __name__ == "__main__":
    main()
