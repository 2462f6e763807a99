"""The bodies of the tasks that control the flow or the data: do, for, fork, switch, raise, set, wait."""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.compile_data import duration
from reach_workbench.engine.compile_flow import then
from reach_workbench.engine.compile_scope import ARGUMENTS
from reach_workbench.engine.compile_session import Names, Session, Site, fold
from reach_workbench.engine.program import Case, Do, Duration, For, Fork, Raise, Set, Switch, Wait
from reach_workbench.engine.templates import Constant, Expression, Template
from reach_workbench.engine.tree import Place, pointer_step

_NEVER: Final = Expression("false", frozenset(), frozenset(), None, bounded=True)


def do(site: Site) -> Do:
    session, place, reference, ground = site.session, site.place, site.reference, site.ground
    return Do(session.block(session, place, reference + "/do", ground))


def set_data(site: Site) -> Set:
    session, place = site.session, site.place
    return Set(session.mapped(place, site.names) or Constant(None))


def wait(site: Site) -> Wait:
    session, place = site.session, site.place
    return Wait(duration(session, place, site.names) or Duration(0))


def loop(site: Site) -> For:
    session, task, place, reference, ground = site.session, site.task, site.place, site.reference, site.ground
    each, at = variable(session, place, "each", "item"), variable(session, place, "at", "index")
    distinct(session, place, each, at)
    inside = ground.knowing(each, at)
    return For(
        each=each,
        at=at,
        items=_items(session, place.get("in"), site.names),
        condition=session.condition(task.get("while"), inside.definition),
        block=session.block(session, task.get("do"), reference + "/do", inside),
    )


def _items(session: Session, place: Place | None, names: Names) -> Template:
    if place is None:
        return Constant([])
    if place.text is not None:
        return session.condition(place, names) or Constant([])
    for item in place.items():
        if item.node.sort != "object":
            message = "the specification knows only objects in an inline list: other runtimes may refuse this"
            session.findings.warning(item, "not-portable", message, "for other values use an expression: ${ [1, 2] }")
            break
    return session.template(place, names)


def variable(session: Session, place: Place | None, property: str, default: str) -> str:
    """The variable that a property names; reports one that would hide a runtime expression argument."""
    member = place.get(property) if place is not None else None
    if member is None or not member.text:
        return default
    if member.text in ARGUMENTS or member.text == "ENV":
        message = f"a variable can't be called {member.text!r}: ${member.text} has a meaning of its own"
        session.findings.error(member, "reserved-name", message, "give it another name")
    return member.text


def distinct(session: Session, place: Place, each: str, at: str) -> None:
    """Report an item and an index that share one variable."""
    if each == at:
        at_fault = place.get("at") or place
        message = f"the item and its index can't both be ${each}"
        session.findings.error(at_fault, "reserved-name", message, "give one of them another name")


def fork(site: Site) -> Fork:
    session, place, reference, ground = site.session, site.place, site.reference, site.ground
    branches = place.get("branches")
    compiled = []
    seen: set[str] = set()
    for item in branches.items() if branches is not None else ():
        for name, branch in item.members():
            if name in seen:
                message = f"the branch {name!r} is defined twice in this fork"
                session.findings.error(branch, "duplicate-task", message, "give it another name", key=True)
            seen.add(name)
            own = f"{reference}/fork/branches{pointer_step(item.step)}{pointer_step(name)}"
            compiled.append(session.task(session, branch, own, ground))
    if branches is not None and branches.node.sort == "array" and not compiled:
        session.findings.error(branches, "no-branches", "this fork has no branches", "list the tasks to run at once")
    compete = place.get("compete")
    return Fork(tuple(compiled), compete is not None and compete.plain is True)


def switch(site: Site) -> Switch:
    session, place, siblings = site.session, site.place, site.siblings
    cases: list[Case] = []
    names: set[str] = set()
    for name, member in place.named():
        when = member.get("when")
        condition = session.condition(when, site.names)
        if when is not None and condition is None:
            condition = _NEVER  # it is wrong and has been reported, but no default
        if name in names:
            message = f"the case {name!r} is defined twice in this switch"
            session.findings.error(member, "duplicate-case", message, "give it another name", key=True)
        if when is None and any(case.when is None for case in cases):
            message = f"the case {name!r} is a second default: only one case can go without 'when'"
            session.findings.error(member, "two-defaults", message, "add when:", key=True)
        names.add(name)
        directive = then(session, member.get("then"), siblings)
        cases.append(Case(name, condition, directive))
    return Switch(tuple(cases))


def raise_error(site: Site) -> Raise:
    session, place = site.session, site.place
    error = place.get("error")
    if error is not None and error.text is not None:
        error = session.lookup(error, "errors", "error")
    return Raise(problem(session, error, site.names) if error is not None else Constant(None))


def problem(session: Session, place: Place, names: Names) -> Template:
    """The definition of an error as a problem object (dsl-reference.md, Error)."""
    return fold(
        [
            (name, session.uri(member, names) if name == "type" else session.template(member, names))
            for name, member in place.members()
        ]
    )
