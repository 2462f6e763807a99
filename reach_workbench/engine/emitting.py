"""What an emit task asks for: that a CloudEvent is delivered, once policy lets it.

Delivering is the one effect that is inside the store: it happens in the transaction that records its outcome, so it
is never in doubt.
"""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.faults import Fault
from reach_workbench.engine.state import State
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json

COMMAND: Final = "event.emit"
"""The kind of its command. The arguments are the event as it will be delivered; the outcome has no output."""

GOVERNED: Final = 1
"""The behaviour from which on emitting is a command; before, nobody was asked (see `state.BEHAVIOUR`)."""


def event_of(state: State, written: dict[str, Json]) -> dict[str, Json]:
    """The event with what every one has; its id is that of the command about to be issued. Raises Fault."""
    event = {
        "specversion": "1.0",
        "id": f"{state.run}:{state.seq + 1}",
        "source": f"/{state.program.namespace}/{state.program.name}/{state.program.version}",
        "time": iso8601(state.at),
        **written,
    }
    if not isinstance(event.get("type"), str) or not event["type"]:
        raise Fault("validation", "an event needs a type that is a non-empty string")
    if "data" in event:
        event.setdefault("datacontenttype", "application/json")
    return event
