"""The progress of a run, told on standard error while its events come in: a line a task, loops summed up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from reach_workbench.cli.terminal import Painted, Style, Terminal
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import EventView, FrameView

_MOST_LINES: Final = 400
"""Lines about tasks; a workflow that jumps back and forth would otherwise never stop talking."""

_LONG_WAIT: Final = 1000
"""Milliseconds from which on a wait is worth a line."""

_ENDS: Final[dict[str, tuple[str, Style]]] = {
    "task.completed": ("✓", "green"),
    "task.faulted": ("✗", "red"),
    "task.cancelled": ("⊘", "yellow"),
    "task.skipped": ("–", "dim"),
}


@dataclass(slots=True)
class _Frame:
    """One execution of a task; `loop` is the frame of the outermost loop around it, 0 for none."""

    task: str
    parent: int
    loop: int
    started: int
    since: int | None = None
    """The last event before this process went on with it; None when it began here."""


@dataclass(slots=True)
class _Loop:
    rounds: int = 0
    total: int | None = None
    caught: int = 0
    retried: int = 0


@dataclass(slots=True)
class _Notes:
    frames: dict[int, _Frame] = field(default_factory=dict)
    loops: dict[int, _Loop] = field(default_factory=dict)
    lines: int = 0
    untold: int = 0
    told_waiting: set[str] = field(default_factory=set)
    told_rated: set[str] = field(default_factory=set)
    went_on: int | None = None
    """When the first event came, in milliseconds since 1970."""

    def loop_around(self, parent: int) -> int:
        """The outermost loop around what is started in the frame `parent`."""
        frame = self.frames.get(parent)
        return (frame.loop or (parent if parent in self.loops else 0)) if frame is not None else 0


class Watcher:
    """Turns events into lines. `explain` is asked what to say of a task that waits for events."""

    def __init__(self, terminal: Terminal, explain: Callable[[str], Awaitable[list[str]]]) -> None:
        self._terminal = terminal
        self._explain = explain
        self._notes = _Notes()

    def enter(self, stack: Iterable[FrameView], after: int) -> None:
        """The run goes on after that event: these tasks are already being executed, the outer ones first."""
        notes = self._notes
        for each in stack:
            loop = notes.loop_around(each.parent)
            notes.frames[each.frame] = _Frame(each.task, each.parent, loop, each.started_at, after)
            if each.kind == "for":
                notes.loops[each.frame] = _Loop()

    async def tell_waits(self, tasks: Iterable[str]) -> None:
        """These tasks already wait for events."""
        for task in tasks:
            await self._listens(task)

    async def take(self, event: EventView) -> None:
        """The next event."""
        if self._notes.went_on is None:
            self._notes.went_on = event.at
        match event.type:
            case "task.started":
                self._started(event)
            case "loop.started":
                self._notes.loops[event.frame] = _Loop(total=_length((event.data or {}).get("items")))
            case "loop.iterated":
                self._iterated(event)
            case "task.retried":
                self._retried(event)
            case "task.caught":
                self._caught(event)
            case "timer.started":
                self._waits(event)
            case "event.awaited":
                await self._listens(event.task or "")
            case "command.in-doubt":
                number = (event.data or {}).get("command")
                self._terminal.say(Painted("  ? ", "yellow"), f"{event.task}  effect {number} is in doubt")
            case "policy.decided":
                self._rated(event)
            case "gate.opened":
                gate = (event.data or {}).get("gate")
                self._terminal.say(Painted("  ? ", "yellow"), f"{event.task}  held at gate {gate}")
            case "gate.closed":
                data = event.data or {}
                self._terminal.say(
                    Painted("  ? ", "yellow"), f"{event.task}  gate {data.get('gate')} {data.get('outcome')}"
                )
            case "task.completed" | "task.faulted" | "task.cancelled":
                self._ended(event)
            case "task.skipped":
                self._line(event.frame, "–", "dim", event.task or "", "skipped")

    def finish(self) -> None:
        """No more events come."""
        self._terminal.done()
        if self._notes.untold:
            self._terminal.say(f"  … and {self._notes.untold:,} more")

    def _started(self, event: EventView) -> None:
        loop = self._notes.loop_around(event.frame)
        self._notes.frames[event.seq] = _Frame(event.task or "", event.frame, loop, event.at)
        if not loop:
            self._terminal.hint_at(f"  … {event.task}")

    def _iterated(self, event: EventView) -> None:
        loop = self._notes.loops.get(event.frame)
        frame = self._notes.frames.get(event.frame)
        if loop is None or frame is None:
            return
        index = (event.data or {}).get("index")  # counts the rounds before this process came, too
        loop.rounds = index + 1 if isinstance(index, int) else loop.rounds + 1
        if not frame.loop:
            total = f" of {loop.total:,}" if loop.total is not None else ""
            self._terminal.hint_at(f"  … {frame.task}  round {loop.rounds:,}{total}")

    def _retried(self, event: EventView) -> None:
        frame = self._notes.frames.get(event.frame)
        if frame is not None and frame.loop:
            self._notes.loops[frame.loop].retried += 1
        data = event.data or {}
        due = data.get("due")
        delay = f" in {duration(due - event.at)}" if isinstance(due, int) and due > event.at else ""
        self._line(event.frame, "↻", "yellow", event.task or "", f"attempt {data.get('attempt', 0) + 1}{delay}")

    def _caught(self, event: EventView) -> None:
        frame = self._notes.frames.get(event.frame)
        if frame is not None and frame.loop:
            self._notes.loops[frame.loop].caught += 1

    def _waits(self, event: EventView) -> None:
        data = event.data or {}
        due = data.get("due")
        if data.get("purpose") == "wait" and isinstance(due, int) and due - event.at >= _LONG_WAIT:
            self._line(event.frame, "…", "dim", event.task or "", f"waits {duration(due - event.at)}")

    def _rated(self, event: EventView) -> None:
        """Says that a rate gate has no room for a task, once: a loop may come here again and again."""
        due = (event.data or {}).get("until")
        if not isinstance(due, int) or due - event.at < _LONG_WAIT:
            return
        words = f"{event.task}  waits for a free place at a rate gate, {duration(due - event.at)} at most"
        if event.task in self._notes.told_rated:
            self._terminal.hint_at(f"  … {words}")
            return
        self._notes.told_rated.add(event.task or "")
        self._terminal.say(Painted("  … ", "cyan"), words)

    async def _listens(self, task: str) -> None:
        """Says which events the task waits for, once: a loop may come here again and again."""
        if task in self._notes.told_waiting:
            return
        self._notes.told_waiting.add(task)
        for line in await self._explain(task):
            self._terminal.say(Painted("  … ", "cyan"), line)

    def _ended(self, event: EventView) -> None:
        frame = self._notes.frames.pop(event.frame, None)
        loop = self._notes.loops.pop(event.frame, None)
        if frame is None:
            return
        symbol, style = _ENDS[event.type]
        words = [self._took(frame, event.at)]
        if loop is not None:
            if loop.rounds or frame.since is None:
                words.append(_count(loop.rounds, "round"))
            if loop.retried:
                words.append("1 retry" if loop.retried == 1 else f"{loop.retried:,} retries")
            if loop.caught:
                words.append(_count(loop.caught, "error") + " caught")
        if event.type == "task.faulted":
            words.append(problem((event.data or {}).get("error")))
        self._line(frame.parent, symbol, style, frame.task, ", ".join(words))

    def _took(self, frame: _Frame, at: int) -> str:
        """How long a task took; of one that began before a fork or a pause, only what came since."""
        if frame.since is None:
            return duration(at - frame.started)
        began = self._notes.went_on if self._notes.went_on is not None else at
        return f"{duration(at - began)} since event {frame.since:,}"

    def _line(self, around: int, symbol: str, style: Style, task: str, words: str) -> None:
        """A line about a task in the frame `around`, unless that is inside a loop."""
        notes = self._notes
        frame = notes.frames.get(around)
        if frame is not None and (frame.loop or around in notes.loops):
            return
        if notes.lines >= _MOST_LINES:
            notes.untold += 1
            return
        notes.lines += 1
        self._terminal.say("  ", Painted(symbol, style), " ", task, Painted(f"  {words}", "dim"))


def duration(milliseconds: int) -> str:
    """A span of time as people say it."""
    if milliseconds < 1000:
        return f"{max(0, milliseconds)} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def problem(error: Json) -> str:
    """A problem (RFC 9457) in a few words."""
    if not isinstance(error, dict):
        return str(error)
    name = error.get("title") or str(error.get("type", "error")).rsplit("/", 1)[-1]
    detail = error.get("detail")
    return f"{name}: {detail}" if detail else str(name)


def _length(items: Json) -> int | None:
    return len(items) if isinstance(items, list) else None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
