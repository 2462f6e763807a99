"""`RemoteNode`: a node in another process or on another machine, as if it were here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, cast

from reach_workbench.client import reconnecting
from reach_workbench.client.connection import Connection
from reach_workbench.client.reconnecting import Retry, messages
from reach_workbench.client.requests import Requests, member, or_none, quoted, run_path
from reach_workbench.engine.values import Json
from reach_workbench.errors import ArchiveError, NodeUnreachable
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
from reach_workbench.protocol.rotating import KeyRotation, NodeKeyView
from reach_workbench.protocol.system import JobState, JobView, NodeInfo, ScheduleView, Vitals

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

    def __init__(self, connection: Connection, *, patience: float = PATIENCE, requester: str | None = None) -> None:
        """`requester` is who asks here; without one the node takes it for who runs the node."""
        self._connection = connection
        self._requester = requester
        self._patience = patience
        self._requests = Requests(connection, patience)

    @property
    def reachable(self) -> bool | None:
        """Whether the node answered when it was last spoken to; None before."""
        return self._connection.reachable

    def watch_connection(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Tell `listener` whenever the node stops or begins to answer; returns what ends that."""
        return self._connection.watch(listener)

    # ------------------------------------------------------------ who answers

    async def info(self) -> NodeInfo:
        return await self._requests.one(NodeInfo, "/v1/node")

    async def vitals(self) -> Vitals:
        return await self._requests.one(Vitals, "/v1/vitals")

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
        body = {"source": source, "file": self._requests.file(file)}
        found = await self._requests.post(Compilation, "/v1/workflows/compile", body)
        return replace(found, diagnostics=self._requests.as_given(found.diagnostics, file))

    async def complete(self, source: str, line: int, column: int) -> Sequence[Completion]:
        body = {"source": source, "line": line, "column": column}
        return await self._requests.post_all(Completion, "/v1/workflows/complete", body)

    async def explain(self, source: str, line: int, column: int) -> Explanation | None:
        body = {"source": source, "line": line, "column": column}
        return or_none(Explanation, await self._connection.post("/v1/workflows/explain", body))

    async def rename(self, source: str, reference: str, name: str) -> str:
        body = {"source": source, "reference": reference, "name": name}
        return str(member("source", await self._connection.post("/v1/workflows/rename", body)))

    async def format(self, source: str) -> str:
        return str(member("source", await self._connection.post("/v1/workflows/format", {"source": source})))

    async def workflows(self) -> Sequence[WorkflowView]:
        return await self._requests.all(WorkflowView, "/v1/workflows")

    async def program(self, run: str) -> ProgramView:
        return await self._requests.one(ProgramView, run_path(run, "program"))

    # ------------------------------------------------------------ runs

    async def start(self, request: StartRun) -> RunView:
        body = {
            "source": request.source,
            "file": self._requests.file(request.file),
            "input": request.input,
            "secrets": request.secrets,
            "breakpoints": request.breakpoints,
            "hold": request.hold,
            "requester": request.requester or self._requester,
            "may": request.may,
        }
        with self._requests.compiling(request.file):
            return await self._requests.post(RunView, "/v1/runs", body)

    async def wait(self, run: str) -> RunView:
        return await self._requests.settled((await self.run(run)).id)

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
        return await self._requests.one(RunView, run_path(run))

    async def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        name = (await self.run(run)).id
        stream = reconnecting.events(
            self._connection, run_path(name, "events"), after=after, follow=follow, patience=self._patience
        )
        async with contextlib.aclosing(stream):
            async for event in stream:
                yield event

    async def page(self, run: str, first: int, count: int) -> EventPage:
        return await self._requests.one(EventPage, run_path(run, "events"), first=first, count=count)

    async def find(
        self, run: str, query: Query, *, after: int = 0, backwards: bool = False, limit: int = 1000
    ) -> Found:
        return await self._requests.one(
            Found,
            run_path(run, "find"),
            text=query.text or None,
            types=query.types or None,
            task=query.task,
            after=after,
            backwards=backwards,
            limit=limit,
        )

    async def seek(self, run: str, at: int, motion: Motion) -> int:
        return int(member("at", await self._connection.get(run_path(run, "seek"), at=at, motion=motion)))

    async def state(self, run: str, at: int | None = None) -> StateView:
        return await self._requests.one(StateView, run_path(run, "state"), at=at)

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]:
        return await self._requests.all(Change, run_path(run, "diff"), before=before, after=after)

    async def evaluate(self, run: str, at: int | None, expression: str, *, data: Json = None) -> Evaluation:
        body = {"at": at, "expression": expression, "data": data}
        return await self._requests.post(Evaluation, run_path(run, "evaluate"), body)

    async def origin(self, run: str, at: int, pointer: str) -> Origin | None:
        return or_none(Origin, await self._connection.get(run_path(run, "origin"), at=at, pointer=pointer))

    async def compare(self, left: str, right: str) -> Comparison:
        return await self._requests.one(Comparison, run_path(left, "compare"), other=(await self.run(right)).id)

    # ------------------------------------------------------------ driving

    async def breakpoints(self) -> Sequence[Breakpoint]:
        return await self._requests.all(Breakpoint, "/v1/breakpoints")

    async def set_breakpoint(self, breakpoint: Breakpoint) -> Breakpoint:
        method, path = ("PUT", f"/v1/breakpoints/{quoted(breakpoint.id)}") if breakpoint.id else ("POST", "")
        body = cast("dict[str, Json]", wire.tree(breakpoint))
        return await self._requests.send(Breakpoint, method, path or "/v1/breakpoints", body)

    async def clear_breakpoint(self, id: str) -> None:
        await self._connection.send("DELETE", f"/v1/breakpoints/{quoted(id)}")

    async def log_lines(self, run: str) -> Sequence[LogLine]:
        return await self._requests.all(LogLine, run_path(run, "log"))

    async def pause(self, run: str) -> RunView:
        return await self._requests.post(RunView, run_path(run, "pause"), {})

    async def step(
        self,
        run: str,
        mode: StepMode = "over",
        *,
        until: str | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> RunView:
        return await self._requests.drive(run, "step", {"mode": mode, "until": until, "secrets": secrets})

    async def resume(
        self, run: str, *, breakpoints: tuple[str, ...] | None = None, secrets: Mapping[str, Json] | None = None
    ) -> RunView:
        return await self._requests.drive(run, "resume", {"breakpoints": breakpoints, "secrets": secrets})

    async def suspend(self, run: str, reason: str | None = None) -> RunView:
        return await self._requests.drive(run, "suspend", {"reason": reason})

    async def cancel(self, run: str, reason: str | None = None) -> RunView:
        return await self._requests.drive(run, "cancel", {"reason": reason})

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
        requester: str | None = None,
    ) -> RunView:
        body = {
            "at": at,
            "edits": edits or {},
            "source": source,
            "file": self._requests.file(file) if file is not None else None,
            "secrets": secrets or {},
            "hold": hold,
            "outcome": wire.tree(outcome),
            "requester": requester or self._requester,
        }
        with self._requests.compiling(file):
            return await self._requests.post(RunView, run_path(run, "fork"), body)

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification:
        return await self._requests.look(Verification, run_path(run, "verify"), "verification", progress)

    async def export(self, run: str, file: Path, *, unsigned: bool = False) -> None:
        """Through a file beside `file`, so that one that was cut off leaves nothing half."""
        part = file.with_name(f".{file.name}.part")
        asked = {"unsigned": "true"} if unsigned else None
        try:
            async with self._connection.open("GET", run_path(run, "archive"), parameters=asked) as response:
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
        return await self._requests.post(Published, "/v1/events", event)

    async def resolve(self, run: str, command: int, decision: Decision, *, value: Json = None) -> RunView:
        return await self._requests.drive(run, "resolve", {"command": command, "decision": decision, "value": value})

    async def add(self, source: str, file: Path) -> str:
        body = {"source": source, "file": self._requests.file(file)}
        with self._requests.compiling(file):
            return str(member("workflow", await self._connection.post("/v1/workflows", body)))

    # ------------------------------------------------------------ gates

    async def gates(
        self, *, state: GateState = "open", run: str | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[GateView]:
        if run is not None:
            return await self._requests.all(GateView, run_path(run, "gates"), state=state, limit=limit)
        return await self._requests.all(GateView, "/v1/gates", state=state, limit=limit, after=after)

    async def gate(self, gate: str) -> GateView:
        return await self._requests.one(GateView, f"/v1/gates/{quoted(gate)}")

    async def decide(self, gate: str, verdict: SignedVerdict) -> GateView:
        body = cast("dict[str, Json]", wire.tree(verdict))
        return await self._requests.post(GateView, f"/v1/gates/{quoted(gate)}/verdicts", body)

    async def edit_gate(self, gate: str, arguments: Json, *, by: str | None = None) -> GateView | None:
        body = {"arguments": arguments, "by": by or self._requester}
        return or_none(GateView, await self._connection.post(f"/v1/gates/{quoted(gate)}/edit", body))

    # ------------------------------------------------------------ policies

    async def policies(self) -> PolicyStatus:
        return await self._requests.one(PolicyStatus, "/v1/policies")

    async def check_policy(self, text: str) -> PolicyCheck:
        return await self._requests.post(PolicyCheck, "/v1/policies/check", {"text": text})

    async def test_policy(self, text: str | None = None) -> Sequence[CaseView]:
        return await self._requests.post_all(CaseView, "/v1/policies/test", {"text": text})

    async def save_policy(self, text: str, *, by: str | None = None) -> PolicyStatus:
        return await self._requests.send(
            PolicyStatus, "PUT", "/v1/policies", {"text": text, "by": by or self._requester}
        )

    async def explain_policy(self, run: str, command: int | None = None) -> Sequence[CommandRuling]:
        return await self._requests.all(CommandRuling, "/v1/policies/explain", run=run, command=command)

    async def try_policies(self, asked: TryPolicies, *, progress: Progress | None = None) -> TryReport:
        body = cast("dict[str, Json]", wire.tree(asked))
        return await self._requests.look(TryReport, "/v1/policies/try", "trial", progress, body)

    # ------------------------------------------------------------ reviewers

    async def reviewers(self) -> Sequence[ReviewerView]:
        return await self._requests.all(ReviewerView, "/v1/reviewers")

    async def add_reviewer(self, name: str, public_key: str, groups: Sequence[str] = ()) -> ReviewerView:
        body: dict[str, Json] = {"name": name, "public_key": public_key, "groups": list(groups)}
        return await self._requests.post(ReviewerView, "/v1/reviewers", body)

    async def revoke_reviewer(self, key_id: str) -> ReviewerView:
        return await self._requests.send(ReviewerView, "DELETE", f"/v1/reviewers/{quoted(key_id)}")

    # ------------------------------------------------------------ the node's key

    async def node_keys(self) -> Sequence[NodeKeyView]:
        return await self._requests.all(NodeKeyView, "/v1/keys")

    async def rotate_key(self, rotation: KeyRotation) -> NodeKeyView:
        body: dict[str, Json] = {"body": rotation.body, "before": rotation.before, "after": rotation.after}
        return await self._requests.post(NodeKeyView, "/v1/keys", body)

    # ------------------------------------------------------------ the system

    async def jobs(
        self, *, status: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[JobView]:
        return await self._requests.all(JobView, "/v1/jobs", status=status, limit=limit, before=before)

    async def requeue(self, job: str) -> None:
        await self._connection.send("POST", f"/v1/jobs/{quoted(job)}/requeue")

    async def drop(self, job: str) -> None:
        await self._connection.send("DELETE", f"/v1/jobs/{quoted(job)}")

    async def schedules(self) -> Sequence[ScheduleView]:
        return await self._requests.all(ScheduleView, "/v1/schedules")

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
        path = run_path(run, "audit") if run is not None else "/v1/audit"
        given = {"type": type or None, "text": text or None, "since": since, "until": until}
        return await self._requests.all(AuditView, path, **given, after=after, before=before, limit=limit)

    async def audit_verify(self, *, progress: Progress | None = None) -> AuditVerification:
        return await self._requests.look(AuditVerification, "/v1/audit/verify", "verification", progress)

    async def doctor(self) -> Sequence[Check]:
        return await self._requests.all(Check, "/v1/checks")

    async def ready(self) -> None:
        """Raises NodeUnreachable, or what keeps the node from working; else it takes requests."""
        await self._connection.get("/readyz")

    async def close(self) -> None:
        """Leave the node; it goes on."""
        await self._connection.close()


async def _chunks(source: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(source.read, _CHUNK):
        yield chunk
