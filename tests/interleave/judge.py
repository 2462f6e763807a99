"""What must hold of a home whatever was done to it, told from its committed history alone.

Nothing here asks the program's own code about permission: policies are `rules`, reviewers those that the interleaving
has let in, signatures are checked anew.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.events import Event
from reach_workbench.engine.snapshot import to_text
from reach_workbench.engine.state import State, apply
from reach_workbench.runner.loading import load_state, program_of, rebase
from reach_workbench.storage.records import GateRecord, RunRecord
from reach_workbench.storage.store import Store
from tests.interleave.outside import Performance
from tests.interleave.rules import RATE, Rule, rule_for

Json = Any


class Broken(AssertionError):
    """Something that must hold does not."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


@dataclass
class Asked:
    """A command as its run's events tell it."""

    kind: str
    arguments: list[tuple[int, Json]]
    idempotent: bool
    permits: list[tuple[int, str, Json]] = field(default_factory=list)
    repeats: int = 0

    def at(self, seq: int) -> Json:
        """Its arguments after that event."""
        return next(given for since, given in reversed(self.arguments) if since <= seq)


class Story:
    """One run's events, in the order in which they were committed."""

    def __init__(self, record: RunRecord) -> None:
        self.id = record.id
        self.key = record.key
        self.seq = 0
        self.policy: str | None = None
        self.requester = ""
        self.may: list[str] | None = None
        self.commands: dict[int, Asked] = {}
        self.opened: dict[str, tuple[int, Json]] = {}
        self.closed: dict[str, tuple[int, int, Json]] = {}
        self.events: list[Event] = []

    def read(self, store: Store) -> None:
        for chunk in store.read.chunks(self.key, self.seq):
            for event in chunk.events:
                self._take(event)

    def _take(self, event: Event) -> None:
        must(event.seq == self.seq + 1, f"{self.id}: event {event.seq} follows {self.seq}")
        self.seq = event.seq
        self.events.append(event)
        data: Json = event.data or {}
        command = self.commands.get(data.get("command", -1)) if "command" in data else None
        if event.type == "workflow.created":
            self.requester, self.may = data["requester"], data.get("may")
        elif event.type == "workflow.forked":
            self.requester = data.get("created", {}).get("requester", self.requester)
            self.policy = None
            self.opened.clear()
            self.closed.clear()
            for each in self.commands.values():
                each.permits.append((event.seq, "forgotten", None))
                each.repeats += 1  # another run: it happens once there, too
        elif event.type == "command.issued":
            idempotent = bool(data.get("idempotent")) or data["arguments"].get("function") == "again:1.0.0"
            self.commands[event.seq] = Asked(data["kind"], [(event.seq, data["arguments"])], idempotent)
        elif event.type == "command.resolved" and data["decision"] == "repeat" and command:
            command.repeats += 1
        elif event.type == "policy.decided" and command:
            self.policy = data.get("policy", self.policy)
            command.permits.append((event.seq, data.get("decision", "allow"), self.policy))
        elif event.type == "gate.opened":
            must(data["gate"] not in self.opened, f"gate {data['gate']} was opened twice")
            self.opened[data["gate"]] = (event.seq, data)
        elif event.type == "gate.closed":
            must(data["gate"] in self.opened, f"gate {data['gate']} was closed and never opened")
            must(data["gate"] not in self.closed, f"gate {data['gate']} was closed twice")
            self.closed[data["gate"]] = (event.seq, event.at, data)
            if command:
                if "arguments" in data:
                    command.arguments.append((event.seq, data["arguments"]))
                command.permits.append((event.seq, data["outcome"], data["gate"]))


