"""How calls prove who asks: every scheme and grant of the reference, against servers that check."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from reach_workbench.clock import FixedClock
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Answer, Asked, Perform, Server

pytestmark = pytest.mark.anyio

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def claims(**members: Any) -> str:
    """A JWT that nobody signed."""
    body = base64.urlsafe_b64encode(orjson.dumps(members)).decode().rstrip("=")
    return f"e30.{body}.sig"


class Authority:
    """A token server: hands out numbered tokens, or what `answers` says, and checks nothing."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.members: dict[str, Any] = {"token_type": "Bearer", "expires_in": 300}
        self.failing: Answer | None = None
        self.delay = threading.Event()
        self.delay.set()
        server.reply = self.reply

    @property
    def url(self) -> str:
        return self.server.url + "/realms/a"

    @property
    def requests(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.method == "POST"]

    @property
    def form(self) -> dict[str, Any]:
        parsed = parse_qs(self.requests[-1].body.decode())
        return {name: values[0] if len(values) == 1 else values for name, values in parsed.items()}

    def reply(self, asked: Asked) -> Answer:
        if self.failing is not None:
            return self.failing
        if asked.target.endswith("/.well-known/openid-configuration"):
            return Answer({"issuer": self.url, "token_endpoint": self.server.url + "/the/token"})
        self.delay.wait(10)
        return Answer({"access_token": f"token-{len(self.requests)}", **self.members})


@pytest.fixture
def authority(other: Server) -> Iterator[Authority]:
    yield Authority(other)


def policy(authority: Authority, **members: Any) -> dict[str, Any]:
    client = {"id": "me", "secret": "client secret/+"}
    return {"authority": authority.url, "grant": "client_credentials", "client": client, **members}


def call(server: Server, authentication: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"method": "get", "endpoint": {"uri": server.url, "authentication": authentication}, **members}


async def test_basic(server: Server, perform: Perform) -> None:
    basic = {"basic": {"username": "ada", "password": "⟦secret:vault/p⟧"}}
    result = await perform("http.call", call(server, basic, output="response"), secrets={"vault": {"p": "enigma"}})
    sent = "Basic " + base64.b64encode(b"ada:enigma").decode()
    assert server.last.headers["authorization"] == sent
    assert result["request"]["headers"]["Authorization"] == "Basic ***"


async def test_what_was_derived_from_a_secret_is_hidden_when_it_is_echoed(server: Server, perform: Perform) -> None:
    server.reply = lambda asked: Answer({"headers": asked.headers["authorization"]})
    basic = {"basic": {"username": "ada", "password": "⟦secret:vault/p⟧"}}
    result = await perform("http.call", call(server, basic), secrets={"vault": {"p": "enigma"}})
    assert result == {"headers": "Basic ***"}


async def test_a_scheme_can_be_a_whole_secret(server: Server, perform: Perform) -> None:
    secrets = {"login": {"username": "ada", "password": "enigma"}}
    await perform("http.call", call(server, {"basic": {"use": "login"}}), secrets=secrets)
    assert server.last.headers["authorization"] == "Basic " + base64.b64encode(b"ada:enigma").decode()
    with pytest.raises(Fault) as caught:
        await perform("http.call", call(server, {"basic": {"use": "other"}}), secrets=secrets)
    assert caught.value.code == "secret-missing"


async def test_bearer(server: Server, perform: Perform) -> None:
    arguments = call(server, {"bearer": {"token": "⟦secret:token⟧"}}, output="response")
    result = await perform("http.call", arguments, secrets={"token": "abcd.efgh"})
    assert server.last.headers["authorization"] == "Bearer abcd.efgh"
    assert result["request"]["headers"]["Authorization"] == "Bearer ⟦secret:token⟧"


async def test_the_policy_replaces_an_authorization_header(server: Server, perform: Perform) -> None:
    arguments = call(server, {"bearer": {"token": "new"}}, headers={"authorization": "Bearer old"})
    await perform("http.call", arguments)
    assert server.last.headers["authorization"] == "Bearer new"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_digest(server: Server, perform: Perform, algorithm: str) -> None:
    """The server computes the response by the words of RFC 7616, section 3.4.1, and compares."""
    digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def h(text: str) -> str:
        return digest(text.encode()).hexdigest()

    def reply(asked: Asked) -> Answer:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', asked.headers.get("authorization", "")))
        if given:
            inner = f"{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}"
            wanted = h(f"{h('ada:the realm:enigma')}:{inner}:{h(f'POST:{asked.target}')}")
            if given["response"] == wanted and given["nonce"] == "n0nce":
                return Answer({"got": asked.json()})
        challenge = f'Digest realm="the realm", nonce="n0nce", qop="auth", algorithm={algorithm}'
        return Answer(b"", 401, {"WWW-Authenticate": challenge})

    server.reply = reply
    arguments = call(server, {"digest": {"username": "ada", "password": "enigma"}}, body={"a": 1}, output="response")
    result = await perform("http.call", {**arguments, "method": "post"})
    assert result["content"] == {"got": {"a": 1}}
    assert result["request"]["headers"]["Authorization"] == "Digest ***"


