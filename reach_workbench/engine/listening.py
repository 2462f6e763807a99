"""Events from outside: which task waits for them, and what it does with them (dsl-reference.md, Listen)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from reach_workbench.engine import program as p
from reach_workbench.engine.evaluator import Overrun
from reach_workbench.engine.events import Fact
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.finishing import fail, reference_of
from reach_workbench.engine.recorder import Recorder, task_scope
from reach_workbench.engine.scope import Looking, Scope
from reach_workbench.engine.state import Frame, State, Todo
from reach_workbench.engine.templates import Constant, Expression, Template
from reach_workbench.engine.transform import Checked, check, put
from reach_workbench.engine.values import Json, same


def offer(recorder: Recorder, event: dict[str, Json], at: int) -> list[Fact]:
    """The facts to hand to the run, one for each of its tasks that waits for this CloudEvent.

    Nothing is recorded by asking. A filter that fails to evaluate does not match; one that hits a
    limit costs its own task an error. An event too large to be recorded fits nobody. Raises Deferred.
    """
    facts: list[Fact] = []
    for number in recorder.state.listeners:
        frame = recorder.state.frames[number]
        try:
            found = _match(recorder, frame, event)
        except Overrun as hit:
            told = {"listener": number, "limit": hit.limit, "detail": hit.detail}
            facts.append(Fact("expression.overran", at, told))
            continue
        if found is not None and recorder.can_record(event):
            facts.append(Fact("event.consumed", at, {"listener": number, "event": event, **found}))
    return facts


def hears(state: State, types: Collection[str]) -> bool:
    """Whether one of the run's tasks waits for events that may be of one of these types."""
    for number in state.listeners:
        strategy: p.Strategy | None = _listen(state.frames[number]).strategy
        while strategy is not None:
            if not strategy.filters or any(_may_be(each.attributes.get("type"), types) for each in strategy.filters):
                return True
            strategy = strategy.until
    return False


def _may_be(wanted: Template | None, types: Collection[str]) -> bool:
    if not isinstance(wanted, Constant):
        return True  # any type, or one that is computed
    if not isinstance(wanted.value, str):
        return False
    if wanted.value in types or len(_WAYS.findall(wanted.value)) > 1:
        return True
    try:
        pattern = re.compile(wanted.value)
    except (re.error, OverflowError, RecursionError):
        return False
    return any(pattern.fullmatch(each) for each in types)


