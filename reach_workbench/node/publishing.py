"""CloudEvents from outside: what an event must be to be published."""

from __future__ import annotations

from collections.abc import Mapping

from reach_workbench.clock import Clock, new_run_id
from reach_workbench.engine.secrets import defuse
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput


def complete_event(event: Mapping[str, Json], clock: Clock) -> dict[str, Json]:
    """The event with the attributes CloudEvents 1.0 requires; raises BadInput when it can't be one."""
    if not isinstance(event, Mapping):
        raise BadInput("a CloudEvent is a JSON object", hint='for example {"type": "com.example.approved", "data": {}}')
    kind = event.get("type")
    if not isinstance(kind, str) or not kind:
        raise BadInput("a CloudEvent needs a type that is a non-empty string", hint="give it with --type")
    complete = {
        "specversion": "1.0",
        "id": new_run_id(clock),
        "source": "/reach/publish",
        "time": iso8601(clock.now()),
        **event,
    }
    for name in ("id", "source"):
        if not isinstance(complete[name], str) or not complete[name]:
            raise BadInput(f"the CloudEvent's {name} must be a non-empty string")
    if "data" in complete:
        complete.setdefault("datacontenttype", "application/json")
    try:
        return {name: defuse(value) for name, value in complete.items()}
    except RecursionError:
        raise BadInput("the CloudEvent is nested too deeply") from None