async def test_digest_without_a_challenge_is_an_authentication_error(server: Server, perform: Perform) -> None:
    server.reply = lambda _: Answer(b"", 401, {"WWW-Authenticate": 'Basic realm="x"'})
    with pytest.raises(Fault, match="without offering digest") as caught:
        await perform("http.call", call(server, {"digest": {"username": "a", "password": "b"}}))
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "authentication", 401)


async def test_a_digest_challenge_we_cannot_answer_is_an_authentication_error(server: Server, perform: Perform) -> None:
    for challenge in ('Digest realm="x", nonce="n", qop="auth-int"', 'Digest realm="x", nonce="n", algorithm=ROT13'):
        server.reply = lambda _, told=challenge: Answer(b"", 401, {"WWW-Authenticate": told})
        with pytest.raises(Fault, match="can't be answered") as caught:
            await perform("http.call", call(server, {"digest": {"username": "a", "password": "b"}}))
        assert caught.value.status == 401


async def test_client_credentials(server: Server, authority: Authority, perform: Perform) -> None:
    server.reply = lambda asked: Answer({"you": asked.headers["authorization"]})
    oauth2 = policy(authority, scopes=["read", "write"], audiences=["one", "two"])
    result = await perform("http.call", call(server, {"oauth2": oauth2}, output="response"))
    assert server.last.headers["authorization"] == "Bearer token-1"
    assert result["request"]["headers"]["Authorization"] == "Bearer ***"
    assert result["content"] == {"you": "Bearer ***"}
    assert authority.requests[-1].target == "/realms/a/oauth2/token"
    assert authority.form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "client secret/+",
        "scope": "read write",
        "audience": ["one", "two"],
    }


@pytest.mark.parametrize(
    ("endpoints", "target"), [({"token": "/auth/token"}, "/realms/a/auth/token"), ({"token": "t"}, "/realms/a/t")]
)
async def test_the_token_endpoint_can_be_chosen(
    server: Server, authority: Authority, perform: Perform, endpoints: dict[str, str], target: str
) -> None:
    await perform("http.call", call(server, {"oauth2": policy(authority, endpoints=endpoints)}))
    assert authority.requests[-1].target == target


@pytest.mark.parametrize(
    ("scheme", "suffix"),
    [
        ("oidc", ""),
        ("oidc", "/"),
        ("oidc", "/.well-known/openid-configuration"),
        ("oauth2", "/.well-known/openid-configuration"),
    ],
)
async def test_openid_discovery_finds_the_token_endpoint(
    server: Server, authority: Authority, perform: Perform, scheme: str, suffix: str
) -> None:
    await perform("http.call", call(server, {scheme: policy(authority) | {"authority": authority.url + suffix}}))
    assert [asked.target for asked in authority.server.asked] == [
        "/realms/a/.well-known/openid-configuration",
        "/the/token",
    ]
    assert server.last.headers["authorization"] == "Bearer token-1"


async def test_password_grant(server: Server, authority: Authority, perform: Perform) -> None:
    oauth2 = policy(authority, grant="password", username="ada", password="⟦secret:p⟧")
    await perform("http.call", call(server, {"oauth2": oauth2}), secrets={"p": "enigma"})
    assert authority.form["grant_type"] == "password"
    assert (authority.form["username"], authority.form["password"]) == ("ada", "enigma")


async def test_refresh_token_grant_goes_on_with_the_token_it_was_given_last(
    server: Server, authority: Authority, perform: Perform, clock: FixedClock
) -> None:
    subject = {"token": "first", "type": "urn:ietf:params:oauth:token-type:refresh_token"}
    authority.members["refresh_token"] = "second"
    arguments = call(server, {"oauth2": policy(authority, grant="refresh_token", subject=subject)})
    await perform("http.call", arguments)
    assert authority.form["refresh_token"] == "first"
    clock.advance(300_000)
    await perform("http.call", arguments)
    assert authority.form["refresh_token"] == "second"


