"""One compilation under way: what the document declares, and the expressions compiled in their places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, Protocol

from reach_workbench.engine.compile_scope import ARGUMENTS, Ground
from reach_workbench.engine.expression_survey import Survey
from reach_workbench.engine.expression_texts import (
    Interpolation,
    compile_condition,
    compile_template,
    compile_uri_template,
)
from reach_workbench.engine.expressions import ExpressionSyntaxError
from reach_workbench.engine.findings import Findings
from reach_workbench.engine.grammar import guess
from reach_workbench.engine.program import Block, Extension, Task
from reach_workbench.engine.templates import ArrayTemplate, Constant, Expression, ObjectTemplate, Template, Text
from reach_workbench.engine.tree import Place, plant

Names = frozenset[str]
"""The variables in scope."""


class BlockCompiler(Protocol):
    def __call__(self, session: Session, place: Place | None, reference: str, ground: Ground) -> Block: ...


class TaskCompiler(Protocol):
    def __call__(
        self,
        session: Session,
        place: Place,
        reference: str,
        ground: Ground,
        *,
        siblings: Collection[str] = (),
        name: str | None = None,
    ) -> Task: ...


class Site(NamedTuple):
    """What the maker of a task's body is told: `place` is the value of the property that names the kind."""

    session: Session
    task: Place
    place: Place
    reference: str
    ground: Ground
    siblings: Collection[str]

    @property
    def names(self) -> Names:
        """The variables that the task's definition may use."""
        return self.ground.definition


