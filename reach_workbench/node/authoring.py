"""What a node says about a workflow's text: see `protocol.authoring`."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from reach_workbench.engine.document import read_document
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.outline import last_line, outline, summary
from reach_workbench.engine.program import Program
from reach_workbench.engine.sketch import sketch
from reach_workbench.engine.tree import Place, plant
from reach_workbench.engine.values import Json
from reach_workbench.protocol.authoring import Compilation, TaskPlace
from reach_workbench.runner.loading import compile_text, document_limits
from reach_workbench.settings import Limits


def inspect(source: str, file: Path | str, limits: Limits) -> Compilation:
    """Everything that the compiler and the outline say about a text; raises nothing for a text that is wrong."""
    result = compile_text(source, str(file), limits)
    program = result.program
    root = _tree(source, limits, program)
    about = root.get("document") or root
    return Compilation(
        diagnostics=tuple(result.diagnostics),
        workflow=f"{program.namespace}/{program.name}:{program.version}" if program is not None else None,
        title=about.text_of("title") or None,
        summary=about.text_of("summary") or None,
        tasks=tasks(root, source),
        input_schema=_schema(root),
        secrets=tuple(each.text for each in _items(root.dig("use", "secrets")) if each.text),
    )


def tasks(root: Place, source: str) -> tuple[TaskPlace, ...]:
    """The outline of a document as the protocol has it."""
    starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
    return tuple(
        TaskPlace(
            reference=each.reference,
            name=each.name,
            kind=each.kind,
            line=each.line,
            column=each.column,
            end_line=max(each.line, last_line(each.place.node, source, starts)),
            parent=each.parent,
            role=each.role,
            summary=summary(each),
            leads_to=each.leads_to,
        )
        for each in outline(root)
    )


def _tree(source: str, limits: Limits, program: Program | None) -> Place:
    """The tree of a text: drawn quickly where that gives what the compiler read, or where nothing else can be had."""
    drawn = sketch(source).root if len(source) <= limits.document_bytes else Place(plant({}))
    if program is not None and drawn.plain == program.document:
        return drawn
    node = read_document(source, Findings("", source), document_limits(limits))
    return Place(node) if node is not None else drawn


def _schema(root: Place) -> Json:
    """`input.schema` where it is JSON Schema written in the document."""
    schema = root.dig("input", "schema")
    document = schema.get("document") if schema is not None else None
    if schema is None or document is None or schema.text_of("format", "json").partition(":")[0].lower() != "json":
        return None
    return document.plain


def _items(place: Place | None) -> list[Place]:
    return list(place.items()) if place is not None else []
