"""Two lists to choose from: the tasks of the text, and the templates for a new workflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from reach_workbench.protocol.authoring import TaskPlace
from reach_workbench.ui.flows.templates import Template


class ListDialog(ModalScreen[str | None]):
    """A filter above a list: typing narrows it, up and down move, enter takes. Dismisses with an id, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Leave"),
        ("down", "move(1)", "Next"),
        ("up", "move(-1)", "Previous"),
    ]
    DEFAULT_CSS = """
    ListDialog { align: center middle; background: $background 60%; }
    ListDialog > .dialog { width: 84; max-width: 96%; height: auto; max-height: 96%; border: round $primary;
        background: $surface; padding: 0 1; border-title-color: $text; border-title-style: bold; }
    ListDialog OptionList { height: auto; max-height: 70vh; border: none; padding: 0; background: $surface; }
    ListDialog .dialog-keys { color: $text-muted; }
    """

    def __init__(self, title: str, rows: Sequence[tuple[str, str, Content]], chosen: str | None = None) -> None:
        """`rows` are (id, the text that the filter looks at, what is shown)."""
        super().__init__()
        self._title, self._rows, self._first = title, rows, chosen
        self._ids: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Input(placeholder="type to narrow the list", compact=True)
            yield OptionList(markup=False)
            yield Label("enter  take it     esc  back", classes="dialog-keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._show("")
        if self._first in self._ids:
            self.query_one(OptionList).highlighted = self._ids.index(self._first)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, words: str) -> None:
        found = [row for row in self._rows if all(word in row[1].lower() for word in words.lower().split())]
        self._ids = [id for id, _, _ in found]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(shown) for _, _, shown in found])
        options.highlighted = 0 if found else None

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if self._ids:
            options.highlighted = ((options.highlighted or 0) + step) % len(self._ids)

    def on_input_submitted(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None and place < len(self._ids):
            self.dismiss(self._ids[place])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._ids[event.option_index])


def task_list(tasks: Iterable[TaskPlace], here: str | None) -> ListDialog:
    """All tasks, indented as they stand in each other; the one that is named at the cursor first."""
    rows = []
    deep: dict[str | None, int] = {None: 0}
    for task in tasks:
        level = deep.get(task.parent, 0)
        deep[task.reference] = level + 1
        shown = Content.assemble("  " * level, (task.name, "bold"), (f"  {task.kind} {task.summary}", "$text-muted"))
        rows.append((task.reference, f"{task.name} {task.kind} {task.summary}", shown))
    return ListDialog("Go to task", rows, here)


def template_list(templates: Iterable[Template]) -> ListDialog:
    rows = []
    for each in templates:
        shown = Content.assemble((each.title, "bold"), (f"\n  {each.sentence}", "$text-muted"))
        rows.append((each.name, f"{each.title} {each.sentence}", shown))
    return ListDialog("New workflow", rows)
