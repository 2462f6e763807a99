"""Blocks of tasks, and what tasks of every kind have in common (dsl-reference.md, Task)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from typing import Final

from reach_workbench.engine.compile_calls import call
from reach_workbench.engine.compile_control import do, fork, loop, raise_error, set_data, switch, wait
from reach_workbench.engine.compile_data import passage, timeout
from reach_workbench.engine.compile_events import emit, listen
from reach_workbench.engine.compile_flow import DIRECTIVES, then, warn_unreachable
from reach_workbench.engine.compile_run import run
from reach_workbench.engine.compile_scope import Ground
from reach_workbench.engine.compile_session import Session, Site
from reach_workbench.engine.compile_trying import attempt
from reach_workbench.engine.program import Block, Body, CallFunction, Extension, Kind, Task, Unsupported
from reach_workbench.engine.tree import Place, pointer_step

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode that show nothing, or act on what does. A task's name tells a person where a run is."""

_JOINS: Final = frozenset("\u200c\u200d")
"""What some scripts can't be written without."""


def compile_block(session: Session, place: Place | None, reference: str, ground: Ground) -> Block:
    """The tasks of a list, in order; reports names given twice and tasks that nothing leads to."""
    if place is None:
        return Block((), {})
    names = [name for name, _ in place.named()]
    tasks: list[Task] = []
    places: dict[str, Place] = {}
    for item in place.items():
        for name, task in item.members():
            if name in places:
                message = f"the task {name!r} is defined twice in this block"
                session.findings.error(task, "duplicate-task", message, "give it another name", key=True)
            elif name in DIRECTIVES:
                message = f"{name!r} as the name of a task can't be told from the directive 'then: {name}'"
                session.findings.warning(task, "reserved-name", message, "give it another name", key=True)
            places.setdefault(name, task)
            own = f"{reference}{pointer_step(item.step)}{pointer_step(name)}"
            tasks.append(compile_task(session, task, own, ground, siblings=names))
    positions: dict[str, int] = {}
    for index, each in enumerate(tasks):
        positions.setdefault(each.name, index)
    block = Block(tuple(tasks), positions)
    warn_unreachable(session, block, places)
    return block


def compile_task(
    session: Session,
    place: Place,
    reference: str,
    ground: Ground,
    *,
    siblings: Collection[str] = (),
    name: str | None = None,
) -> Task:
    """The task at `place`; `siblings` are the names that its flow directives may lead to.

    Its name is its key, unless another is given.
    """
    session.tasks[reference] = None
    unseen = next(
        (char for char in str(place.step) if unicodedata.category(char) in _UNSEEN and char not in _JOINS), None
    )
    if unseen is not None and name is None:
        message = f"the name of a task can't hold U+{ord(unseen):04X}, which does not show or acts on a terminal"
        session.findings.error(place, "unseen-character", message, "leave it out", key=True)
    condition = session.condition(place.get("if"), ground.before_input)
    taken = passage(session, place.get("input"), "from", ground.before_input, ground.before_input)
    kind, body = _body(session, place, reference, ground, siblings)
    given = passage(session, place.get("output"), "as", ground.definition, ground.definition)
    exported = passage(session, place.get("export"), "as", ground.export, ground.definition)
    idempotent = place.dig("metadata", "idempotent")
    task = Task(
        name=str(place.step) if name is None else name,
        reference=reference,
        kind=kind,
        body=body,
        definition=place.plain,
        condition=condition,
        input_schema=taken.schema,
        input_from=taken.mapping,
        output_as=given.mapping,
        output_schema=given.schema,
        export_as=exported.mapping,
        export_schema=exported.schema,
        timeout=timeout(session, place.get("timeout"), ground.definition),
        then=then(session, place.get("then"), siblings),
        extensions=_extensions(session, kind) if ground.extended else (),
        idempotent=idempotent.plain if idempotent is not None and isinstance(idempotent.plain, bool) else None,
        line=place.parent.node.keys[str(place.step)][0] if place.parent is not None else place.node.line,
    )
    session.tasks[reference] = task
    return task


def _body(
    session: Session, place: Place, reference: str, ground: Ground, siblings: Collection[str]
) -> tuple[Kind, Body]:
    for name in _KINDS:
        member = place.get(name)
        if member is not None:
            body = _BUILDERS[name](Site(session, place, member, reference, ground, siblings))
            return ("function", body) if isinstance(body, CallFunction) else (name, body)
    return "do", Unsupported("a task without a kind")  # the grammar has said so


def _extensions(session: Session, kind: Kind) -> tuple[Extension, ...]:
    wanted = {"all", {"do": "composite", "fork": "composite", "function": "call"}.get(kind, kind)}
    return tuple(extension for extends, extension in session.extensions if extends in wanted)


_BUILDERS: Final[dict[Kind, Callable[[Site], Body]]] = {
    "for": loop,
    "try": attempt,
    "listen": listen,
    "call": call,
    "do": do,
    "emit": emit,
    "fork": fork,
    "raise": raise_error,
    "run": run,
    "set": set_data,
    "switch": switch,
    "wait": wait,
}

_KINDS: Final[tuple[Kind, ...]] = tuple(_BUILDERS)
"""Those that have a `do` or a `catch` of their own come first."""
