"""Values and events in few words: one line each, safe to put on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from reach_workbench.protocol.node_views import EventView
from reach_workbench.ui.words import moment

Json: TypeAlias = Any
"""Any JSON value."""

_UNSAFE: Final = {
    **dict.fromkeys(range(0x20), "·"),
    **dict.fromkeys(range(0x7F, 0xA0), "·"),
    **dict.fromkeys((0x200E, 0x200F, 0x2028, 0x2029, 0x061C, 0xFEFF), "·"),
    **dict.fromkeys(range(0x202A, 0x202F), "·"),
    **dict.fromkeys(range(0x2066, 0x206A), "·"),
}

MARKS: Final = {
    "workflow.created": "╶",
    "workflow.started": "╶",
    "workflow.completed": "✓",
    "workflow.faulted": "✗",
    "workflow.cancelled": "⊘",
    "workflow.cancel-requested": "⊘",
    "workflow.suspended": "‖",
    "workflow.resumed": "▹",
    "workflow.forked": "⎇",
    "task.faulted": "✗",
    "task.cancelled": "⊘",
    "task.retried": "↻",
    "task.caught": "↩",
    "command.issued": "→",
    "command.completed": "←",
    "command.faulted": "✗",
    "command.in-doubt": "?",
    "command.resolved": "!",
    "gate.opened": "◆",
    "gate.closed": "◆",
    "event.emitted": "↑",
    "event.consumed": "↓",
    "expression.overran": "✗",
    "limit.reached": "✗",
}
"""One sign a type, each a single cell wide; types that say nothing special have none."""

GATE: Final = "◆"
BREAKPOINT: Final = "●"
CURRENT: Final = "▶"


class Row(NamedTuple):
    """What the timeline keeps of an event; `gap` is the milliseconds since the event before."""

    seq: int
    at: int
    type: str
    task: str | None
    mark: str
    brief: str
    gap: int


def row_of(event: EventView, before: int | None) -> Row:
    """`before` is when the event before it was recorded, where that is known."""
    gap = event.at - before if before is not None else 0
    return Row(event.seq, event.at, event.type, event.task, mark_of(event), brief(_telling(event), 120), gap)


def mark_of(event: EventView) -> str:
    if event.type == "command.issued":
        kind = str((event.data or {}).get("kind"))
        return {"human.approve": GATE, "event.emit": MARKS["event.emitted"]}.get(kind, MARKS[event.type])
    if event.type == "policy.decided":
        return {"hold": GATE, "deny": "✗"}.get(str((event.data or {}).get("decision")), " ")
    return MARKS.get(event.type, " ")


def _telling(event: EventView) -> Json:
    """The part of an event's data that a reader looks for."""
    data = event.data
    if not data:
        return None
    error = data.get("error")
    if isinstance(error, dict):
        return Words(str(error.get("detail") or error.get("title") or error.get("type") or "error"))
    if event.type in _GATES:
        return Words(_GATES[event.type](data))
    if "due" in data:
        return Words(_timed(event.at, data))
    if event.type == "workflow.created":
        return data.get("input")
    if event.type == "command.issued":
        return Words(f"{data.get('kind', '')} {brief(data.get('arguments'), 100)}")
    for name in ("output", "arguments", "event", "input"):
        if name in data and "refs" not in data:
            return data[name]
    return data


class Words(str):
    """Text that is shown as it is, not as JSON."""


def _timed(at: int, data: dict[str, Json]) -> str:
    """`wait until 14:03:22`, `attempt 2 at 14:03:22`; with the day where it is another one."""
    due = moment(data["due"])
    due = due[11:] if due[:10] == moment(at)[:10] else due
    return f"attempt {data['attempt']} at {due}" if "attempt" in data else f"{data.get('purpose', '')} until {due}"


def _decided(data: dict[str, Json]) -> str:
    """`hold by hold-shell`; who decided is told where it is another than before."""
    words = str(data.get("decision") or "allow")
    if data.get("policies"):
        words += f" by {', '.join(map(str, data['policies']))}"
    words += f": {data['reason']}" if data.get("reason") else ""
    return words + (f" · warns {', '.join(map(str, data['warnings']))}" if data.get("warnings") else "")


def _opened(data: dict[str, Json]) -> str:
    """`waits for 2 approvals, from finance · its risk is high`."""
    terms = data.get("terms") or {}
    quorum = terms.get("quorum") or 1
    words = f"waits for {quorum} approval{'s' if quorum > 1 else ''}"
    words += f", from {' and '.join(map(str, terms['groups']))}" if terms.get("groups") else ""
    return words + (" · its risk is high" if terms.get("risk") == "high" else "")


def _closed(data: dict[str, Json]) -> str:
    """`approved by ada`, `denied by grace: not today`, `expired`."""
    words = str(data.get("outcome") or "")
    if data.get("approvals"):
        words += f" by {', '.join(str(each.get('reviewer')) for each in data['approvals'])}"
    return words + (f": {data['reason']}" if data.get("reason") else "")


_GATES: Final[dict[str, Callable[[dict[str, Json]], str]]] = {
    "policy.decided": _decided,
    "gate.opened": _opened,
    "gate.closed": _closed,
}


def brief(value: Json, most: int) -> str:
    """The beginning of a value as compact JSON, at most `most` characters, however large the value is."""
    if value is None:
        return ""
    if isinstance(value, Words):
        return clean(value[:most])
    parts: list[str] = []
    left = _write(value, parts, most)
    text = clean("".join(parts))
    return text[: most - 1] + "…" if left < 0 or len(text) > most else text


def _write(value: Json, parts: list[str], left: int) -> int:
    """Append to `parts` until `left` characters are used up; returns how many are left, negative when cut."""
    if isinstance(value, dict):
        opening, closing, members = "{", "}", list(_first(value.items(), left))
    elif isinstance(value, list):
        opening, closing, members = "[", "]", [(None, each) for each in value[: max(left, 0) + 1]]
    else:
        text = json.dumps(value[: max(left, 0) + 2] if isinstance(value, str) else value, ensure_ascii=False)
        parts.append(text)
        return left - len(text)
    parts.append(opening)
    left -= 1
    for place, (name, member) in enumerate(members):
        if left < 0:
            return left
        head = (", " if place else "") + (f"{name}: " if name is not None else "")
        parts.append(head)
        left = _write(member, parts, left - len(head))
    parts.append(closing)
    return left - 1


def _first(items: Any, most: int) -> Any:
    for place, item in enumerate(items):
        if place > max(most, 0):
            return
        yield item


def clean(text: str) -> str:
    """Without what a terminal would act upon: control characters and marks that turn the direction."""
    return text.translate(_UNSAFE)


def clock_time(at: int) -> str:
    """The time of day here, with milliseconds."""
    return datetime.fromtimestamp(at / 1000).strftime("%H:%M:%S.%f")[:-3]


def lasting(milliseconds: int) -> str:
    """A duration in at most six characters: `1.2s`, `12s`, `3m20`, `5h07`, `12d`."""
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}m{int(seconds) % 60:02}"
    if minutes < 60 * 48:
        return f"{minutes // 60}h{minutes % 60:02}"
    return f"{minutes // 1440}d"


def task_name(reference: str | None, most: int) -> str:
    """The end of a task's reference that says most: its name, and as much before it as fits."""
    if not reference:
        return ""
    reference = clean(reference)
    if len(reference) <= most:
        return reference
    name = reference.rpartition("/")[2]
    if len(name) + 2 > most:
        return name[: most - 1] + "…"
    return "…" + reference[len(reference) - most + 1 :]
