"""How a remote node is asked: what is sent where, what an answer is read as, and how long an end is waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from reach_workbench.client import reconnecting
from reach_workbench.client.connection import Connection
from reach_workbench.client.reconnecting import Retry, messages
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.errors import CompileError, NodeUnreachable
from reach_workbench.protocol import wire
from reach_workbench.protocol.node_views import Progress, RunView

Kind = TypeVar("Kind")


class Requests:
    """Requests over a connection. Those that take long look for the node again for `patience` seconds."""

    def __init__(self, connection: Connection, patience: float) -> None:
        self._connection = connection
        self._patience = patience

    async def one(self, kind: type[Kind], path: str, **parameters: object) -> Kind:
        return wire.loads(kind, await self._connection.get(path, **parameters))

    async def all(self, kind: type[Kind], path: str, **parameters: object) -> list[Kind]:
        return wire.load_all(kind, await self._connection.get(path, **parameters))

    async def post(self, kind: type[Kind], path: str, body: Mapping[str, Json]) -> Kind:
        return wire.loads(kind, await self._connection.post(path, body))

    async def post_all(self, kind: type[Kind], path: str, body: Mapping[str, Json]) -> list[Kind]:
        return wire.load_all(kind, await self._connection.post(path, body))

    async def send(self, kind: type[Kind], method: str, path: str, body: Mapping[str, Json] | None = None) -> Kind:
        return wire.loads(kind, (await self._connection.send(method, path, body=body)).content)

    # ------------------------------------------------------------ what takes long

    async def drive(self, run: str, what: str, body: Mapping[str, Json]) -> RunView:
        """A request whose answer may be that it is still under way: then the run is waited for."""
        response = await self._connection.send("POST", run_path(run, what), body=body)
        view = wire.loads(RunView, response.content)
        return await self.settled(view.id) if response.status_code == 202 else view

    async def settled(self, run: str) -> RunView:
        """The run once waiting for it is of no more use."""
        retry = Retry(self._patience)
        while True:
            try:
                response = await self._connection.send("GET", run_path(run, "wait"))
                retry.heard()
            except NodeUnreachable as wrong:
                await retry.after(wrong)
                continue
            if response.status_code != 202:
                return wire.loads(RunView, response.content)

    async def look(
        self,
        kind: type[Kind],
        path: str,
        result: str,
        progress: Progress | None,
        body: Mapping[str, Json] | None = None,
    ) -> Kind:
        """What a long look found, told in a message of the kind `result`; progress on the way.

        Begins again when the line was cut or has lost the result: nothing but reading is done.
        """
        retry = Retry(self._patience)
        while True:
            try:
                return await self._look_once(kind, path, result, progress, body, retry)
            except NodeUnreachable as wrong:
                await retry.after(wrong)

    async def _look_once(
        self,
        kind: type[Kind],
        path: str,
        result: str,
        progress: Progress | None,
        body: Mapping[str, Json] | None,
        retry: Retry,
    ) -> Kind:
        stream = messages(self._connection, "POST", path, body=body)
        async with contextlib.aclosing(stream):
            async for message in stream:
                if message.kind == result:
                    return wire.loads(kind, message.data)
                if message.kind == "opened":
                    retry.found()
                elif message.kind == "progress" and progress is not None:
                    progress(*reconnecting.progress(message.data))
        raise NodeUnreachable(f"the node ended a {result} without a result", where=self._connection.name)

    # ------------------------------------------------------------ documents

    def file(self, file: Path) -> str:
        """The file's name for the node: a node of this machine finds what stands beside it."""
        return str(file.absolute()) if self._connection.home is not None else str(file)

    def as_given(self, found: tuple[Diagnostic, ...], file: Path) -> tuple[Diagnostic, ...]:
        """What the node found in that file, under the name that the file was given here."""
        sent = self.file(file)
        return tuple(replace(each, file=str(file)) if each.file == sent else each for each in found)

    @contextlib.contextmanager
    def compiling(self, file: Path | None) -> Iterator[None]:
        """A CompileError of what is sent names the file as it was given here."""
        try:
            yield
        except CompileError as wrong:
            if file is None:
                raise
            found = self.as_given(cast("tuple[Diagnostic, ...]", wrong.diagnostics), file)
            message = wrong.message.replace(self.file(file), str(file))
            raise CompileError(message, diagnostics=found, where=wrong.where, hint=wrong.hint) from None


def run_path(run: str, what: str = "") -> str:
    return f"/v1/runs/{quoted(run)}" + (f"/{what}" if what else "")


def quoted(name: str) -> str:
    """One step of a path; an empty one, and dots, would lead elsewhere."""
    return quote(name, safe="").replace(".", "%2E") or "-"


def or_none(kind: type[Kind], text: bytes) -> Kind | None:
    value = wire.parse(text)
    return None if value is None else wire.decode(kind, value)


def member(name: str, text: bytes) -> Json:
    """One member of an answer that is an object."""
    return wire.parse(text)[name]