def consumed(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """The task has got an event it waits for: iterate over it, or take it as it is."""
    listen = _listen(frame)
    assert frame.consumed is not None and frame.outputs is not None
    place = len(frame.outputs)
    if place >= len(frame.consumed):  # it was one of `until`
        recorder.emit("event.accepted", reference_of(frame), frame.id, {"done": _until_met(frame, listen.strategy)})
    elif listen.foreach is not None and listen.foreach.block is not None:
        recorder.emit("event.delivered", reference_of(frame), frame.id, {"index": place})
    else:
        _accept(recorder, frame, listen, place, frame.consumed[place])


def delivered(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """The tasks of `foreach` have run for one event; `frame.value` is what they gave."""
    _accept(recorder, frame, _listen(frame), frame.index, frame.value)


def _accept(recorder: Recorder, frame: Frame, listen: p.Listen, place: int, raw: Json) -> None:
    data: dict[str, Json] = {"index": place}
    state, each = recorder.state, listen.foreach
    context = state.context
    assert frame.consumed is not None
    try:
        if each is not None:
            variables = {each.item: frame.consumed[place], each.at: place}
            output = raw
            if each.output_as is not None:
                within = Looking(task_scope(state, frame, raw_output=raw), variables)
                output = recorder.evaluate(each.output_as, raw, within)
                data["output"] = output
            scope = task_scope(state, frame)
            given = Checked(output, "the item's output", reference_of(frame), frame.input, scope)
            if check(recorder, frame, each.output_schema, given):
                return
            if each.export_as is not None:
                within = Looking(task_scope(state, frame, raw_output=raw, output=output), variables)
                context = recorder.evaluate(each.export_as, output, within)
                put(data, "context", Constant(None), context, None)
            exported = Checked(context, "the exported context", reference_of(frame), frame.input, scope)
            if check(recorder, frame, each.export_schema, exported):
                return
        data["done"] = _done(recorder, frame, listen.strategy, place, context)
        recorder.emit("event.accepted", reference_of(frame), frame.id, data)
    except Fault as fault:
        fail(recorder, frame, fault)


def _done(recorder: Recorder, frame: Frame, strategy: p.Strategy, place: int, context: Json) -> bool:
    """Whether the task has heard enough; `context` is what the event's own export has made of it."""
    assert frame.consumed is not None
    if strategy.mode == "all":
        return len(frame.matched) == len(strategy.filters) and place + 1 == len(frame.consumed)
    if strategy.mode == "any" and strategy.until_condition is not None:
        taken = frame.consumed[: place + 1]
        scope = Looking(task_scope(recorder.state, frame), {"context": context})
        return recorder.holds(strategy.until_condition, taken, scope)
    if strategy.mode == "any" and strategy.until is not None:
        return _until_met(frame, strategy) and place + 1 == len(frame.consumed)
    return True


def _until_met(frame: Frame, strategy: p.Strategy) -> bool:
    until = strategy.until
    if until is None:
        return False
    if until.mode == "all":
        return len(frame.until_matched) == len(until.filters)
    return bool(frame.until_matched)


def _listen(frame: Frame) -> p.Listen:
    assert frame.task is not None and isinstance(frame.task.body, p.Listen)
    return frame.task.body


def _match(recorder: Recorder, frame: Frame, event: dict[str, Json]) -> dict[str, Json] | None:
    strategy = _listen(frame).strategy
    assert frame.consumed is not None
    if strategy.until is not None:
        if _until_met(frame, strategy):
            return None  # what came before is still being iterated over
        found = _match_filters(recorder, frame, strategy.until, event, frame.until_matched)
        if found is not None:
            return {**found, "until": True}
    if strategy.mode == "any" and not strategy.filters:
        found = {"filter": -1}
    else:
        found = _match_filters(recorder, frame, strategy, event, frame.matched)
    if found is None:
        return None
    single = strategy.mode == "one" or (strategy.until is None and strategy.until_condition is None)
    if strategy.mode != "all" and single and frame.consumed:
        return None
    return found


def _match_filters(
    recorder: Recorder, frame: Frame, strategy: p.Strategy, event: dict[str, Json], matched: frozenset[int]
) -> dict[str, Json] | None:
    for place, wanted in enumerate(strategy.filters):
        if strategy.mode == "all" and place in matched:
            continue
        correlations = _fits(recorder, frame, wanted, event)
        if correlations is not None:
            return {"filter": place, **({"correlations": correlations} if correlations else {})}
    return None


def _fits(recorder: Recorder, frame: Frame, wanted: p.EventFilter, event: dict[str, Json]) -> dict[str, Json] | None:
    """The correlation values the event brings, or None if it does not fit the filter."""
    scope = task_scope(recorder.state, frame)
    try:
        for name, template in wanted.attributes.items():
            if name not in event or not _attribute_fits(recorder, template, event[name], scope):
                return None
        found: dict[str, Json] = {}
        for correlation in wanted.correlations:
            # The accompanying example reads `.roomid`, an attribute of the event, so `.` is the whole envelope
            # with the members of its data beneath.
            data = event.get("data")
            seen = {**data, **event} if isinstance(data, dict) else event
            value = recorder.evaluate(correlation.extract, seen, scope)
            if correlation.expect is not None:
                expected = recorder.evaluate(correlation.expect, frame.input, scope)
            else:
                expected = (frame.correlations or {}).get(correlation.name, value)
            if value is None or not same(value, expected):
                return None
            found[correlation.name] = value
    except Fault:
        return None
    return found


def _attribute_fits(recorder: Recorder, template: object, value: Json, scope: Scope) -> bool:
    if isinstance(template, Constant):
        wanted = template.value
        if same(value, wanted):
            return True
        if isinstance(wanted, str) and isinstance(value, str):
            return _matches(recorder, wanted, value)
        return False
    result = recorder.evaluate(template, value, scope)  # type: ignore[arg-type]
    return result if isinstance(result, bool) else same(result, value)


def _matches(recorder: Recorder, pattern: str, value: str) -> bool:
    """Whether the pattern matches all of the value.

    One that may be tried in very many ways (`(a+)+`, `(a|a)*`) goes where expressions that may loop go.
    """
    if len(_WAYS.findall(pattern)) <= 1 and len(value) <= _SHORT:
        try:
            return re.fullmatch(pattern, value) is not None
        except (re.error, OverflowError, RecursionError):
            return False
    found = recorder.evaluate(_WHOLE_MATCH, [value, pattern], {})
    return found is True


_WAYS: Final = re.compile(r"[*+?{|]")
_SHORT: Final = 1024
_WHOLE_MATCH: Final = Expression(
    source='.[1] as $pattern | .[0] | test("\\\\A(?:" + $pattern + ")\\\\z")',
    variables=frozenset(),
    secrets=frozenset(),
    path=None,
    bounded=False,
)
