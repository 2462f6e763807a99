"""The flows screen with problems, its graph and its dialogs, at two sizes, as it looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from reach_workbench.ui.flows.screen import FlowsScreen
from tests.ui.conftest import Desk, Place
from tests.ui.writing import writing

SIZES = [(80, 24), (160, 45), (200, 60)]

ORDERS = """document:
  dsl: '1.0.3'
  namespace: shop
  name: orders
  version: '1.0.0'
  title: Orders
input:
  schema:
    document:
      type: object
      required: [customer]
      properties:
        customer: { type: string, description: Who has ordered }
        amount: { type: integer, default: 3, minimum: 1 }
        speed: { enum: [slow, fast], default: slow }
        gift: { type: boolean }
use:
  secrets: [token]
do:
  - check:
      switch:
        - large: { when: '${ .amount > 100 }', then: refuse }
        - else: { then: pack }
  - pack:
      for: { each: item, in: '${ [range(.amount)] }' }
      do:
        - wrap:
            set: { item: '${ $item }' }
  - both:
      fork:
        branches:
          - bill:
              set: { billed: true }
          - parcel:
              set: { sent: true }
  - ask:
      try:
        - call:
            set: { answer: '${ 1 }' }
      catch:
        do:
          - without:
              set: { answer: null }
      then: end
  - refuse:
      raise:
        error: { type: 'https://example.org/large', status: 400, title: Too large }
"""

WRONG = ORDERS.replace("then: pack", "then: packk").replace("set: { sent: true }", "sett: { sent: true }")


async def _problems(desk: Desk, screen: FlowsScreen) -> None:
    await desk.press("f10")
    await desk.pilot.pause()
    desk.app.clear_notifications()
    screen.action_view("problems")


async def _editor(desk: Desk, screen: FlowsScreen) -> None:
    screen.editor.go_to(28)
    await desk.press("f9")
    await desk.until_shown("● ")


async def _graph(desk: Desk, screen: FlowsScreen) -> None:
    screen.editor.go_to(28)
    await desk.press("ctrl+g")
    await desk.until_shown("□ wrap")


async def _run(desk: Desk, _: FlowsScreen) -> None:
    await desk.press("ctrl+r")
    await desk.until_screen("RunForm")
    await desk.until_shown("✗ customer")


async def _new(desk: Desk, _: FlowsScreen) -> None:
    await desk.press("ctrl+n")
    await desk.until_screen("ListDialog")


LOOKS: dict[str, tuple[str, Callable[[Desk, FlowsScreen], Awaitable[None]]]] = {
    "editor": (ORDERS, _editor),
    "problems": (WRONG, _problems),
    "graph": (ORDERS, _graph),
    "run": (ORDERS, _run),
    "new": (ORDERS, _new),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("look", LOOKS)
def test_looks_as_before(
    place: Place,
    go: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    snapshot: Any,
    look: str,
    size: tuple[int, int],
) -> None:
    shown = ""
    text, arrange = LOOKS[look]

    async def body() -> None:
        nonlocal shown
        (place.workspace / "workflows").mkdir()
        (place.workspace / "workflows" / "first.yaml").write_text(ORDERS, "utf-8")
        (place.workspace / "compose.yaml").write_text("services: {}\n", "utf-8")
        async with place.node() as node, writing(place, node, text, size=size) as (desk, screen):
            desk.app.header = replace(desk.app.header, node="node")  # not the name of this machine
            await arrange(desk, screen)
            await desk.until(lambda: not any(each.group == "explain" for each in screen.workers))
            desk.app.clear_notifications()
            await desk.pilot.pause()
            shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))

    go(body)
    assert shown == snapshot
