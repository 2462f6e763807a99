"""`RemoteNode`: a node in another process or on another machine, as if it were here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast
from urllib.parse import quote

from reach_workbench.client import reconnecting
from reach_workbench.client.connection import Connection
from reach_workbench.client.reconnecting import Retry, messages
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.errors import ArchiveError, CompileError, NodeUnreachable
from reach_workbench.protocol import wire
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.protocol.authoring import Compilation, Completion, Explanation, ProgramView, WorkflowView
from reach_workbench.protocol.debugging import (
    Breakpoint,
    Comparison,
    Evaluation,
    EventPage,
    Found,
    LogLine,
    Motion,
    Origin,
    Outcome,
    Query,
)
from reach_workbench.protocol.gates import GateState, GateView, SignedVerdict
from reach_workbench.protocol.node_views import (
    Change,
    Check,
    Decision,
    EventView,
    Progress,
    Published,
    RunView,
    StartRun,
    StateView,
    Status,
    StepMode,
    Verification,
)
from reach_workbench.protocol.policies import (
    CaseView,
    CommandRuling,
    PolicyCheck,
    PolicyStatus,
    TryPolicies,
    TryReport,
)
from reach_workbench.protocol.reviewing import ReviewerView
from reach_workbench.protocol.system import JobState, JobView, NodeInfo, ScheduleView, Vitals

Kind = TypeVar("Kind")

PATIENCE: Final = 30.0
"""Seconds for which a stream that was cut, or a wait, looks for the node again."""

_CHUNK: Final = 1024 * 1024
_AFTER_CUT: Final = 50
"""Runs that are told of anew once the stream of activity was cut."""


class RemoteNode:
    """See `protocol.Node`. Requests raise NodeUnreachable when nobody answers.

    Streams, `wait` and `verify` look for the node again for `patience` seconds (`math.inf`: as long as they
    are wanted) and go on where they were. Use `connect` or `find_or_start` to get one.
    """

    def __init__(self, connection: Connection, *, patience: float = PATIENCE) -> None:
        self._connection = connection
        self._patience = patience

    @property
    def reachable(self) -> bool | None:
        """Whether the node answered when it was last spoken to; None before."""
        return self._connection.reachable

    def watch_connection(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Tell `listener` whenever the node stops or begins to answer; returns what ends that."""
        return self._connection.watch(listener)

    # ------------------------------------------------------------ who answers

    async def info(self) -> NodeInfo:
        return await self._one(NodeInfo, "/v1/node")

    async def vitals(self) -> Vitals:
        return await self._one(Vitals, "/v1/vitals")

    async def activity(self) -> AsyncIterator[RunView]:
        """Begins again by itself after a cut, with the newest runs as they are then: their changes were not heard.

        So it does when the line has lost or moved a message.
        """
        retry = Retry(self._patience)
        cut = False
        while True:
            stream = messages(self._connection, "GET", "/v1/activity", after=0)
            try:
                async for message in stream:
                    if message.kind != "opened":
                        retry.heard()
                        yield wire.loads(RunView, message.data)
                        continue
                    retry.found()
                    if cut:  # what changes from here on is in the stream
                        for view in reversed(await self.runs(limit=_AFTER_CUT)):
                            yield view
                        cut = False
                return
            except NodeUnreachable as wrong:
                cut = True
                await retry.after(wrong)
            finally:
                await stream.aclose()

    # ------------------------------------------------------------ authoring

    async def compile(self, source: str, file: Path) -> Compilation:
        body = {"source": source, "file": self._file(file)}
        found = wire.loads(Compilation, await self._connection.post("/v1/workflows/compile", body))
        return replace(found, diagnostics=_as_given(found.diagnostics, body["file"], file))

    async def complete(self, source: str, line: int, column: int) -> Sequence[Completion]:
        body = {"source": source, "line": line, "column": column}
        return wire.load_all(Completion, await self._connection.post("/v1/workflows/complete", body))

    async def explain(self, source: str, line: int, column: int) -> Explanation | None:
        body = {"source": source, "line": line, "column": column}
        return _or_none(Explanation, await self._connection.post("/v1/workflows/explain", body))

    async def rename(self, source: str, reference: str, name: str) -> str:
        body = {"source": source, "reference": reference, "name": name}
        return _member("source", await self._connection.post("/v1/workflows/rename", body))

    async def format(self, source: str) -> str:
        return _member("source", await self._connection.post("/v1/workflows/format", {"source": source}))

    async def workflows(self) -> Sequence[WorkflowView]:
        return await self._all(WorkflowView, "/v1/workflows")

    async def program(self, run: str) -> ProgramView:
        return await self._one(ProgramView, _run(run, "program"))

    # ------------------------------------------------------------ runs

    async def start(self, request: StartRun) -> RunView:
        body = {
            "source": request.source,
            "file": self._file(request.file),
            "input": request.input,
            "secrets": request.secrets,
            "breakpoints": request.breakpoints,
            "hold": request.hold,
            "requester": request.requester,
            "may": request.may,
        }
        with self._compiling(request.file):
            return wire.loads(RunView, await self._connection.post("/v1/runs", body))

    async def wait(self, run: str) -> RunView:
        return await self._settled((await self.run(run)).id)

    async def _settled(self, run: str) -> RunView:
        retry = Retry(self._patience)
        while True:
            try:
                response = await self._connection.send("GET", _run(run, "wait"))
                retry.heard()
            except NodeUnreachable as wrong:
                await retry.after(wrong)
                continue
            if response.status_code != 202:
                return wire.loads(RunView, response.content)

    async def runs(
        self,
        *,
        status: Status | None = None,
        workflow: str | None = None,
        text: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[RunView]:
        """As many as are asked for, in as many requests as that takes."""
        found: list[RunView] = []
        while True:
            answer = wire.parse(
                await self._connection.get(
                    "/v1/runs",
                    status=status,
                    workflow=workflow,
                    text=text or None,
                    limit=min(max(limit - len(found), 1), 1000),
                    before=before,
                )
            )
            found += [wire.decode(RunView, each) for each in answer["runs"]]
            before = answer["next"]
            if before is None or len(found) >= limit:
                return found[: max(limit, 0)]

    async def run(self, run: str) -> RunView:
        return await self._one(RunView, _run(run))

    async def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        name = (await self.run(run)).id
        stream = reconnecting.events(
            self._connection, _run(name, "events"), after=after, follow=follow, patience=self._patience
        )
        async with contextlib.aclosing(stream):
            async for event in stream:
                yield event

    async def page(self, run: str, first: int, count: int) -> EventPage:
        return await self._one(EventPage, _run(run, "events"), first=first, count=count)

    async def find(
        self, run: str, query: Query, *, after: int = 0, backwards: bool = False, limit: int = 1000
    ) -> Found:
        return await self._one(
            Found,
            _run(run, "find"),
            text=query.text or None,
            types=query.types or None,
            task=query.task,
            after=after,
            backwards=backwards,
            limit=limit,
        )

    async def seek(self, run: str, at: int, motion: Motion) -> int:
        return int(_value("at", await self._connection.get(_run(run, "seek"), at=at, motion=motion)))

    async def state(self, run: str, at: int | None = None) -> StateView:
        return await self._one(StateView, _run(run, "state"), at=at)

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]:
        return await self._all(Change, _run(run, "diff"), before=before, after=after)

    async def evaluate(self, run: str, at: int | None, expression: str, *, data: Json = None) -> Evaluation:
        body = {"at": at, "expression": expression, "data": data}
        return wire.loads(Evaluation, await self._connection.post(_run(run, "evaluate"), body))

    async def origin(self, run: str, at: int, pointer: str) -> Origin | None:
        return _or_none(Origin, await self._connection.get(_run(run, "origin"), at=at, pointer=pointer))

    async def compare(self, left: str, right: str) -> Comparison:
        return await self._one(Comparison, _run(left, "compare"), other=(await self.run(right)).id)

    # ------------------------------------------------------------ driving

    async def breakpoints(self) -> Sequence[Breakpoint]:
        return await self._all(Breakpoint, "/v1/breakpoints")

    async def set_breakpoint(self, breakpoint: Breakpoint) -> Breakpoint:
        method, path = ("PUT", f"/v1/breakpoints/{_quoted(breakpoint.id)}") if breakpoint.id else ("POST", "")
        body = cast("dict[str, Json]", wire.tree(breakpoint))
        response = await self._connection.send(method, path or "/v1/breakpoints", body=body)
        return wire.loads(Breakpoint, response.content)

    async def clear_breakpoint(self, id: str) -> None:
        await self._connection.send("DELETE", f"/v1/breakpoints/{_quoted(id)}")

    async def log_lines(self, run: str) -> Sequence[LogLine]:
        return await self._all(LogLine, _run(run, "log"))

    async def pause(self, run: str) -> RunView:
        return wire.loads(RunView, await self._connection.post(_run(run, "pause"), {}))

    async def step(
        self,
        run: str,
        mode: StepMode = "over",
        *,
        until: str | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> RunView:
        return await self._drive(run, "step", {"mode": mode, "until": until, "secrets": secrets})

    async def resume(
        self, run: str, *, breakpoints: tuple[str, ...] | None = None, secrets: Mapping[str, Json] | None = None
    ) -> RunView:
        return await self._drive(run, "resume", {"breakpoints": breakpoints, "secrets": secrets})

    async def suspend(self, run: str, reason: str | None = None) -> RunView:
        return await self._drive(run, "suspend", {"reason": reason})

    async def cancel(self, run: str, reason: str | None = None) -> RunView:
        return await self._drive(run, "cancel", {"reason": reason})

    async def fork(
        self,
        run: str,
        at: int,
        *,
        edits: Mapping[str, Json] | None = None,
        source: str | None = None,
        file: Path | None = None,
        secrets: Mapping[str, Json] | None = None,
        hold: bool = False,
        outcome: Outcome | None = None,
    ) -> RunView:
        body = {
            "at": at,
            "edits": edits or {},
            "source": source,
            "file": self._file(file) if file is not None else None,
            "secrets": secrets or {},
            "hold": hold,
            "outcome": wire.tree(outcome),
        }
        with self._compiling(file):
            return wire.loads(RunView, await self._connection.post(_run(run, "fork"), body))

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification:
        return await self._verified(Verification, _run(run, "verify"), progress)

    async def _verified(self, kind: type[Kind], path: str, progress: Progress | None) -> Kind:
        return await self._looked(kind, path, "verification", progress, None)

    async def _looked(
        self, kind: type[Kind], path: str, result: str, progress: Progress | None, body: Mapping[str, Json] | None
    ) -> Kind:
        """What a long look found, told in a message of the kind `result`; progress on the way.

        Begins again when the line was cut or has lost the result: nothing but reading is done.
        """
        retry = Retry(self._patience)
        while True:
            try:
                return await self._looked_once(kind, path, result, progress, body, retry)
            except NodeUnreachable as wrong:
                await retry.after(wrong)

    async def _looked_once(
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

    async def export(self, run: str, file: Path, *, unsigned: bool = False) -> None:
        """Through a file beside `file`, so that one that was cut off leaves nothing half."""
        part = file.with_name(f".{file.name}.part")
        asked = {"unsigned": "true"} if unsigned else None
        try:
            async with self._connection.open("GET", _run(run, "archive"), parameters=asked) as response:
                with self._connection.reading(), part.open("wb") as into:
                    async for chunk in response.aiter_bytes(_CHUNK):
                        await asyncio.to_thread(into.write, chunk)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    async def import_(self, file: Path) -> RunView:
        try:
            source = file.open("rb")
        except OSError as wrong:
            raise ArchiveError(f"can't read the archive: {wrong.strerror}", where=str(file)) from None
        headers = {"Content-Type": "application/zip"}
        with source:
            content = _chunks(source)
            async with self._connection.open("POST", "/v1/archives", content=content, headers=headers) as response:
                with self._connection.reading():
                    return wire.loads(RunView, await response.aread())

    async def publish(self, event: Mapping[str, Json]) -> Published:
        return wire.loads(Published, await self._connection.post("/v1/events", event))

    async def resolve(self, run: str, command: int, decision: Decision, *, value: Json = None) -> RunView:
        return await self._drive(run, "resolve", {"command": command, "decision": decision, "value": value})

    async def add(self, source: str, file: Path) -> str:
        body = {"source": source, "file": self._file(file)}
        with self._compiling(file):
            return _member("workflow", await self._connection.post("/v1/workflows", body))

    # ------------------------------------------------------------ gates

    async def gates(
        self, *, state: GateState = "open", run: str | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[GateView]:
        if run is not None:
            return await self._all(GateView, _run(run, "gates"), state=state, limit=limit)
        return await self._all(GateView, "/v1/gates", state=state, limit=limit, after=after)

    async def gate(self, gate: str) -> GateView:
        return await self._one(GateView, f"/v1/gates/{_quoted(gate)}")

    async def decide(self, gate: str, verdict: SignedVerdict) -> GateView:
        body = cast("dict[str, Json]", wire.tree(verdict))
        return wire.loads(GateView, await self._connection.post(f"/v1/gates/{_quoted(gate)}/verdicts", body))

    async def edit_gate(self, gate: str, arguments: Json, *, by: str | None = None) -> GateView | None:
        body = {"arguments": arguments, "by": by}
        return _or_none(GateView, await self._connection.post(f"/v1/gates/{_quoted(gate)}/edit", body))

    # ------------------------------------------------------------ policies

    async def policies(self) -> PolicyStatus:
        return await self._one(PolicyStatus, "/v1/policies")

    async def check_policy(self, text: str) -> PolicyCheck:
        return wire.loads(PolicyCheck, await self._connection.post("/v1/policies/check", {"text": text}))

    async def test_policy(self, text: str | None = None) -> Sequence[CaseView]:
        return wire.load_all(CaseView, await self._connection.post("/v1/policies/test", {"text": text}))

    async def save_policy(self, text: str, *, by: str | None = None) -> PolicyStatus:
        response = await self._connection.send("PUT", "/v1/policies", body={"text": text, "by": by})
        return wire.loads(PolicyStatus, response.content)

    async def explain_policy(self, run: str, command: int | None = None) -> Sequence[CommandRuling]:
        return await self._all(CommandRuling, "/v1/policies/explain", run=run, command=command)

    async def try_policies(self, asked: TryPolicies, *, progress: Progress | None = None) -> TryReport:
        body = cast("dict[str, Json]", wire.tree(asked))
        return await self._looked(TryReport, "/v1/policies/try", "trial", progress, body)

    # ------------------------------------------------------------ reviewers

    async def reviewers(self) -> Sequence[ReviewerView]:
        return await self._all(ReviewerView, "/v1/reviewers")

    async def add_reviewer(self, name: str, public_key: str, groups: Sequence[str] = ()) -> ReviewerView:
        body: dict[str, Json] = {"name": name, "public_key": public_key, "groups": list(groups)}
        return wire.loads(ReviewerView, await self._connection.post("/v1/reviewers", body))

    async def revoke_reviewer(self, key_id: str) -> ReviewerView:
        response = await self._connection.send("DELETE", f"/v1/reviewers/{_quoted(key_id)}")
        return wire.loads(ReviewerView, response.content)

    # ------------------------------------------------------------ the system

    async def jobs(
        self, *, status: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[JobView]:
        return await self._all(JobView, "/v1/jobs", status=status, limit=limit, before=before)

    async def requeue(self, job: str) -> None:
        await self._connection.send("POST", f"/v1/jobs/{_quoted(job)}/requeue")

    async def drop(self, job: str) -> None:
        await self._connection.send("DELETE", f"/v1/jobs/{_quoted(job)}")

    async def schedules(self) -> Sequence[ScheduleView]:
        return await self._all(ScheduleView, "/v1/schedules")

    async def audit(
        self,
        run: str | None = None,
        *,
        type: str = "",
        text: str = "",
        since: int | None = None,
        until: int | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[AuditView]:
        path = _run(run, "audit") if run is not None else "/v1/audit"
        given = {"type": type or None, "text": text or None, "since": since, "until": until}
        return await self._all(AuditView, path, **given, after=after, before=before, limit=limit)

    async def audit_verify(self, *, progress: Progress | None = None) -> AuditVerification:
        return await self._verified(AuditVerification, "/v1/audit/verify", progress)

    async def doctor(self) -> Sequence[Check]:
        return await self._all(Check, "/v1/checks")

    async def ready(self) -> None:
        """Raises NodeUnreachable, or what keeps the node from working; else it takes requests."""
        await self._connection.get("/readyz")

    async def close(self) -> None:
        """Leave the node; it goes on."""
        await self._connection.close()

    # ------------------------------------------------------------ how requests are made

    async def _one(self, kind: type[Kind], path: str, **parameters: object) -> Kind:
        return wire.loads(kind, await self._connection.get(path, **parameters))

    async def _all(self, kind: type[Kind], path: str, **parameters: object) -> list[Kind]:
        return wire.load_all(kind, await self._connection.get(path, **parameters))

    async def _drive(self, run: str, what: str, body: Mapping[str, Json]) -> RunView:
        """A request whose answer may be that it is still under way: then the run is waited for."""
        response = await self._connection.send("POST", _run(run, what), body=body)
        view = wire.loads(RunView, response.content)
        return await self._settled(view.id) if response.status_code == 202 else view

    def _file(self, file: Path) -> str:
        """The file's name for the node: a node of this machine finds what stands beside it."""
        return str(file.absolute()) if self._connection.home is not None else str(file)

    @contextlib.contextmanager
    def _compiling(self, file: Path | None) -> Iterator[None]:
        try:
            yield
        except CompileError as wrong:
            if file is None:
                raise
            sent = self._file(file)
            found = _as_given(cast("tuple[Diagnostic, ...]", wrong.diagnostics), sent, file)
            message = wrong.message.replace(sent, str(file))
            raise CompileError(message, diagnostics=found, where=wrong.where, hint=wrong.hint) from None


def _run(run: str, what: str = "") -> str:
    return f"/v1/runs/{_quoted(run)}" + (f"/{what}" if what else "")


def _quoted(name: str) -> str:
    """One step of a path; an empty one, and dots, would lead elsewhere."""
    return quote(name, safe="").replace(".", "%2E") or "-"


def _as_given(found: tuple[Diagnostic, ...], sent: str, file: Path) -> tuple[Diagnostic, ...]:
    return tuple(replace(each, file=str(file)) if each.file == sent else each for each in found)


def _or_none(kind: type[Kind], text: bytes) -> Kind | None:
    value = wire.parse(text)
    return None if value is None else wire.decode(kind, value)


def _value(name: str, text: bytes) -> Json:
    return wire.parse(text)[name]


def _member(name: str, text: bytes) -> str:
    return str(_value(name, text))


async def _chunks(source: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(source.read, _CHUNK):
        yield chunk
