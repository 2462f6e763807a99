"""Which stored workflows will take an event that came while no node served: it is theirs once one does."""

from __future__ import annotations

from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.node.schedules import wanted
from reach_workbench.node.trigger import Trigger
from reach_workbench.runner.loading import program_of
from reach_workbench.storage.records import ScheduleRecord
from reach_workbench.storage.store import Store

_MOST = 256
"""Events still to be heard that are weighed before this one; after more than these it is weighed as if by itself."""


def heard_later(store: Store, evaluator: Evaluator, event: dict[str, Json]) -> tuple[str, ...]:
    """The workflows (namespace/name:version) whose `on` takes this event, which is logged already. May take long."""
    schedules = [each for each in store.read.schedules() if each.kind == "on"]
    if not schedules:
        return ()
    rules = wanted(store)
    found = []
    for schedule in schedules:
        if schedule.id not in rules or rules[schedule.id][2] != schedule.rule:
            continue  # what takes its place hears only what comes after it
        record = rules[schedule.id][0]
        try:
            trigger = Trigger(program_of(store, record.program), schedule.rule, evaluator, schedule.collected)
            if _takes(store, schedule, trigger, event):
                found.append(f"{record.namespace}/{record.name}:{record.version}")
        except (ReachError, Fault):
            continue
    return tuple(found)


def _takes(store: Store, schedule: ScheduleRecord, trigger: Trigger, event: dict[str, Json]) -> bool:
    records = store.read.cloudevents(after=schedule.heard, limit=_MOST)
    for record in records if len(records) < _MOST else ():
        if (record.payload["source"], record.payload["id"]) == (event["source"], event["id"]):
            break
        trigger.hear(record.payload, record.received_at)
    before = len(trigger.collected)
    return trigger.hear(event, 0) is not None or len(trigger.collected) != before