async def test_token_exchange(server: Server, authority: Authority, perform: Perform) -> None:
    subject, actor = {"token": "s", "type": "urn:s"}, {"token": "a", "type": "urn:a"}
    oauth2 = policy(authority, grant=EXCHANGE, subject=subject, actor=actor)
    authority.members["token_type"] = "N_A"
    await perform("http.call", call(server, {"oauth2": oauth2}))
    sent = {name: value for name, value in authority.form.items() if not name.startswith("client")}
    assert sent == {
        "grant_type": EXCHANGE,
        "subject_token": "s",
        "subject_token_type": "urn:s",
        "actor_token": "a",
        "actor_token_type": "urn:a",
    }
    assert server.last.headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"grant": "authorization_code"}, "browser"),
        ({"grant": "implicit"}, "grant"),
        ({"grant": None}, "grant"),
        ({"grant": "password"}, "username"),
        ({"grant": "refresh_token"}, "subject"),
        ({"grant": EXCHANGE}, "subject"),
        ({"client": {"secret": "x"}}, r"client\.id"),
        ({"client": {"id": "x", "authentication": "client_secret_basic"}}, r"client\.secret"),
        ({"client": {"id": "x", "authentication": "private_key_jwt"}}, r"client\.assertion"),
        ({"client": {"id": "x", "secret": "short", "authentication": "client_secret_jwt"}}, "32 bytes"),
    ],
)
async def test_a_policy_that_cannot_work_is_refused(
    server: Server, authority: Authority, perform: Perform, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(Fault, match=told) as caught:
        await perform("http.call", call(server, {"oauth2": policy(authority, **changes)}))
    assert caught.value.status == 400
    assert server.asked == []
    assert authority.requests == []


async def test_an_unknown_scheme_is_refused(server: Server, perform: Perform) -> None:
    with pytest.raises(Fault, match="kerberos") as caught:
        await perform("http.call", call(server, {"kerberos": {}}))
    assert caught.value.type == STANDARD_TYPES + "configuration"


async def test_client_secret_basic(server: Server, authority: Authority, perform: Perform) -> None:
    client = {"id": "me", "secret": "a/b c", "authentication": "client_secret_basic"}
    await perform("http.call", call(server, {"oauth2": policy(authority, client=client)}))
    sent = authority.requests[-1].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"me:a%2Fb+c"
    assert authority.form == {"grant_type": "client_credentials"}


async def test_client_secret_jwt_is_signed_with_the_secret(
    server: Server, authority: Authority, perform: Perform, clock: FixedClock
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    client = {"id": "me", "secret": secret, "authentication": "client_secret_jwt"}
    await perform("http.call", call(server, {"oauth2": policy(authority, client=client)}))
    assert authority.form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assertion = jwt.decode(authority.form["client_assertion"], OctKey.import_key(secret))
    assert assertion.claims["iss"] == assertion.claims["sub"] == "me"
    assert assertion.claims["aud"] == authority.url + "/oauth2/token"
    assert assertion.claims["exp"] == clock.now() // 1000 + 60
    assert "client_secret" not in authority.form


async def test_private_key_jwt_sends_the_given_assertion(
    server: Server, authority: Authority, perform: Perform
) -> None:
    client = {"id": "me", "assertion": "signed.by.me", "authentication": "private_key_jwt"}
    await perform("http.call", call(server, {"oauth2": policy(authority, client=client)}))
    assert authority.form["client_assertion"] == "signed.by.me"


async def test_a_public_client_sends_only_its_id(server: Server, authority: Authority, perform: Perform) -> None:
    client = {"id": "me", "authentication": "none"}
    await perform("http.call", call(server, {"oauth2": policy(authority, client=client)}))
    assert authority.form == {"grant_type": "client_credentials", "client_id": "me"}


async def test_a_token_request_can_be_json(server: Server, authority: Authority, perform: Perform) -> None:
    oauth2 = policy(authority, request={"encoding": "application/json"}, audiences=["one"], scopes=["a"])
    await perform("http.call", call(server, {"oauth2": oauth2}))
    assert authority.requests[-1].headers["content-type"] == "application/json"
    assert authority.requests[-1].json()["audience"] == "one"
    assert authority.requests[-1].json()["scope"] == "a"


async def test_a_token_is_reused_until_thirty_seconds_before_its_end(
    server: Server, authority: Authority, perform: Perform, clock: FixedClock
) -> None:
    arguments = call(server, {"oauth2": policy(authority)})
    await perform("http.call", arguments)
    clock.advance(269_000)
    await perform("http.call", arguments)
    assert len(authority.requests) == 1
    clock.advance(2_000)
    await perform("http.call", arguments)
    assert len(authority.requests) == 2
    assert server.last.headers["authorization"] == "Bearer token-2"


async def test_other_scopes_or_clients_get_tokens_of_their_own(
    server: Server, authority: Authority, perform: Perform
) -> None:
    for oauth2 in (policy(authority), policy(authority, scopes=["x"]), policy(authority, client={"id": "other"})):
        await perform("http.call", call(server, {"oauth2": oauth2}))
    assert len(authority.requests) == 3


async def test_a_token_of_unknown_life_is_not_reused(server: Server, authority: Authority, perform: Perform) -> None:
    authority.members = {}
    for _ in range(2):
        await perform("http.call", call(server, {"oauth2": policy(authority)}))
    assert len(authority.requests) == 2


async def test_a_jwt_tells_its_own_end(
    server: Server, authority: Authority, perform: Perform, clock: FixedClock
) -> None:
    authority.members = {"access_token": claims(exp=clock.now() // 1000 + 100)}
    for _ in range(2):
        await perform("http.call", call(server, {"oauth2": policy(authority)}))
    assert len(authority.requests) == 1


async def test_calls_at_the_same_time_share_one_token_request(
    server: Server, authority: Authority, perform: Perform
) -> None:
    authority.delay.clear()
    calls = [asyncio.ensure_future(perform("http.call", call(server, {"oauth2": policy(authority)}))) for _ in range(5)]
    while not authority.requests:
        await asyncio.sleep(0.01)
    authority.delay.set()
    await asyncio.gather(*calls)
    assert len(authority.requests) == 1
    assert len(server.asked) == 5


async def test_a_cached_token_that_is_refused_is_renewed_once(
    server: Server, authority: Authority, perform: Perform
) -> None:
    arguments = call(server, {"oauth2": policy(authority)})
    await perform("http.call", arguments)
    accepted = "Bearer token-2"
    server.reply = lambda asked: Answer("in", 200 if asked.headers["authorization"] == accepted else 401)
    assert await perform("http.call", arguments) == "in"
    server.reply = lambda _: Answer(b"", 401)
    with pytest.raises(Fault) as caught:
        await perform("http.call", arguments)
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 401)
    assert len(authority.requests) == 3


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (Answer({"error": "invalid_client", "error_description": "who?"}, 401), r"invalid_client \(who\?\)"),
        (Answer("oops", 500), "answered 500"),
        (Answer("<html>", 200), "JSON object"),
        (Answer({"token": 1}, 200), "without an access token"),
    ],
)
async def test_a_token_that_is_not_given_is_an_authentication_error(
    server: Server, authority: Authority, perform: Perform, failing: Answer, told: str
) -> None:
    authority.failing = failing
    with pytest.raises(Fault, match=told) as caught:
        await perform("http.call", call(server, {"oauth2": policy(authority)}))
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "authentication", 401)
    assert server.asked == []


