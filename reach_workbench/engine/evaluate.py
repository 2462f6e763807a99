"""Evaluating templates: paths in Python, bounded expressions here, all others through the evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from reach_workbench.engine import bounds, libjq
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.narrowing import narrow
from reach_workbench.engine.paths import NoStep, walk
from reach_workbench.engine.templates import (
    ArrayTemplate,
    Constant,
    Expression,
    ObjectTemplate,
    Template,
    Text,
    UriTemplate,
)
from reach_workbench.engine.values import Json


class InProcess:
    """Runs every expression in this process, for as long as it takes: no deadline, no memory limit."""

    def evaluate(self, expression: Expression, data: Json, variables: Mapping[str, Json]) -> Json:
        return libjq.evaluate(expression, data, variables)


def evaluate(template: Template, data: Json, variables: Mapping[str, Json], evaluator: Evaluator) -> Json:
    """The value of a template for `data` as `.` and `variables`. Raises Fault("expression", …) and Overrun."""
    if isinstance(template, Constant):
        return template.value
    if isinstance(template, Expression):
        return _expression(template, data, variables, evaluator)
    if isinstance(template, ObjectTemplate):
        return {name: evaluate(member, data, variables, evaluator) for name, member in template.members}
    if isinstance(template, ArrayTemplate):
        return [evaluate(item, data, variables, evaluator) for item in template.items]
    if isinstance(template, Text):
        return "".join(
            part if isinstance(part, str) else _as_text(_expression(part, data, variables, evaluator))
            for part in template.parts
        )
    return _expand(template, data)


def holds(expression: Expression, data: Json, variables: Mapping[str, Json], evaluator: Evaluator) -> bool:
    """Whether a condition is true by jq's rule: everything is, but null and false. Raises Fault and Overrun."""
    value = _expression(expression, data, variables, evaluator)
    return value is not None and value is not False


def _expression(expression: Expression, data: Json, variables: Mapping[str, Json], evaluator: Evaluator) -> Json:
    try:
        if expression.path is not None:
            return _walk(expression.path, data, variables)
        smaller, data, variables = narrow(expression, data, variables)
        if expression.bounded:
            names, values = libjq.arguments(smaller, data, variables)
            text = libjq.encode(values)
            if len(text) <= bounds.limit(expression.source):
                return libjq.decode(libjq.run_text(smaller.source, names, text))
        return evaluator.evaluate(smaller, data, variables)
    except Fault:
        if expression.loose:
            return expression.source
        raise


def _walk(path: tuple[str, tuple[str | int, ...]], data: Json, variables: Mapping[str, Json]) -> Json:
    root, steps = path
    if root:
        if root not in variables:
            raise libjq.no_value(root)
        data = variables[root]
    try:
        return walk(data, steps)
    except NoStep as wrong:
        raise libjq.index_error(wrong) from None


def _as_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    try:
        return canonical(value).decode()
    except (TypeError, ValueError) as wrong:
        raise Fault("expression", f"the value can't be put into text: {wrong}") from None


_UNRESERVED: Final = "-._~"


def _expand(template: UriTemplate, data: Json) -> str:
    """RFC 6570 section 3.2.2; a name without a value expands to nothing."""
    parts: list[str] = []
    for place, part in enumerate(template.parts):
        if place % 2 == 0:
            parts.append(part)
            continue
        value = data.get(part) if isinstance(data, dict) else None
        if isinstance(value, (dict, list)):
            raise Fault("expression", f"{{{part}}} in the URI stands for a whole {_kind(value)}; use an expression")
        if value is not None:
            parts.append(quote(_as_text(value), safe=_UNRESERVED))
    return "".join(parts)


def _kind(value: Json) -> str:
    return "object" if isinstance(value, dict) else "array"
