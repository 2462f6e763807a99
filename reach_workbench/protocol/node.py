"""The one door to a node: requests in, views and events out.

`node.LocalNode` implements it in process, `client.RemoteNode` over HTTP. Everything a screen, the
command line or the HTTP API does goes through here; nobody reads the store behind its back. Methods
are async; views are immutable. Every method may raise the errors of `reach_workbench.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from reach_workbench.engine.values import Json
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


class Node(Protocol):
    """See the module. A run may be named by any unambiguous prefix of its id, or `last`."""

    # ------------------------------------------------------------ who answers

    async def info(self) -> NodeInfo: ...

    async def vitals(self) -> Vitals: ...

    def activity(self) -> AsyncIterator[RunView]:
        """Views of runs as they change, without end; one that changes often is told of a few times a second."""
        ...

    # ------------------------------------------------------------ authoring

    async def compile(self, source: str, file: Path) -> Compilation: ...

    async def complete(self, source: str, line: int, column: int) -> Sequence[Completion]:
        """What may be written at a place; lines and columns count from 1."""
        ...

    async def explain(self, source: str, line: int, column: int) -> Explanation | None: ...

    async def rename(self, source: str, reference: str, name: str) -> str:
        """The text with that task renamed, and with it every directive that leads to it. Raises BadInput."""
        ...

    async def format(self, source: str) -> str:
        """The text with even indentation and spacing, comments kept. Raises CompileError when it is not YAML."""
        ...

    async def workflows(self) -> Sequence[WorkflowView]: ...

    async def program(self, run: str) -> ProgramView: ...

    # ------------------------------------------------------------ runs

    async def start(self, request: StartRun) -> RunView: ...

    async def wait(self, run: str) -> RunView:
        """The run once it has ended, is held, suspended, or waits for a decision on an effect in doubt."""
        ...

    async def runs(
        self,
        *,
        status: Status | None = None,
        workflow: str | None = None,
        text: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[RunView]:
        """The newest first, `before` a run. `workflow` is namespace/name, `text` part of an id or a workflow's name."""
        ...

    async def run(self, run: str) -> RunView: ...

    def events(self, run: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[EventView]:
        """Events with `seq` greater than `after`, in order; with `follow` until the run has ended."""
        ...

    async def page(self, run: str, first: int, count: int) -> EventPage:
        """Events from `first` (from 1), at most 1,000 of them; fewer at the end of the run."""
        ...

    async def find(
        self, run: str, query: Query, *, after: int = 0, backwards: bool = False, limit: int = 1000
    ) -> Found:
        """Events that fit, after `after` (before it, when backwards). It returns after a while even when not done."""
        ...

    async def seek(self, run: str, at: int, motion: Motion) -> int:
        """Where that motion of the cursor ends, from event `at`; `at` itself when it can't be made."""
        ...

    async def state(self, run: str, at: int | None = None) -> StateView: ...

    async def diff(self, run: str, before: int, after: int) -> Sequence[Change]: ...

    async def evaluate(self, run: str, at: int | None, expression: str, *, data: Json = None) -> Evaluation:
        """A jq expression over the run at an event, with the arguments its current task has ($context, $input, …).

        Its input is the data at that event, or `data` when that is given. Nothing of the run is changed.
        """
        ...

    async def origin(self, run: str, at: int, pointer: str) -> Origin | None:
        """Which event produced the value at a JSON pointer into the state {data, context, input, output}."""
        ...

    async def compare(self, left: str, right: str) -> Comparison: ...

    # ------------------------------------------------------------ driving

    async def breakpoints(self) -> Sequence[Breakpoint]: ...

    async def set_breakpoint(self, breakpoint: Breakpoint) -> Breakpoint:
        """Add it, or change the one with its id. Raises BadInput when an expression of it does not compile."""
        ...

    async def clear_breakpoint(self, id: str) -> None: ...

    async def log_lines(self, run: str) -> Sequence[LogLine]:
        """What breakpoints with a log message wrote, the newest 1,000."""
        ...

    async def pause(self, run: str) -> RunView:
        """Hold a run before the next task it starts. Returns at once: it is held once its view says so."""
        ...

    async def step(
        self,
        run: str,
        mode: StepMode = "over",
        *,
        until: str | None = None,
        secrets: Mapping[str, Json] | None = None,
    ) -> RunView:
        """Take one step of a held run (or, with `until`, go on to that task) and hold again."""
        ...

    async def resume(
        self, run: str, *, breakpoints: tuple[str, ...] | None = None, secrets: Mapping[str, Json] | None = None
    ) -> RunView: ...

    async def suspend(self, run: str, reason: str | None = None) -> RunView: ...

    async def cancel(self, run: str, reason: str | None = None) -> RunView: ...

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
        """A new run with the same first `at` events. `edits` maps JSON pointers into {data, context} to values.

        `requester` is whoever asks for it, the person at the node's machine by default.
        With `outcome`, event `at` must be the outcome of a command: the new run shares what is before it and goes
        on with this outcome instead.
        """
        ...

    async def verify(self, run: str, *, progress: Progress | None = None) -> Verification: ...

    async def export(self, run: str, file: Path, *, unsigned: bool = False) -> None:
        """Write a capsule of the run, signed by the node's key. Raises a KeysError while that can't be had."""
        ...

    async def import_(self, file: Path) -> RunView: ...

    async def publish(self, event: Mapping[str, Json]) -> Published: ...

    async def resolve(self, run: str, command: int, decision: Decision, *, value: Json = None) -> RunView:
        """Decide an effect in doubt: repeat it, take `value` as its result, or fail with `value` as the detail."""
        ...

    async def add(self, source: str, file: Path) -> str:
        """Store a workflow for `run: workflow` references; returns namespace/name:version."""
        ...

    # ------------------------------------------------------------ gates

    async def gates(
        self, *, state: GateState = "open", run: str | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[GateView]:
        """Held actions. The open ones oldest first, `after` a gate; others, and those of one run, newest first."""
        ...

    async def gate(self, gate: str) -> GateView:
        """One held action, whole, with the policies that hold it; any unambiguous prefix of its id names it."""
        ...

    async def decide(self, gate: str, verdict: SignedVerdict) -> GateView:
        """Take a reviewer's verdict. Raises GateClosed, or ApprovalRefused saying why it does not count."""
        ...

    async def edit_gate(self, gate: str, arguments: Json, *, by: str | None = None) -> GateView | None:
        """Change a held action: its gate is superseded, and what it is now is decided about from the start.

        Returns its new gate; None when the policies allow or deny it as it is now.
        """
        ...

    # ------------------------------------------------------------ policies

    async def policies(self) -> PolicyStatus:
        """The policies in force, where they are written, and what is wrong with files that are not."""
        ...

    async def check_policy(self, text: str) -> PolicyCheck:
        """Everything there is to say about a text in the place of the tenant's policy file."""
        ...

    async def test_policy(self, text: str | None = None) -> Sequence[CaseView]:
        """The cases in files beside the tenant's policy file, decided by that file, or by a text in its place.

        Raises CompileError for a text with errors.
        """
        ...

    async def save_policy(self, text: str, *, by: str | None = None) -> PolicyStatus:
        """Put the text into the tenant's policy file, whole or not at all; what stood there is kept as `.before`.

        Raises CompileError for a text with errors. `by` is who does, the person at the node's machine by default.
        """
        ...

    async def explain_policy(self, run: str, command: int | None = None) -> Sequence[CommandRuling]:
        """What was decided about the commands of a run, or about one, why, and what would change it."""
        ...

    async def try_policies(self, asked: TryPolicies, *, progress: Progress | None = None) -> TryReport:
        """Judge every recorded action by other policies; which verdicts would change.

        Raises CompileError for policies with errors, PolicyInvalid for those that are at odds with a workspace's.
        """
        ...

    # ------------------------------------------------------------ reviewers

    async def reviewers(self) -> Sequence[ReviewerView]:
        """Every key that may decide about gates or might once, the oldest first."""
        ...

    async def add_reviewer(self, name: str, public_key: str, groups: Sequence[str] = ()) -> ReviewerView:
        """Let a key (32 bytes in base64) decide in that name; of one that does already the groups are changed.

        Raises BadInput for what is no key or no name, for a key of another name, and for one that was revoked.
        """
        ...

    async def revoke_reviewer(self, key_id: str) -> ReviewerView:
        """Let that key decide no more. Raises NotFound."""
        ...

    # ------------------------------------------------------------ the node's key

    async def node_keys(self) -> Sequence[NodeKeyView]:
        """The keys that the node had, the oldest first and the one in force last; none while it was never changed."""
        ...

    async def rotate_key(self, rotation: KeyRotation) -> NodeKeyView:
        """Let another key sign for the node from now on, as the one in force has signed; it is audited.

        Raises BadInput for a statement that is none, or is not about the key in force; HomeReadOnly.
        """
        ...

    # ------------------------------------------------------------ the system

    async def jobs(
        self, *, status: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[JobView]: ...

    async def requeue(self, job: str) -> None:
        """Try a dead letter again from its first attempt."""
        ...

    async def drop(self, job: str) -> None:
        """Delete a dead letter."""
        ...

    async def schedules(self) -> Sequence[ScheduleView]: ...

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
        """Records of the audit log with numbers after `after` and before `before`, the newest first.

        `type` is how their type begins, `text` a part of type, run or data, whatever the case; `since` and `until` are
        times in ms since 1970.
        """
        ...

    async def audit_verify(self, *, progress: Progress | None = None) -> AuditVerification:
        """Verify every record of the log, its tree and its checkpoints. Cancelling it ends the work."""
        ...

    async def doctor(self) -> Sequence[Check]: ...

    async def close(self) -> None: ...
