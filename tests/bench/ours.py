"""One measurement of Reach Workbench in a fresh process: `python -m tests.bench.ours TEST FOLDER`.

Prints `RESULT {json}` as the scripts of the peers do, and means the same by every name (see
`_common.py` beside them). Everything goes through `LocalNode`, as the command line does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from reach_workbench.clock import SystemClock
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.compile import compile_document
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.engine.events import Fact
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.state import State
from reach_workbench.jobs.queue import NewJob, Queue
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Limits, Runner, Settings
from reach_workbench.storage.store import Store
from tests.bench import documents

Json = Any
Figures = dict[str, Json]

WORKFLOWS: Final = int(os.environ.get("BENCH_WF", "50"))
STEPS: Final = int(os.environ.get("BENCH_STEPS", "100"))
LONG: Final = int(os.environ.get("BENCH_LONG", "10000"))
JOBS: Final = int(os.environ.get("BENCH_JOBS", "20000"))
PURE: Final = int(os.environ.get("BENCH_PURE", "1000000"))
BATCH: Final = 50
"""Jobs leased and finished together, as a node does with its runs."""


class Steps:
    """The no-op effect, and when it was entered."""

    def __init__(self) -> None:
        self.entered: dict[str, list[int]] = {}
        self.last_may_run = True
        self.last_at = 0.0

    def noop(self, given: Json, *, command_id: str) -> Json:
        self.entered.setdefault(command_id.partition(":")[0], []).append(time.perf_counter_ns())
        return {"i": given["i"], "ok": True}

    async def last(self, given: Json) -> Json:
        if not self.last_may_run:
            os._exit(0)  # as if the process had been killed: its intent is recorded, its outcome is not
        self.last_at = time.perf_counter()
        return "end"

    def functions(self) -> Functions:
        functions = Functions()
        functions.register("noop", "1.0.0", self.noop, idempotent=True)
        functions.register("last", "1.0.0", self.last, idempotent=True)
        return functions

    @property
    def count(self) -> int:
        return sum(map(len, self.entered.values()))

    def latency(self) -> Figures:
        """Between two consecutive entries of one workflow, in milliseconds."""
        gaps = sorted((b - a) / 1e6 for times in self.entered.values() for a, b in pairwise(times))
        return {"p50_ms": gaps[len(gaps) // 2], "p99_ms": gaps[int(len(gaps) * 0.99)], "max_ms": gaps[-1]}


async def _node(folder: Path, steps: Steps, **limits: Json) -> LocalNode:
    settings = Settings(home=folder / "home")
    settings = replace(settings, limits=replace(settings.limits, **limits), runner=Runner(concurrent_runs=WORKFLOWS))
    return await LocalNode.open(settings, functions=steps.functions())


async def _run(node: LocalNode, source: str, folder: Path) -> str:
    view = await node.start(StartRun(source, folder / "bench.yaml"))
    view = await node.wait(view.id)
    assert view.status == "completed", view
    return view.id


def _bytes(folder: Path) -> tuple[int, int]:
    """The size of the home's database without its audit log, which is no part of a run, and that of the log."""
    database = folder / "home" / "reach.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (audit,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'audit%'").fetchone()
    connection.close()
    return sum(file.stat().st_size for file in database.parent.glob("reach.db*")) - audit, audit


def _durability(folder: Path) -> Figures:
    connection = sqlite3.connect(folder / "home" / "reach.db")
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    connection.close()
    return {"journal_mode": journal}


def _sequential(source: Callable[[int], str]) -> Callable[[Path], Coroutine[None, None, Figures]]:
    async def measure(folder: Path) -> Figures:
        steps = Steps()
        node = await _node(folder, steps)
        await _run(node, source(5), folder)
        steps.entered.clear()
        text = source(STEPS)
        began = time.perf_counter()
        for _ in range(WORKFLOWS):
            await _run(node, text, folder)
        taken = time.perf_counter() - began
        assert steps.count == WORKFLOWS * STEPS, steps.count
        await node.close()
        total = WORKFLOWS * STEPS
        size, audit = _bytes(folder)
        sizes = {"bytes_step": size / (total + 5), "audit_bytes_step": audit / (total + 5)}
        return {"seq_steps_s": total / taken, **steps.latency(), **sizes, **_durability(folder)}

    return measure


def _at_once(source: Callable[[int], str]) -> Callable[[Path], Coroutine[None, None, Figures]]:
    async def measure(folder: Path) -> Figures:
        steps = Steps()
        node = await _node(folder, steps)
        await _run(node, source(5), folder)
        steps.entered.clear()
        text = source(STEPS)
        began = time.perf_counter()
        await asyncio.gather(*[_run(node, text, folder) for _ in range(WORKFLOWS)])
        taken = time.perf_counter() - began
        assert steps.count == WORKFLOWS * STEPS, steps.count
        await node.close()
        return {"conc_steps_s": WORKFLOWS * STEPS / taken, **steps.latency()}

    return measure


async def long_prepare(folder: Path) -> Figures:
    """A run of LONG finished steps whose process dies in the one after them."""
    steps = Steps()
    steps.last_may_run = False
    node = await _node(folder, steps)
    print('RESULT {"prepared": 1}', flush=True)
    await _run(node, documents.long_steps(LONG), folder)
    return {}


