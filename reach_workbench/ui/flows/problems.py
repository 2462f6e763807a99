"""The list of what is wrong with the text."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from reach_workbench.protocol.authoring import Compilation
from reach_workbench.ui.flows.editor import MARKS


class Problems(OptionList):
    """One entry a diagnostic, with its hint; enter goes to its place."""

    DEFAULT_CSS = "Problems { scrollbar-size: 1 1; padding: 0; background: $background; height: 1fr; }"

    class Chosen(Message):
        """A problem whose place is wanted."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.compilation: Compilation | None = None

    def show_compilation(self, compilation: Compilation | None) -> None:
        """Show what the compiler said; the cursor stays where it was."""
        here = self.highlighted
        self.compilation = compilation
        self.clear_options()
        if compilation is None:
            self.add_option(Option("Open a file, or ctrl+n for a new one.", disabled=True))
            return
        if not compilation.diagnostics:
            name = f"  {compilation.workflow}" if compilation.workflow else ""
            self.add_option(Option(f"✓ no problems{name}", disabled=True))
            return
        self.add_options(_options(compilation))
        if here is not None:
            self.highlighted = min(here, len(compilation.diagnostics) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(event.option_index))


def problem_at(compilation: Compilation, line: int) -> str:
    """One line about a line of the text: its first problem, else how many there are elsewhere."""
    count = len(compilation.diagnostics)
    for each in compilation.diagnostics:
        if each.line == line:
            return f"{MARKS[each.severity]} {each.message}{f'  → {each.hint}' if each.hint else ''}"
    return f"{count} problem{'s' * (count > 1)}, the next with F10" if count else "✓ no problems"


def _options(compilation: Compilation) -> Sequence[Option]:
    options = []
    for each in compilation.diagnostics:
        colour = "$text-error" if each.severity == "error" else "$text-warning"
        parts: list[str | Content | tuple[str, str | Style]] = [
            (f"{MARKS[each.severity]} ", colour),
            (f"{each.line}:{each.column} ", "bold"),
            each.message,
        ]
        if each.hint:
            parts.append((f"\n  → {each.hint}", "$text-muted"))
        options.append(Option(Content.assemble(*parts)))
    return options
