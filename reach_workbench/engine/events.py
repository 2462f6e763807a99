"""The vocabulary of a run's history, whole in this file.

An event is what a run recorded. Some events are facts: what the world told the run. All
others are derived from the program and the facts before them and are recorded so that a
reader needs no engine. `fold` (see `engine.state`) turns events into state.

Recorded histories depend on every name here: names and meanings are never changed. A new
meaning gets a new name or a new `VERSION`, and `upcast` turns the older form into the newer.

| type | fact | data |
|---|---|---|
| workflow.created | yes | run, program, workflow, input, seed, secrets, limits, runtime, parent?, requester?, may? |
| workflow.started | | input? (when `input.from` changed it) |
| workflow.completed | | output? (when `output.as` changed it) |
| workflow.faulted | | error |
| workflow.cancelled | | |
| workflow.cancel-requested | yes | reason? |
| workflow.suspended | yes | reason? |
| workflow.resumed | yes | |
| workflow.forked | yes | run, of, at, program, edits?, created? (requester), later? (milliseconds its timers move by) |
| task.started | | input?, fault? (why it can't even begin) |
| task.skipped | | |
| task.completed | | output?, context?, then?, case? |
| task.faulted | | error |
| task.cancelled | | |
| task.retried | | attempt, due? |
| task.caught | | error (the value of the catch variable) |
| loop.started | | items? |
| loop.iterated | | index |
| timer.started | | purpose (wait, timeout, attempt, retry), due |
| timer.fired | yes | timer |
| command.issued | | kind, arguments, idempotent? |
| command.completed | yes | command, output? (absent: the event of an `event.emit` was delivered) |
| command.faulted | yes | command, error |
| command.in-doubt | yes | command |
| command.resolved | yes | command, decision, output? or error? |
| event.emitted | | event (of a run of behaviour 0; later ones have the command `event.emit`) |
| event.awaited | | |
| event.consumed | yes | event, filter, until?, correlations? |
| event.delivered | | index |
| event.accepted | | index?, output?, context?, done |
| extension.entered | | name, part, index |
| function.entered | | arguments?, uri? |
| task.evaluated | | output? (of a `set` that extensions follow), case?, then? (of a `switch`) |
| expression.overran | yes | limit, detail |
| limit.reached | yes | setting, error |
| policy.decided | yes | command, decision? (absent: allow), policies?, policy?, groups?, warnings?, reason?, until? |
| gate.opened | yes | command, gate, digest, nonce, policy, policies, terms, expires? |
| gate.closed | yes | command, gate, outcome, approvals?, reason?, otherwise?, output?, arguments? |

`task` is the JSON pointer reference of the task, None for events of the workflow as a whole.
`frame` names one execution of a task: the sequence number of its `task.started`. In
`task.started` itself it is the frame of the enclosing task, 0 for the workflow.

A value is carried once. An absent `output`, `input` or `context` means: as it was (the raw
value the task had, the raw input, the same context). A value that is a part of one recorded
before is not repeated: `refs` maps its name to [root, step, ...], where root is `raw` (the raw
input of the task), `input` (the transformed one), `output` (its raw output) or `context`.

`workflow.created`, and `created` of a fork, also have `behaviour`: what the engine does where it once did otherwise
(`state.BEHAVIOUR`), 0 if absent.

`policies` are the ids of the policies that decided, `policy` the digest of all that were in force, `groups` those that
the requester was in (none, if never told), each where it is another than at the decision before: most are alike.
A `gate.closed` with `arguments` replaces those of the command, which is then decided about afresh.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.values import Json

VERSION: Final = 1
"""Version of the event format; part of every digest."""

FACTS: Final = frozenset(
    {
        "workflow.created",
        "workflow.cancel-requested",
        "workflow.suspended",
        "workflow.resumed",
        "workflow.forked",
        "timer.fired",
        "command.completed",
        "command.faulted",
        "command.in-doubt",
        "command.resolved",
        "event.consumed",
        "expression.overran",
        "limit.reached",
        "policy.decided",
        "gate.opened",
        "gate.closed",
    }
)

TYPES: Final = (
    "workflow.created",
    "workflow.started",
    "workflow.completed",
    "workflow.faulted",
    "workflow.cancelled",
    "workflow.cancel-requested",
    "workflow.suspended",
    "workflow.resumed",
    "workflow.forked",
    "task.started",
    "task.skipped",
    "task.completed",
    "task.faulted",
    "task.cancelled",
    "task.retried",
    "task.caught",
    "loop.started",
    "loop.iterated",
    "timer.started",
    "timer.fired",
    "command.issued",
    "command.completed",
    "command.faulted",
    "command.in-doubt",
    "command.resolved",
    "event.emitted",
    "event.awaited",
    "event.consumed",
    "event.delivered",
    "event.accepted",
    "extension.entered",
    "function.entered",
    "task.evaluated",
    "expression.overran",
    "limit.reached",
    "policy.decided",
    "gate.opened",
    "gate.closed",
)
"""Every type; its place in this tuple is its number in the store. Only ever append."""


class Event(NamedTuple):
    """One event. `seq` counts from 1 in a run; `at` is milliseconds since 1970-01-01 UTC."""

    seq: int
    type: str
    at: int
    task: str | None
    frame: int
    data: dict[str, Json] | None


class Fact(NamedTuple):
    """What the world tells a run: `type` is one of `FACTS`, `data` as in the table above.

    `frame` is filled in by the engine from what the data names.
    """

    type: str
    at: int
    data: dict[str, Json]


GENESIS: Final = bytes(32)
"""The digest before the first event."""


def digest(before: bytes, event: Event) -> bytes:
    """The digest of an event: SHA-256 over the digest before it and its canonical JSON (RFC 8785).

    The JSON is the array [version, seq, type, at, task, frame, data].
    """
    return hashlib.sha256(before + text_of(event)).digest()


def text_of(event: Event) -> bytes:
    """What the digest of an event covers: the canonical JSON of [version, seq, type, at, task, frame, data].

    Raises TypeError or ValueError for what JSON can't carry.
    """
    seq, type_, at, task, frame, data = event
    # The whole array at once would be the same; most of it is known beforehand, and most events have no data.
    held = b"null]" if data is None else canonical([data])[1:]
    return b"[%d,%d,%b,%d,%b,%d,%b" % (VERSION, seq, quoted(type_), at, quoted(task), frame, held)


@lru_cache(maxsize=4096)
def quoted(text: str | None) -> bytes:
    """A text as JSON, None as null; those that come again are remembered."""
    return canonical(text)
