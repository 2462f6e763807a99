"""The words of an expression at a place: arguments, variables in scope, functions of jq."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from reach_workbench.engine.assist_place import MARK, Found, Spot, chain, options
from reach_workbench.engine.compile_scope import BEFORE_INPUT, DEFINITION, EXPORT, WORKFLOW, WORKFLOW_INPUT
from reach_workbench.engine.grammar_shapes import Text
from reach_workbench.engine.jq_words import FUNCTIONS
from reach_workbench.engine.outline import Entry
from reach_workbench.engine.tree import Place
from reach_workbench.engine.words import ARGUMENTS, PARTS
from reach_workbench.engine.words_jq import JQ

_WORD: Final = re.compile(r"(?:\$(?P<of>\w+)\.)?(?P<word>\$\w*|\.\w*|\w+)?$")
_OWN: Final = re.compile(r"\bas\s+[\[{(\s]*((?:\$\w+[\s,\]})]*)+)")
_REFUSED: Final = frozenset(
    {"now", "env", "input", "inputs", "debug", "stderr", "input_filename", "halt", "halt_error"}
)
_FUNCTIONS: Final = tuple(sorted(JQ)) + tuple(sorted(FUNCTIONS - JQ.keys() - _REFUSED))


class Word(NamedTuple):
    """One word that may be written; it replaces the last `replaces` characters before the cursor."""

    label: str
    kind: str
    detail: str
    insert: str
    replaces: int


def expression_at(here: Spot, shape: Found | None) -> str | None:
    """The expression before the cursor, as far as it is written; None when the cursor stands in none."""
    text = (here.place.text or "").partition(MARK)[0]
    begun = text.rfind("${")
    if begun != -1 and not _closed(text[begun + 2 :]):
        return text[begun + 2 :] + here.typed
    loose = here.sketch.root.dig("evaluate", "mode")
    by_nature = any(isinstance(each, Text) and each.says == "an expression" for each in options(shape))
    if by_nature and "${" not in text and (text.strip() or here.typed[:1] in (".", "$")):
        return text + here.typed
    if by_nature and here.sketch.text.split("\n")[here.line - 1][here.column - 2 : here.column - 1] == ".":
        return text + here.typed
    if loose is not None and loose.text == "loose" and here.typed.startswith("$"):
        return text + here.typed
    return None


def _closed(text: str) -> bool:
    """Whether the brace that began the expression is closed again."""
    depth = 1
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"?|[{}]', text):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return True
    return False


def expression_choices(written: str, place: Place, task: Entry | None, root: Place) -> Iterator[Word]:
    """What may follow in an expression, the likeliest first."""
    found = _WORD.search(written)
    of = found["of"] if found is not None else None
    word = (found["word"] or "") if found is not None else ""
    if of is not None and not word.startswith("$"):
        named = [each for each in _parts(of, root) if each.startswith(word.removeprefix("."))]
        yield from (Word(name, "part", f"of ${of}", name, len(word.removeprefix("."))) for name in named)
        return
    if word.startswith("."):
        for name, detail in _fields(root):
            if name.startswith(word[1:]) and re.fullmatch(r"[A-Za-z_]\w*", name):
                yield Word(f".{name}", "field", detail, f".{name}", len(word))
        return
    if word.startswith("$") or not word:
        for name, detail in variables(written, place, task):
            if name.startswith(word[1:]):
                yield Word(f"${name}", "variable", detail, f"${name}", len(word))
    if not word.startswith("$"):
        for name in _FUNCTIONS:
            if name.startswith(word):
                yield Word(name, "function", JQ.get(name, "a function of jq"), name, len(word))


def variables(written: str, place: Place, task: Entry | None) -> Iterator[tuple[str, str]]:
    """The variables in scope, innermost first, each with what it holds."""
    seen: set[str] = set()
    for group in reversed(_OWN.findall(written)):
        for name in re.findall(r"\$(\w+)", group):
            if name not in seen:
                seen.add(name)
                yield name, "defined in this expression"
    for name in (*_here(place, task), *(task.variables if task is not None else ())):
        if name not in seen:
            seen.add(name)
            yield name, "defined by a loop, a catch or an iterator around this"
    allowed = _arguments(place, task)
    for name, detail in ARGUMENTS.items():
        if name in allowed:
            yield name, detail


def _here(place: Place, task: Entry | None) -> Iterator[str]:
    """The variables that the task itself defines for some of its own properties."""
    if task is None:
        return
    steps = [each.step for each in chain(place)[len(chain(task.place)) :]]
    if steps[:1] == ["while"]:
        loop = task.place.get("for")
        if loop is not None:
            yield loop.text_of("each", "item")
            yield loop.text_of("at", "index")
    elif steps[:1] == ["catch"]:
        catch = task.place.get("catch")
        if catch is not None and steps[1:2] != ["errors"]:
            yield catch.text_of("as", "error")
    elif "foreach" in steps:
        iterator = task.place.get("foreach") or task.place.dig("with", "subscription", "foreach")
        if iterator is not None:
            yield iterator.text_of("item", "item")
            yield iterator.text_of("at", "index")


def _arguments(place: Place, task: Entry | None) -> frozenset[str]:
    """Which runtime expression arguments an expression has by where it stands."""
    if task is None:
        top = next((str(each.step) for each in chain(place)[1:]), "")
        return {"input": WORKFLOW_INPUT, "schedule": WORKFLOW_INPUT, "output": WORKFLOW, "timeout": WORKFLOW}.get(
            top, DEFINITION
        )
    steps = [each.step for each in chain(place)[len(chain(task.place)) :]]
    if steps[:1] in (["if"], ["input"]):
        return BEFORE_INPUT
    return EXPORT if "export" in steps else DEFINITION


def _parts(argument: str, root: Place) -> tuple[str, ...]:
    """What is in an argument."""
    if argument == "secrets":
        declared = root.dig("use", "secrets")
        items = declared.items() if declared is not None else ()
        return tuple(item.text for item in items if item.text and MARK not in item.text)
    if argument == "context":
        return tuple(sorted(_exported(root)))
    return PARTS.get(argument, ())


def _exported(root: Place) -> set[str]:
    """The names that exports of this document put into the context, where they are written out."""
    names: set[str] = set()
    waiting = [root]
    seen: set[int] = set()
    while waiting:
        place = waiting.pop()
        if id(place.node) in seen:
            continue
        seen.add(id(place.node))
        export = place.dig("export", "as")
        if export is not None:
            names |= {name for name, _ in export.members() if MARK not in name}
            names |= set(re.findall(r"[{,]\s*([A-Za-z_]\w*)\s*(?=[:,}])", export.text or ""))
        waiting += [member for _, member in place.members()]
        waiting += place.items()
    return names


def _fields(root: Place) -> Iterator[tuple[str, str]]:
    """Names that the data is likely to have: those of the input's schema, and those that tasks set."""
    seen: set[str] = set()
    schema = root.dig("input", "schema", "document", "properties")
    for name, _ in schema.members() if schema is not None else ():
        seen.add(name)
        yield name, "of the workflow's input"
    waiting = [root]
    visited: set[int] = set()
    while waiting:
        place = waiting.pop()
        if id(place.node) in visited:
            continue
        visited.add(id(place.node))
        given = place.get("set")
        for name, _ in given.members() if given is not None else ():
            if name not in seen and MARK not in name:
                seen.add(name)
                yield name, "set by a task"
        waiting += [member for _, member in place.members()]
        waiting += place.items()
