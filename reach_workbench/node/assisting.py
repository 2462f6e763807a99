"""What an editor asks of a node about a text that is being written: see `protocol.authoring`."""

from __future__ import annotations

from reach_workbench.engine import assist, explaining
from reach_workbench.engine.formatting import format_document
from reach_workbench.engine.renaming import rename
from reach_workbench.protocol.authoring import Completion, Explanation
from reach_workbench.runner.loading import document_limits
from reach_workbench.settings import Limits


def complete(source: str, line: int, column: int, limits: Limits) -> list[Completion]:
    """Nothing for a text that is larger than a document may be."""
    if len(source) > limits.document_bytes:
        return []
    return [Completion(*each) for each in assist.complete(source, line, column)]


def explain(source: str, line: int, column: int, limits: Limits) -> Explanation | None:
    note = explaining.explain(source, line, column) if len(source) <= limits.document_bytes else None
    return Explanation(*note) if note is not None else None


def renamed(source: str, reference: str, name: str, limits: Limits) -> str:
    return rename(source, reference, name, document_limits(limits))


def formatted(source: str, limits: Limits) -> str:
    return format_document(source, document_limits(limits))
