"""A box to tick whose state can be read without colour."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox


class TickBox(Checkbox):
    """`[x]` when it is ticked, `[ ]` when not."""

    def render(self) -> Content:
        label = Content(f" {self.label.plain} ").stylize_before(self.get_visual_style("toggle--label"))
        return Content.assemble(Content("[x]" if self.value else "[ ]"), label)
