"""What the screens have in common: the node, the keys of their scope, and one place for errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.screen import Screen

from reach_workbench.errors import ReachError
from reach_workbench.protocol.node import Node

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench


class WorkbenchScreen(Screen[None]):
    """One of the numbered screens. `scope` names its rows of the key table.

    Subclasses compose `Header`, their panes and `Footer` (`ui.frame`), and set `BINDINGS` from `keys.bindings(scope)`.
    A pane carries the class `pane`. A screen is made once there is a node, and stays; `ui.attached.RunChanged` tells
    it of runs that change.
    """

    scope: ClassVar[str] = ""
    title_text: ClassVar[str] = ""

    @property
    def workbench(self) -> Workbench:
        return cast("Workbench", self.app)

    @property
    def node(self) -> Node:
        """The node the screen is attached to; raises ReachError while there is none yet."""
        return self.workbench.node

    def report(self, wrong: ReachError) -> None:
        """Show an error: what, where, and what to do."""
        self.workbench.report(wrong)

    def look_again(self) -> None:
        """The node was lost and answers again: read anew what is shown."""

    def copied(self) -> str | None:
        """What `app.copy` copies: the thing under the cursor as text; None leaves it to the focused widget."""
        return None
