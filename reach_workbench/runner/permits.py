"""What the commands of one run may do: each is decided about before it is performed, and the decision is recorded.

A decision is a fact. It is committed with the intent of its command, so that an allowed command costs no commit of its
own; a held one gets a gate, which is opened and closed in the transactions that record it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from reach_workbench.clock import Clock, new_gate_id
from reach_workbench.engine.approving import COMMAND
from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.runner.child import child_id
from reach_workbench.runner.guard import Guard, Known, Ruling, Subject, action_digest, requester_of
from reach_workbench.runner.proving import counts
from reach_workbench.storage import gates
from reach_workbench.storage.records import LOCAL_TENANT, GateRecord
from reach_workbench.storage.unit import AuditEntry, Unit

if TYPE_CHECKING:
    from reach_workbench.policy.terms import ApprovalTerms

_OUTCOMES: Final = {
    "command.completed": "effect.completed",
    "command.faulted": "effect.faulted",
    "command.in-doubt": "effect.in-doubt",
    "command.resolved": "effect.resolved",
}
"""What is audited of a command, by the fact that tells it."""


class Screening(NamedTuple):
    """What was recorded, which commands may be performed, and those whose approvals have expired meanwhile."""

    events: list[Event]
    digests: list[bytes]
    commands: list[Command]
    expired: list[int]


class Wait(NamedTuple):
    """A time by the wall clock (milliseconds since 1970), and the same by the time that passes (seconds)."""

    until: int
    deadline: float


class Permits:
    """Belongs to one driver. What it adds to the store waits until `save` is asked for the next unit."""

    def __init__(
        self, guard: Guard, clock: Clock, run: str, base: Path, machine: Machine, event: Callable[[int], Event]
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._run = run
        self._base = base
        self._machine = machine
        self._event = event
        self._writes: list[Callable[[Unit], None]] = []
        self._outcomes: list[AuditEntry] = []
        self._about: Subject | None = None
        self._known = Known()
        self._own = machine.state.run == run  # a fork begins with the gates of the run before it: they stay that one's
        held = machine.state.gates if self._own else {}
        self._open: dict[int, str] = {number: gate.id for number, gate in held.items()}
        self._kinds: dict[int, Command] = {}
        self._granted: dict[int, str] = {}
        self._begun: set[int] = set()
        self.waiting: dict[int, Wait] = {}
        """When to ask again about commands that a rate gate holds, by their numbers."""

    # ------------------------------------------------------------ deciding

    def screen(self, commands: Iterable[Command]) -> Screening:
        """Decide about those that were not decided about, and record it; what is not allowed is left out."""
        found = Screening([], [], [], [])
        for command in commands:
            number = command.number
            if number not in self._machine.state.commands:
                continue  # a later fact of the same turn has ended what it was for
            verdict = self._machine.state.verdicts.get(number)
            if verdict == "allow":
                if self._comes_too_late(number):
                    found.expired.append(number)
                else:
                    self._begin(command, found)
            elif verdict != "deny" and number not in self._machine.state.gates:
                self._decide(command, found)
            self._kinds[number] = command
        return found

    def _decide(self, command: Command, found: Screening) -> None:
        state = self._machine.state
        if self._guard.allows(self._known, command) and self._known.policies == state.decided_by:
            event, digest = self._machine.allow(command.number, self._clock.now())
            found.events.append(event)
            found.digests.append(digest)
            found.commands.append(command)
            return
        ruling = self._guard.rule(state, command, self._base, self._subject(), self._known)
        self._guard.keep_changes(self._writes)
        number = command.number
        self.waiting.pop(number, None)
        if ruling.until is not None:
            self._wait(number, ruling.until)
            if state.verdicts.get(number) == "hold":  # a rate gate asked again too soon: recorded once
                return
        decision = "hold" if ruling.verdict == "wait" else ruling.verdict
        data: dict[str, Json] = {"command": number}
        if decision != "allow":
            data["decision"] = decision
        if (named := list(ruling.policies)) != state.decided_by:
            data["policies"] = named
        if (groups := list(self._guard.groups_of(requester_of(state)))) != state.groups:
            data["groups"] = groups
        if ruling.policy and ruling.policy != state.policy:
            data["policy"] = ruling.policy
            self._guard.keep_policies(ruling.policy, self._writes)
        if ruling.warnings:
            data["warnings"] = list(ruling.warnings)
        if ruling.reason:
            data["reason"] = ruling.reason
        if ruling.until is not None:
            data["until"] = ruling.until
        event = self._record(Fact("policy.decided", self._clock.now(), data), found)
        for id, times in ruling.counts:
            self._writes.append(_rate(id, times))
        if ruling.warnings or decision != "allow":
            self._note(
                f"policy.{_SAID[ruling.verdict]}",
                event,
                command,
                {**data, "decision": decision, "policies": named, "policy": ruling.policy},
            )
        if ruling.verdict == "allow":
            found.commands.append(command)
        elif ruling.verdict == "deny":
            fault = Fault("authorization", ruling.reason or "denied by policy", code="policy-denied")
            self._fault(command, fault, found)
        elif ruling.verdict == "hold":
            assert ruling.terms is not None
            self._open_gate(command, ruling, ruling.terms, found)

    def was_begun(self, number: int) -> None:
        """The command is begun, or may have been by a node before this one: no time makes that undone."""
        if number in self._machine.state.approved:
            self._begun.add(number)

    def _comes_too_late(self, number: int) -> bool:
        """Whether the command was not begun before what approved it expired: an approval is for that time alone."""
        state = self._machine.state
        gate = state.approved.get(number)
        if gate is None or gate.expires is None or number in self._begun:
            return False
        return max(self._clock.now(), state.at) > gate.expires

    def _begin(self, command: Command, found: Screening) -> None:
        """Begin one that was allowed before: at once, when there is room, or once it is decided about afresh.

        Time has passed since, or it was allowed elsewhere: what the policies say now counts.
        """
        self.waiting.pop(command.number, None)
        if command.kind == "workflow.run" and self._guard.has_run(child_id(command.id)):
            found.commands.append(command)  # it was begun, and is waited for again
            self.was_begun(command.number)
            return
        ruling = self._guard.still(
            command,
            self._base,
            self._subject(),
            self._machine.state.policy,
            lambda policy: self._is_approved(command, policy),
        )
        if ruling is None:
            self._decide(command, found)
        elif ruling.until is not None:
            self._wait(command.number, ruling.until)
        else:
            self._writes += [_rate(id, times) for id, times in ruling.counts]
            found.commands.append(command)
            self.was_begun(command.number)

    def _is_approved(self, command: Command, policy: str) -> bool:
        """Whether reviewers let it go on under that policy, and their approvals still count."""
        gate = self._granted.get(command.number) or self._guard.was_approved_here(self._run, command.number)
        if gate is None:
            return False
        state = self._machine.state
        record, given = self._guard.approvals(gate)
        now = 0 if command.number in self._begun else max(self._clock.now(), state.at)
        return counts(record, given, state, command, policy, now)

    def _wait(self, number: int, until: int) -> None:
        clock = self._clock
        self.waiting[number] = Wait(until, clock.elapsed() + (until - clock.now()) / 1000)

    def _subject(self) -> Subject:
        """Whose command it is, as policies see it: the same for all of the run's."""
        if self._about is None or self._about.run != self._machine.state.run:
            self._about = self._guard.subject(self._machine.state, self._base)
        return self._about

    def _open_gate(self, command: Command, ruling: Ruling, terms: ApprovalTerms, found: Screening) -> None:
        state = self._machine.state
        now = max(self._clock.now(), state.at)  # as the event that opens it, should the clock have been set back
        asked = written_terms(terms)
        if (edit := state.edited.get(command.number)) is not None and (by := (self._event(edit).data or {}).get("by")):
            asked["not"] = by
        gate = GateRecord(
            id=new_gate_id(self._clock),
            tenant=LOCAL_TENANT,
            run=self._run,
            command=command.number,
            task=command.task,
            workflow=f"{state.program.namespace}/{state.program.name}:{state.program.version}",
            kind=command.kind,
            arguments=command.arguments,
            digest=action_digest(command),
            requester=requester_of(state),
            policy=ruling.policy or state.program.digest,
            policies=ruling.policies,
            terms=asked,
            nonce=self._clock.entropy(16).hex(),
            opened_at=now,
            expires_at=now + terms.expires_ms if terms.expires_ms is not None else None,
        )
        data: dict[str, Json] = {
            "command": gate.command,
            "gate": gate.id,
            "digest": gate.digest,
            "nonce": gate.nonce,
            "policy": gate.policy,
            "policies": list(gate.policies),
            "terms": asked,
        }
        if gate.expires_at is not None:
            data["expires"] = gate.expires_at
        event = self._record(Fact("gate.opened", now, data), found)
        self._open[gate.command] = gate.id
        self._writes.append(lambda unit: gates.open_gate(unit, gate))
        self._note("gate.opened", event, command, data)

    def _fault(self, command: Command, fault: Fault, found: Screening) -> None:
        told = {"command": command.number, "error": fault.problem(command.task)}
        self._record(Fact("command.faulted", self._clock.now(), told), found)

    def _record(self, fact: Fact, found: Screening) -> Event:
        """Record a fact, and let nothing be decided yet."""
        event, digest = self._machine.note(fact)
        found.events.append(event)
        found.digests.append(digest)
        return event

    # ------------------------------------------------------------ what became of them

    def recorded(self, event: Event, digest: bytes, command: Callable[[int], Command]) -> list[Fact]:
        """A fact about a command was recorded; returns what is to be told next because of it."""
        data = event.data or {}
        if event.type == "gate.closed":
            return self._closed(event, data, command)
        kind = _OUTCOMES.get(event.type)
        if kind is not None:
            number = data["command"]
            ended = event.type in ("command.completed", "command.faulted")
            self._granted.pop(number, None)
            self._begun.discard(number)
            about = self._kinds.pop(number, None) if ended else self._kinds.get(number)
            if about is None and not ended and self._own:  # of a run that was taken up again, and not begun here
                about = command(number)
            if about is not None and event.type != "command.resolved":
                self._outcomes.append(self._guard.notes.note(kind, event, about, digest, self._run))
                return []
            said: dict[str, Json] = {"command": number, "digest": digest.hex()}
            if event.type == "command.resolved":
                said["decision"] = data["decision"]
            self._note(kind, event, about, said)
        return []

    def _closed(self, event: Event, data: dict[str, Json], command: Callable[[int], Command]) -> list[Fact]:
        number, outcome, now = data["command"], data["outcome"], self._clock.now()
        late = self._open.pop(number, None) is None and outcome == "expired"
        reason = data.get("reason")
        close = gates.expire_approved if late else gates.close_gate
        self._writes.append(lambda unit: close(unit, data["gate"], outcome, at=event.at, reason=reason))
        about = self._kinds[number] = command(number)
        if outcome == "approved":
            self._granted[number] = data["gate"]
        self._note(f"gate.{outcome}", event, about, {name: data[name] for name in data if name != "arguments"})
        if outcome == "approved":
            if about.kind == COMMAND:
                return [Fact("command.completed", now, {"command": number, "output": data.get("output")})]
            return []
        if outcome == "superseded":
            return []
        if outcome == "expired":
            if data.get("otherwise") == "cancel":
                return [Fact("workflow.cancel-requested", now, {"reason": f"gate {data['gate']} expired"})]
            what = f"nobody decided about gate {data['gate']} in time"
            if late:
                what = f"gate {data['gate']} was approved, and expired before the action could begin"
            fault = Fault("timeout", what, code="gate-expired")
        else:
            by = ", ".join(each["reviewer"] for each in data.get("approvals", ()))
            words = f"denied by {by or 'a reviewer'}" + (f": {reason}" if reason else "")
            fault = Fault("authorization", words, code="gate-denied")
        return [Fact("command.faulted", now, {"command": number, "error": fault.problem(about.task)})]

    def again(self, event: Event) -> int | None:
        """The command that may go on, or has to be decided about afresh, since its gate was closed."""
        data = event.data or {}
        goes_on = event.type == "gate.closed" and data["outcome"] in ("approved", "superseded")
        return data["command"] if goes_on and data["command"] in self._machine.state.commands else None

    # ------------------------------------------------------------ keeping

    def save(self, unit: Unit) -> None:
        """Add what is to be kept to what is being committed: with it, or not at all."""
        state = self._machine.state
        if self._open:
            for number, gate in list(self._open.items()):
                if number not in state.gates:
                    del self._open[number]
                    self._cancel(unit, state, gate)
        if self._outcomes:
            unit.records += self._outcomes
            self._outcomes = []
        if self._writes:
            for write in self._writes:
                write(unit)
            self._writes = []
        if not self.waiting:
            return
        for number in [number for number in self.waiting if number not in state.commands]:
            del self.waiting[number]
            self._guard.leave(state.run, number)

    def _cancel(self, unit: Unit, state: State, gate: str) -> None:
        reason = "the run has ended" if state.ended else "the run no longer waits for it"
        gates.close_gate(unit, gate, "cancelled", at=state.at, reason=reason)
        unit.audit("gate.cancelled", {"gate": gate, "reason": reason}, at=state.at, run=self._run)

    def _note(self, kind: str, event: Event, command: Command | None, said: dict[str, Json]) -> None:
        """Audit it in the transaction that records the event."""
        payload: dict[str, Json] = {"seq": event.seq, **said}
        if command is not None:
            payload |= {"kind": command.kind, "task": command.task}
        elif event.task is not None:
            payload["task"] = event.task
        self._writes.append(lambda unit: unit.audit(kind, payload, at=event.at, run=self._run))

    # ------------------------------------------------------------ time

    def due(self, now: int) -> list[int]:
        """Commands that a rate gate no longer holds."""
        elapsed = self._clock.elapsed()
        return [number for number, wait in self.waiting.items() if wait.until <= now or wait.deadline <= elapsed]

    def delay(self) -> float | None:
        """Seconds until a rate gate lets the next one go; None when none is held."""
        if not self.waiting:
            return None
        now, elapsed = self._clock.now(), self._clock.elapsed()
        return max(min(min((wait.until - now) / 1000, wait.deadline - elapsed) for wait in self.waiting.values()), 0.0)

    def next_room(self) -> int | None:
        """When a rate gate lets the next one go, in milliseconds since 1970; None when none is held."""
        return min((wait.until for wait in self.waiting.values()), default=None)

    def leave(self) -> None:
        """The driver ends: others need not wait for what waited here."""
        for number in self.waiting:
            self._guard.leave(self._machine.state.run, number)
        self.waiting.clear()


def written_terms(terms: ApprovalTerms) -> dict[str, Json]:
    """What a gate asks for, as its event has it."""
    return {
        "quorum": terms.quorum,
        "groups": list(terms.groups),
        "self": terms.self_approval,
        "otherwise": terms.otherwise,
        "risk": terms.risk,
    }


_SAID: Final = {"allow": "warned", "hold": "held", "wait": "held", "deny": "denied"}


def _rate(id: str, times: list[int]) -> Callable[[Unit], None]:
    kept = list(times)
    return lambda unit: gates.put_rate(unit, id, kept)
