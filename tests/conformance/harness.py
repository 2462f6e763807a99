"""Whole documents through the real door: a `LocalNode` with its store, its clock and its child process.

`Bench.run` starts a workflow, sends it events as it comes to listen for them, and waits for its
end; `Bench.start` gives the run while it goes on. Time passes as fast as it can: whenever
nothing but timers is waited for, the clock moves on to the next one.

After every run `examine` checks what must hold of any run, whatever the test is about: `verify`
replays it to the same digests; folding its events gives its last state; and a state that is
folded up to any event, written as a snapshot and read back, decides as the run did.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import textwrap
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from reach_workbench.clock import SystemClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.engine.events import FACTS, Event, Fact
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.snapshot import from_text, to_json, to_text
from reach_workbench.engine.state import State, apply
from reach_workbench.errors import CompileError, NobodyWaits
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import EventView, RunView, StartRun
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.loading import program_of
from reach_workbench.settings import Lifecycle, Limits, Settings
from tests import unheld

Json = Any
T = TypeVar("T")

PATIENCE: Final = 20.0
"""Seconds that a run may take of real time."""

SAMPLES: Final = 30
"""Events of a run after which its state is written, read back and asked what comes next."""

LIMITS: Final = Limits(expression_seconds=1.0, pure_tasks=5_000, value_bytes=1_000_000)
"""What an endless thing may cost: as little as the tests can do with."""

HEADER: Final = "document: { dsl: '1.0.3', namespace: tests, name: %s, version: 1.0.0 }\n"

STANDARD: Final = "https://open-workflow-specification.org/spec/1.0.0/errors/"
"""What the types of the standard errors begin with."""


class SwiftClock(SystemClock):
    """The machine's time, moved on by the bench while runs only wait."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


@dataclass(slots=True)
class Result:
    """How a run ended. `refused` are the events that nobody waited for when they were sent."""

    id: str
    status: str
    output: Json
    error: dict[str, Json] | None
    events: list[EventView]
    refused: list[Json] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    @property
    def order(self) -> list[str]:
        """The names of the tasks in the order in which they started."""
        return [name_of(event.task) for event in self.events if event.type == "task.started"]

    def of(self, type_: str, name: str | None = None) -> list[EventView]:
        """The events of a type, of the task with that name."""
        return [event for event in self.events if event.type == type_ and (name is None or name_of(event.task) == name)]

    def delays(self, name: str) -> list[int]:
        """Milliseconds between each retry of a try task and the moment it was granted."""
        return [event.data["due"] - event.at for event in self.of("task.retried", name) if event.data]


def name_of(reference: str | None) -> str:
    return (reference or "").rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def whole(document: str, name: str = "case") -> str:
    """The document, with a header put before one that has none."""
    text = textwrap.dedent(document)
    return text if text.lstrip().startswith(("document:", '{"document"')) else HEADER % name + text


