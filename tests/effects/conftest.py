"""A real HTTP server on loopback, and commands as the runner hands them over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits, Surroundings
from reach_workbench.engine.commands import Command


@dataclass
class Asked:
    """A request as the server saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Answer:
    """What the server shall answer; an iterable body is sent piece by piece without a length."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


class Server:
    """Answers what `reply` says and remembers what it was asked. `connections` counts TCP connections."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.reply: Callable[[Asked], Answer] = lambda _: Answer()
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def log_message(self, *args: object) -> None:
                pass

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.serve
                raise AttributeError(name)

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                server.asked.append(asked)
                answer = server.reply(asked)
                self.send_response(answer.status, answer.reason)
                data = answer.body
                headers = dict(answer.headers)
                if isinstance(data, (dict, list)):
                    data = orjson.dumps(data)
                    headers.setdefault("Content-Type", "application/json")
                elif isinstance(data, str):
                    data = data.encode()
                    headers.setdefault("Content-Type", "text/plain; charset=utf-8")
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(data, bytes):
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(data)
                    return
                self.close_connection = True
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for piece in data:
                        self.wfile.write(piece)
                except OSError:
                    pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._http = Listener(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[Server]:
    """A second server, so another origin."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def adapters(clock: FixedClock) -> AsyncIterator[Adapters]:
    adapters = Adapters(clock)
    yield adapters
    await adapters.close()


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    return Surroundings(base=tmp_path, limits=Limits(output_bytes=1_000_000, effect_seconds=20))


Perform = Callable[..., Any]


@pytest.fixture
def perform(adapters: Adapters, surroundings: Surroundings) -> Perform:
    """`await perform(kind, arguments, secrets=…, limits=…)` as the runner does it."""

    async def run(
        kind: str,
        arguments: Any,
        *,
        secrets: dict[str, Any] | None = None,
        limits: Limits | None = None,
        catalog: Path | None = None,
        task: str = "/do/0/step",
    ) -> Any:
        command = Command(7, "run1:7", kind, task, 3, arguments, None)
        around = Surroundings(surroundings.base, secrets or {}, limits or surroundings.limits, catalog)
        return await adapters.perform(command, around)

    return run


async def appears(file: Path) -> str:
    """The file's text once it is there and ends with a line break."""
    async with asyncio.timeout(10):
        while not (file.exists() and file.read_text().endswith("\n")):
            await asyncio.sleep(0.01)
    return file.read_text()
