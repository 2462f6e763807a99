"""Holds a document against the grammar tables and reports whatever does not fit.

The walker knows no word of the DSL; those are in `grammar_values`, `grammar_calls`,
`grammar_tasks` and `grammar_workflow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from reach_workbench.engine.diagnostics import Severity
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.grammar_formats import is_expression
from reach_workbench.engine.grammar_shapes import (
    Anything,
    Chosen,
    Either,
    Instead,
    Named,
    Needs,
    OneOf,
    Record,
    Rule,
    Series,
    Shape,
    Table,
    Text,
    Truth,
    Whole,
)
from reach_workbench.engine.tree import Node, Place, Sort

SORT_WORDS: Final[dict[Sort, str]] = {
    "object": "an object",
    "array": "a list",
    "text": "text",
    "number": "a number",
    "boolean": "a boolean",
    "null": "nothing",
}

_SORTS: Final[dict[type, frozenset[Sort]]] = {
    Text: frozenset({"text"}),
    Whole: frozenset({"number"}),
    Truth: frozenset({"boolean"}),
    Anything: frozenset({"object", "array", "text", "number", "boolean", "null"}),
    Table: frozenset({"object"}),
    Record: frozenset({"object"}),
    Chosen: frozenset({"object"}),
    Series: frozenset({"array"}),
    Named: frozenset({"array"}),
}

_WORDS: Final[dict[type, str]] = {
    Whole: "a whole number",
    Truth: "true or false",
    Table: "an object",
    Chosen: "an object",
    Series: "a list",
}


def check(place: Place, shape: Shape, findings: Findings, *, loose: bool) -> None:
    """Report everything at and below `place` that does not fit `shape`."""
    _Walker(findings, loose).walk(place, shape)


def guess(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is not among the known ones."""
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(word, names, 1, 0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known here: " + ", ".join(names[:30]) if names else ""


class _Walker:
    def __init__(self, findings: Findings, loose: bool) -> None:
        self.findings = findings
        self.loose = loose

    def walk(self, place: Place, shape: Shape) -> None:
        if isinstance(shape, Either):
            self._either(place, shape)
        elif place.node.sort not in _SORTS[type(shape)]:
            self._wrong_sort(place, _says(shape), shape)
        else:
            _WALKS[type(shape)](self, place, shape)

    def _wrong_sort(self, place: Place, wanted: str, shape: Shape) -> None:
        given = SORT_WORDS[place.node.sort]
        hint = ""
        if place.node.sort == "null":
            hint = "indent what belongs here below its key" if _takes_children(shape) else "give it a value"
        elif place.text is not None and is_expression(place.text):
            hint = "an expression can't stand here"
        elif isinstance(shape, Named) and place.node.sort == "object":
            hint = f"start each {shape.noun} with '- '"
        elif isinstance(shape, Text) and place.node.sort in ("number", "boolean"):
            hint = "put it in quotes"
        what = f"is empty, it must be {wanted}" if place.node.sort == "null" else f"must be {wanted}, not {given}"
        self.findings.error(place, "wrong-type", f"{_name(place)} {what}", hint)

    def _either(self, place: Place, shape: Either) -> None:
        for option in shape.options:
            sorts = _SORTS.get(type(option))
            if sorts is not None and place.node.sort in sorts:
                self.walk(place, option)
                return
        self._wrong_sort(place, shape.says, shape)

    def text(self, place: Place, shape: Text) -> None:
        text = place.text or ""
        if shape.choices and text not in shape.choices:
            message = f"{_name(place)} can't be {text!r}"
            self.findings.error(place, "wrong-value", message, guess(text, shape.choices))
        elif shape.expression and not self.loose and not is_expression(text):
            hint = "put expressions between ${ and }"
            self.findings.error(place, "wrong-value", f"{_name(place)} must be {shape.says}", hint)
        elif shape.test is not None and not (shape.computed and (self.loose or is_expression(text))):
            flaw = shape.test(text)
            if flaw is not None:
                self.findings.error(place, flaw.code, f"{_name(place)} {flaw.message}", flaw.hint)

    def whole(self, place: Place, shape: Whole) -> None:
        number = place.node.value
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if not isinstance(number, int):
            self.findings.error(place, "wrong-type", f"{_name(place)} must be a whole number", "drop the fraction")
        elif shape.least is not None and number < shape.least:
            self.findings.error(place, "wrong-value", f"{_name(place)} must be {shape.least} or more")
        elif shape.most is not None and number > shape.most:
            self.findings.error(place, "wrong-value", f"{_name(place)} must be {shape.most} or less")

    def fits(self, place: Place, shape: Shape) -> None:
        """The sort is all there is to check."""

    def table(self, place: Place, shape: Table) -> None:
        for _, member in place.members():
            self.walk(member, shape.values)
        if shape.least and not place.node.value:
            self.findings.error(place, "too-few", f"{_name(place)} needs at least {shape.least} property")

    def series(self, place: Place, shape: Series) -> None:
        for item in place.items():
            self.walk(item, shape.items)
        if shape.least and not place.node.value:
            self.findings.error(place, "too-few", f"{_name(place)} needs at least {shape.least} item")

    def named(self, place: Place, shape: Named) -> None:
        if shape.least and not place.node.value:
            self.findings.error(place, "too-few", f"{_name(place)} needs at least one {shape.noun}")
        for item in place.items():
            if item.node.sort != "object":
                hint = f"write '- name:' and indent the {shape.noun} below it"
                message = f"a {shape.noun} must be an object with its name, not {SORT_WORDS[item.node.sort]}"
                self.findings.error(item, "wrong-type", message, hint)
                continue
            members = list(item.members())
            if not members:
                self.findings.error(item, "too-few", f"this list item holds no {shape.noun}")
            elif len(members) > 1:
                self._several(item, members, shape)
            for _, member in members:
                if len(members) == 1 or member.node.sort == "object":
                    self.walk(member, shape.item)

    def _several(self, item: Place, members: list[tuple[str, Place]], shape: Named) -> None:
        (first, head), (second, _) = members[:2]
        message = f"a list item holds one {shape.noun}, but {second!r} follows {first!r}"
        hint = f"start {second!r} with '- ' of its own"
        if head.node.sort == "null":
            hint = f"indent {second!r} more, so that it stands below {first!r}"
        self.findings.error_at_member(item, second, "several-in-item", message, hint)

    def record(self, place: Place, shape: Record) -> None:
        for name, member in place.members():
            field = shape.fields.get(name)
            if field is not None:
                self.walk(member, field)
            elif shape.others != "allow":
                self._unknown(place, shape, name, member)
        members = _members(place.node)
        for name in shape.required:
            if name not in members:
                self._missing(place, shape, name)
        for rule in shape.rules:
            self._rule(place, shape, rule, members)

    def _unknown(self, place: Place, shape: Record, name: str, member: Place) -> None:
        severity: Severity = "warning" if shape.others == "warn" else "error"
        message = f"{shape.says} has no property {name!r}"
        hint = guess(name, shape.fields) if self.findings.room(severity) else ""
        if severity == "warning":
            self.findings.warning(member, "unknown-property", message, hint, key=True)
        else:
            self.findings.error_at_member(place, name, "unknown-property", message, hint)

    def _missing(self, place: Place, shape: Record, *names: str, code: str = "missing-property") -> None:
        wanted = " or ".join(map(repr, names))
        hint = f"add {names[0]}:" if len(names) == 1 else "add one of them"
        self.findings.error(place, code, f"{shape.says} needs {wanted}", hint, key=place.parent is not None)

    def _rule(self, place: Place, shape: Record, rule: Rule, members: dict[str, Node]) -> None:
        if isinstance(rule, OneOf):
            given = [name for name in members if name in rule.names]
            if len(given) < rule.least:
                self._missing(place, shape, *rule.names)
            elif rule.most is not None and len(given) > rule.most:
                message = f"{shape.says} takes only one of {', '.join(rule.names)}"
                hint = f"remove {given[0]!r} or {given[1]!r}"
                self.findings.error_at_member(place, given[1], "exclusive-properties", message, hint)
        elif isinstance(rule, Instead):
            self._instead(place, shape, rule, members)
        elif isinstance(rule, Needs):
            holds = rule.name in members and (rule.value is None or members[rule.name].value == rule.value)
            if holds and rule.other not in members:
                value = f" {rule.value}" if rule.value else ""
                message = f"{rule.name}{value} in {shape.says} needs {rule.other!r}"
                self.findings.error_at_member(place, rule.name, rule.code, message, f"add {rule.other}:")
        elif rule.name in members and not (rule.other in members and members[rule.other].value == rule.value):
            message = f"{rule.name!r} in {shape.says} is only for {rule.other}: {rule.value}"
            hint = f"remove {rule.name!r}"
            self.findings.error_at_member(place, rule.name, "exclusive-properties", message, hint)

    def _instead(self, place: Place, shape: Record, rule: Instead, members: dict[str, Node]) -> None:
        if rule.name not in members:
            missing = [name for name in rule.of if name not in members]
            if len(missing) == len(rule.of):
                wanted = " and ".join(map(repr, rule.of))
                message = f"{shape.says} needs {wanted}, or {rule.name!r} alone"
                self.findings.error(place, "missing-property", message, key=True)
            else:
                for name in missing:
                    self._missing(place, shape, name)
            return
        other = next((name for name in members if name != rule.name and name in shape.fields), None)
        if other is not None:
            message = f"{rule.name!r} in {shape.says} stands alone"
            hint = f"remove {other!r} or {rule.name!r}"
            self.findings.error_at_member(place, other, "exclusive-properties", message, hint)

    def chosen(self, place: Place, shape: Chosen) -> None:
        record = shape.choose(place, self.findings)
        if record is not None:
            self.record(place, record)


def _members(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _name(place: Place) -> str:
    if place.parent is None:
        return "the document"
    return f"{place.step!r}" if isinstance(place.step, str) else f"item {place.step + 1}"


def _says(shape: Shape) -> str:
    if isinstance(shape, (Text, Record)):
        return shape.says
    if isinstance(shape, Named):
        return f"a list of {shape.noun}s"
    return _WORDS[type(shape)]


def _takes_children(shape: Shape) -> bool:
    return not isinstance(shape, (Text, Whole, Truth))


_WALKS: Final[dict[type, Callable[[_Walker, Place, Any], None]]] = {
    Text: _Walker.text,
    Whole: _Walker.whole,
    Truth: _Walker.fits,
    Anything: _Walker.fits,
    Table: _Walker.table,
    Series: _Walker.series,
    Named: _Walker.named,
    Record: _Walker.record,
    Chosen: _Walker.chosen,
}
