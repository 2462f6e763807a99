"""A node of a home that is thrown away, and a server on this machine that tells what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.settings import Settings
from tests import unheld


@pytest.fixture
async def node(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[LocalNode]:
    """The real node, store and child process; only the home is new."""
    settings = Settings(home=Path(tmp_path_factory.mktemp("node")), policy=unheld.POLICY)
    opened = await LocalNode.open(settings)
    yield opened
    await opened.close()


class Telling(BaseHTTPRequestHandler):
    """Answers with the request: method, target, headers and body. `/status/N` answers with N instead."""

    protocol_version = "HTTP/1.1"

    def tell(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        if self.path == "/token":
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            token = f"token-of-{asked['client_id']}-for-{asked['scope']}"
            return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 60})
        if self.path == "/plain":
            return self.answer(200, "plain text")
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"method": self.command, "target": self.path, "headers": headers, "body": body}
        sent = headers.get("authorization", "")
        return self.answer(status, told | {"credentials": sha256(sent.encode()).hexdigest()[:12]})

    do_GET = do_POST = tell  # noqa: N815 - the standard library's names

    def answer(self, status: int, body: object) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads a log of tests."""


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The address of the telling server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Telling) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
