"""What a run asks of the world."""

from __future__ import annotations

from typing import NamedTuple

from reach_workbench.engine.values import Json


class Command(NamedTuple):
    """A request to the world, recorded as `command.issued` before anybody performs it.

    `number` is the sequence number of that event; `id`, `RUN:NUMBER`, is the idempotency key
    handed to the tool. Kinds: http.call, openapi.call, shell.run, script.run, container.run,
    workflow.run, function.call (a Python function registered with the node), resource.get, human.approve (performed by
    nobody), event.emit (performed by whoever records its outcome).
    `arguments` hold placeholders where the workflow used a secret.
    """

    number: int
    id: str
    kind: str
    task: str
    frame: int
    arguments: Json
    idempotent: bool | None


class Timer(NamedTuple):
    """A moment the run waits for: hand it the fact `timer.fired` at `due` (milliseconds since 1970)."""

    number: int
    due: int


class Emission(NamedTuple):
    """A CloudEvent the run emitted: deliver it in the transaction that records it."""

    number: int
    event: dict[str, Json]