class Judge:
    """`reviewers`: every key with its name and all the groups it was ever in."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.reviewers: dict[bytes, tuple[str, list[frozenset[str]]]] = {}
        self.outcomes: dict[str, str] = {}
        self.times: Counter[str] = Counter()
        self.crashes: int = 0
        self._judged = 0

    # ------------------------------------------------------------ after each step

    def look(self, store: Store, performed: list[Performance]) -> None:
        """Everything that must hold at any moment."""
        for record in store.read.runs(limit=1_000):
            story = self.stories.setdefault(record.id, Story(record))
            if story.seq != record.seq:
                story.read(store)
            self._gates_agree(story, store.read.gates_of(record.id))
        for each in performed[self._judged :]:
            self._was_permitted(each)
        self._judged = len(performed)
        self._rates_hold(performed)

    def _gates_agree(self, story: Story, rows: Iterable[GateRecord]) -> None:
        """The table tells of exactly the gates that the events tell of, each with one outcome for ever."""
        seen = set()
        for row in rows:
            seen.add(row.id)
            before = self.outcomes.get(row.id)
            must(before in (None, row.outcome), f"gate {row.id} was {before} and is {row.outcome}")
            if row.outcome is not None:
                self.outcomes[row.id] = row.outcome
            must(row.id in story.opened, f"gate {row.id} of {row.run} has no event that opens it")
            closing = story.closed.get(row.id)
            if closing is not None:
                must(closing[2]["outcome"] == row.outcome, f"gate {row.id}: {closing[2]['outcome']}, row {row.outcome}")
            else:
                must(row.outcome in (None, "cancelled"), f"gate {row.id} is {row.outcome}, which no event tells")
            action = {"kind": row.kind, "arguments": row.arguments}
            must(row.digest == _digest(action) == story.opened[row.id][1]["digest"], f"gate {row.id}: another digest")
        must(seen == story.opened.keys(), f"{story.id}: gates {seen} in the table, {story.opened.keys()} by its events")

    def _was_permitted(self, done: Performance) -> None:
        run, _, number = done.command.rpartition(":")
        story = self.stories[run]
        asked = story.commands.get(int(number))
        must(asked is not None and int(number) <= done.seq, f"{done.command} was performed without an intent")
        assert asked is not None
        given = asked.at(done.seq)
        performed = {"function": f"{done.name}:1.0.0", "arguments": done.given}
        written = {name: given.get(name) for name in performed}
        must(canonical(performed) == canonical(written), f"{done.command} ran as {performed}, asked was {written}")
        covers = (asked.kind, f"{asked.kind}:{done.name}:1.0.0")
        must(story.may is None or any(each in story.may for each in covers), f"{done.command} is beyond capabilities")
        permits = [each for each in asked.permits if each[0] <= done.seq]
        must(bool(permits), f"{done.command} ran and nothing was decided about it")
        _, what, by = permits[-1]
        if what == "allow":
            must(rule_for(by, asked.kind, given).verdict == "allow", f"{done.command} was allowed against the policy")
        else:
            must(what == "approved", f"{done.command} ran, and the last that was said of it is {what}")
            self._was_approved(story, asked, given, by, int(number))
        self.times[done.command] += 1
        most = 1 + asked.repeats + (self.crashes if asked.idempotent else 0)
        must(self.times[done.command] <= most, f"{done.command} ran {self.times[done.command]} times, {most} at most")

    def _was_approved(self, story: Story, asked: Asked, given: Json, gate: str, number: int) -> None:
        since, opened = story.opened[gate]
        closing_seq, at, closing = story.closed[gate]
        must(since < closing_seq and opened["command"] == number, f"gate {gate} is another command's")
        digest = _digest({"kind": asked.kind, "arguments": given})
        must(opened["digest"] == digest, f"gate {gate} held another action than the one that ran")
        expires = opened.get("expires")
        must(expires is None or at <= expires, f"gate {gate} was approved at {at}, after it expired at {expires}")
        rule = rule_for(opened["policy"], asked.kind, given)
        must(rule.verdict == "hold", f"gate {gate} is of a policy that says {rule.verdict}")
        people: dict[str, frozenset[str]] = {}
        lent: dict[str, frozenset[str]] = {}
        for each in closing["approvals"]:
            name, groups = self._signed(story, asked, given, opened, number, each)
            if each["verdict"] == "delegate":
                to = each["answer"]["to"]
                lent[to] = lent.get(to, frozenset()) | groups | lent.get(name, frozenset())
            else:
                people[name] = groups
        people = {name: groups | lent.get(name, frozenset()) for name, groups in people.items()}
        self._entitled(rule, story.requester, people, gate)

    def _signed(
        self, story: Story, asked: Asked, given: Json, opened: Json, number: int, verdict: Json
    ) -> tuple[str, frozenset[str]]:
        """Whose approval it is, once its signature was found to be about exactly this."""
        public = b64decode(verdict["key"])
        name, history = self.reviewers[public]
        said = verdict["verdict"]
        must(name == verdict["reviewer"] and said in ("approve", "delegate"), f"{verdict} is not {name}'s approval")
        command = next(event for event in story.events if event.seq == number)
        statement = {
            "_type": "urn:reach:approval:1",
            "gate": opened["gate"],
            "verdict": said,
            "action": asked.kind,
            "arguments": given,
            "requester": story.requester,
            "run": story.id,
            "command": number,
            "task": command.task,
            "policy": opened["policy"],
            "nonce": opened["nonce"],
            "expires": opened.get("expires"),
            "reviewer": name,
            "reason": verdict.get("reason"),
            "answer": verdict.get("answer"),
        }
        try:
            VerifyKey(public).verify(canonical(statement), b64decode(verdict["signature"]))
        except BadSignatureError:
            raise Broken(f"gate {opened['gate']}: the approval of {name} is not about this action") from None
        groups = frozenset(verdict["groups"])
        counted = {then & now for then in history for now in history}  # those of when it was said that are left later
        must(groups in counted, f"{name} was never in exactly {sorted(groups)}")
        return name, groups

    @staticmethod
    def _entitled(rule: Rule, requester: str, people: dict[str, frozenset[str]], gate: str) -> None:
        if not rule.self_approval:
            people = {name: groups for name, groups in people.items() if name != requester}
        must(len(people) >= rule.quorum, f"gate {gate} has {len(people)} approvals of {rule.quorum}")
        for group in rule.groups:
            must(any(group in groups for groups in people.values()), f"gate {gate} has nobody of {group}")

    def _rates_hold(self, performed: list[Performance]) -> None:
        limit, window = RATE
        for name in ("paced", "both"):
            times = [each.true for each in performed if each.name == name]
            for place in range(limit, len(times)):
                gap = times[place] - times[place - limit]
                must(gap >= window, f"{limit + 1} starts of {name} within {gap} ms")

    # ------------------------------------------------------------ of runs that rest

    def prove(self, store: Store, run: str) -> None:
        """The state as it is loaded, snapshots and all, is the one that the events alone give, and fits the gates."""
        record = store.read.run(run)
        loaded, folded = load_state(store, record), _folded(store, record)
        must(to_text(loaded) == to_text(folded), f"{run}: a state from a snapshot is not that of the events")
        rows = {row.command: row.id for row in store.read.gates_of(run) if row.outcome is None}
        held = {number: gate.id for number, gate in loaded.gates.items()}
        must(rows == held, f"{run}: open gates {rows} in the table, {held} in the state")


def _digest(action: Json) -> str:
    return sha256(canonical(action)).hexdigest()


def _folded(store: Store, record: RunRecord) -> State:
    program = program_of(store, record.program)
    if record.forked_from is not None and record.forked_at is not None:
        source = store.read.run_by_key(record.forked_from)
        state = rebase(_folded_to(store, source, record.forked_at), program)
    else:
        state = State(program)
    return _go_on(store, record, state, record.seq)


def _folded_to(store: Store, record: RunRecord, seq: int) -> State:
    if record.forked_from is not None and record.forked_at is not None:
        source = store.read.run_by_key(record.forked_from)
        state = rebase(_folded_to(store, source, min(seq, record.forked_at)), program_of(store, record.program))
    else:
        state = State(program_of(store, record.program))
    return _go_on(store, record, state, seq)


def _go_on(store: Store, record: RunRecord, state: State, seq: int) -> State:
    for chunk in store.read.chunks(record.key, state.seq, seq):
        for event in chunk.events:
            apply(state, event)
    state.digest = store.read.digest_at(record.key, seq)
    return state
