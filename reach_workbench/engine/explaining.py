"""What stands at a place of a document, in a few lines of Markdown."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from reach_workbench.engine.assist_expressions import variables
from reach_workbench.engine.assist_place import (
    Item,
    described,
    entries_of,
    options,
    record_at,
    settled,
    shape_at,
    task_of,
)
from reach_workbench.engine.grammar_shapes import Chosen, Record, Text
from reach_workbench.engine.grammar_tasks import OWN
from reach_workbench.engine.jq_words import FUNCTIONS
from reach_workbench.engine.outline import Entry, kind_of, last_line, summary
from reach_workbench.engine.sketch import Sketch, sketch
from reach_workbench.engine.tree import Place
from reach_workbench.engine.words import ARGUMENTS, DIRECTIVES, WORDS, sentence
from reach_workbench.engine.words_jq import JQ

_WORD: Final = re.compile(r"\$?\w+")


class Note(NamedTuple):
    """See `protocol.authoring.Explanation`."""

    title: str
    text: str
    line: int
    end_line: int
    reference: str | None


def explain(source: str, line: int, column: int) -> Note | None:
    """The construct at a place (from 1), or None where there is nothing to say. Raises nothing."""
    drawn = sketch(source)
    offset = drawn.offset(line, column)
    entries = entries_of(drawn)
    place = _innermost(drawn, offset)
    task = task_of(place, entries)
    reference = task.reference if task is not None else None
    note = _in_text(drawn, place, offset, task)
    while note is None:
        note = _construct(drawn, place, task)
        if place.parent is None:
            break
        place = place.parent
    if note is None:
        return None
    title, text, first, last = note
    return Note(title, text, first, last, reference)


_Parts = tuple[str, str, int, int]


def _innermost(drawn: Sketch, offset: int) -> Place:
    """The deepest place whose key or value begins before an offset and has not ended on an earlier line."""
    place = drawn.root
    row = drawn.position(offset)[0]
    while True:
        inside = None
        parts = [member for _, member in place.members()] if isinstance(place.node.value, dict) else list(place.items())
        for part in parts:
            begun = _begin(drawn, part)
            if begun <= offset and max(last_line(part.node, drawn.text, drawn.starts), _row(part)) >= row:
                inside = part
        if inside is None:
            return place
        place = inside


def _begin(drawn: Sketch, place: Place) -> int:
    """Where the key of a place begins, or its value if it has no key."""
    if place.parent is not None and isinstance(place.step, str):
        at = place.parent.node.keys.get(place.step)
        if at is not None:
            return drawn.offset(*at)
    return place.node.start


def _row(place: Place) -> int:
    if place.parent is not None and isinstance(place.step, str):
        return place.parent.node.keys.get(place.step, (place.node.line, 0))[0]
    return place.node.line


def _construct(drawn: Sketch, place: Place, task: Entry | None) -> _Parts | None:
    """What a key is for."""
    if place.parent is None or not isinstance(place.step, str):
        return None
    first, last = _row(place), max(_row(place), last_line(place.node, drawn.text, drawn.starts))
    name = place.step
    shape = shape_at(place)
    around = settled(shape_at(place.parent), place.parent)
    if isinstance(around, Item) and isinstance(around.list.item, Chosen) and task is not None:
        return _task(place, task, first, last)
    if isinstance(around, Item):
        return name, f"The {around.list.noun} `{name}`.", first, last
    if not isinstance(around, Record):
        return _own_name(place, first, last)
    words = sentence(around.says, name)
    if words is None:
        return None
    lines = [words, ""]
    takes = described(shape)
    lines.append(f"Takes {takes}{'; needed' if name in around.required else ''}.")
    if (more := _members(place)) is not None:
        lines.append(more)
    return f"{name} · {around.says}", "\n".join(lines), first, last


def _members(place: Place) -> str | None:
    """The properties of what a key holds."""
    for option in options(shape_at(place)):
        if isinstance(option, Record) and option.fields:
            names = [f"**{name}**" if name in option.required else name for name in option.fields]
            return "\nIn it: " + ", ".join(names) + "."
    return None


def _task(place: Place, task: Entry, first: int, last: int) -> _Parts:
    kind = kind_of(place)
    own = OWN.get(kind)
    lines = [WORDS[own.says][kind] if own is not None else "This task does not say yet what it does.", ""]
    brief = summary(task)
    if brief:
        lines += [f"`{brief}`", ""]
    lines.append(f"`{task.reference}`")
    return f"{task.name} · {kind} task" if own is not None else task.name, "\n".join(lines), first, last


def _own_name(place: Place, first: int, last: int) -> _Parts | None:
    """A name that the author has given to something under `use`."""
    group = place.parent
    if group is None or group.parent is None or group.parent.step != "use" or not isinstance(group.step, str):
        return None
    return f"{place.step} · use.{group.step}", WORDS["use"].get(group.step, ""), first, last


# ---------------------------------------------------------------- words within a value


def _in_text(drawn: Sketch, place: Place, offset: int, task: Entry | None) -> _Parts | None:
    """The word under the cursor where it has a meaning of its own: an argument, a function of jq, a name."""
    text = place.text
    if text is None or not place.node.start <= offset <= place.node.end:
        return None
    row, column = drawn.position(offset)
    written = drawn.text[drawn.starts[row - 1] : drawn.offset(row, 1 << 20)]
    word = next((each for each in _WORD.finditer(written) if each.start() < column <= each.end() + 1), None)
    here = word[0] if word is not None else ""
    record = record_at(place.parent) if place.parent is not None else None
    if place.step == "then" and record is not None:
        return _destination(text, row)
    choice = _choice(place, text, row)
    if choice is not None or word is None:
        return choice
    if "${" not in text and not any(
        isinstance(each, Text) and each.says == "an expression" for each in options(shape_at(place))
    ):
        return _definition(drawn, place, text, row)
    if here.startswith("$"):
        known = dict(variables(text, place, task))
        detail = known.get(here[1:]) or ARGUMENTS.get(here[1:])
        if detail is None:
            return here, "No variable of this name is in scope here.", row, row
        return here, detail[:1].upper() + detail[1:] + ("" if detail.endswith(".") else "."), row, row
    before = written[: word.start()]
    if here in FUNCTIONS | JQ.keys() and not before.endswith("."):
        detail = JQ.get(here, "a function of jq")
        return f"{here} · jq", detail[:1].upper() + detail[1:] + ".", row, row
    return None


def _destination(text: str, row: int) -> _Parts:
    if text in DIRECTIVES:
        return f"then: {text}", DIRECTIVES[text], row, row
    return f"then: {text}", f"Goes on with the task `{text}` of this list.", row, row


def _choice(place: Place, text: str, row: int) -> _Parts | None:
    for option in options(shape_at(place)):
        if isinstance(option, Text) and text in option.choices:
            parent = place.parent
            record = record_at(parent) if parent is not None else None
            words = sentence(record.says, str(place.step)) if record is not None else None
            return f"{place.step}: {text}", f"{words or ''}\n\nOne of {', '.join(option.choices)}.", row, row
    return None


_GROUPS: Final = {
    "call": "functions",
    "retry": "retries",
    "error": "errors",
    "timeout": "timeouts",
    "authentication": "authentications",
    "use": "authentications",
}


def _definition(drawn: Sketch, place: Place, text: str, row: int) -> _Parts | None:
    """What a name stands for that is defined under `use`."""
    group = _GROUPS.get(str(place.step))
    found = drawn.root.dig("use", group, text) if group is not None else None
    if found is None or group is None:
        return None
    return text, f"Defined under `use.{group}` on line {_row(found)}.", row, row
