"""Putting computed values into events once, and checking them against schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from reach_workbench.engine import program as p
from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.recorder import Recorder
from reach_workbench.engine.schemas import validate
from reach_workbench.engine.state import Frame
from reach_workbench.engine.templates import Expression, Template
from reach_workbench.engine.values import Json


class Fetched(NamedTuple):
    """The text of an external resource under the URI it was asked for."""

    uri: str
    text: str


def passes_on(template: Template, *names: str) -> bool:
    """Whether the template is `.`, or one of the variables `names`, as it is.

    What an event leaves out must follow from the program: whether two values are one object is
    forgotten when a state is read back.
    """
    return isinstance(template, Expression) and template.path in (("", ()), *((name, ()) for name in names))


def put(data: dict[str, Json], name: str, template: Template, value: Json, root: str | None) -> None:
    """Put the value of `template` into an event's data: as a reference where it is a part of a recorded value.

    `root` names what `.` was ("raw", "input" or "output"), or is None if that was not recorded yet.
    """
    if isinstance(template, Expression) and template.path is not None and isinstance(value, (dict, list)) and value:
        start, steps = template.path
        base = {"": root, "input": "input", "context": "context"}.get(start)
        if base is not None:
            data.setdefault("refs", {})[name] = [base, *steps]
            return
    data[name] = value


class Checked(NamedTuple):
    """A value to be held against a schema. `what` it is, in words; `reference` of the task it belongs to.

    Where the schema is an external resource, its endpoint is evaluated on `data` with `scope`.
    """

    value: Json
    what: str
    reference: str
    data: Json
    scope: Mapping[str, Json]


def check(recorder: Recorder, frame: Frame, schema: p.Schema | None, checked: Checked) -> bool:
    """Check a value; True if the schema must be fetched first, which has then been asked for on behalf of `frame`.

    Raises Fault("validation") when the value does not fit.
    """
    if schema is None:
        return False
    value, what, reference, data, scope = checked
    document = schema.document
    if schema.resource is not None:
        fetched = load(recorder, frame, schema.resource, data, scope, reference)
        if fetched is None:
            return True
        document = parse(fetched.text, fetched.uri)
    validate(document, value, what)
    return False


def load(
    recorder: Recorder, frame: Frame, resource: p.Resource, data: Json, scope: Mapping[str, Json], reference: str
) -> Fetched | None:
    """An external resource, or None after asking for it on behalf of `frame`."""
    endpoint = recorder.evaluate(resource.endpoint, data, scope)
    if isinstance(endpoint, str):
        endpoint = {"uri": endpoint}
    uri = endpoint["uri"]
    found = recorder.state.resources.get(uri)
    if found is None:
        recorder.issue(frame, reference, "resource.get", {"endpoint": endpoint}, True)
        return None
    return Fetched(uri, found["text"])


def parse(text: str, uri: str) -> Json:
    """A fetched JSON or YAML document; raises Fault("configuration")."""
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    from reach_workbench.engine.document import load_plain

    try:
        return load_plain(text)
    except ValueError as wrong:
        raise Fault("configuration", f"{uri} is neither JSON nor YAML: {wrong}") from None


def duration_of(recorder: Recorder, duration: p.Duration, data: Json, scope: Mapping[str, Json]) -> int:
    """The duration in milliseconds, computed if it has to be."""
    if duration.milliseconds is not None:
        return duration.milliseconds
    assert duration.template is not None
    return milliseconds(recorder.evaluate(duration.template, data, scope))
