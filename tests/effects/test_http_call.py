"""What `call: http` sends and what it makes of the answer."""

from __future__ import annotations

import asyncio
import base64
import gzip
import socket
import ssl
import threading
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Answer, Asked, Perform, Server

pytestmark = pytest.mark.anyio


def call(server: Server, path: str = "/", **arguments: Any) -> dict[str, Any]:
    return {"method": "get", "endpoint": {"uri": server.url + path}, **arguments}


async def test_json_is_deserialised(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer({"id": 1, "tags": ["a"]})
    assert await perform("http.call", call(server, "/pets/1")) == {"id": 1, "tags": ["a"]}
    assert (server.last.method, server.last.target) == ("GET", "/pets/1")


async def test_an_endpoint_may_be_a_bare_uri(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer("hello")
    assert await perform("http.call", {"method": "GET", "endpoint": server.url}) == "hello"


@pytest.mark.parametrize(
    ("body", "content_type", "wanted"),
    [
        (b'{"a": 1}', "application/problem+json", {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        (b"a\xff", "text/plain; charset=no-such", "a\ufffd"),
        (b"a=1&b=2&b=3&c=", "application/x-www-form-urlencoded", {"a": "1", "b": ["2", "3"], "c": ""}),
        (b"\x89PNG\x00", "image/png", base64.b64encode(b"\x89PNG\x00").decode()),
        (b"", "application/json", None),
        (b"", "text/plain", ""),
    ],
)
async def test_content_follows_the_content_type(
    server: Server, perform: Perform, body: bytes, content_type: str, wanted: Any
) -> None:
    server.reply = lambda _: Answer(body, headers={"Content-Type": content_type})
    assert await perform("http.call", call(server)) == wanted


async def test_no_content_is_null(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(b"", 204)
    assert await perform("http.call", call(server)) is None


async def test_raw_output_is_base64_of_the_bytes(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer({"a": 1})
    assert await perform("http.call", call(server, output="raw")) == base64.b64encode(b'{"a":1}').decode()


async def test_response_output_holds_request_status_headers_and_content(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(
        b"[1]", 201, {"Content-type": "application/json", "etag": '"x"', "X-RateLimit-Left": "3"}
    )
    result = await perform("http.call", call(server, "/a", output="response", headers={"x-id": 5}))
    assert result["statusCode"] == 201
    assert result["content"] == [1]
    assert result["headers"]["Content-Type"] == "application/json"
    assert result["headers"]["ETag"] == '"x"'
    assert result["headers"]["X-RateLimit-Left"] == "3"
    assert result["request"]["method"] == "get"
    assert result["request"]["uri"] == f"{server.url}/a"
    assert result["request"]["headers"]["X-Id"] == "5"


async def test_query_values_are_written_and_repeated(server: Server, perform: Perform) -> None:
    query = {"text": "a b&c", "n": 2, "f": 1.5, "whole": 2.0, "yes": True, "many": ["x", 1], "none": None}
    await perform("http.call", call(server, "/find?kept=1", query=query))
    assert server.last.target == "/find?kept=1&text=a+b%26c&n=2&f=1.5&whole=2&yes=true&many=x&many=1"


@pytest.mark.parametrize(
    ("body", "headers", "sent"),
    [
        ({"a": [1, None]}, {}, (b'{"a":[1,null]}', "application/json")),
        ([1, 2], {}, (b"[1,2]", "application/json")),
        (5, {}, (b"5", "application/json")),
        ("plain", {}, (b"plain", "text/plain; charset=utf-8")),
        ("<a/>", {"Content-Type": "application/xml"}, (b"<a/>", "application/xml")),
        ({"a": 1}, {"content-type": "application/merge-patch+json"}, (b'{"a":1}', "application/merge-patch+json")),
        (
            {"a": "x y", "b": [1, 2]},
            {"Content-Type": "application/x-www-form-urlencoded"},
            (b"a=x+y&b=1&b=2", "application/x-www-form-urlencoded"),
        ),
    ],
)
async def test_bodies(
    server: Server, perform: Perform, body: Any, headers: dict[str, str], sent: tuple[bytes, str]
) -> None:
    await perform("http.call", call(server, method="post", body=body, headers=headers))
    assert (server.last.body, server.last.headers["content-type"]) == sent


async def test_a_multipart_body_is_made_of_parts(server: Server, perform: Perform) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    await perform("http.call", call(server, method="post", body={"name": "x", "more": [1, 2]}, headers=headers))
    boundary = server.last.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    parts = server.last.body.split(f"--{boundary}".encode())
    assert len(parts) == 5
    assert parts[1] == b'\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n'
    assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize(("method", "sent"), [("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True)])
async def test_unsafe_methods_carry_the_command_id_as_idempotency_key(
    server: Server, perform: Perform, method: str, sent: bool
) -> None:
    await perform("http.call", call(server, method=method))
    assert server.last.headers.get("idempotency-key") == ("run1:7" if sent else None)


async def test_the_authors_idempotency_key_wins(server: Server, perform: Perform) -> None:
    await perform("http.call", call(server, method="post", headers={"idempotency-key": "mine"}))
    assert server.last.headers["idempotency-key"] == "mine"


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_a_status_outside_200_to_299_is_a_communication_error(
    server: Server, perform: Perform, status: int
) -> None:
    server.reply = lambda _: Answer({"message": "no such pet"}, status, reason="Nope")
    with pytest.raises(Fault) as caught:
        await perform("http.call", call(server, "/pets/9"))
    assert caught.value.type == STANDARD_TYPES + "communication"
    assert (caught.value.status, caught.value.title) == (status, "Nope")
    assert "/pets/9" in caught.value.detail
    assert "no such pet" in caught.value.detail


async def test_redirect_true_takes_a_redirection_as_the_result_and_does_not_follow_it(
    server: Server, other: Server, perform: Perform
) -> None:
    server.reply = lambda _: Answer(b"", 302, {"Location": other.url + "/elsewhere"})
    result = await perform("http.call", call(server, redirect=True, output="response"))
    assert result["statusCode"] == 302
    assert result["headers"]["Location"] == other.url + "/elsewhere"
    assert other.asked == []


async def test_redirect_true_still_faults_from_400(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(b"", 400)
    with pytest.raises(Fault) as caught:
        await perform("http.call", call(server, redirect=True))
    assert caught.value.status == 400


async def test_json_that_is_not_json_is_a_communication_error(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(b"{oops", headers={"Content-Type": "application/json"})
    with pytest.raises(Fault, match="not JSON") as caught:
        await perform("http.call", call(server))
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 502)


async def test_nobody_listening_is_a_communication_error_that_says_so(perform: Perform) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(Fault, match=r"no connection: .*refused|Connect call failed") as caught:
            await perform("http.call", {"method": "get", "endpoint": uri})
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 503)


async def test_an_unknown_host_is_a_communication_error(perform: Perform) -> None:
    with pytest.raises(Fault, match="no connection") as caught:
        await perform("http.call", {"method": "get", "endpoint": "http://no-such-host.invalid/"})
    assert caught.value.status == 503


@pytest.fixture
def nonsense() -> Any:
    """A server that answers with something that is not HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()
    thread.join(5)


async def test_what_is_not_http_is_a_communication_error(nonsense: int, perform: Perform) -> None:
    with pytest.raises(Fault) as caught:
        await perform("http.call", {"method": "get", "endpoint": f"http://127.0.0.1:{nonsense}/"})
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 502)


async def test_tls_with_a_server_that_has_none_is_a_communication_error(nonsense: int, perform: Perform) -> None:
    with pytest.raises(Fault) as caught:
        await perform("http.call", {"method": "get", "endpoint": f"https://127.0.0.1:{nonsense}/"})
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 502)


async def test_an_untrusted_certificate_is_refused(tmp_path: Path, perform: Perform) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    tls = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with tls:
        port = tls.sockets[0].getsockname()[1]
        with pytest.raises(Fault, match=r"(?i)certificate") as caught:
            await perform("http.call", {"method": "get", "endpoint": f"https://127.0.0.1:{port}/"})
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 502)


def self_signed() -> bytes:
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "/relative"},
        {"endpoint": "ftp://127.0.0.1/"},
        {"endpoint": "http://[broken/"},
        {"endpoint": "http://[broken/", "query": {"a": 1}},
        {"endpoint": "http://x:99999/"},
        {"endpoint": "http:///path"},
        {"endpoint": 5},
        {"method": "GE T"},
        {"headers": {"X": "a\r\nInjected: 1"}},
        {"headers": {"bad name": "a"}},
        {"headers": [1]},
        {"output": "json"},
        {"redirect": "yes"},
        {"query": "a=b"},
    ],
)
async def test_what_cannot_be_sent_is_refused_before_it_is_sent(
    server: Server, perform: Perform, changes: dict[str, Any]
) -> None:
    with pytest.raises(Fault) as caught:
        await perform("http.call", {**call(server), **changes})
    assert caught.value.status == 400
    assert server.asked == []


async def test_an_endless_answer_is_cut_at_the_limit(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(repeat(b"x" * 65536))
    with pytest.raises(Fault, match=r"limits\.output_bytes") as caught:
        await perform("http.call", call(server), limits=Limits(output_bytes=200_000, effect_seconds=20))
    assert caught.value.code == "limit"


async def test_the_limit_counts_what_a_compressed_answer_holds(server: Server, perform: Perform) -> None:
    body = gzip.compress(b"x" * 5_000_000)
    server.reply = lambda _: Answer(body, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    with pytest.raises(Fault, match=r"limits\.output_bytes"):
        await perform("http.call", call(server))


async def test_a_server_that_never_answers_is_a_timeout(server: Server, perform: Perform) -> None:
    release = threading.Event()

    def wait(_: Asked) -> Answer:
        release.wait(10)
        return Answer()

    server.reply = wait
    try:
        with pytest.raises(Fault, match=r"limits\.effect_seconds") as caught:
            await perform("http.call", call(server), limits=Limits(effect_seconds=0.2))
    finally:
        release.set()
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "timeout", 408)


async def test_a_cancelled_call_stops_at_once_and_the_next_one_works(server: Server, perform: Perform) -> None:
    arrived, release = threading.Event(), threading.Event()

    def wait(asked: Asked) -> Answer:
        if asked.target == "/slow":
            arrived.set()
            release.wait(10)
        return Answer("done")

    server.reply = wait
    task = asyncio.ensure_future(perform("http.call", call(server, "/slow")))
    await asyncio.to_thread(arrived.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)
    assert await perform("http.call", call(server, "/fast")) == "done"
    release.set()


async def test_connections_are_reused_and_cookies_are_not_kept(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer("x", headers={"Set-Cookie": "session=1; Path=/"})
    for _ in range(3):
        await perform("http.call", call(server))
    assert server.connections == 1
    assert all("cookie" not in asked.headers for asked in server.asked)


async def test_proxies_of_the_environment_are_ignored(
    server: Server, other: Server, perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("all_proxy", other.url)
    await perform("http.call", call(server))
    assert len(server.asked) == 1
    assert other.asked == []


async def test_a_password_in_the_uri_is_used_but_not_recorded(server: Server, perform: Perform) -> None:
    uri = f"http://ada:enigma@127.0.0.1:{server.port}/x"
    result = await perform("http.call", {"method": "get", "endpoint": uri, "output": "response"})
    assert server.last.headers["authorization"] == "Basic " + base64.b64encode(b"ada:enigma").decode()
    assert result["request"]["uri"] == f"{server.url}/x"


SECRETS = {"api": {"key": "s3cr3t/key", "pin": 48213, "salt": "zz"}}


async def test_a_secret_goes_out_but_only_its_placeholder_comes_back(server: Server, perform: Perform) -> None:
    server.reply = lambda asked: Answer(
        {"told": asked.headers["x-key"], "url": asked.target, "pin": 48213, "s3cr3t/key": "zz"},
        headers={"X-Echo": "s3cr3t/key"},
    )
    result = await perform(
        "http.call",
        call(
            server,
            headers={"X-Key": "key ⟦secret:api/key⟧", "X-Salt": "⟦secret:api/salt⟧"},
            query={"k": "⟦secret:api/key⟧"},
            output="response",
        ),
        secrets=SECRETS,
    )
    assert server.last.headers["x-key"] == "key s3cr3t/key"
    assert server.last.headers["x-salt"] == "zz"
    assert server.last.target == "/?k=s3cr3t%2Fkey"
    assert result["content"] == {
        "told": "key ⟦secret:api/key⟧",
        "url": "/?k=⟦secret:api/key⟧",
        "pin": "⟦secret:api/pin⟧",
        "⟦secret:api/key⟧": "zz",
    }
    assert result["headers"]["X-Echo"] == "⟦secret:api/key⟧"
    assert result["request"]["headers"]["X-Key"] == "key ⟦secret:api/key⟧"
    assert result["request"]["headers"]["X-Salt"] == "⟦secret:api/salt⟧"
    assert result["request"]["uri"].endswith("/?k=⟦secret:api/key⟧")


async def test_raw_output_and_error_details_hold_no_secret(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(b"<s3cr3t/key>", headers={"Content-Type": "image/x"})
    for output in ("raw", "content"):
        raw = await perform("http.call", call(server, output=output), secrets=SECRETS)
        assert base64.b64decode(raw).decode() == "<⟦secret:api/key⟧>"
    server.reply = lambda _: Answer("x" * 295 + " s3cr3t/key", 500)
    with pytest.raises(Fault) as caught:
        await perform("http.call", call(server, "/s3cr3t%2Fkey"), secrets=SECRETS)
    assert "s3cr3t" not in caught.value.detail


async def test_a_secret_that_was_not_given_is_a_configuration_error(server: Server, perform: Perform) -> None:
    with pytest.raises(Fault, match="missing") as caught:
        await perform("http.call", call(server, headers={"X": "⟦secret:missing⟧"}))
    assert caught.value.code == "secret-missing"


@pytest.mark.parametrize(
    ("method", "declared", "wanted"),
    [
        ("get", None, True),
        ("PUT", None, True),
        ("delete", None, True),
        ("post", None, False),
        ("patch", None, False),
        ("post", True, True),
        ("get", False, False),
    ],
)
def test_which_calls_may_be_repeated(method: str, declared: bool | None, wanted: bool) -> None:
    command = Command(1, "r:1", "http.call", "/do/0/x", 1, {"method": method, "endpoint": "http://x/"}, declared)
    assert Adapters().idempotent(command) is wanted
