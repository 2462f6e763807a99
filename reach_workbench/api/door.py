"""Who may come in: the token, and the version of the protocol. In front of every route, WebSockets too."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reach_workbench.api.answers import refusal
from reach_workbench.errors import ProtocolMismatch, ReachError, Unauthorized, UsageError
from reach_workbench.protocol.system import OLDEST, PROTOCOL

HEADER: Final = b"reach-protocol"
OPEN: Final = frozenset({"/healthz", "/readyz"})
"""Paths for probes: they say nothing that needs a token, in words that need no version."""

Refused = Callable[[str, str, str], None]

_UNVERSIONED: Final = OPEN | {"/v1/version", "/metrics", "/openapi.json"}


class Door:
    """ASGI middleware. `token` None asks for none: a Unix socket is guarded by its file's mode.

    `refused` is told of requests without the token: the error's code, the client's address, the path.
    """

    def __init__(self, app: ASGIApp, token: str | None, refused: Refused | None = None) -> None:
        self._app = app
        self._refused = refused
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def say(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message["headers"] = [*message.get("headers", ()), (HEADER, b"%d" % PROTOCOL), _date()]
            await send(message)

        try:
            self._check(scope)
        except ReachError as wrong:
            if self._refused is not None and isinstance(wrong, Unauthorized):
                client = scope.get("client")
                self._refused(wrong.code, str(client[0]) if client else "", scope["path"])
            await _refuse(wrong, scope, receive, say)
            return
        await self._app(scope, receive, say)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if self._token is not None and scope["path"] not in OPEN:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise Unauthorized(
                    "this node asks for its token",
                    hint="send `Authorization: Bearer TOKEN`; the token is in the file `token` of the node's home",
                )
        spoken = headers.get(HEADER)
        if spoken is None or scope["path"] in _UNVERSIONED:
            return
        if not (spoken.isdigit() and len(spoken) < 10):
            raise UsageError("the header Reach-Protocol is a whole number", hint=f"for example {PROTOCOL}")
        if not OLDEST <= int(spoken) <= PROTOCOL:
            range_ = f"{OLDEST} to {PROTOCOL}" if OLDEST != PROTOCOL else f"{PROTOCOL}"
            older = int(spoken) < OLDEST
            raise ProtocolMismatch(
                f"the client speaks version {int(spoken)} of the protocol, this node {range_}",
                hint="update Reach " + ("where you run it" if older else "on the node"),
            )


def _date() -> tuple[bytes, bytes]:
    """When the answer was made (RFC 9110, 6.6.1). The server would wake once a second to have it ready."""
    return b"date", formatdate(usegmt=True).encode("ascii")


async def _refuse(wrong: ReachError, scope: Scope, receive: Receive, send: Send) -> None:
    headers: dict[str, str] = {}
    if isinstance(wrong, Unauthorized):
        headers = {"WWW-Authenticate": 'Bearer realm="reach"'}
    elif isinstance(wrong, ProtocolMismatch):
        headers = {"Reach-Protocol-Oldest": str(OLDEST), "Upgrade": f"reach/{PROTOCOL}", "Connection": "Upgrade"}
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": wrong.code})
        return
    await refusal(wrong, headers=headers)(scope, receive, send)
