"""What a run's events say about permission: which commands were decided about, which were held, who let them go on.

It follows the events by themselves, without the engine, as another program could.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from reach_workbench.engine.approving import COMMAND
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import Event
from reach_workbench.engine.values import Json
from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.approval import Approval, SignedApproval, check
from reach_workbench.runner.proving import approvers_of, lacking, output_of

WORKFLOW = ("workflow",)
"""What holds a command of a gate that a workflow asks for itself: no policy."""


@dataclass(slots=True)
class Asked:
    """A command that has no outcome yet."""

    kind: str
    arguments: Json
    task: str
    verdict: str | None = None
    gate: str | None = None
    inherited: bool = False
    by_gate: bool = False
    """Whether it was a gate that gave the verdict."""


@dataclass(slots=True)
class Opened:
    """A gate as it was opened. `action` is what any verdict about it states, without who says what."""

    action: bytes
    seq: int
    command: Asked
    about: Approval | None
    """Only while it is open: arguments may be large."""

    terms: dict[str, Json]
    segment: str
    data: dict[str, Json]
    at: int
    outcome: str | None = None
    closed: Event | None = None
    recorded: dict[str, tuple[SignedApproval, bytes]] = field(default_factory=dict)
    """The verdicts that were recorded with its outcome, by reviewer, each with the key that signed it."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What does not hold, and the event at which it shows."""

    seq: int
    task: str | None
    message: str


