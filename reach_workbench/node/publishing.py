"""CloudEvents from outside: what an event must be to be published."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from reach_workbench.clock import Clock, new_run_id
from reach_workbench.engine.secrets import defuse
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput

_DATA: Final = ("data", "data_base64")
_TEXTS: Final = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
"""Attributes that CloudEvents 1.0 knows and that are text with something in it."""

_NAME: Final = re.compile(r"[a-z0-9]+")
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):([0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def complete_event(event: Mapping[str, Json], clock: Clock) -> dict[str, Json]:
    """The event with the attributes CloudEvents 1.0 requires; raises BadInput when it can't be one.

    An attribute that is null is one that is left out, as the JSON format has it.
    """
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
        **{name: value for name, value in event.items() if value is not None or name == "data"},
    }
    for name, value in complete.items():
        if name not in _DATA:
            _check(name, value)
    _check_data(complete)
    if "data" in complete:
        complete.setdefault("datacontenttype", "application/json")
    try:
        return {name: defuse(value) for name, value in complete.items()}
    except RecursionError:
        raise BadInput("the CloudEvent is nested too deeply") from None


def _check(name: str, value: Json) -> None:
    """Raises BadInput for an attribute that CloudEvents 1.0 does not allow."""
    if name == "specversion":
        if value != "1.0":
            raise BadInput(
                "the CloudEvent's specversion must be 1.0, as text", where=name, hint='leave it out, or give "1.0"'
            )
    elif name in _TEXTS:
        if not isinstance(value, str) or not value:
            raise BadInput(f"the CloudEvent's {name} must be a non-empty string", where=name)
        if name == "time" and not _is_time(value):
            raise BadInput(
                "the CloudEvent's time must be a timestamp of RFC 3339",
                where=name,
                hint="for example 2026-01-31T12:00:00Z; left out, it is now",
            )
    elif not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} can't be an attribute of a CloudEvent: their names are of a to z and 0 to 9",
            where=name,
            hint="what the event is about belongs into its `data`",
        )
    elif not isinstance(value, str | bool | int):
        raise BadInput(
            f"the CloudEvent's extension {name} must be text, true or false, or an integer",
            where=name,
            hint="what has parts belongs into its `data`",
        )


def _check_data(event: Mapping[str, Json]) -> None:
    if "data_base64" not in event:
        return
    if "data" in event:
        raise BadInput("a CloudEvent has data or data_base64, not both", where="data_base64")
    try:
        base64.b64decode(event["data_base64"], validate=True)
    except (ValueError, TypeError):
        raise BadInput("the CloudEvent's data_base64 must be base64", where="data_base64") from None


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    try:
        datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return False
    return True
