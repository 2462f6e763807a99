"""Events as JSON lines for scripts, and as lines for people."""

from __future__ import annotations

from contextlib import aclosing
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import orjson

from reach_workbench.cli.terminal import Painted, Part, Style, brief
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import UsageError
from reach_workbench.protocol.node_views import EventView

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

_STYLES: Final[dict[str, Style]] = {"faulted": "red", "completed": "green", "cancelled": "yellow", "retried": "yellow"}


def event_object(event: EventView) -> dict[str, Json]:
    """An event as scripts read it; `at` is ISO 8601 in UTC with milliseconds, `task` a JSON pointer or null."""
    return {
        "seq": event.seq,
        "type": event.type,
        "at": iso8601(event.at),
        "task": event.task,
        "data": event.data,
        "digest": event.digest,
    }


def event_line(event: EventView, *, most: int = 120) -> tuple[Part, ...]:
    """An event for people: number, time of day, type, task, and the beginning of its data."""
    style = _STYLES.get(event.type.rpartition(".")[2])
    kind = f"{event.type:<22}"
    data = f"  {brief(event.data, most)}" if event.data else ""
    return (
        Painted(f"{event.seq:>6}  {iso8601(event.at)[11:-1]}  ", "dim"),
        Painted(kind, style) if style else kind,
        f"  {event.task or ''}",
        Painted(data, "dim"),
    )


async def one_event(node: Node, run: str, after: int) -> EventView | None:
    """The event that follows `after`, if there is one.

    What was begun is closed at once: a half-read history would keep the reader on an old
    snapshot of the store, in which requests of other processes do not exist.
    """
    async with aclosing(node.events(run, after=after)) as events:  # type: ignore[type-var]
        async for event in events:
            return event
    return None


class EventFile:
    """A file that gets a JSON line an event, each written out as it comes. Raises UsageError."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: BufferedWriter
        try:
            self._file = Path(name).open("wb")  # noqa: SIM115 - closed by __exit__
        except OSError as wrong:
            raise self._refused(wrong) from None

    def write(self, event: EventView) -> None:
        try:
            self._file.write(orjson.dumps(event_object(event), option=orjson.OPT_APPEND_NEWLINE))
        except OSError as wrong:
            raise self._refused(wrong) from None

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as wrong:
            raise self._refused(wrong) from None

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError as refused:
            if wrong is None:
                raise self._refused(refused) from None

    def _refused(self, wrong: OSError) -> UsageError:
        return UsageError(
            f"can't write the events to {self._name}: {wrong.strerror}", hint="name another file with --events"
        )
