"""The flow of a workflow drawn with characters: an indented column of tasks, joined by lines.

Pure: tasks in, rows out. A task is one row; a loop's, a fork's or a catch's tasks stand to the right of
their own line, and arrows say where a directive or a case leads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reach_workbench.protocol.authoring import TaskPlace

SIGNS: Final = {
    "switch": "◇",
    "for": "↻",
    "fork": "╪",
    "try": "◎",
    "raise": "✗",
    "do": "▣",
    "listen": "◁",
    "emit": "▷",
    "wait": "◷",
}
_TASK: Final = "□"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the drawing. `lines` is what joins, `text` what is said, `aside` what may be cut.

    `reference` is the task that it belongs to, None for the start and the end.
    """

    lines: str
    text: str
    aside: str = ""
    reference: str | None = None
    head: bool = False


def draw(tasks: Sequence[TaskPlace]) -> tuple[Row, ...]:
    """The rows of the flow. Functions and extensions stand after it, each under a heading."""
    if not tasks:
        return ()
    inside: dict[str | None, list[TaskPlace]] = {}
    for task in tasks:
        inside.setdefault(task.parent, []).append(task)
    order = {task.reference: place for place, task in enumerate(tasks)}
    names = {task.reference: task.name for task in tasks}
    pen = _Pen(inside, order, names)
    top = [task for task in inside.get(None, []) if not task.role]
    rows = [Row("", "○ start"), *pen.chain(top, "")]
    if not (top and pen.leaves(top[-1])):
        rows.append(Row("", "■ end"))
    for role in ("function", "extension"):
        aside = [task for task in inside.get(None, []) if task.role == role]
        if aside:
            rows += [Row("", ""), Row("", f"{role}s"), *pen.chain(aside, "", joined=False)]
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Pen:
    inside: dict[str | None, list[TaskPlace]]
    order: dict[str, int]
    names: dict[str, str]

    def chain(self, tasks: Sequence[TaskPlace], lead: str, *, joined: bool = True) -> Iterator[Row]:
        """Tasks that follow one another, each joined to the one after it."""
        for place, task in enumerate(tasks):
            if joined:
                yield Row(lead, "│" if place == 0 or not self.leaves(tasks[place - 1]) else " ")
            yield from self.task(task, lead)

    def task(self, task: TaskPlace, lead: str) -> Iterator[Row]:
        """A task, what it holds, and where it leads."""
        aside = " ".join(part for part in (task.kind, task.summary) if part)
        yield Row(lead, f"{SIGNS.get(task.kind, _TASK)} {task.name}", aside, task.reference, head=True)
        held = self.inside.get(task.reference, [])
        plain = [each for each in held if each.role == ""]
        if plain:
            yield from self._block(task, plain, lead, "")
        branches = [each for each in held if each.role == "branch"]
        for place, branch in enumerate(branches):
            last = place == len(branches) - 1
            yield from self._branch(branch, lead, last=last)
        for role in ("each", "catch"):
            block = [each for each in held if each.role == role]
            if block:
                yield from self._block(task, block, lead, role)
        for target, words in task.leads_to:
            yield Row(f"{lead}├─ ", f"{words} {self._arrow(task, target)}", "", task.reference)

    def _block(self, task: TaskPlace, tasks: Sequence[TaskPlace], lead: str, role: str) -> Iterator[Row]:
        if role == "catch":
            yield Row(f"{lead}├─ ", "catch", "", task.reference)
        yield from self.chain(tasks, f"{lead}│  ")
        if role == "each":
            yield Row(f"{lead}│  ", "╰─▸ ↻ next", "", task.reference)

    def _branch(self, branch: TaskPlace, lead: str, *, last: bool) -> Iterator[Row]:
        rows = list(self.task(branch, ""))
        corner, under = ("╠═ ", "║  ") if not last else ("╚═ ", "   ")
        for place, row in enumerate(rows):
            joint = corner if place == 0 else under
            yield Row(f"{lead}{joint}{row.lines}", row.text, row.aside, row.reference, row.head)

    def _arrow(self, task: TaskPlace, target: str) -> str:
        if target == "end":
            return "─▸ ■ end"
        if target == "exit":
            return "─▸ out of here"
        up = self.order.get(target, len(self.order)) <= self.order[task.reference]
        return f"─▸ {self.names.get(target, target)} {'↑' if up else '↓'}"

    def leaves(self, task: TaskPlace) -> bool:
        """Whether a task never goes on to the one after it."""
        return any(words == "then" for _, words in task.leads_to) or task.kind == "raise"
