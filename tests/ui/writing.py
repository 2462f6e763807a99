"""A workflow open in the editor of the flows screen, for the tests of that screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

from reach_workbench.node.local import LocalNode
from reach_workbench.ui.flows.screen import FlowsScreen
from tests.ui.conftest import Desk, Place

Go = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

TEXT = """document:
  dsl: '1.0.3'
  namespace: tests
  name: two-steps
  version: '1.0.0'
input:
  schema:
    document:
      type: object
      properties:
        amount: { type: integer, default: 3, minimum: 1 }
do:
  - first:
      set: { x: '${ .amount }' }
  - second:
      set: { y: 2 }
"""


def flows(desk: Desk) -> FlowsScreen:
    return cast(FlowsScreen, desk.app.screen_stack[1])


def tree_rows(screen: FlowsScreen) -> list[str]:
    """The labels of the tree that are seen, from above."""
    tree = screen.files
    nodes = [tree.get_node_at_line(line) for line in range(tree.last_line + 1)]
    return [str(node.label) for node in nodes if node is not None]


@asynccontextmanager
async def writing(
    place: Place, node: LocalNode, text: str = TEXT, size: tuple[int, int] = (160, 45), **more: Any
) -> AsyncIterator[tuple[Desk, FlowsScreen]]:
    """Sit down with that text open in the editor, compiled."""
    (place.workspace / "two.yaml").write_text(text, "utf-8")
    async with place.desk(node, "flows", size=size, **more) as desk:
        screen = flows(desk)
        await desk.until(lambda: screen.files.files)
        rows = [str(label).strip("▸• ") for label in tree_rows(screen)]
        await desk.press(*["down"] * (rows.index("two.yaml") + 1), "enter")
        await desk.until(lambda: screen.compilation is not None)
        await desk.pilot.pause()
        yield desk, screen
