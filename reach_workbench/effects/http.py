"""Performs `http.call` (dsl-reference.md, HTTP Call)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlunsplit

from reach_workbench.effects import content
from reach_workbench.effects.arguments import choice, endpoint, flag, mapping, revealed, text, word
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.exchange import Headers, Reply, Request, absolute, joined
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.effects.web import Web
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import PLACEHOLDER
from reach_workbench.engine.values import Json

OUTPUTS: Final = ("raw", "content", "response")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
IDEMPOTENT: Final = SAFE | {"PUT", "DELETE"}
"""RFC 9110, sections 9.2.1 and 9.2.2."""

_EXCERPT: Final = 300
"""Characters of a refusal's text that go into the fault."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what to make of its answer. `method` is spelled as the author spelled it."""

    method: str
    uri: str
    headers: Headers
    body: bytes | None
    policy: dict[str, Json] | None
    output: str
    redirect: bool


class HttpCalls:
    kinds: tuple[str, ...] = ("http.call",)

    def __init__(self, web: Web) -> None:
        self._web = web

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        """Raises Fault `communication` with the status of an answer that counts as an error.

        `redirect` only says whether 300-399 counts as one: redirections are never followed, so
        that credentials and bodies go to the origin the author named and to no other.
        """
        scrubber = Scrubber(surroundings.secrets)
        try:
            return await send(self._web, _call(revealed(command, surroundings)), command, surroundings, scrubber)
        except Fault as fault:
            raise scrubber.fault(fault) from None

    def idempotent(self, command: Command) -> bool:
        method = command.arguments.get("method") if isinstance(command.arguments, dict) else None
        return isinstance(method, str) and method.upper() in IDEMPOTENT

    async def close(self) -> None:
        """Nothing of its own to close: the connections belong to `Web`."""


async def send(web: Web, call: Call, command: Command, surroundings: Surroundings, scrubber: Scrubber) -> Json:
    """Sends a call and returns the output it asks for, scrubbed."""
    method = call.method.upper()
    headers = call.headers
    if method not in SAFE and not any(name.lower() == "idempotency-key" for name, _ in headers):
        headers = (*headers, ("Idempotency-Key", command.id))
    request = Request(method, call.uri, headers, call.body)
    async with deadline(surroundings.limits, f"{method} {call.uri}"):
        reply = await web.send(request, call.policy, surroundings, scrubber)
    if not 200 <= reply.status < (400 if call.redirect else 300):
        raise _refusal(method, call.uri, reply, scrubber)
    return _output(call, reply, scrubber)


def refuse_wrong(arguments: dict[str, Json]) -> None:
    """Raises the Fault that performing it with these arguments would end with before anything is sent.

    What a URI with a secret in it will be is not known: it is taken for a good one.
    """
    if PLACEHOLDER.search(endpoint(arguments)[0]):
        arguments = {**arguments, "endpoint": "https://secret.invalid"}
    absolute(_call(arguments).uri)


def with_query(uri: str, pairs: list[tuple[str, str]]) -> str:
    """`uri` with query parameters added after those it has."""
    if not pairs:
        return uri
    parts = absolute(uri)
    query = "&".join(part for part in (parts.query, urlencode(pairs)) if part)
    return urlunsplit(parts._replace(query=query))


def _call(arguments: dict[str, Json]) -> Call:
    uri, policy = endpoint(arguments)
    headers = tuple(
        (name, ", ".join(map(word, value)) if isinstance(value, list) else word(value))
        for name, value in mapping(arguments, "headers").items()
        if value is not None
    )
    body = None
    if arguments.get("body") is not None:
        declared = next((value for name, value in headers if name.lower() == "content-type"), None)
        body, content_type = content.encode(arguments["body"], declared)
        if content_type != declared:
            headers = (*(pair for pair in headers if pair[0].lower() != "content-type"), ("Content-Type", content_type))
    return Call(
        method=text(arguments, "method"),
        uri=with_query(uri, content.fields(mapping(arguments, "query"))),
        headers=headers,
        body=body,
        policy=policy,
        output=choice(arguments, "output", OUTPUTS, "content"),
        redirect=flag(arguments, "redirect", False),
    )


def _output(call: Call, reply: Reply, scrubber: Scrubber) -> Json:
    if call.output == "raw":
        return base64.b64encode(scrubber.data(reply.body)).decode("ascii")
    held = content.decode(reply.body, reply.header("content-type"), reply.status, scrubber)
    if call.output == "content":
        return held
    return {
        "request": {
            "method": call.method,
            "uri": scrubber.sent(reply.uri),
            "headers": {name: scrubber.sent(value) for name, value in joined(reply.sent).items()},
        },
        "statusCode": reply.status,
        "headers": {name: scrubber.text(value) for name, value in joined(reply.headers).items()},
        "content": held,
    }


def _refusal(method: str, uri: str, reply: Reply, scrubber: Scrubber) -> Fault:
    reason = scrubber.text(reply.reason)
    detail = f"{method} {uri} answered {reply.status} {reason}"
    if 300 <= reply.status < 400:
        target = scrubber.text(reply.header("location") or "")
        detail += f", a redirection{f' to {target}' if target else ''}; `redirect: true` takes it as a result"
    media = content.media_type(reply.header("content-type")) or ""
    if reply.body and (media.startswith("text/") or media.endswith("json")):
        # Scrubbed before it is cut: half a secret would not be found afterwards.
        said = " ".join(scrubber.text(reply.body.decode("utf-8", "replace")).split())
        detail += f": {said[:_EXCERPT]}{'…' if len(said) > _EXCERPT else ''}"
    return Fault("communication", detail, status=reply.status, title=reason)
