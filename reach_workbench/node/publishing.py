"""CloudEvents from outside."""

from __future__ import annotations

from collections.abc import Mapping

from reach_workbench.clock import Clock, new_run_id
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput
from reach_workbench.runner.loading import load_state
from reach_workbench.runner.runner import Runner
from reach_workbench.storage.store import Store


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
    return complete


async def hand_over(
    store: Store, runner: Runner, event: dict[str, Json], clock: Clock, evaluator: Evaluator
) -> list[str]:
    """Record the event, and that stored runs consumed it which wait for it and are not being driven.

    They go on from there when they are resumed. Returns their ids.
    """
    taken: list[str] = []
    unit = store.unit()
    unit.put_cloudevent(event, at=clock.now())
    for record in store.read.runs(status="waiting", limit=10_000):
        if runner.driver(record.id) is not None or not (record.waiting or {}).get("listening"):
            continue
        machine = Machine(load_state(store, record), evaluator)
        facts = offer(machine, event, clock.now())
        for fact in facts:
            advance = machine.advance(fact, pause=lambda *_: True)
            unit.append_events(record.key, advance.events, advance.digests)
        if facts:
            unit.update_run(record.key, status="running", waiting=None)
            taken.append(record.id)
    await store.commit(unit)
    return taken
