"""`make try`: how long `reach policy try` takes over 100,000 recorded actions.

The actions are those of `make policies`, what a busy node asks, and so are the thousand policies: one file is in force
and decided when they were recorded, another, with other forbids, is tried. Each step of a run is committed for itself,
as a node does it. Prints the whole time of the command's work for runs of a hundred actions and for runs of one,
compared with the record and with what the policies in force say now, when every action is judged twice. Each must
stay under 15 seconds; the exit code is 1 when one does not. ACTIONS (100,000) and POLICIES (1,000) change the size;
SEED (7) the draw.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reach_workbench.engine.events import GENESIS, Event, digest
from reach_workbench.node.local import LocalNode
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.policy.request import request_of
from reach_workbench.protocol.policies import Basis, TryPolicies, TryReport
from reach_workbench.settings import Policy, Settings
from reach_workbench.storage.store import Store
from tests.bench.policy import POLICIES, SEED, Command, commands, policies

ACTIONS: Final = int(os.environ.get("ACTIONS", "100000"))
SECONDS: Final = 15.0
_BEGAN: Final = 1_700_000_000_000
_UNIT: Final = 500
"""Runs made in one transaction."""


def main() -> int:
    draw = random.Random(SEED)
    old, new = policies(POLICIES, draw), policies(POLICIES, random.Random(SEED + 1))
    every = commands(ACTIONS, draw)
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for each, name in ((100, "runs of 100 actions"), (1, "runs of one action")):
            home = Path(folder) / f"home-{each}"
            home.mkdir()
            (home / "old.cedar").write_text(old, "utf-8")
            settings = Settings(home=home, policy=Policy(file=str(home / "old.cedar")))
            _record(settings, every, each, _sound(old))
            for basis in ("recorded", "now"):
                seconds, report = asyncio.run(_try(settings, new, basis))
                slowest = max(slowest, seconds)
                print(
                    f"{name}, compared with {'the record' if basis == 'recorded' else 'what is said now'}:"
                    f" {report.actions:,} actions, {report.changed:,} would change, {seconds:.1f} s"
                )
    return 0 if slowest < SECONDS else 1


def _sound(text: str) -> PolicySet:
    loaded = load({"old.cedar": text}).policies
    assert loaded is not None
    return loaded


async def _try(settings: Settings, text: str, basis: Basis) -> tuple[float, TryReport]:
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        told += 1

    began = time.perf_counter()
    node = await LocalNode.open(settings, write=False)
    report = await node.try_policies(TryPolicies({"new.cedar": text}, basis), progress=progress)
    await node.close()
    seconds = time.perf_counter() - began
    assert told > 1
    return seconds, report


def _record(settings: Settings, every: list[Command], each: int, policies: PolicySet) -> None:
    """Put the actions into the store, so many in each run."""
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        unit.add_program(digest="p", source="", file=None, namespace="shop", name="w", version="1.0.0", created_at=1)
        for number, start in enumerate(range(0, len(every), each)):
            key = store.new_run_key()
            id = f"{key:020d}"
            unit.create_run(
                key=key, id=id, program="p", namespace="shop", name="w", version="1.0.0", created_at=1, base=Path("/")
            )
            before = GENESIS
            for events in _steps(id, every[start : start + each], policies):
                digests = []
                for event in events:
                    before = digest(before, event)
                    digests.append(before)
                unit.append_events(key, events, digests)
            if number % _UNIT == _UNIT - 1:
                store.commit_now(unit)
                unit = store.unit()
        if not unit.is_empty:
            store.commit_now(unit)


def _steps(run: str, of_run: list[Command], policies: PolicySet) -> Iterator[list[Event]]:
    """The events of a run, as they are committed: the outcome of one step with the intent of the next."""
    person = of_run[0][2]
    created: dict[str, Any] = {"run": run, "program": "p", "requester": person, "input": None}
    seq, at = 1, _BEGAN
    events = [Event(1, "workflow.created", at, None, 0, created), Event(2, "workflow.started", at, None, 0, None)]
    for number, (kind, arguments, *_) in enumerate(of_run):
        seq, at = events[-1].seq + 1, at + 3
        task = f"/do/{number % 100}/step"
        request = request_of(
            kind,
            arguments,
            requester=person,
            groups=(),
            run=run,
            workflow="shop/w",
            version="1.0.0",
            program="p",
            task=task,
            tenant="local",
        )
        decision = policies.decide(request)
        events += [
            Event(seq, "task.started", at, task, 0, None),
            Event(seq + 1, "command.issued", at, task, seq, {"kind": kind, "arguments": arguments}),
        ]
        said = {"command": seq + 1, "decision": decision.verdict, "policies": list(decision.policies)}
        events.append(Event(seq + 2, "policy.decided", at, task, seq, said))
        yield events
        events = [
            Event(seq + 3, "command.completed", at, task, seq, {"command": seq + 1, "output": {"ok": True, "n": seq}}),
            Event(seq + 4, "task.completed", at, task, seq, None),
        ]
    yield [*events, Event(events[-1].seq + 1, "workflow.completed", at, None, 0, None)]


if __name__ == "__main__":
    sys.exit(main())
