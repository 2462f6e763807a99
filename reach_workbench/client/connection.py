"""Requests to a node over HTTP: the connection, the version both sides speak, and errors as they were raised there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reach_workbench.client.address import SocketAddress
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, NodeUnreachable, ProtocolMismatch, ReachError, UsageError
from reach_workbench.protocol import wire
from reach_workbench.protocol.problems import error_of
from reach_workbench.protocol.system import OLDEST, PROTOCOL

if TYPE_CHECKING:
    import httpx

_CONNECT: Final = 5.0
_READ: Final = 60.0
"""Seconds a request may take; long ones are answered before, and asked again."""

_SILENCE: Final = 40.0
"""Seconds without a word after which a stream is taken for cut; the node sends a ping every 15."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_MOST: Final = 200
"""Connections at the same time; every stream holds one."""


class Connection:
    """The way to one node: by the socket of its home, or by URL and token. Opened by the first request."""

    def __init__(self, *, home: Path | None = None, url: str | None = None, token: str | None = None) -> None:
        if (home is None) == (url is None):
            raise UsageError("name the node by its home or by its URL", hint="give one of them")
        self.home = home
        self.url = url
        self.name = str(home) if home is not None else str(url)
        self._token = _clean(token) if token is not None else None
        self._http: httpx.AsyncClient | None = None
        self._address: SocketAddress | None = None
        self._version = PROTOCOL
        self._listeners: list[Callable[[bool], None]] = []
        self.reachable: bool | None = None

    def watch(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Tell `listener` whenever the node stops or begins to answer; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _noticed(self, reachable: bool) -> None:
        if reachable is not self.reachable:
            self.reachable = reachable
            for listener in list(self._listeners):
                listener(reachable)

    async def get(self, path: str, **parameters: object) -> bytes:
        return (await self.send("GET", path, parameters=parameters)).content

    async def post(self, path: str, body: Mapping[str, Json], **parameters: object) -> bytes:
        return (await self.send("POST", path, body=body, parameters=parameters)).content

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Json] | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        """One request and its answer. Raises what the node raised, or NodeUnreachable."""
        async with self.open(method, path, body=body, parameters=parameters) as response:
            with self._unreachable(method):
                await response.aread()
            return response

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Json] | None = None,
        content: AsyncIterator[bytes] | None = None,
        parameters: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read: bound the reading with `reading`."""
        response = await self._request(
            method, path, body=body, content=content, parameters=parameters, headers=headers or {}, stream=stream
        )
        try:
            yield response
        finally:
            await response.aclose()

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Json] | None,
        content: AsyncIterator[bytes] | None,
        parameters: Mapping[str, object] | None,
        headers: Mapping[str, str],
        stream: bool,
    ) -> httpx.Response:
        import httpx

        http = self._client()
        given: dict[str, str] = {"Reach-Protocol": str(self._version), **headers}
        payload: bytes | AsyncIterator[bytes] | None = content
        if body is not None:
            payload = wire.given(body)
            given["Content-Type"] = "application/json"
        timeout = httpx.Timeout(_READ, connect=_CONNECT, read=_SILENCE if stream else _READ, write=None, pool=None)
        request = http.build_request(
            method, path, params=_texts(parameters or {}), content=payload, headers=given, timeout=timeout
        )
        with self._unreachable(method):
            response = await http.send(request, stream=True)
        self._noticed(True)
        if response.status_code < 400:
            return response
        with self._unreachable(method):
            await response.aread()
        wrong = _raised(response)
        if isinstance(wrong, ProtocolMismatch) and content is None and self._agree(response):
            return await self._request(
                method, path, body=body, content=None, parameters=parameters, headers=headers, stream=stream
            )
        raise wrong

    def _agree(self, response: httpx.Response) -> bool:
        """Take the newest version that both sides speak; False when there is none, or it was refused already."""
        theirs = response.headers.get("Reach-Protocol", "")
        oldest = response.headers.get("Reach-Protocol-Oldest", theirs)
        if not (theirs.isdigit() and oldest.isdigit()):
            return False
        common = min(PROTOCOL, int(theirs))
        if common < max(OLDEST, int(oldest)) or common == self._version:
            return False
        self._version = common
        return True

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx  # about 0.1 s

            limits = httpx.Limits(max_connections=_MOST, max_keepalive_connections=10)
            headers = {"User-Agent": "reach"}
            if self._token is not None:
                headers["Authorization"] = f"Bearer {self._token}"
            if self.home is not None:
                try:
                    self._address = SocketAddress(self.home)
                except OSError as wrong:
                    raise self._silent(str(wrong)) from None
                transport = httpx.AsyncHTTPTransport(uds=self._address.path, limits=limits, verify=False)
                self._http = httpx.AsyncClient(
                    transport=transport, base_url="http://reach", headers=headers, trust_env=False
                )
            else:
                loopback = urlsplit(str(self.url)).hostname in _LOOPBACK
                self._http = httpx.AsyncClient(
                    base_url=str(self.url), headers=headers, limits=limits, trust_env=not loopback
                )
        return self._http

    def _unreachable(self, method: str) -> _Unreachable:
        return _Unreachable(self, method)

    def reading(self) -> _Unreachable:
        """For the time in which a body is read: a cut is a NodeUnreachable."""
        return _Unreachable(self, "GET")

    def _silent(self, why: str, method: str = "GET") -> NodeUnreachable:
        self._noticed(False)
        doubt = "; whether it did what was asked is not known" if method not in ("GET", "") else ""
        return NodeUnreachable(
            f"the node does not answer: {why}{doubt}", where=self.name, hint="`reach serve` starts one there"
        )

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        if self._address is not None:
            self._address.close()
            self._address = None


def _clean(token: str) -> str:
    """The token without the blanks and line ends of the file that holds it. Raises BadInput, which does not say it."""
    token = token.strip()
    if not (token and token.isascii() and token.isprintable()):
        raise BadInput(
            "this can't be a token: it is empty, or has characters that no header carries",
            hint="the node's home has it, in the file `token`",
        )
    return token


class _Unreachable:
    """Turns what the connection raises into NodeUnreachable."""

    def __init__(self, connection: Connection, method: str) -> None:
        self._connection = connection
        self._method = method

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, _: object) -> None:
        if wrong is None:
            return
        import httpx

        if isinstance(wrong, httpx.ConnectError) and "[Errno 2]" in str(wrong):  # there is no socket
            raise self._connection._silent("nothing serves this home") from None
        if isinstance(wrong, httpx.ConnectError | httpx.ConnectTimeout):
            raise self._connection._silent(str(wrong) or type(wrong).__name__) from None
        if isinstance(wrong, httpx.TransportError):
            raise self._connection._silent(str(wrong) or type(wrong).__name__, self._method) from None
        if isinstance(wrong, httpx.InvalidURL):
            raise UsageError(f"this is no address of a node: {wrong}", where=self._connection.name) from None


def _raised(response: httpx.Response) -> ReachError:
    try:
        written = wire.parse(response.content)
    except BadInput:
        written = None
    wrong = error_of(written)
    if wrong is None:
        wrong = NodeUnreachable(
            f"what answers there is no node of Reach (status {response.status_code})",
            where=str(response.request.url),
            hint="check the address",
        )
    return wrong


def _texts(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Query parameters as they are written; None is left out."""
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: object) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return [_text(each) for each in value]
    return str(value)
