"""A host that no policy permits is handed no client's secret for a token either."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

HEAD = "document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}\nuse: {secrets: [client]}\n"
PERMITS = '@id("known-hosts") permit(principal, action == Action::"http.call", resource == Host::"%s");\n'


@pytest.fixture
def service() -> Iterator[tuple[int, list[str]]]:
    """Gives tokens and answers; the hosts that it was asked as."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.headers["Host"].partition(":")[0])
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b'{"access_token": "x", "token_type": "Bearer", "expires_in": 60}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def calls(home, port: int, **more):
    client = "{id: me, secret: '${ $secrets.client }'}"
    oauth2 = f"{{authority: 'http://localhost:{port}', grant: client_credentials, client: {client}}}"
    endpoint = f"{{uri: 'http://127.0.0.1:{port}/', authentication: {{oauth2: {oauth2}}}}}"
    request = home.request("", secrets={"client": "very secret"}, **more)
    return type(request)(
        HEAD + f"do: [{{a: {{call: http, with: {{method: get, endpoint: {endpoint}}}}}}}]",
        request.file,
        secrets=request.secrets,
        may=request.may,
    )


@pytest.mark.parametrize("permitted", [False, True])
def test_the_host_of_a_token_has_to_be_permitted_too(home, go, tmp_path, service, permitted):
    port, asked = service
    policy = tmp_path / "policy.cedar"
    policy.write_text(PERMITS % "127.0.0.1" + (PERMITS.replace("known-hosts", "idp") % "localhost") * permitted)
    home.environment["REACH_POLICY_FILE"] = str(policy)

    async def body():
        async with home.node() as node:
            run = await node.wait((await node.start(calls(home, port))).id)
            if permitted:
                assert (run.status, asked) == ("completed", ["localhost", "127.0.0.1"])
            else:
                assert (run.error["code"], asked) == ("policy-denied", [])

    go(body)


def test_a_run_hands_secrets_to_no_host_that_it_has_no_capability_for(home, go, service):
    port, asked = service

    async def body():
        async with home.node() as node:
            run = await node.wait((await node.start(calls(home, port, may=("http.call:127.0.0.1",)))).id)
            assert (run.error["code"], asked) == ("policy-denied", [])
            assert "http.call:localhost" in run.error["detail"]

    go(body)
