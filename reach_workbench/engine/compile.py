"""From the text of a document to a program, or to diagnostics that say why not.

Pure: text in, values out. Reading is in `engine.document`, what a document may look like in
`engine.grammar`, and what the tables can't say (names that must exist, variables in scope,
flow) in the modules `engine.compile_*`.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.compile_access import endpoint
from reach_workbench.engine.compile_data import passage, timeout
from reach_workbench.engine.compile_scope import DEFINITION, WORKFLOW, WORKFLOW_INPUT, Ground
from reach_workbench.engine.compile_session import Session
from reach_workbench.engine.compile_tasks import compile_block, compile_task
from reach_workbench.engine.compile_use import check_schedule, check_unused, compile_extensions
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.document import DocumentLimits, read_document
from reach_workbench.engine.expression_survey import FAULT, Survey, TooManyWords
from reach_workbench.engine.findings import Findings, Position
from reach_workbench.engine.grammar import check
from reach_workbench.engine.grammar_tasks import TASK
from reach_workbench.engine.grammar_workflow import WORKFLOW as WORKFLOW_GRAMMAR
from reach_workbench.engine.program import Program, Task
from reach_workbench.engine.tree import Place, plant
from reach_workbench.engine.values import Json

__all__ = ["Compilation", "DocumentLimits", "FunctionCompilation", "compile_document", "compile_function"]


_LIMITS: Final = DocumentLimits()


class Compilation(NamedTuple):
    """`program` is None exactly if there is an error among the diagnostics, which are in the source's order."""

    program: Program | None
    diagnostics: tuple[Diagnostic, ...]


class FunctionCompilation(NamedTuple):
    """`task` is None exactly if there is an error among the diagnostics."""

    task: Task | None
    diagnostics: tuple[Diagnostic, ...]


def compile_document(
    text: str,
    file: str,
    *,
    limits: DocumentLimits = _LIMITS,
) -> Compilation:
    """Compile a workflow in YAML 1.2 or JSON; `file` names it in the diagnostics."""
    findings = Findings(file, text)
    program: Program | None = None
    try:
        node = read_document(text, findings, limits)
        if node is not None:
            program = _program(Place(node), text, findings, limits)
    except RecursionError:
        _too_deep(findings, limits)
    except TooManyWords:
        _too_many_words(findings, limits)
    return Compilation(None if findings.failed else program, findings.diagnostics())


def compile_function(
    definition: Json,
    name: str,
    reference: str,
    *,
    file: str | None = None,
    limits: DocumentLimits = _LIMITS,
    loose: bool = False,
) -> FunctionCompilation:
    """Compile the definition of a function that stands alone: a task, as text or as a parsed value.

    Its task has the given name and reference, and references inside it begin with that one. It
    can't refer to components of a document (dsl.md, Creating a Custom Function).
    """
    findings = Findings(file or name, definition if isinstance(definition, str) else "")
    task: Task | None = None
    try:
        node = read_document(definition, findings, limits) if isinstance(definition, str) else plant(definition)
        if node is not None:
            place = Place(node)
            check(place, TASK, findings, loose=loose)
            session = _session(place, findings, limits, loose=loose)
            task = compile_task(session, place, reference, Ground(), name=name)
    except RecursionError:
        _too_deep(findings, limits)
    except TooManyWords:
        _too_many_words(findings, limits)
    return FunctionCompilation(None if findings.failed else task, findings.diagnostics())


def _program(place: Place, text: str, findings: Findings, limits: DocumentLimits) -> Program:
    loose = place.dig("evaluate", "mode")
    is_loose = loose is not None and loose.text == "loose"
    check(place, WORKFLOW_GRAMMAR, findings, loose=is_loose)
    session = _session(place, findings, limits, loose=is_loose)
    if (use := place.get("use")) is not None:
        session.use = use
    declared = session.use.get("secrets")
    secrets = [item.text for item in declared.items() if item.text] if declared is not None else []
    session.secrets = frozenset(secrets)
    session.extensions = compile_extensions(session)
    taken = passage(session, place.get("input"), "from", WORKFLOW_INPUT, WORKFLOW_INPUT)
    block = compile_block(session, place.get("do"), "/do", Ground())
    given = passage(session, place.get("output"), "as", WORKFLOW, WORKFLOW)
    limit = timeout(session, place.get("timeout"), WORKFLOW)
    schedule = place.get("schedule")
    check_schedule(session, schedule)
    check_unused(session)
    catalogs = session.use.get("catalogs")
    roots = [(name, each.get("endpoint")) for name, each in catalogs.members()] if catalogs is not None else []
    about = place.get("document") or place
    return Program(
        digest=_digest(place, findings),
        document=place.plain,
        source=text,
        namespace=about.text_of("namespace"),
        name=about.text_of("name"),
        version=about.text_of("version"),
        block=block,
        tasks=_in_order(session),
        input_schema=taken.schema,
        input_from=taken.mapping,
        output_as=given.mapping,
        output_schema=given.schema,
        timeout=limit,
        secrets=tuple(secrets),
        schedule=schedule.plain if schedule is not None else None,
        mode="loose" if is_loose else "strict",
        catalogs={name: endpoint(session, root, DEFINITION) for name, root in roots if root is not None},
    )


def _session(place: Place, findings: Findings, limits: DocumentLimits, *, loose: bool) -> Session:
    survey = Survey(limits.document_words, in_vain=lambda: not findings.room())
    survey.look_over(place.plain, loose=loose)
    return Session(findings, compile_block, compile_task, survey, loose=loose)


def _in_order(session: Session) -> dict[str, Task]:
    """The tasks that the workflow begins with before those that it uses."""
    found = {reference: task for reference, task in session.tasks.items() if task is not None}
    return dict(sorted(found.items(), key=lambda each: not each[0].startswith("/do/")))


def _digest(place: Place, findings: Findings) -> str:
    return "" if findings.failed else hashlib.sha256(canonical(place.plain)).hexdigest()


def _too_deep(findings: Findings, limits: DocumentLimits) -> None:
    message = f"the document nests too deep to compile (setting limits.document_depth = {limits.document_depth})"
    findings.add(Position(1, 1), "limit", message, "let tasks and functions nest less deep")


def _too_many_words(findings: Findings, limits: DocumentLimits) -> None:
    most = limits.document_words
    message = f"the expressions of the document have more than {most} words (setting limits.document_words)"
    hint = f"use fewer expressions, or raise the setting; one that jq refuses counts {FAULT} more than its words"
    findings.add(Position(1, 1), "limit", message, hint)
