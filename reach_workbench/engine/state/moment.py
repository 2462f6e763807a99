"""Everything a run is at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Final, Literal

from reach_workbench.engine import program as p
from reach_workbench.engine.events import GENESIS
from reach_workbench.engine.state.frame import ROOT, Frame, Gate, Timer
from reach_workbench.engine.values import Json

Phase = Literal["pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed"]

ENDED: Final = frozenset({"cancelled", "faulted", "completed"})


class State:
    """Everything a run is at one moment. Treat it as a value: only `fold` and its kin change it.

    `policy` and `decided_by` are those of the last decision about a command, `groups` those its requester was in then.
    By the number of a pending command: `verdicts` whether it may be performed (allow, hold, deny; none before it was
    decided, gate until the gate that holds it opens), `gates` what holds it, `edited` the event that changed its
    arguments.
    """

    __slots__ = (
        "at",
        "commands",
        "context",
        "created",
        "decided_by",
        "digest",
        "edited",
        "error",
        "frames",
        "gates",
        "groups",
        "in_doubt",
        "input",
        "listeners",
        "output",
        "overran",
        "phase",
        "policy",
        "program",
        "pure",
        "ready",
        "resources",
        "run",
        "seq",
        "suspended",
        "timers",
        "verdicts",
    )

    def __init__(self, program: p.Program) -> None:
        self.program = program
        self.run = ""
        self.seq = 0
        self.digest: bytes = GENESIS
        self.at = 0
        self.phase: Phase = "pending"
        self.created: dict[str, Json] = {}
        self.input: Json = None
        self.context: Json = None
        self.output: Json = None
        self.error: Json = None
        self.frames: dict[int, Frame] = {}
        self.ready: dict[int, None] = {}
        self.commands: dict[int, int] = {}
        self.in_doubt: frozenset[int] = frozenset()
        self.timers: dict[int, Timer] = {}
        self.listeners: dict[int, None] = {}
        self.resources: dict[str, Json] = {}
        self.overran: Json = None
        self.suspended = False
        self.pure = 0
        self.policy: str | None = None
        self.decided_by: list[str] | None = None
        self.groups: list[str] = []
        self.verdicts: dict[int, str] = {}
        self.gates: dict[int, Gate] = {}
        self.edited: dict[int, int] = {}

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    def copy(self) -> State:
        """An independent state; the JSON values inside are shared, since nobody changes them."""
        twin = copy(self)
        twin.frames = {number: copy(frame) for number, frame in self.frames.items()}
        for frame in twin.frames.values():
            frame.outputs = dict(frame.outputs) if frame.outputs is not None else None
            frame.consumed = list(frame.consumed) if frame.consumed is not None else None
        twin.ready = dict(self.ready)
        twin.commands = dict(self.commands)
        twin.timers = dict(self.timers)
        twin.listeners = dict(self.listeners)
        twin.resources = dict(self.resources)
        twin.verdicts = dict(self.verdicts)
        twin.gates = dict(self.gates)
        twin.edited = dict(self.edited)
        return twin

    def ancestors(self, frame: Frame) -> Iterator[Frame]:
        """The frame itself and those around it, innermost first, the workflow last."""
        while True:
            yield frame
            if frame.id == ROOT:
                return
            frame = self.frames[frame.parent]

    def within(self, frame: int) -> list[Frame]:
        """The frames inside `frame` (not itself), innermost first."""
        inside = {frame}
        found = []
        for each in self.frames.values():  # parents come before their children
            if each.parent in inside and each.id not in (ROOT, frame):
                inside.add(each.id)
                found.append(each)
        found.reverse()
        return found


def data_frame(state: State) -> Frame:
    """The frame whose `value` is "the data" at this moment: the one to be decided next, else the newest."""
    for number in state.ready:
        return state.frames[number]
    return next(reversed(state.frames.values()))
