"""Durations, timeouts, schemas, and what goes in and out of tasks (dsl.md, Data Flow)."""

from __future__ import annotations

from typing import NamedTuple

from reach_workbench.engine.compile_access import resource
from reach_workbench.engine.compile_session import Names, Session
from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.program import Duration, Schema
from reach_workbench.engine.templates import Template
from reach_workbench.engine.tree import Place
from reach_workbench.engine.values import Json


class Passage(NamedTuple):
    """How data passes into or out of a task: a mapping (`from`, `as`) and a schema."""

    mapping: Template | None
    schema: Schema | None


def passage(session: Session, place: Place | None, mapping: str, names: Names, schema_names: Names) -> Passage:
    """`input`, `output` or `export`, whose expression is the member `mapping`."""
    if place is None:
        return Passage(None, None)
    return Passage(session.mapped(place.get(mapping), names), schema(session, place.get("schema"), schema_names))


def duration(session: Session, place: Place | None, names: Names) -> Duration | None:
    """A duration, computed now if it holds no expression."""
    if place is None:
        return None
    try:
        return Duration(milliseconds(place.plain))
    except (Fault, OverflowError):
        pass
    if place.text is None or not ("${" in place.text or session.loose):
        return None  # the grammar has said what is wrong
    expression = session.condition(place, names)
    return Duration(None, expression) if expression is not None else None


def timeout(session: Session, place: Place | None, names: Names) -> Duration | None:
    """A timeout, or the name of one of `use.timeouts`."""
    if place is not None and place.text is not None:
        place = session.lookup(place, "timeouts", "timeout")
    return duration(session, place.get("after"), names) if place is not None else None


def schema(session: Session, place: Place | None, names: Names) -> Schema | None:
    """A JSON schema; an inline one must itself be valid."""
    if place is None:
        return None
    form = place.text_of("format", "json")
    document = place.get("document")
    if document is not None:
        _validate(session.findings, document)
        return Schema(form, document.plain)
    return Schema(form, None, resource(session, place.get("resource"), names))


def _validate(findings: Findings, place: Place) -> None:
    import jsonschema_rs  # 30 ms to import, and most workflows have no schema

    external: list[str] = []

    def refuse(uri: str) -> Json:
        external.append(uri)
        raise ValueError(uri)

    try:
        jsonschema_rs.validator_for(place.plain, retriever=refuse)
    except jsonschema_rs.ValidationError as wrong:
        at = place if external else place.at(tuple(wrong.instance_path))
        message = f"refers to {external[0]}" if external else wrong.message.splitlines()[0]
        _bad_schema(findings, at, message, outside=bool(external))
    except (jsonschema_rs.ReferencingError, ValueError) as wrong:
        message = f"refers to {external[0]}" if external else str(wrong).splitlines()[0]
        _bad_schema(findings, place, message, outside=bool(external))


def _bad_schema(findings: Findings, place: Place, message: str, *, outside: bool) -> None:
    hint = "a schema can't refer to what is outside of it" if outside else "see https://json-schema.org"
    findings.error(place, "bad-schema", f"this JSON schema is not valid: {message}", hint)
