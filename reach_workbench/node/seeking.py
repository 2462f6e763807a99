"""Where the motions of a cursor over recorded events end. Nothing is executed.

A place is what a held run stands at: an event after which the next one starts (or skips) a task.
Its level is how many frames are around that task, as `runner.debug` counts them, so that a step
over the record ends where the same step of a live run would have held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from reach_workbench.engine.events import Event
from reach_workbench.engine.snapshot import Standing, frames_in
from reach_workbench.engine.state import ROOT
from reach_workbench.engine.values import Json, same
from reach_workbench.node.aside import Stopped
from reach_workbench.node.history import ENDS, STARTS, History
from reach_workbench.protocol.debugging import Breakpoint, Motion
from reach_workbench.storage.searching import Needle

_NEAR: Final = 1024
"""Events that are looked through rather than jumped over."""

_FAULTS: Final = frozenset({"command.faulted", "task.faulted", "workflow.faulted", "limit.reached"})
_MARKS: Final = _FAULTS | {"command.in-doubt", "gate.opened", "gate.closed"}

_AROUND: Final = frozenset({"do", "for", "fork", "try", "listen", "function"})
"""Kinds of tasks that start other tasks inside them."""

Holds = Callable[[str, int, Json], bool]
"""Whether a breakpoint's condition holds at an event, with the error there if it is about a fault."""


class _Snapshot(NamedTuple):
    """Of which event it is, and the frames that were there."""

    seq: int
    frames: Mapping[int, Standing]


