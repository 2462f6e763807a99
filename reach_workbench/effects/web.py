"""What the adapters that use HTTP share: authenticated requests and resources fetched by URI."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin

from reach_workbench.clock import Clock
from reach_workbench.effects.authentication import Authenticator
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.exchange import Credentials, Exchange, Reply, Request, absolute
from reach_workbench.effects.hosting import raw_uri
from reach_workbench.effects.scrubber import HIDDEN, Scrubber
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_FILE: Final = re.compile(r"file:(?://(?:localhost)?)?(?P<path>/[^?#]*)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")

_HOPS: Final = 5
"""Redirections followed when fetching a resource; a call follows none."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A fetched resource. `uri` is where it was found, `media` its content type if it had one."""

    uri: str
    data: bytes
    media: str | None = None

    def text(self) -> str:
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Fault("validation", f"{self.uri} is not UTF-8 text", code="bad-resource") from None


class Web:
    """One for a node: connections and tokens are shared by all that goes through it."""

    def __init__(self, clock: Clock) -> None:
        self._exchange = Exchange()
        self._authenticator = Authenticator(self._exchange, clock)

    async def send(
        self, request: Request, policy: dict[str, Json] | None, surroundings: Surroundings, scrubber: Scrubber
    ) -> Reply:
        """Sends `request` as `policy` says; after a 401 a token that came from the cache is renewed once.

        Credentials are hidden in the `sent` headers of the reply, and known to `scrubber` from then on.
        """
        secrets, limits = surroundings.secrets, surroundings.limits
        credentials = await self._authenticator.credentials(policy, secrets, limits)
        reply = await self._exchange.send(request, _told(credentials, scrubber), limits)
        if reply.status == 401 and self._authenticator.forget(credentials):
            credentials = await self._authenticator.credentials(policy, secrets, limits)
            reply = await self._exchange.send(request, _told(credentials, scrubber), limits)
        return _covered(reply) if credentials.hidden or credentials.digest else reply

    async def fetch(
        self, uri: str, policy: dict[str, Json] | None, surroundings: Surroundings, scrubber: Scrubber
    ) -> Resource:
        """The resource at an http, https or file URI, or at a path relative to the workflow's folder.

        Pages of GitHub and GitLab stand for the raw file (dsl.md, Catalogs). Redirections are
        followed, but credentials never leave for another origin, nor https for http.
        Raises Fault `communication` with the status of a refusal, `configuration` for a file
        that can't be read, `runtime` with code `limit` for one that is too large.
        """
        if uri.lower().startswith(("http:", "https:")):
            return await self._download(raw_uri(uri), policy, surroundings, scrubber)
        path = local_path(uri, surroundings.base)
        return await asyncio.to_thread(_read, path, surroundings.limits.output_bytes)

    async def close(self) -> None:
        await self._exchange.close()

    async def _download(
        self, uri: str, policy: dict[str, Json] | None, surroundings: Surroundings, scrubber: Scrubber
    ) -> Resource:
        for _ in range(_HOPS + 1):
            reply = await self.send(Request("GET", uri), policy, surroundings, scrubber)
            target = reply.header("location")
            if not (300 <= reply.status < 400 and target):
                break
            onward = urljoin(uri, target)
            if origin(onward) != origin(uri):
                policy = None
                if onward.startswith("http:") and uri.startswith("https:"):
                    raise Fault("communication", f"{uri} redirects from https to http, which is refused", status=502)
            uri = onward
        if not 200 <= reply.status < 300:
            raise Fault(
                "communication",
                f"GET {uri} answered {reply.status} {reply.reason}",
                status=reply.status,
                title=reply.reason,
            )
        return Resource(uri, reply.body, reply.header("content-type"))


def local_path(uri: str, base: Path) -> Path:
    """The file that a file URI (of this machine) or a relative reference names.

    Raises Fault `configuration` for any other URI.
    """
    if found := _FILE.fullmatch(uri):
        return Path(unquote(found["path"]))
    if _SCHEME.match(uri):
        raise Fault(
            "configuration",
            f"`{uri}` can't be read: only http, https, file and relative URIs are known",
            code="bad-uri",
        )
    return base / unquote(uri)


def origin(uri: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454)."""
    parts = absolute(uri)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]


def _read(path: Path, most: int) -> Resource:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
        raise Fault("configuration", f"can't read {path}: {reason}", code="resource-missing") from None
    if len(data) > most:
        raise Fault("runtime", f"{path} is larger than {most} bytes, the setting `limits.output_bytes`", code="limit")
    return Resource(path.absolute().as_uri(), data)


def _told(credentials: Credentials, scrubber: Scrubber) -> Credentials:
    for hidden in credentials.hidden:
        scrubber.also(hidden)
    return credentials


def _covered(reply: Reply) -> Reply:
    sent = tuple(
        (name, f"{value.partition(' ')[0]} {HIDDEN}" if name.lower() == "authorization" else value)
        for name, value in reply.sent
    )
    return replace(reply, sent=sent)
