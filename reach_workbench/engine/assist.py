"""What may be written at a place of a document: properties, values, names, and the words of expressions.

Works on texts that are neither YAML nor complete: that is what a text is while someone types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from reach_workbench.engine.assist_expressions import expression_at, expression_choices
from reach_workbench.engine.assist_place import (
    MARK,
    Found,
    Item,
    Spot,
    described,
    entries_of,
    options,
    record_at,
    settled,
    shape_at,
    spot,
    task_of,
)
from reach_workbench.engine.grammar_shapes import Chosen, Named, OneOf, Record, Series, Shape, Table, Text, Truth
from reach_workbench.engine.grammar_tasks import BUILT_IN_CALLS, COMMON, KINDS, OWN
from reach_workbench.engine.outline import Entry
from reach_workbench.engine.tree import Place
from reach_workbench.engine.words import DIRECTIVES, WORDS, sentence

_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")
_GROUPS: Final = {"retry": "retries", "error": "errors", "timeout": "timeouts", "authentication": "authentications"}
"""Properties that may name something under `use`, with where it is."""


class Choice(NamedTuple):
    """One thing that may be written; see `protocol.authoring.Completion`."""

    label: str
    kind: str
    detail: str
    insert: str
    column: int
    documentation: str = ""


def complete(source: str, line: int, column: int) -> list[Choice]:
    """What may be written at a place, the likeliest first. Lines and columns count from 1; nothing is raised."""
    here = spot(source, line, column)
    if here is None:
        return []
    entries = entries_of(here.sketch)
    if here.is_key:
        return _begun(_properties(here, here.place, entries), here.typed)
    text = here.place.text or ""
    shape = shape_at(here.place)
    written = expression_at(here, shape)
    if written is not None:
        task = task_of(here.place, entries)
        return [
            Choice(each.label, each.kind, each.detail, each.insert, here.column + len(here.typed) - each.replaces)
            for each in expression_choices(written, here.place, task, here.sketch.root)
        ]
    if text.strip() != MARK:
        return []
    found = [*_values(here, shape, entries)]
    if _opens_block(here):
        found += _members(here, shape)
    return _begun(found, here.typed)


def _begun(found: list[Choice], typed: str) -> list[Choice]:
    """Those that begin with what is typed, then those that hold it."""
    if not typed:
        return found
    low = typed.lower()
    begin = [each for each in found if each.label.lower().startswith(low)]
    return begin + [each for each in found if low in each.label.lower() and each not in begin]


# ---------------------------------------------------------------- keys


def _properties(here: Spot, place: Place, entries: tuple[Entry, ...]) -> list[Choice]:
    """The properties that an object may still get."""
    shape = settled(shape_at(place), place)
    if isinstance(shape, Item):
        return _new_tasks(here) if _is_task(shape.list.item) and len(list(place.members())) == 1 else []
    if not isinstance(shape, Record):
        return []
    present = {name for name, _ in place.members() if MARK not in name}
    if _is_task(shape_at(place)) and not present & set(KINDS):
        return _kinds(here) + _fields(here, Record("a task", COMMON), present)
    return _fields(here, shape, present)


def _fields(here: Spot, record: Record, present: set[str]) -> list[Choice]:
    excluded = set(present)
    for rule in record.rules:
        if isinstance(rule, OneOf) and rule.most == 1 and present & set(rule.names):
            excluded |= set(rule.names)
    names = [name for name in record.fields if name not in excluded and MARK not in name]
    needed = [name for name in names if name in record.required]
    common = [name for name in names if name in COMMON and record.says != "a task"]
    own = [name for name in names if name not in needed and name not in common]
    return [
        Choice(
            name,
            "property",
            described(record.fields[name]) + (", needed" if name in needed else ""),
            _key(here, name, record.fields[name]),
            here.column,
            sentence(record.says, name) or "",
        )
        for name in (*needed, *own, *common)
    ]


def _kinds(here: Spot) -> list[Choice]:
    return [
        Choice(
            kind,
            "kind",
            described(OWN[kind].fields[kind]),
            _key(here, kind, OWN[kind].fields[kind]),
            here.column,
            WORDS[OWN[kind].says][kind],
        )
        for kind in KINDS
    ]


def _new_tasks(here: Spot) -> list[Choice]:
    """A whole task in a list of tasks, its kind to be chosen."""
    if here.flow or here.has_colon:
        return []
    inner = " " * (here.column + 1)
    return [
        Choice(
            f"task: {kind}",
            "task",
            described(OWN[kind].fields[kind]),
            f"newTask:\n{inner}{_key(here._replace(column=here.column + 2), kind, OWN[kind].fields[kind])}",
            here.column,
            WORDS[OWN[kind].says][kind],
        )
        for kind in KINDS
    ]


def _is_task(shape: Found | None) -> bool:
    return isinstance(shape, Chosen)


def _key(here: Spot, name: str, shape: Shape) -> str:
    """A key as it is inserted: what must follow it on lines of its own begins one."""
    if here.has_colon:
        return name
    kinds = list(options(shape))
    inner = " " * (here.column + 1)
    if here.flow or any(isinstance(each, Text) or not isinstance(each, _BLOCKS) for each in kinds):
        return f"{name}: "
    if any(isinstance(each, Named | Series) for each in kinds):
        return f"{name}:\n{inner}- "
    return f"{name}:\n{inner}"


_BLOCKS: Final = (Record, Table, Chosen, Named, Series)


# ---------------------------------------------------------------- values


def _opens_block(here: Spot) -> bool:
    """Whether what is typed stands alone on its line (or behind `- `), so that it may become a key."""
    row = here.sketch.text.split("\n")[here.line - 1]
    return row.replace("- ", "").strip() == MARK


def _members(here: Spot, shape: Found | None) -> list[Choice]:
    """The properties of the object that a place waits for."""
    if isinstance(shape, Item):
        return _new_tasks(here) if _is_task(shape.list.item) else []
    if _is_task(shape):
        return _kinds(here) + _fields(here, Record("a task", COMMON), set())
    found: list[Choice] = []
    for option in options(shape):
        if isinstance(option, Record):
            found += _fields(here, option, set())
    return found


def _values(here: Spot, shape: Found | None, entries: tuple[Entry, ...]) -> Iterator[Choice]:
    """Texts that may stand at a place."""
    name = str(here.place.step)
    parent = here.place.parent
    record = record_at(parent) if parent is not None else None
    at = here.column
    if record is not None and name == "then":
        yield from _directives(here, entries)
    elif record is not None and name == "call" and record.says == "a call":
        for function in sorted(BUILT_IN_CALLS):
            yield Choice(function, "call", "a call of the DSL", function, at)
        yield from _named(here, "functions", "a function of this document")
        for catalog in _names(here.sketch.root, "catalogs"):
            yield Choice(f"@{catalog}", "catalog", "a function of this catalog", f"NAME:VERSION@{catalog}", at)
    elif record is not None and name == "method" and record.says == "an HTTP call":
        for method in _METHODS:
            yield Choice(method, "value", "", method, at)
    elif record is not None and name == "dsl":
        yield Choice("'1.0.3'", "value", "the newest version of the DSL", "'1.0.3'", at)
    elif name in _GROUPS and (record is not None):
        yield from _named(here, _GROUPS[name], "defined under use." + _GROUPS[name])
    elif name == "use" and record is not None and record.says == "an authentication policy":
        yield from _named(here, "authentications", "defined under use.authentications")
    elif name == "use" and record is not None:
        yield from _secrets(here)
    seen: set[str] = set()
    for option in options(shape):
        texts = option.choices if isinstance(option, Text) else ("true", "false") if isinstance(option, Truth) else ()
        for text in texts:
            if text not in seen:
                seen.add(text)
                yield Choice(text, "value", "", text, at)
        if isinstance(option, Text) and (option.expression or option.says == "an expression") and "${" not in seen:
            seen.add("${")
            yield Choice("${ }", "expression", "an expression in jq", "${ . }", at)


def _directives(here: Spot, entries: tuple[Entry, ...]) -> Iterator[Choice]:
    task = task_of(here.place, entries)
    for name in task.siblings if task is not None else ():
        if task is not None and name != task.name:
            yield Choice(name, "task", "a task of this list", name, here.column)
    for name, words in DIRECTIVES.items():
        yield Choice(name, "directive", "", name, here.column, words)


def _named(here: Spot, group: str, detail: str) -> Iterator[Choice]:
    for name in _names(here.sketch.root, group):
        yield Choice(name, "name", detail, name, here.column)


def _secrets(here: Spot) -> Iterator[Choice]:
    declared = here.sketch.root.dig("use", "secrets")
    for item in declared.items() if declared is not None else ():
        if item.text and MARK not in item.text:
            yield Choice(item.text, "name", "a secret", item.text, here.column)


def _names(root: Place, group: str) -> list[str]:
    place = root.dig("use", group)
    return [name for name, _ in place.members() if MARK not in name] if place is not None else []