class Trail:
    """Told of each event in order. `undecided` and `unproved` are what did not hold, `performed` counts effects."""

    def __init__(self) -> None:
        self.run = ""
        self.requester = "local"
        self.commands: dict[int, Asked] = {}
        self.gates: dict[str, Opened] = {}
        self.policies: set[str] = set()
        self.decided = 0
        self.performed = 0
        self.approvals = 0
        self.undecided: list[Flaw] = []
        self.unproved: list[Flaw] = []

    def note(self, event: Event) -> bool:
        """Take an event in; whether it is an outcome of a command that the audit log has a record of.

        Raises KeyError, TypeError, ValueError or AttributeError for data that no event of its type has.
        """
        data = event.data or {}
        match event.type:
            case "workflow.created":
                self.run, self.requester = data["run"], str(data.get("requester") or "local")
            case "workflow.forked":
                self._forked(data)
            case "command.issued":
                self.commands[event.seq] = Asked(data["kind"], data["arguments"], event.task or "")
            case "policy.decided":
                self._decided(data)
            case "gate.opened":
                self._opened(event, data)
            case "gate.closed":
                self._closed(event, data)
            case "command.in-doubt":
                return self._performed(event, self.commands.get(data["command"]))
            case "command.completed" | "command.faulted":
                return self._performed(event, self.commands.pop(data["command"], None))
            case "command.resolved":
                ended = data["decision"] != "repeat"
                asked = self.commands.pop(data["command"], None) if ended else self.commands.get(data["command"])
                return self._performed(event, asked)
        return False

    def _forked(self, data: dict[str, Json]) -> None:
        self.run = data["run"]
        self.requester = str(data.get("created", {}).get("requester") or self.requester)
        for asked in self.commands.values():
            asked.verdict, asked.gate, asked.inherited = None, None, True

    def _decided(self, data: dict[str, Json]) -> None:
        self.decided += 1
        if policy := data.get("policy"):
            self.policies.add(policy)
        if data["command"] in self.commands:
            asked = self.commands[data["command"]]
            asked.verdict, asked.by_gate = data.get("decision", "allow"), False

    def _performed(self, event: Event, asked: Asked | None) -> bool:
        """An outcome: of an effect, unless policy or a gate refused it, or it was given to a fork by a person."""
        if asked is None:
            self.undecided.append(Flaw(event.seq, event.task, f"{event.type} is about no command that was pending"))
            return False
        if asked.verdict == "allow":
            self.performed += 1
            return True
        refused = event.type == "command.faulted" and asked.verdict == "deny"
        given = asked.inherited and asked.verdict is None
        if not refused and not given:
            said = f"its last decision is {asked.verdict}" if asked.verdict else "nothing decided about it"
            self.undecided.append(Flaw(event.seq, event.task, f"{asked.kind} was performed though {said}"))
        return given or (refused and asked.by_gate)  # what policy refuses is audited as its decision

    # ------------------------------------------------------------ gates

    def _opened(self, event: Event, data: dict[str, Json]) -> None:
        asked = self.commands.get(data["command"])
        if asked is None or data["gate"] in self.gates:
            self.unproved.append(Flaw(event.seq, event.task, f"gate {data['gate']} holds no command that was pending"))
            return
        if tuple(data["policies"]) != WORKFLOW:
            self.policies.add(data["policy"])
        about = Approval(
            gate=data["gate"],
            verdict="approve",
            action=asked.kind,
            arguments=asked.arguments,
            requester=self.requester,
            run=self.run,
            command=data["command"],
            task=asked.task,
            policy=data["policy"],
            nonce=data["nonce"],
            expires=data.get("expires"),
            reviewer="",
            reason=None,
        )
        asked.gate = data["gate"]
        self.gates[data["gate"]] = Opened(
            blank(about), event.seq, asked, about, data["terms"], self.run, data, event.at
        )

    def _closed(self, event: Event, data: dict[str, Json]) -> None:
        gate = self.gates.get(data["gate"])
        if gate is None or gate.about is None:
            self.unproved.append(Flaw(event.seq, event.task, f"gate {data['gate']} was closed, but not open"))
            return
        outcome, asked, about = data["outcome"], gate.command, gate.about
        gate.outcome, gate.closed, gate.about = outcome, event, None
        wrong = self._refusal(event, data, gate, about)
        if wrong is not None:
            self.unproved.append(Flaw(event.seq, event.task, wrong))
        if asked.gate == data["gate"]:
            asked.gate = None
            asked.verdict, asked.by_gate = {"approved": "allow", "superseded": None}.get(outcome, "deny"), True
        if "arguments" in data:
            asked.arguments = data["arguments"]

    def _refusal(self, event: Event, data: dict[str, Json], gate: Opened, about: Approval) -> str | None:
        """Why the verdicts recorded with the outcome do not prove it."""
        digest = sha256(canonical({"kind": about.action, "arguments": about.arguments})).hexdigest()
        if digest != gate.data["digest"]:
            return f"the action at gate {about.gate} is not the one that was held"
        given = data.get("approvals") or []
        for each in given:
            try:
                signed = SignedApproval(_stated(about, each), each["id"], b64decode(each["signature"], validate=True))
                public = b64decode(each["key"], validate=True)
                check(signed, public)
            except (EvidenceDamaged, ValueError, KeyError, TypeError) as wrong:
                return f"a verdict at gate {about.gate} does not hold: {wrong}"
            self.approvals += 1
            gate.recorded[each["reviewer"]] = signed, public
        verdicts = [each["verdict"] for each in given]
        if data["outcome"] == "approved":
            if "deny" in verdicts:
                return f"gate {about.gate} was approved though a reviewer denied"
            if about.expires is not None and event.at > about.expires:
                return f"gate {about.gate} had expired before it was approved"
            if about.action == COMMAND and data.get("output") != output_of(given):
                return f"what gate {about.gate} gave its task is not what its reviewers filled in"
            short = lacking(gate.terms, about.requester, approvers_of(given), about.gate)
            return short.message if short is not None else None
        if data["outcome"] == "denied" and "deny" not in verdicts:
            return f"gate {about.gate} was denied, but no reviewer's denial is there"
        return None


def _stated(about: Approval, verdict: Mapping[str, Json]) -> bytes:
    """The statement that the reviewer of a recorded verdict must have signed."""
    said = replace(
        about,
        verdict=verdict["verdict"],
        reviewer=verdict["reviewer"],
        reason=verdict.get("reason"),
        answer=verdict.get("answer"),
    )
    return said.statement()


def blank(approval: Approval) -> bytes:
    """The digest of what any verdict about this very action states, whoever says what."""
    bare = replace(approval, verdict="approve", reviewer="", reason=None, answer=None)
    return sha256(bare.statement()).digest()
