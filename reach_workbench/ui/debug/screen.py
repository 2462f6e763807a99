"""Screen 2: the debugger."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from reach_workbench.ui.debug.asking import AskingScreen
from reach_workbench.ui.keys import bindings


class DebugScreen(AskingScreen):
    """The open run: looking (`looking`), driving (`driving`), breakpoints (`stopping`), questions (`asking`)."""

    scope = "debug"
    title_text = "Debug"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("debug"), Binding("escape", "stop", show=False)]
