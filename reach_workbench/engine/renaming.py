"""A task renamed in the text of its document, and with it the directives that lead to it."""

from __future__ import annotations

import json
import re
from typing import Final

from reach_workbench.engine.compile_flow import DIRECTIVES
from reach_workbench.engine.document import DocumentLimits, read_document
from reach_workbench.engine.document_scalars import BadScalar, resolve
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.outline import Entry, outline
from reach_workbench.engine.sketch import sketch
from reach_workbench.engine.tree import Place
from reach_workbench.errors import BadInput

_PLAIN: Final = re.compile(r"[A-Za-z_][\w.-]*(?: [\w.-]+)*")


def rename(source: str, reference: str, name: str, limits: DocumentLimits | None = None) -> str:
    """The text with the task of that reference renamed; nothing else in it changes.

    Raises BadInput for a task that is not there, and for a name that is taken, empty or a directive.
    """
    drawn = sketch(source)
    node = read_document(source, Findings("", source), limits or DocumentLimits())
    root = Place(node) if node is not None else drawn.root
    entries = outline(root)
    entry = next((each for each in entries if each.reference == reference), None)
    if entry is None:
        raise BadInput(f"there is no task {reference}", hint="the outline of the text lists its tasks")
    if name == entry.name:
        return source
    _check(name, entry, _around(entry))
    edits = [_key_edit(source, drawn.offset(entry.line, entry.column), entry.name, name)]
    edits += [
        (place.node.start, place.node.end, _written(name, source[place.node.start : place.node.end]))
        for place in _leading_to(entry)
    ]
    for start, end, text in sorted(set(edits), reverse=True):
        source = source[:start] + text + source[end:]
    return source


def _around(entry: Entry) -> set[str]:
    """The names of the list, the fork or the table that the task stands in."""
    holder = entry.place.parent
    assert holder is not None
    if isinstance(holder.step, int) and holder.parent is not None:
        return {name for name, _ in holder.parent.named()}
    return {name for name, _ in holder.members()}


def _check(name: str, entry: Entry, taken: set[str]) -> None:
    if not name.strip() or "\n" in name:
        raise BadInput("a task needs a name of one line", hint="letters, digits, hyphens and underscores are best")
    if name in DIRECTIVES:
        raise BadInput(
            f"a task can't be called {name!r}: 'then: {name}' is a directive of its own", hint="choose another name"
        )
    if name in taken:
        raise BadInput(f"{name!r} is already there beside {entry.name!r}", hint="choose another name")


def _leading_to(entry: Entry) -> list[Place]:
    """The directives of the same list that name the task; a function is named by calls."""
    holder = entry.place.parent
    assert holder is not None
    if not isinstance(holder.step, int) or holder.parent is None:
        return _calls(entry) if entry.role == "function" else []
    if entry.role == "branch":
        return []
    found = []
    for _, task in holder.parent.named():
        found += [task.get("then"), task.dig("catch", "then")]
        cases = task.get("switch")
        found += [case.get("then") for _, case in cases.named()] if cases is not None else []
    return [each for each in found if each is not None and each.text == entry.name]


def _calls(entry: Entry) -> list[Place]:
    root = entry.place
    while root.parent is not None:
        root = root.parent
    calls = [each.place.get("call") for each in outline(root)]
    return [each for each in calls if each is not None and each.text == entry.name]


def _key_edit(source: str, start: int, old: str, name: str) -> tuple[int, int, str]:
    first = source[start : start + 1]
    if first in ("'", '"'):
        pattern = r"'(?:[^']|'')*'" if first == "'" else r'"(?:[^"\\]|\\.)*"'
        found = re.compile(pattern).match(source, start)
        end = found.end() if found is not None else start + len(old)
    else:
        end = start + len(old)
    return start, end, _written(name, source[start:end])


def _written(name: str, before: str) -> str:
    """The name as a scalar, in the quotes of the one before it, or in quotes where it needs them."""
    if before.startswith('"'):
        return json.dumps(name, ensure_ascii=False)
    if before.startswith("'"):
        return "'" + name.replace("'", "''") + "'"
    if _PLAIN.fullmatch(name):
        try:
            if resolve(name, None, plain=True)[0] == "text":
                return name
        except BadScalar:
            pass
    return json.dumps(name, ensure_ascii=False)
