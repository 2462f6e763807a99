"""What a debugger asks of a node: breakpoints, moves through a recorded run, questions about its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import EventView

BreakOn = Literal["task", "fault", "retry", "command"]

Motion = Literal[
    "into", "over", "out", "continue", "mark",
    "back", "over-back", "out-back", "continue-back", "mark-back",
]  # fmt: skip
"""How a cursor moves over recorded events; nothing is executed.

`into` and `back` go to the event after and before. `over` and `over-back` go to the next or previous
place where a task of the same or an outer level begins; `out` and `out-back` of an outer level.
`continue` and `continue-back` go to the next place where a breakpoint would have held the run (or
the end, the beginning). `mark` and `mark-back` go to the next breakpoint, gate that opens or
closes, effect in doubt or fault.
"""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """Where runs are held: the node's, for every run and every screen, until it is cleared.

    `on` is what holds: a `task` that is about to start (`task` is its reference), any `fault`, any
    `retry`, or a `command` of a kind (`http.call`, see `command`) that is about to be performed. `workflow`
    (namespace/name) bounds it to that workflow's runs, `run` to one run. `condition` is a jq expression
    over the arguments that the task's own expressions have; it holds when that gives something other than
    false or null, and also, saying why, when it fails. `hits` counts: only the nth time holds, and those
    after it. With `log`, a jq expression (or text with ${ … } in it), nothing is held: the message is kept.
    `id` is given by the node. `count` says how often it was met, `problem` why its condition failed last.
    """

    id: str = ""
    on: BreakOn = "task"
    task: str | None = None
    command: str | None = None
    workflow: str | None = None
    run: str | None = None
    condition: str | None = None
    hits: int = 0
    log: str | None = None
    enabled: bool = True
    count: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a breakpoint with a log message wrote, beside event `seq` of a run."""

    breakpoint: str
    run: str
    seq: int
    at: int
    message: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events `first` to `first + len(events) - 1` of a run that has `total` by now."""

    run: str
    first: int
    total: int
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Which events: all that is given must hold. `text` is searched in type, task and data, case ignored.

    `types` are event types or their first words (`task`); `task` is a reference, the tasks inside it included.
    """

    text: str = ""
    types: tuple[str, ...] = ()
    task: str | None = None

    @property
    def empty(self) -> bool:
        return not (self.text or self.types or self.task)


MOST_FOUND: Final = 10_000
"""Events that one answer of `find` tells of at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """The events of a run that a query fits, in the order searched. `scanned` is the last event looked at.

    `done` says that there are no more in that direction; else ask again after `scanned`.
    """

    seqs: tuple[int, ...]
    scanned: int
    done: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a jq expression gave, or why it gave nothing."""

    value: Json = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The event that produced a value: its task, and which part of the event (`output`, `context`, `input`)."""

    seq: int
    type: str
    task: str | None
    part: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side. They agree in the first `common` events; `left` and `right` are what follows.

    Digests always differ between two runs, as their ids do: events are compared by type, task and data,
    ids and times left out. That one was forked, suspended or resumed is left out too: such events are not counted.
    """

    same: bool
    common: int
    left: EventView | None = None
    right: EventView | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome to put in the place of a recorded one: `output`, or `error` (the detail of a fault)."""

    output: Json = None
    error: str | None = None