class Live:
    """A run that is going on. Every method waits for what it asks for."""

    def __init__(self, bench: Bench, run: str, driver: Driver) -> None:
        self.id = run
        self.driver = driver
        self.refused: list[Json] = []
        self._bench = bench

    @property
    def status(self) -> str:
        return self.driver.status

    def settle(self) -> Live:
        """Until the run waits for something that is not an effect, or has ended."""
        self._bench.do(self._settle())
        return self

    async def _settle(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not (self._idle() or self._bench.node.runner.task(self.id) is None):
                await asyncio.sleep(0.001)

    def _idle(self) -> bool:
        return self.driver.status in ("waiting", "held", "suspended") and self.driver.recorded == self.driver.state.seq

    def publish(self, *events: Json) -> Live:
        """Send the events, each once the run has done with the one before it."""
        for event in events:
            self._bench.do(self._publish(event))
        return self

    async def _publish(self, event: Json) -> None:
        await self._settle()
        before = self.driver.recorded
        try:
            published = await self._bench.node.publish({"source": "/tests", **event})
        except NobodyWaits:
            self.refused.append(event)
            return
        if self.id in published.consumed_by:
            async with asyncio.timeout(PATIENCE):
                while self.driver.recorded == before and self._bench.node.runner.task(self.id) is not None:
                    await asyncio.sleep(0.0005)
            await self._settle()

    def burst(self, *events: Json) -> Live:
        """Send the events all at once, while the run has not even seen the first."""

        async def send() -> None:
            await self._settle()
            sent = [self._bench.node.publish({"source": "/tests", **event}) for event in events]
            for event, outcome in zip(events, await asyncio.gather(*sent, return_exceptions=True), strict=True):
                if isinstance(outcome, NobodyWaits):
                    self.refused.append(event)
                elif isinstance(outcome, BaseException):
                    raise outcome

        self._bench.do(send())
        return self

    def pass_time(self, milliseconds: int) -> Live:
        """Let time pass, and the run notice."""
        self._bench.do(self._bench.move(milliseconds))
        return self.settle()

    def suspend(self) -> Live:
        self._bench.do(self._bench.node.suspend(self.id))
        return self

    def resume(self) -> Live:
        self._bench.do(self._bench.node.resume(self.id))
        driver = self._bench.node.runner.driver(self.id)
        self.driver = driver or self.driver
        return self

    def cancel(self) -> Live:
        self._bench.do(self._bench.node.cancel(self.id))
        return self

    def finish(self) -> Result:
        """The ended run, examined."""
        return self._bench.do(self._bench.finish(self))


class Bench:
    """A node with a home of its own and an event loop in a thread, for any number of runs."""

    def __init__(self, home: Path, *, sink: str = "") -> None:
        self.clock = SwiftClock()
        self.home = home
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._loop.set_default_executor(ThreadPoolExecutor(4))
        self._thread.start()
        settings = Settings(home=home, limits=LIMITS, lifecycle=Lifecycle(sink=sink), policy=unheld.POLICY)
        self.node = self.do(LocalNode.open(settings, clock=self.clock))
        self.folder = home

    def close(self) -> None:
        self.do(self.node.close())
        self.do(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE * 2)

    def begin(self, what: Coroutine[Any, Any, T]) -> Future[T]:
        """Let something begin in the node; the future is its end."""
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    def clear(self) -> None:
        """Cancel what a test has left behind, and close its connections: nobody answers there any more."""

        async def cancel() -> None:
            for driver in self.node.runner.driven():
                with contextlib.suppress(Exception):
                    await self.node.cancel(driver.run)
            await self.node.runner.adapters.close()

        self.do(cancel())

    # ------------------------------------------------------------ running

    def run(
        self,
        document: str,
        *,
        input: Json = None,
        functions: Mapping[str, Callable[..., Json]] | None = None,
        events: Iterable[Json] = (),
        secrets: Mapping[str, Json] | None = None,
        files: Mapping[str, str] | None = None,
        blocking: bool = False,
    ) -> Result:
        """Run a workflow to its end. `files` are put beside it; `functions` maps `name:version` to a callable."""
        live = self.start(document, input=input, functions=functions, secrets=secrets, files=files, blocking=blocking)
        return live.publish(*events).finish()

    def start(
        self,
        document: str,
        *,
        input: Json = None,
        functions: Mapping[str, Callable[..., Json]] | None = None,
        secrets: Mapping[str, Json] | None = None,
        files: Mapping[str, str] | None = None,
        blocking: bool = False,
        hold: bool = False,
    ) -> Live:
        """Start a workflow and leave it running."""
        for name, text in (files or {}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, "utf-8")
        for title, function in (functions or {}).items():
            name, _, version = title.partition(":")
            self.node.runner.adapters.functions.register(name, version, function, blocking=blocking)
        request = StartRun(
            whole(document), self.folder / "workflow.yaml", input=input, secrets=secrets or {}, hold=hold
        )
        return self.do(self._start(request))

    async def _start(self, request: StartRun) -> Live:
        drivers: dict[str, Driver] = {}

        def notice(run: str) -> None:
            driver = self.node.runner.driver(run)
            if driver is not None:
                drivers.setdefault(run, driver)

        forget = self.node.runner.subscribe(notice)
        try:
            view = await self.node.start(request)
        except CompileError as refused:
            refused.add_note("\n".join(str(each) for each in refused.diagnostics))
            raise
        finally:
            forget()
        return Live(self, view.id, drivers[view.id])

    def pause(self, seconds: float) -> None:
        """Let the world go on for a moment of real time."""
        self.do(asyncio.sleep(seconds))

    def children(self, run: str) -> list[RunView]:
        """The runs that a run has started, in order."""
        return [each for each in reversed(self.do(self.node.runs(limit=50))) if each.parent == run]

    def child_of(self, run: str) -> Live:
        """The run that a run starts, once it is there and waits."""
        for _ in range(2000):
            for each in self.children(run):
                if self.node.runner.driver(each.id) is not None:
                    return self.attach(each.id).settle()
            self.pause(0.002)
        raise AssertionError("no sub-workflow was started")

    def attach(self, run: str) -> Live:
        """A run that is already being driven."""
        driver = self.node.runner.driver(run)
        assert driver is not None
        return Live(self, run, driver)

    def diagnostics(self, document: str) -> list[str]:
        """What the compiler says against a document that it refuses."""
        try:
            self.start(document)
        except CompileError as refused:
            return [str(each) for each in refused.diagnostics]
        raise AssertionError("the document compiled")

    async def move(self, milliseconds: int) -> None:
        """Move the clock on, and let every run look at it."""
        self.clock.ahead += milliseconds
        for driver in self.node.runner.driven():
            driver.tell(Fact("timer.fired", self.clock.now(), {"timer": 0}))  # fits no run: it only wakes it

    async def finish(self, live: Live) -> Result:
        """Wait for the end, moving the clock on whenever all runs only wait."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (task := self.node.runner.task(live.id)) is not None and not task.done():
                    drivers = self.node.runner.driven()
                    dues = [timer.due for each in drivers for timer in each.state.timers.values()]
                    if dues and all(
                        each.status in ("waiting", "held", "suspended") and each.recorded == each.state.seq
                        for each in drivers
                    ):
                        await self.move(max(min(dues) - self.clock.now(), 0))
                    await asyncio.sleep(0.001)
        except TimeoutError:
            raise AssertionError(f"the run does not end: {self.node.store.read.run(live.id)}") from None
        view = await self.node.wait(live.id)
        events = await examine(self.node, live.id, live.driver.state)
        for child in await self.node.runs(limit=20):
            if child.parent == live.id and child.status in ("completed", "faulted", "cancelled"):
                await examine(self.node, child.id)
        return Result(view.id, view.status, view.output, view.error, events, live.refused)


# ---------------------------------------------------------------- what holds of every run


async def examine(node: LocalNode, run: str, last: State | None = None) -> list[EventView]:
    """Check what must hold of any run; its events."""
    views = [view async for view in node.events(run)]
    verified = await node.verify(run)
    assert verified.ok, f"verify: {verified.message}: {verified.recorded} / {verified.replayed}"
    record = node.store.read.run(run)
    events = [Event(each.seq, each.type, each.at, each.task, each.frame, each.data) for each in views]
    if record.forked_from is not None:
        return views
    program = program_of(node.store, record.program)
    step = max(1, len(events) // SAMPLES)
    state = State(program)
    for event, upcoming in zip(events, [*events[1:], None], strict=True):
        apply(state, event)
        if upcoming is not None and event.seq % step == 0:
            goes_on(carried(state), upcoming)
    carried(state)
    if last is not None and last.seq == state.seq:
        assert plain(state) == plain(last), "folding the events does not give the state that the run had"
    assert record.output == state.output
    return views


def carried(state: State) -> State:
    """The state written as a snapshot and read back, which must make it the same."""
    again = from_text(state.program, to_text(state))
    assert again is not None
    assert plain(again) == plain(state), "a snapshot does not give the state it was made of"
    return again


def goes_on(state: State, recorded: Event) -> None:
    """A state read from a snapshot decides as the run did, whose next event is `recorded`."""
    if recorded.type in FACTS or state.suspended:
        return
    state.digest = bytes(32)
    decided = Machine(state, InProcess()).advance(budget=1).events
    assert decided, f"a state read back decides nothing where the run recorded {recorded.type}"
    assert decided[0] == recorded, f"a state read back decides {decided[0]}, the run recorded {recorded}"


def plain(state: State) -> Json:
    """A state as JSON in which every value stands where it belongs, for comparing."""
    written = to_json(state)
    values = written.pop("values")
    for name in ("input", "context", "output"):
        written[name] = values[written[name]]
    for frame in written["frames"]:
        for name in ("raw", "input", "value", "result", "items", "variables", "consumed", "correlations"):
            if name in frame:
                frame[name] = values[frame[name]]
        if "authorization" in frame:
            frame["authorization"] = values[frame["authorization"]]
        if "outputs" in frame:
            frame["outputs"] = [[branch, values[place]] for branch, place in frame["outputs"]]
    written.pop("digest")
    return json.loads(json.dumps(written, sort_keys=True))