async def long_recover(folder: Path) -> Figures:
    """From opening the home to the next step of the run; then a fork in its middle to its first new step."""
    steps = Steps()
    began = time.perf_counter()
    node = await _node(folder, steps)
    [run] = await node.recover()
    view = await node.wait(run)
    assert (view.status, view.output) == ("completed", "end"), view
    assert steps.count == 0, "a finished step was repeated"
    recovered = steps.last_at - began
    event = await _outcome_of(node, run, LONG // 2)
    began = time.perf_counter()
    fork = await node.fork(run, event)
    called = time.perf_counter() - began
    await node.wait(fork.id)
    (entered,) = steps.entered.values()
    await node.close()
    return {
        "next_step_s": recovered,
        "fork_call_s": called,
        "fork_to_first_new_step_s": entered[0] / 1e9 - began,
        "new_steps": len(entered),
        "bytes_step": _bytes(folder)[0] / (LONG + LONG - LONG // 2),
    }


async def _outcome_of(node: LocalNode, run: str, step: int) -> int:
    """The event that records the outcome of that step."""
    async for event in node.events(run):
        if event.type == "command.completed" and event.data and event.data["output"] == {"i": step, "ok": True}:
            return event.seq
    raise AssertionError("the step is not in the history")


async def jobs(folder: Path) -> Figures:
    """JOBS no-op jobs by BATCH producers at once, each waiting for its job to be durable; done BATCH at a time."""
    store = Store.open(Settings(home=folder / "home"), write=True)
    queue = Queue(store, SystemClock(), "bench")

    async def produce(count: int) -> None:
        for _ in range(count):
            await queue.enqueue(NewJob("noop"))

    began = time.perf_counter()
    await asyncio.gather(*[produce(JOBS // BATCH) for _ in range(BATCH)])
    put = time.perf_counter() - began
    done = 0
    began = time.perf_counter()
    while leased := await queue.lease(BATCH):
        await asyncio.gather(*[queue.complete(job) for job in leased])
        done += len(leased)
    taken = time.perf_counter() - began
    assert done == JOBS // BATCH * BATCH, done
    stats = queue.stats()
    assert (stats.completed, stats.queued, stats.leased) == (done, 0, 0), stats
    store.close()
    return {"enqueue_per_s": done / put, "take_done_per_s": done / taken, "jobs_s": done / (put + taken)}


async def jobs_alone(folder: Path) -> Figures:
    """As `jobs` by one producer and one worker, each job put in, leased and completed in commits of its own."""
    store = Store.open(Settings(home=folder / "home"), write=True)
    queue = Queue(store, SystemClock(), "bench")
    began = time.perf_counter()
    for _ in range(JOBS):
        await queue.enqueue(NewJob("noop"))
    put = time.perf_counter() - began
    done = 0
    began = time.perf_counter()
    while leased := await queue.lease():
        await queue.complete(leased[0])
        done += 1
    taken = time.perf_counter() - began
    assert done == JOBS
    store.close()
    return {"enqueue_per_s": JOBS / put, "take_done_per_s": JOBS / taken, "jobs_s": JOBS / (put + taken)}


async def pure(folder: Path) -> Figures:
    """Pure tasks a second in one engine, events and digests made, nothing stored: by the number of tasks."""
    growth: dict[str, float] = {}
    count = 10
    while count <= PURE:
        growth[str(count)] = _pure(count)
        count *= 10
    return {"pure_tasks_s": min(rate for size, rate in growth.items() if int(size) >= 1000), "growth": growth}


def _pure(tasks: int) -> float:
    compiled = compile_document(documents.pure_loop(tasks), "pure.yaml")
    assert compiled.program is not None, compiled.diagnostics
    machine = Machine(State(compiled.program), InProcess())
    created = {
        "run": "bench",
        "program": compiled.program.digest,
        "workflow": {},
        "input": None,
        "seed": "0",
        "secrets": {},
        "limits": {"pure_tasks": 10_000_000, "events": 100_000_000, "value_bytes": Limits().value_bytes},
        "runtime": {},
    }
    fact: Fact | None = Fact("workflow.created", 1_700_000_000_000, created)
    done = 0
    began = time.perf_counter()
    while not machine.state.ended:
        result = machine.advance(fact, budget=512)
        fact = None
        done += sum(1 for event in result.events if event.type == "task.completed")
    taken = time.perf_counter() - began
    assert machine.state.phase == "completed", machine.state.error
    assert done >= tasks, done
    return done / taken


async def cold(folder: Path) -> Figures:
    """From the start of the interpreter to the first durable step."""
    steps = Steps()
    node = await _node(folder, steps)
    await _run(node, documents.listed_steps(1), folder)
    taken = time.monotonic() - float(os.environ["BENCH_T0"])
    await node.close()
    return {"cold_s": taken}


TESTS: Final[dict[str, Callable[[Path], Coroutine[None, None, Figures]]]] = {
    "seq": _sequential(documents.listed_steps),
    "seq_for": _sequential(documents.looped_steps),
    "conc": _at_once(documents.listed_steps),
    "conc_for": _at_once(documents.looped_steps),
    "long_prepare": long_prepare,
    "long_recover": long_recover,
    "jobs": jobs,
    "jobs_alone": jobs_alone,
    "pure": pure,
    "cold": cold,
}


if __name__ == "__main__":
    print("RESULT " + json.dumps(asyncio.run(TESTS[sys.argv[1]](Path(sys.argv[2])))), flush=True)