class Seeker:
    """Moves over one run. `points` are the breakpoints that count for it; `holds` judges their conditions.

    Only the nth time that a breakpoint with `hits` is met in the run counts, and those after it.
    """

    def __init__(
        self, history: History, at: int, points: Sequence[Breakpoint], holds: Holds, stopped: Stopped = bool
    ) -> None:
        self._history = history
        self._at = at
        self._points = [point for point in points if point.enabled and point.log is None]
        self._holds = holds
        self._stopped = stopped
        self._nth: dict[str, int] = {}

    def seek(self, motion: Motion) -> int:
        """Where the motion ends; `at` itself when it can't be made."""
        at, last = self._at, self._history.last
        back = motion.endswith("back")
        if (at <= 1 if back else at >= last) or last == 0:
            return at
        if motion in ("into", "back"):
            return at + 1 if motion == "into" else at - 1
        if motion in ("continue", "mark", "continue-back", "mark-back"):
            found = self._marked(back, marks=motion.startswith("mark"))
        elif at == 0:
            found = None if motion == "out" else self._scan(1)
        elif motion in ("over", "out"):
            found = self._forward(motion)
        else:
            found = self._backward(motion)
        return found if found is not None else 1 if back else last

    # ------------------------------------------------------------ over and out

    def _stand(self) -> tuple[int, int]:
        """Where the cursor stands: the frame whose tasks are its level, and the one of them it is in, 0 for none."""
        history, at = self._history, self._at
        if at < history.last:
            following = history.event(at + 1)
            if following.type in STARTS:
                return following.frame, at + 1 if following.type == "task.started" else ROOT
        event = history.event(at)
        if event.type == "task.started":
            return event.frame, at
        if event.type == "task.skipped" or event.frame == ROOT:
            return event.frame, ROOT
        return history.parent(event.frame), ROOT if event.type in ENDS else event.frame

    def _forward(self, motion: Motion) -> int | None:
        history = self._history
        around, inside = self._stand()
        level = history.depth(around)
        if motion == "out":
            if around == ROOT:
                return None
            level, inside = level - 1, around
        after = self._at
        if inside != ROOT and history.alone(inside):
            after = self._end_of(inside)
        return self._scan(level, after)

    def _scan(self, level: int, after: int | None = None) -> int | None:
        """The next place of that level or an outer one."""
        place, last = max(self._at + 1, after or 0), self._history.last
        while place < last and not self._stopped():
            end = min(place + _NEAR, last)
            for seq in self._starts(place, end + 1):
                if self._history.depth(self._history.event(seq).frame) <= level:
                    return seq - 1
            place = self._still_after(end, level)
        return None

    def _scan_back(self, level: int) -> int | None:
        """The place before of that level or an outer one."""
        place = self._at
        while place > 0 and not self._stopped():
            begin = max(place - _NEAR, 0)
            for seq in self._starts(begin, place + 1, backwards=True):
                if self._history.depth(self._history.event(seq).frame) <= level:
                    return seq - 1
            place = self._still_before(begin, level)
        return None

    def _still_after(self, seq: int, level: int) -> int:
        """How far after an event snapshots tell that nothing of that level or an outer one has started."""
        base = self._standing(seq)
        place, high, stride = seq, self._history.last + 1, _NEAR
        while base is not None and high - place > _NEAR:
            probe = min(place + stride, (place + high) // 2)  # ever longer jumps, then halves
            seen = self._standing(probe)
            if seen is not None and self._still(base.frames, seen.frames, level):
                place, stride = probe, 2 * stride
                seq = max(seq, seen.seq)
            else:
                high = probe
        return seq

    def _still_before(self, seq: int, level: int) -> int:
        """How far before an event, likewise: what it returns may itself have started something."""
        base = self._standing(seq + _NEAR)
        if base is None or base.seq < seq:
            return seq
        place, low, stride = seq, 0, _NEAR
        while place - low > _NEAR:
            probe = max(place - stride, (place + low) // 2)
            seen = self._standing(probe)
            if seen is not None and self._still(seen.frames, base.frames, level):
                place, stride = probe, 2 * stride
                seq = min(seq, seen.seq)
            else:
                low = probe
        return seq

    def _standing(self, seq: int) -> _Snapshot | None:
        """The newest snapshot up to an event."""
        snapshot = self._history.store.read.snapshot(self._history.record.key, seq)
        if snapshot is None:
            return None
        frames = frames_in(snapshot.state)
        return _Snapshot(snapshot.seq, frames) if frames is not None else None

    def _still(self, before: Mapping[int, Standing], after: Mapping[int, Standing], level: int) -> bool:
        """Whether no frame of that level or an outer one has started a task between two snapshots.

        It has not if the same tasks are under way in it, and none is about to be started: tasks are
        started one after another, or, in a fork, all before any has ended.
        """
        held, later = _inside(before), _inside(after)
        for frame in before.keys() | after.keys():
            if self._history.depth(frame) > level:
                continue
            if frame not in before or frame not in after or held.get(frame) != later.get(frame):
                return False
            if before[frame].deciding or after[frame].deciding:
                return False
            if frame not in held and self._starts_tasks(frame):
                return False
        return True

    def _starts_tasks(self, frame: int) -> bool:
        task = self._history.task(frame)
        return task is None or task.kind in _AROUND

    def _starts(self, after: int, before: int, *, backwards: bool = False) -> Iterator[int]:
        return self._found([Needle(types=STARTS)], after, before, backwards=backwards)

    def _found(self, needles: Sequence[Needle], after: int, before: int, *, backwards: bool = False) -> Iterator[int]:
        """Numbers of events that fit one of the needles, looked for as they are asked for."""
        history = self._history
        for searched in history.store.read.search(history.record.key, needles, after, before, backwards=backwards):
            yield from searched.seqs
            if self._stopped():
                return

    def _end_of(self, frame: int) -> int:
        """The event with which the frame ended, or the last one. Snapshots tell quickly how long it was there."""
        history = self._history
        low = place = max(frame, self._at)
        high, stride = history.last + 1, _NEAR
        while place + stride < high:  # ever longer jumps …
            seen = self._shown(place + stride, frame)
            if seen is None:
                high = place + stride
                break
            low, place, stride = max(low, seen), place + stride, 2 * stride
        while high - place > _NEAR:  # … then halves
            middle = (place + high) // 2
            seen = self._shown(middle, frame)
            if seen is None:
                high = middle
            else:
                low, place = max(low, seen), middle
        for seq in self._found([Needle(types=ENDS)], low, history.last + 1):
            if history.event(seq).frame == frame:
                return seq
        return history.last

    def _shown(self, seq: int, frame: int) -> int | None:
        """The newest event up to `seq` at which a snapshot shows the frame, its first when there is no snapshot."""
        snapshot = self._history.store.read.snapshot(self._history.record.key, seq)
        if snapshot is None or snapshot.seq < frame:
            return frame
        frames = frames_in(snapshot.state)
        return frame if frames is None else snapshot.seq if frame in frames else None

    def _backward(self, motion: Motion) -> int | None:
        history = self._history
        around, inside = self._stand()
        standing = inside == self._at + 1  # before a task, not in it
        level = history.depth(around)
        if motion == "out-back":
            if around == ROOT:
                return None
            level, inside, standing = level - 1, around, False
        if inside != ROOT and not standing and history.alone(inside):
            return inside - 1
        if history.alone(around) and not self._fork(around):
            return self._previous(around)
        return self._scan_back(level)

    def _fork(self, frame: int) -> bool:
        task = self._history.task(frame)
        return frame != ROOT and (task is None or task.kind == "fork")

    def _previous(self, around: int) -> int | None:
        """The place of the task before the cursor in `around`, or of `around` itself, when nothing runs beside it."""
        history = self._history
        for seq in range(self._at, 1, -1):
            event = history.event(seq)
            if event.type in ENDS and event.frame != around:
                return event.frame - 1
            if event.type in STARTS:
                return seq - 1
        return None

    # ------------------------------------------------------------ breakpoints and marks

    def _marked(self, back: bool, *, marks: bool) -> int | None:
        """The next place where a breakpoint would have held the run, or also one of the other marks."""
        at, history = self._at, self._history
        needles = [needle_of(point) for point in self._points]
        if marks:
            needles.append(Needle(types=_MARKS))
        after, before = (0, at + 1) if back else (at, history.last + 1)
        for seq in self._found(needles, after, before, backwards=back):
            event = history.event(seq)
            if marks and event.type in _MARKS and seq != at and not passed_on(history, seq):
                return seq
            held = self._held(event)
            if held == at or not (after <= held < before):
                continue
            if any(self._meets(point, seq) and held >= self._since(point) for point in self._points):
                return held
        return None

    def _held(self, event: Event) -> int:
        """The event at which a breakpoint met at this one would have held: before anything is decided about it."""
        if event.type != "workflow.faulted":
            return _stand(event)
        before = event.seq - 1
        while before > 1 and self._history.event(before).type == "task.cancelled":
            before -= 1
        return before if self._history.event(before).type == "timer.fired" else event.seq - 1

    def _meets(self, point: Breakpoint, seq: int) -> bool:
        if not met(point, self._history, seq):
            return False
        if point.condition is None:
            return True
        event = self._history.event(seq)
        error = (event.data or {}).get("error") if point.on == "fault" else None
        return self._holds(point.condition, self._held(event), error)

    def _since(self, point: Breakpoint) -> int:
        """The event at which the breakpoint had been met often enough."""
        if point.hits <= 1:
            return 0
        if point.id not in self._nth:
            history = self._history
            found = self._found([needle_of(point)], 0, history.last + 1)
            times = (self._held(history.event(seq)) for seq in found if self._meets(point, seq))
            self._nth[point.id] = next(islice(times, point.hits - 1, None), history.last + 1)
        return self._nth[point.id]


def _inside(frames: Mapping[int, Standing]) -> dict[int, set[int]]:
    """The frames inside each frame that has any."""
    found: dict[int, set[int]] = {}
    for number, frame in frames.items():
        if number != ROOT:
            found.setdefault(frame.parent, set()).add(number)
    return found


def _stand(event: Event) -> int:
    """Where a cursor stands that goes to an event: before the start of a task, else on it."""
    return event.seq - 1 if event.type in STARTS else event.seq


def needle_of(point: Breakpoint) -> Needle:
    """What to look for to meet a breakpoint."""
    if point.on == "task":
        return Needle(types=STARTS, tasks=frozenset({point.task or ""}))
    if point.on == "command":
        return Needle(types=frozenset({"command.issued"}), text=point.command or "")
    return Needle(types=_FAULTS if point.on == "fault" else frozenset({"task.retried", "timer.fired"}))


def met(point: Breakpoint, history: History, seq: int) -> bool:
    """Whether event `seq` is one that the breakpoint is about, whatever its condition says."""
    event = history.event(seq)
    data = event.data or {}
    if point.on != "fault" and point.task not in (None, event.task):
        return False
    if point.on == "task":
        return event.type in STARTS
    if point.on == "command":
        return event.type == "command.issued" and point.command in (None, data["kind"])
    if point.on == "retry":
        if event.type == "timer.fired":  # the attempt begins once the time before it is over
            return history.event(data["timer"]).type == "task.retried"
        return event.type == "task.retried" and "due" not in data
    if event.type not in _FAULTS or passed_on(history, seq):
        return False
    return point.task is None or point.task == (data.get("error") or {}).get("instance")


def passed_on(history: History, seq: int) -> bool:
    """Whether a fault is the one that the events before it already told of, on its way up."""
    event = history.event(seq)
    if event.type not in _FAULTS:
        return False
    for before in range(seq - 1, 0, -1):
        earlier = history.event(before)
        if earlier.type in _FAULTS:
            return same((earlier.data or {}).get("error"), (event.data or {}).get("error"))
        if earlier.type != "task.cancelled":
            return False
    return False
