"""One HTTP request and its answer, over pooled connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from reach_workbench import __version__
from reach_workbench.effects.effect import Limits
from reach_workbench.engine.faults import Fault

if TYPE_CHECKING:
    import httpx

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REGISTERED: Final = {
    "content-md5": "Content-MD5",
    "dnt": "DNT",
    "etag": "ETag",
    "te": "TE",
    "www-authenticate": "WWW-Authenticate",
}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who asks: a value for the Authorization header, or what a digest is made from.

    `hidden` lists derived values that must never be recorded. `renewable` is the key under which
    a token was cached: after a 401 it may be forgotten and fetched again.
    """

    authorization: str | None = None
    digest: tuple[str, str] | None = None
    hidden: tuple[str, ...] = ()
    renewable: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be sent: `uri` is absolute, `body` None when there is none."""

    method: str
    uri: str
    headers: Headers = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer. `uri` and `sent` are the URI and headers that went over the wire, credentials included."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    uri: str
    sent: Headers

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Exchange:
    """Sends requests. One for a node: connections are kept and reused, cookies are not.

    Proxies and credentials of the environment are ignored; `SSL_CERT_FILE` and `SSL_CERT_DIR`
    name certificate authorities to trust instead of the bundled ones.
    """

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def send(self, request: Request, credentials: Credentials, limits: Limits) -> Reply:
        """Sends `request`; redirections are not followed.

        Raises Fault `communication` (503 no connection, 502 what came back is not HTTP),
        `validation` (a URI, method or header that can't be sent), `authentication` (a digest
        challenge that can't be answered) and `runtime` with code `limit` when the answer
        is larger than `limits.output_bytes`.
        """
        import httpx  # 110 ms: only a run that calls a service pays for it

        if self._client is None:
            self._client = _new_client()
        _check(request)
        headers = [
            (name.encode("ascii"), value.strip(" \t").encode("utf-8"))
            for name, value in request.headers
            if credentials.authorization is None or name.lower() != "authorization"
        ]
        if credentials.authorization is not None:
            headers.append((b"Authorization", credentials.authorization.encode("utf-8")))
        try:
            prepared = self._client.build_request(request.method, request.uri, headers=headers, content=request.body)
            return await self._exchange(self._client, prepared, credentials, limits)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as wrong:
            raise Fault("validation", f"{request.uri} can't be requested: {wrong}", code="bad-request") from None
        except httpx.HTTPError as error:
            raise _unreachable(request, error) from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _exchange(
        self, client: httpx.AsyncClient, request: httpx.Request, credentials: Credentials, limits: Limits
    ) -> Reply:
        response = await client.send(request, stream=True)
        if credentials.digest is not None and response.status_code == 401:
            await response.aclose()
            _answer_challenge(request, response, credentials.digest)
            response = await client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limits.output_bytes:
                    raise Fault(
                        "runtime",
                        f"{request.method} {request.url} answered more than {limits.output_bytes} bytes, "
                        "the setting `limits.output_bytes`",
                        code="limit",
                    )
        finally:
            await response.aclose()
        return Reply(
            status=response.status_code,
            reason=response.reason_phrase or _phrase(response.status_code),
            headers=_decoded(response.headers.raw),
            body=bytes(body),
            uri=str(request.url.copy_with(userinfo=b"")),
            sent=_decoded(request.headers.raw),
        )


def joined(headers: Headers) -> dict[str, str]:
    """Headers as an object; values of a name that occurs again are joined by a comma (RFC 9110, section 5.3).

    Names are spelled as they are registered, so that `Content-Type` is found whoever answers:
    each part starts with a capital, and capitals that were received stay.
    """
    result: dict[str, str] = {}
    for name, value in headers:
        spelled = spell(name)
        result[spelled] = f"{result[spelled]}, {value}" if spelled in result else value
    return result


def absolute(uri: str) -> SplitResult:
    """The parts of an absolute http or https URI; raises Fault `configuration` for anything else."""
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # brackets that do not match, a port that is no number
        usable = False
    if not usable:
        raise Fault("configuration", f"an absolute http or https URI is needed, and `{uri}` is none", code="bad-uri")
    return parts


def spell(name: str) -> str:
    return _REGISTERED.get(name) or "-".join(part[:1].upper() + part[1:] for part in name.split("-"))


def _new_client() -> httpx.AsyncClient:
    import os
    import ssl
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import certifi
    import httpx

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    trusted = ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)
    return httpx.AsyncClient(
        headers={"User-Agent": f"reach-workbench/{__version__}"},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        verify=trusted,
        trust_env=False,
        timeout=None,
        # The runner bounds how many effects run at once; the pool must not make some of them wait.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=50, keepalive_expiry=30.0),
    )


def _check(request: Request) -> None:
    if not _TOKEN.fullmatch(request.method):
        raise Fault("validation", f"`{request.method}` is not an HTTP method", code="bad-request")
    absolute(request.uri)
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise Fault("validation", f"`{name}` can't be the name of a header", code="bad-request")
        if _CONTROL.search(value):
            raise Fault(
                "validation", f"the header `{name}` holds a line break or control character", code="bad-request"
            )


def _answer_challenge(request: httpx.Request, challenge: httpx.Response, digest: tuple[str, str]) -> None:
    """Puts the answer to a digest challenge (RFC 7616) into the request's Authorization header."""
    import httpx

    flow = httpx.DigestAuth(*digest).auth_flow(request)
    next(flow)
    try:
        flow.send(challenge)
    except StopIteration:
        raise Fault(
            "authentication", f"{request.url.host} refused the request without offering digest authentication"
        ) from None
    except (httpx.ProtocolError, NotImplementedError, KeyError, ValueError) as wrong:
        raise Fault(
            "authentication", f"the digest challenge of {request.url.host} can't be answered: {wrong}"
        ) from None
    finally:
        flow.close()


def _unreachable(request: Request, error: httpx.HTTPError) -> Fault:
    import httpx

    reason = _reason(error)
    where = f"{request.method} {request.uri}"
    if isinstance(error, httpx.ConnectError) and "ssl" not in reason.lower():
        return Fault("communication", f"{where}: no connection: {reason}", status=503, code="no-connection")
    return Fault("communication", f"{where}: {reason}", status=502, code="bad-answer")


def _reason(error: BaseException) -> str:
    """The words of the innermost cause: the ones around it only say that a connection failed."""
    innermost, seen = error, {id(error)}
    while True:
        inner: BaseException | None = innermost.__cause__ or innermost.__context__
        if isinstance(innermost, BaseExceptionGroup):
            inner = innermost.exceptions[-1]
        if inner is None or id(inner) in seen:
            break
        seen.add(id(inner))
        innermost = inner
    words = str(innermost) or str(error)
    return words or type(error).__name__


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _decoded(raw: list[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("ascii", "replace"), _value(value)) for name, value in raw)


def _value(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