async def test_a_discovery_that_fails_is_an_authentication_error(
    server: Server, authority: Authority, perform: Perform
) -> None:
    for failing in (Answer(b"", 404), Answer({"issuer": "x"})):
        authority.failing = failing
        with pytest.raises(Fault, match="OpenID configuration") as caught:
            await perform("http.call", call(server, {"oidc": policy(authority)}))
        assert caught.value.type == STANDARD_TYPES + "authentication"


async def test_the_issuer_of_a_token_must_be_a_listed_one(
    server: Server, authority: Authority, perform: Perform
) -> None:
    authority.members["access_token"] = claims(iss="https://good")
    await perform("http.call", call(server, {"oauth2": policy(authority, issuers=["https://good"])}))
    for issuers, token in ((["https://bad"], claims(iss="https://good")), (["https://good"], "opaque")):
        authority.members["access_token"] = token
        with pytest.raises(Fault, match="issue") as caught:
            await perform("http.call", call(server, {"oauth2": policy(authority, issuers=issuers, scopes=["x"])}))
        assert caught.value.type == STANDARD_TYPES + "authentication"


async def test_the_words_of_the_authority_hold_no_secret(
    server: Server, authority: Authority, perform: Perform
) -> None:
    authority.failing = Answer({"error": "bad", "error_description": "wrong secret hush-hush"}, 400)
    oauth2 = policy(authority, client={"id": "me", "secret": "⟦secret:s⟧"})
    with pytest.raises(Fault, match="⟦secret:s⟧") as caught:
        await perform("http.call", call(server, {"oauth2": oauth2}), secrets={"s": "hush-hush"})
    assert "hush-hush" not in caught.value.detail