class Session:
    """The state of one compilation.

    `use` is the document's `use`, empty where a function stands alone; `secrets` the declared
    ones, None if nobody knows. `block` and `task` compile what is nested, whatever its kind.
    `tasks` keeps the place of each reference from when its task is begun. `functions` holds those
    of the document that are compiled, with and without extensions; `calling` those under way.
    `used` are the components that were looked up.
    """

    def __init__(
        self, findings: Findings, block: BlockCompiler, task: TaskCompiler, survey: Survey, *, loose: bool = False
    ) -> None:
        self.findings = findings
        self._compiler = survey.compile
        self.block = block
        self.task = task
        self.loose = loose
        self.use = Place(plant({}))
        self.secrets: frozenset[str] | None = None
        self.tasks: dict[str, Task | None] = {}
        self.extensions: tuple[tuple[str, Extension], ...] = ()
        self.functions: dict[tuple[str, bool], Task] = {}
        self.calling: list[str] = []
        self.used: set[tuple[str, str]] = set()

    def declared(self, group: str, name: str) -> Place | None:
        """The component `name` of `use.GROUP`, which then counts as used."""
        self.used.add((group, name))
        return self.use.dig(group, name)

    def lookup(self, place: Place, group: str, noun: str) -> Place | None:
        """The component of `use.GROUP` that the text at `place` names; reports an unknown one."""
        name = place.text or ""
        found = self.declared(group, name)
        if found is None and name:
            known = [each for each, _ in self._members(group)]
            hint = guess(name, known) or f"define it under use.{group}"
            self.findings.error(place, f"unknown-{noun}", f"no {noun} {name!r} is defined under use.{group}", hint)
        return found

    def secret(self, place: Place, name: str, offset: int | None = None) -> None:
        """Report a secret that the document does not declare."""
        if self.secrets is not None and name not in self.secrets:
            hint = guess(name, self.secrets) if self.secrets else f"add it: use: {{secrets: [{name}]}}"
            message = f"the secret {name!r} is not declared under use.secrets"
            self.findings.error(place, "unknown-secret", message, hint, offset=offset)

    def condition(self, place: Place | None, names: Names) -> Expression | None:
        """An expression by nature, with or without `${ }`; None if there is none or it is wrong."""
        if place is None or not place.text:
            return None
        try:
            expression = compile_condition(place.text, loose=self.loose, compiler=self._compiler)
        except ExpressionSyntaxError as wrong:
            self._refuse(place, wrong)
            return None
        self._check(place, expression, names)
        return expression

    def mapped(self, place: Place | None, names: Names) -> Template | None:
        """An expression by nature, or else a text or an object with expressions in it."""
        if place is None or place.text is None:
            return self.template(place, names) if place is not None else None
        try:
            expression = compile_condition(place.text, loose=self.loose, compiler=self._compiler)
        except ExpressionSyntaxError as wrong:
            if "${" in place.text or self.loose:
                return self.template(place, names)
            self._refuse(place, wrong)
            return None
        self._check(place, expression, names)
        return expression

    def template(self, place: Place, names: Names, interpolate: Interpolation = "embedded") -> Template:
        """Any value with expressions in it."""
        try:
            template = compile_template(place.plain, loose=self.loose, interpolate=interpolate, compiler=self._compiler)
        except ExpressionSyntaxError as wrong:
            self._refuse(place, wrong)
            return self._rest(place, names, interpolate)
        self._check(place, template, names)
        return template

    def uri(self, place: Place, names: Names) -> Template:
        """A URI, which may be a template or hold expressions."""
        if place.text is None:
            return Constant("")
        try:
            template = compile_uri_template(place.text, loose=self.loose, compiler=self._compiler)
        except ExpressionSyntaxError as wrong:
            self._refuse(place, wrong)
            return Constant("")
        self._check(place, template, names)
        return template

    def members(self, place: Place, names: Names) -> list[tuple[str, Template]]:
        """Each member of an object as a template of its own."""
        return [(name, self.template(member, names)) for name, member in place.members()]

    def _rest(self, place: Place, names: Names, interpolate: Interpolation) -> Template:
        """Find what is wrong with the other parts of a value of which one is wrong."""
        for _, member in place.members():
            self.template(member, names, interpolate)
        for item in place.items():
            self.template(item, names, interpolate)
        return Constant(None)

    def _refuse(self, place: Place, wrong: ExpressionSyntaxError) -> None:
        at = place.at(wrong.path)
        self.findings.error(at, "bad-expression", wrong.message, wrong.hint, offset=wrong.offset)

    def _check(self, place: Place, template: Template, names: Names) -> None:
        """Report variables that are not in scope and secrets that are not declared."""
        for at, expression in _expressions(place, template):
            if self.loose and "${" not in (at.text or ""):
                continue  # plain text for all we know: it is one if the expression fails
            for name in sorted(expression.variables - names):
                self._unknown_variable(at, name, names)
            for name in sorted(expression.secrets):
                self.secret(at, name, _offset(at, rf'\$secrets\s*\.?\s*\[?\s*"?{re.escape(name)}\b'))

    def _unknown_variable(self, at: Place, name: str, names: Names) -> None:
        if not self.findings.room():
            self.findings.error(at, "unknown-variable", f"${name} is not defined here")
            return
        if name in ARGUMENTS:
            message = f"${name} is not available here"
            hint = _ELSEWHERE.get(name) or "available here: " + ", ".join("$" + each for each in sorted(names))
        else:
            message = f"${name} is not defined here"
            hint = guess("$" + name, ["$" + each for each in names])
        offset = _offset(at, rf"\${re.escape(name)}(?![A-Za-z0-9_])")
        self.findings.error(at, "unknown-variable", message, hint, offset=offset)

    def _members(self, group: str) -> Iterator[tuple[str, Place]]:
        place = self.use.get(group)
        return place.members() if place is not None else iter(())


_ELSEWHERE: Final = {
    "output": "$output is for export.as; output.as sees the task's raw output as .",
    "input": "$input is the transformed input; here . is the raw one",
}


def _offset(at: Place, pattern: str) -> int | None:
    found = re.search(pattern, at.text or "")
    return found.start() if found else None


def _expressions(place: Place, template: Template) -> Iterator[tuple[Place, Expression]]:
    """The expressions of a template with the places of the texts that hold them."""
    if isinstance(template, Expression):
        yield place, template
    elif isinstance(template, Text):
        for part in template.parts:
            if isinstance(part, Expression):
                yield place, part
    elif isinstance(template, ObjectTemplate):
        for name, member in template.members:
            yield from _expressions(place.at((name,)), member)
    elif isinstance(template, ArrayTemplate):
        for index, item in enumerate(template.items):
            yield from _expressions(place.at((index,)), item)


def fold(members: list[tuple[str, Template]]) -> Template:
    """An object of templates; a constant if all of them are."""
    if all(isinstance(member, Constant) for _, member in members):
        return Constant({name: member.value for name, member in members if isinstance(member, Constant)})
    return ObjectTemplate(tuple(members))
