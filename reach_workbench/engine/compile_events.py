"""The bodies of emit and listen tasks, and what events a schedule waits for (dsl-reference.md, Events)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from reach_workbench.engine.compile_control import distinct, variable
from reach_workbench.engine.compile_data import passage
from reach_workbench.engine.compile_scope import Ground
from reach_workbench.engine.compile_session import Names, Session, Site, fold
from reach_workbench.engine.program import Correlation, Emit, EventFilter, Foreach, Listen, Strategy
from reach_workbench.engine.templates import Constant, Template
from reach_workbench.engine.tree import Place

_URIS: Final = frozenset({"source", "dataschema"})


def emit(site: Site) -> Emit:
    session, place = site.session, site.place
    event = place.dig("event", "with")
    if event is None:
        return Emit(Constant({}))
    names = site.names
    members: list[tuple[str, Template]] = [
        (name, session.uri(member, names) if name in _URIS else session.template(member, names))
        for name, member in event.members()
    ]
    return Emit(fold(members))


def listen(site: Site) -> Listen:
    session, task, place, reference, ground = site.session, site.task, site.place, site.reference, site.ground
    iterator = task.get("foreach")
    return Listen(
        strategy=strategy(session, place.get("to"), site.names) or Strategy("any", ()),
        read=_read(place.text_of("read", "data")),
        foreach=foreach(session, iterator, reference + "/foreach", ground) if iterator is not None else None,
    )


def _read(text: str) -> Literal["data", "envelope", "raw"]:
    return "envelope" if text == "envelope" else "raw" if text == "raw" else "data"


def foreach(session: Session, place: Place, reference: str, ground: Ground) -> Foreach:
    """A subscription iterator, which defines two variables for what is in it."""
    item, at = variable(session, place, "item", "item"), variable(session, place, "at", "index")
    distinct(session, place, item, at)
    inside = ground.knowing(item, at)
    tasks = place.get("do")
    given = passage(session, place.get("output"), "as", inside.definition, ground.definition)
    exported = passage(session, place.get("export"), "as", inside.export, ground.definition)
    return Foreach(
        item=item,
        at=at,
        block=session.block(session, tasks, reference + "/do", inside) if tasks is not None else None,
        output_as=given.mapping,
        output_schema=given.schema,
        export_as=exported.mapping,
        export_schema=exported.schema,
    )


def strategy(session: Session, place: Place | None, names: Names) -> Strategy | None:
    """An event consumption strategy."""
    if place is None:
        return None
    until = place.get("until")
    condition = session.condition(until, names) if until is not None and until.text is not None else None
    stop = strategy(session, until, names) if until is not None and until.text is None else None
    if (one := place.get("one")) is not None:
        return Strategy("one", _filters(session, (one,), names), condition, stop)
    if (every := place.get("all")) is not None:
        return Strategy("all", _filters(session, every.items(), names), condition, stop)
    some = place.get("any")
    return Strategy("any", _filters(session, some.items() if some is not None else (), names), condition, stop)


def _filters(session: Session, places: Iterable[Place], names: Names) -> tuple[EventFilter, ...]:
    return tuple(_filter(session, place, names) for place in places)


def _filter(session: Session, place: Place, names: Names) -> EventFilter:
    wanted, correlations = place.get("with"), place.get("correlate")
    if wanted is not None and wanted.node.sort == "object" and not wanted.node.value:
        message = "an event filter needs at least one attribute"
        session.findings.error(wanted, "too-few", message, "add type:", key=True)
    found = []
    for name, member in correlations.members() if correlations is not None else ():
        extract = session.condition(member.get("from"), names)
        expect = member.get("expect")
        if extract is not None:
            expected = session.template(expect, names) if expect is not None else None
            found.append(Correlation(name, extract, expected))
    attributes = {name: session.template(member, names) for name, member in wanted.members()} if wanted else {}
    return EventFilter(attributes, tuple(found))
