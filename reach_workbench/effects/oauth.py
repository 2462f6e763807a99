"""Access tokens: the grants of OAuth 2 (RFC 6749, RFC 8693) and OpenID Connect discovery."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote_plus, urljoin

import orjson

from reach_workbench.clock import Clock
from reach_workbench.effects import content
from reach_workbench.effects.arguments import choice, mapping, optional_text, text, texts
from reach_workbench.effects.effect import Limits
from reach_workbench.effects.exchange import Credentials, Exchange, Reply, Request
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

DISCOVERY: Final = "/.well-known/openid-configuration"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANTS: Final = ("authorization_code", "client_credentials", "password", "refresh_token", EXCHANGE)
METHODS: Final = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

EARLY: Final = 30_000
"""Milliseconds before its expiry from which a token is no longer used."""

_MOST: Final = 500
"""Tokens and discovered endpoints kept at most; the oldest go first."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it goes into the Authorization header. `expires` is in milliseconds since 1970, None if unknown."""

    scheme: str
    value: str
    expires: int | None


class Tokens:
    """Fetches access tokens and keeps them in memory until shortly before they expire.

    A token belongs to the whole policy it was fetched with (authority, client, grant, scopes,
    …), of which only a digest is kept. Requests for the same token wait for one another.
    """

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._rotated: dict[str, str] = {}
        self._endpoints: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def credentials(self, policy: dict[str, Json], limits: Limits, *, discover: bool) -> Credentials:
        """Credentials for an `oauth2` policy, or an `oidc` one (`discover`) whose token endpoint has to be found.

        Raises Fault `authentication` when the authority refuses or answers nonsense,
        `communication` when it can't be reached, `configuration` when the policy can't work.
        """
        key = hashlib.sha256(orjson.dumps([discover, policy], option=orjson.OPT_SORT_KEYS)).hexdigest()
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            token = self._tokens.get(key)
            cached = token is not None and token.expires is not None and self._clock.now() < token.expires - EARLY
            if token is None or not cached:
                token = await self._fetch(policy, limits, key, discover=discover)
                _keep(self._tokens, key, token)
        if len(self._locks) > _MOST:
            self._locks = {name: held for name, held in self._locks.items() if held.locked()}
        return Credentials(
            authorization=f"{token.scheme} {token.value}", hidden=(token.value,), renewable=key if cached else None
        )

    def forget(self, key: str) -> None:
        """Drops a cached token that was refused."""
        self._tokens.pop(key, None)

    async def _fetch(self, policy: dict[str, Json], limits: Limits, key: str, *, discover: bool) -> Token:
        endpoint = await self._endpoint(policy, limits, discover=discover)
        parameters = _grant(policy, self._rotated.get(key))
        headers, proof = self._client_proof(policy, endpoint)
        parameters.update(proof)
        request = mapping(policy, "request")
        encoding = choice(request, "encoding", (content.FORM, content.JSON), content.FORM, "request.")
        if encoding == content.JSON and len(parameters.get("audience", ())) == 1:
            parameters["audience"] = parameters["audience"][0]
        body, content_type = content.encode(parameters, encoding)
        reply = await self._exchange.send(
            Request(
                "POST",
                endpoint,
                (("Content-Type", content_type), ("Accept", content.JSON), *headers),
                body,
            ),
            Credentials(),
            limits,
        )
        answer = _answer(reply, "the token endpoint", endpoint)
        value = answer.get("access_token")
        if not isinstance(value, str) or not value:
            raise _refused(f"the token endpoint {endpoint} answered without an access token")
        _check_issuer(value, texts(policy, "issuers"))
        if isinstance(answer.get("refresh_token"), str):
            _keep(self._rotated, key, answer["refresh_token"])
        scheme = answer.get("token_type")
        if not isinstance(scheme, str) or scheme.lower() in ("bearer", "n_a", ""):
            scheme = "Bearer"
        return Token(scheme, value, self._expiry(answer, value))

    def _expiry(self, answer: dict[str, Json], token: str) -> int | None:
        lifetime = answer.get("expires_in")
        try:
            if lifetime is not None:
                return self._clock.now() + int(float(lifetime) * 1000)
            return int(float(_claims(token)["exp"]) * 1000)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    async def _endpoint(self, policy: dict[str, Json], limits: Limits, *, discover: bool) -> str:
        authority = text(policy, "authority")
        if not (discover or authority.endswith(DISCOVERY)):
            path = optional_text(mapping(policy, "endpoints"), "token", "endpoints.") or "/oauth2/token"
            if "://" in path:
                return path
            return f"{authority.rstrip('/')}/{path.lstrip('/')}"
        document = authority if authority.endswith(DISCOVERY) else authority.rstrip("/") + DISCOVERY
        if document not in self._endpoints:
            reply = await self._exchange.send(
                Request("GET", document, (("Accept", content.JSON),)), Credentials(), limits
            )
            found = _answer(reply, "the OpenID configuration", document).get("token_endpoint")
            if not isinstance(found, str) or not found:
                raise _refused(f"the OpenID configuration {document} names no token_endpoint")
            _keep(self._endpoints, document, urljoin(document, found))
        return self._endpoints[document]

    def _client_proof(
        self, policy: dict[str, Json], endpoint: str
    ) -> tuple[tuple[tuple[str, str], ...], dict[str, Json]]:
        """Headers and parameters by which the client authenticates (RFC 6749, section 2.3; RFC 7523)."""
        client = mapping(policy, "client")
        method = choice(client, "authentication", METHODS, "client_secret_post", "client.")
        name = optional_text(client, "id", "client.")
        secret = optional_text(client, "secret", "client.")
        if name is None:
            if method == "none" or not client:
                return (), {}
            raise _unusable(f"`client.id` is required with the client authentication {method}")
        if method in ("client_secret_basic", "client_secret_jwt") and secret is None:
            raise _unusable(f"`client.secret` is required with the client authentication {method}")
        if method == "client_secret_basic":
            pair = f"{quote_plus(name)}:{quote_plus(secret or '')}"
            return (("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()),), {}
        if method == "client_secret_post" and secret is not None:
            return (), {"client_id": name, "client_secret": secret}
        if method == "client_secret_jwt":
            assertion = self._sign(name, secret or "", endpoint)
            return (), {"client_id": name, "client_assertion_type": _ASSERTION, "client_assertion": assertion}
        if method == "private_key_jwt":
            given = optional_text(client, "assertion", "client.")
            if given is None:
                raise _unusable("`client.assertion` is required with the client authentication private_key_jwt")
            return (), {"client_id": name, "client_assertion_type": _ASSERTION, "client_assertion": given}
        return (), {"client_id": name}

    def _sign(self, client: str, secret: str, endpoint: str) -> str:
        """A client assertion signed with HMAC SHA-256, valid for a minute (OpenID Connect Core, section 9)."""
        from joserfc import jwt
        from joserfc.jwk import OctKey

        if len(secret.encode()) < 32:
            raise _unusable(
                "client_secret_jwt needs a `client.secret` of at least 32 bytes, as long as its digest (RFC 7518)"
            )
        now = self._clock.now() // 1000
        claims = {
            "iss": client,
            "sub": client,
            "aud": endpoint,
            "jti": self._clock.entropy(16).hex(),
            "iat": now,
            "exp": now + 60,
        }
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


def _grant(policy: dict[str, Json], rotated: str | None) -> dict[str, Json]:
    """The parameters of the grant itself; `rotated` is the refresh token that replaced the one in the policy."""
    grant = choice(policy, "grant", GRANTS, "")
    parameters: dict[str, Json] = {"grant_type": grant}
    if grant == "authorization_code":
        raise _unusable(
            "the grant authorization_code needs a person in front of a browser, and a workflow has none; "
            "use client_credentials, password, refresh_token or token exchange"
        )
    if grant == "password":
        parameters["username"] = _needed(policy, "username", grant)
        parameters["password"] = _needed(policy, "password", grant)
    elif grant == "refresh_token":
        parameters["refresh_token"] = rotated or _token(policy, "subject", grant)[0]
    elif grant == EXCHANGE:
        parameters["subject_token"], parameters["subject_token_type"] = _token(policy, "subject", grant)
        if policy.get("actor") is not None:
            parameters["actor_token"], parameters["actor_token_type"] = _token(policy, "actor", grant)
    elif not grant:
        raise _unusable("`grant` is required")
    if scopes := texts(policy, "scopes"):
        parameters["scope"] = " ".join(scopes)
    if audiences := texts(policy, "audiences"):
        parameters["audience"] = audiences
    return parameters


def _token(policy: dict[str, Json], part: str, grant: str) -> tuple[str, str]:
    """The token and type of `subject` or `actor`. The reference has no property of its own for a refresh token."""
    if not mapping(policy, part):
        raise _unusable(f"the grant {grant} needs `{part}` with `token` and `type`")
    return text(policy[part], "token", f"{part}."), text(policy[part], "type", f"{part}.")


def _needed(policy: dict[str, Json], name: str, grant: str) -> str:
    value = optional_text(policy, name)
    if value is None:
        raise _unusable(f"the grant {grant} needs `{name}`")
    return value


def _answer(reply: Reply, what: str, uri: str) -> dict[str, Json]:
    """The JSON object of an answer; errors of RFC 6749, section 5.2 in words."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        answer = None
    if not 200 <= reply.status < 300:
        told = ""
        if isinstance(answer, dict) and isinstance(answer.get("error"), str):
            told = f": {answer['error']}"
            if isinstance(answer.get("error_description"), str):
                told += f" ({answer['error_description']})"
        raise _refused(f"{what} {uri} answered {reply.status} {reply.reason}{told}")
    if not isinstance(answer, dict):
        raise _refused(f"{what} {uri} did not answer with a JSON object")
    return answer


def _check_issuer(token: str, issuers: list[str]) -> None:
    if not issuers:
        return
    try:
        issuer = _claims(token)["iss"]
    except (KeyError, ValueError, TypeError):
        raise _refused(
            "`issuers` is given, but the access token names no issuer (it is opaque, or has no iss)"
        ) from None
    if issuer not in issuers:
        raise _refused(f"the access token was issued by {issuer}, which is not one of `issuers`")


def _claims(token: str) -> dict[str, Json]:
    """The claims of a JWT, unverified: it came over the authority's own connection and we only read it."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT")
    claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("not a JWT")
    return claims


def _keep(kept: dict[str, _Kept], key: str, value: _Kept) -> None:
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > _MOST:
        del kept[next(iter(kept))]


def _refused(detail: str) -> Fault:
    return Fault("authentication", detail, code="token-refused")


def _unusable(detail: str) -> Fault:
    return Fault("configuration", detail, code="bad-authentication")
