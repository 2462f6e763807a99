"""The debugger over a real node in this process, with runs whose every event is the same each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from reach_workbench.clock import FixedClock
from reach_workbench.effects.functions import Functions
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load
from reach_workbench.ui.app import Workbench
from reach_workbench.ui.debug.screen import DebugScreen
from reach_workbench.ui.debug.timeline import Timeline
from tests import unheld

ORDERS = """\
document:
  dsl: 1.0.3
  namespace: shop
  name: orders
  version: 1.0.0
do:
  - prices:
      set:
        net: [12, 30, 8]
        rate: 0.25
  - addUp:
      for:
        each: price
        in: ${ .net }
      do:
        - add:
            set: '${ . + {sum: ((.sum // 0) + $price)} }'
      export:
        as: '${ $context + {sum: .sum} }'
  - tax:
      try:
        - tooDear:
            if: ${ .sum > 1000 }
            raise:
              error:
                type: https://serverlessworkflow.io/spec/1.0.0/errors/validation
                status: 400
        - add:
            set: '${ . + {total: (.sum * (1 + .rate))} }'
      catch:
        do:
          - refuse:
              set: {total: 0}
  - receipt:
      set:
        text: ${ "total \\(.total)" }
        of: ${ $context.sum }
"""

FAILING = """\
document: {dsl: 1.0.3, namespace: shop, name: failing, version: 1.0.0}
do:
  - first: {set: {x: 1}}
  - broken:
      raise:
        error: {type: "https://example.com/broken", status: 500, title: Broken, detail: the lamp is broken}
  - last: {set: {x: 2}}
"""

LISTENING = """\
document: {dsl: 1.0.3, namespace: shop, name: listening, version: 1.0.0}
do: [{wait: {listen: {to: {one: {with: {type: go}}}}}}]
"""


class Ticking(FixedClock):
    """Each look at this clock is a millisecond later than the one before."""

    def now(self) -> int:
        self.advance(1)
        return super().now()


@dataclass
class Bench:
    """The app, its pilot and the node behind it."""

    app: Workbench
    pilot: Pilot[None]
    node: LocalNode

    @property
    def screen(self) -> DebugScreen:
        return next(each for each in self.app.screen_stack if isinstance(each, DebugScreen))

    @property
    def cursor(self) -> int:
        assert self.screen.position is not None
        return self.screen.position.cursor

    @property
    def mode(self) -> str:
        return self.app.header.mode

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def until(self, true: Callable[[], bool], what: str = "") -> None:
        """Let the app work until that holds; at most ten seconds."""
        async with asyncio.timeout(10):
            while not true():
                await self.pilot.pause(0.01)

    async def settle(self) -> None:
        """Until nothing is being loaded any more."""
        screen = self.screen
        timeline = screen.query_one(Timeline)
        pumps = (screen._loading, screen._marking, screen._stops, timeline._fetching)
        await self.pilot.pause()
        await self.until(lambda: not any(pump.busy for pump in pumps))
        await self.pilot.pause()

    async def open(self, run: str) -> None:
        self.app.open_run(run)
        await self.until(lambda: any(isinstance(each, DebugScreen) for each in self.app.screen_stack))
        await self.until(lambda: self.screen.position is not None and self.screen.position.run.id == run)
        await self.settle()

    async def text(self, selector: str) -> str:
        """What a pane shows, line by line."""
        widget = self.screen.query_one(selector)
        await self.settle()
        return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


@asynccontextmanager
async def bench(
    folder: Path, size: tuple[int, int] = (160, 45), *, fixed: bool = True, functions: Functions | None = None
) -> AsyncIterator[Bench]:
    """A workbench on a home of its own, with a node in this process whose workflows may call those functions."""
    clock = Ticking() if fixed else None
    settings = load(folder / "home", {"REACH_RUNNER_POLL_SECONDS": "0.02", **unheld.VARIABLES})
    node = await LocalNode.open(settings, clock=clock, functions=functions or Functions())

    async def connect() -> LocalNode:
        return node

    app = Workbench(connect, workspace=folder, config=folder / "config")
    app.session.put("screen", "debug")
    try:
        async with app.run_test(size=size) as pilot:
            made = Bench(app, pilot, node)
            await made.until(lambda: app.connected and any(isinstance(each, DebugScreen) for each in app.screen_stack))
            yield made
    finally:
        await node.close()


async def ran(node: LocalNode, source: str, **more: object) -> RunView:
    """Run that workflow to its end, or to where it is held."""
    view = await node.start(StartRun(source, Path("orders.yaml"), **more))  # type: ignore[arg-type]
    return await node.wait(view.id)
