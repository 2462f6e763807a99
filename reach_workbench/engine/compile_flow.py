"""Flow directives: where `then` may lead, and which tasks nothing leads to (dsl-reference.md, Flow Directive)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from reach_workbench.engine.compile_session import Session
from reach_workbench.engine.grammar import guess
from reach_workbench.engine.program import Block, Raise, Switch, Task, Then, Try
from reach_workbench.engine.tree import Place

DIRECTIVES: Final = frozenset({"continue", "exit", "end"})


def then(session: Session, place: Place | None, siblings: Collection[str]) -> Then:
    """The flow directive at `place`; reports one that names no task of the same block."""
    if place is None or not place.text:
        return "continue"
    name = place.text
    if name not in DIRECTIVES and name not in siblings:
        known = [*siblings, *sorted(DIRECTIVES)]
        hint = guess(name, known)
        if hint.startswith("did"):
            hint += " Possible here: " + ", ".join(known[:30])
        session.findings.error(place, "unknown-task", f"there is no task {name!r} in this block", hint)
        return "continue"
    return name


def warn_unreachable(session: Session, block: Block, places: dict[str, Place]) -> None:
    """Warn of tasks that come neither next nor by a flow directive."""
    reached: set[int] = set()
    for index, task in enumerate(block.tasks):
        if index and index not in reached and task.name in places:
            message = f"nothing leads to the task {task.name!r}"
            hint = "name it in a 'then', or remove it"
            session.findings.warning(places[task.name], "unreachable-task", message, hint, key=True)
        if index == 0 or index not in reached:
            _reach(block, index, reached)  # what only an unreachable task leads to is not worth a warning


def _reach(block: Block, start: int, reached: set[int]) -> None:
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place in reached or place >= len(block.tasks):
            continue
        reached.add(place)
        for directive in _leads_to(block.tasks[place]):
            if directive == "continue":
                waiting.append(place + 1)
            elif directive in block.positions:
                waiting.append(block.positions[directive])


def _leads_to(task: Task) -> Iterator[Then]:
    if task.condition is not None:
        yield "continue"
    body = task.body
    if isinstance(body, Raise):
        return
    if isinstance(body, Switch):
        for case in body.cases:
            yield case.then
        if any(case.when is None for case in body.cases):
            return
    if isinstance(body, Try) and body.catch.then is not None:
        yield body.catch.then
    yield task.then
