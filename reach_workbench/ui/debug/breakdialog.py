"""A breakpoint's condition, hit count and message, and what it holds at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar, Final, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Input, Label, Select, Static

from reach_workbench.errors import BadInput, ReachError
from reach_workbench.protocol.debugging import BreakOn, Breakpoint
from reach_workbench.ui.debug.wording import clean

_FIELDS: Final = (
    ("task", "Task", "/do/0/getPet"),
    ("command", "Command", "http.call (with command; empty: any)"),
    ("workflow", "Workflow", "namespace/name (empty: every workflow)"),
    ("condition", "Condition", "jq, such as .total > 100 (empty: always)"),
    ("hits", "From the", "nth time on (empty: every time)"),
    ("log", "Log", "jq or text with ${ … }: nothing is held, the message is kept"),
)
"""Attribute, label, and what is written there."""


class BreakDialog(ModalScreen[bool]):
    """Saves through `save`; what the node refuses is shown, and the dialog stays."""

    DEFAULT_CSS = """
    BreakDialog { align: center middle; background: $background 60%; }
    BreakDialog > .dialog { width: 76; max-width: 96%; height: auto; max-height: 96%; border: round $error;
                            background: $surface; padding: 0 1; border-title-color: $text; border-title-style: bold; }
    BreakDialog VerticalScroll { height: auto; max-height: 18; }
    BreakDialog .row { layout: horizontal; height: 1; }
    BreakDialog .row Label { width: 12; }
    BreakDialog .row Input { width: 1fr; border: none; height: 1; padding: 0; background: $panel; }
    BreakDialog Checkbox { border: none; padding: 0; height: 1; }
    BreakDialog #refused { color: $text-error; height: auto; }
    BreakDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", show=False),
        Binding("ctrl+s", "save", show=False),
    ]

    def __init__(self, breakpoint: Breakpoint, save: Callable[[Breakpoint], Awaitable[None]]) -> None:
        super().__init__()
        self._breakpoint, self._save = breakpoint, save

    def compose(self) -> ComposeResult:
        known = self._breakpoint
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Breakpoint" if known.id else "New breakpoint"
            with VerticalScroll():
                with Vertical(classes="row"):
                    yield Label("Holds at a")
                    yield Select([(each, each) for each in get_args(BreakOn)], value=known.on, allow_blank=False,
                                 compact=True, id="on")  # fmt: skip
                for name, label, hint in _FIELDS:
                    with Vertical(classes="row"):
                        yield Label(label)
                        yield Input(_written(known, name), placeholder=hint, compact=True, id=f"field-{name}")
                yield Checkbox("on", value=known.enabled, compact=True, id="enabled")
            yield Static("", id="refused", markup=False)
            yield Label("enter  save     esc  back", classes="dialog-keys")

    def on_mount(self) -> None:
        self.query_one("#field-condition").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        self.run_worker(self._saved(), group="save", exclusive=True)

    async def _saved(self) -> None:
        try:
            await self._save(self._changed())
        except ReachError as wrong:
            words = f"✗ {wrong.message}" + (f"\n→ {wrong.hint}" if wrong.hint else "")
            self.query_one("#refused", Static).update("\n".join(map(clean, words.split("\n"))))
            return
        self.dismiss(True)

    def _changed(self) -> Breakpoint:
        """Raises BadInput."""
        on: BreakOn = self.query_one("#on", Select).value  # type: ignore[assignment]
        typed = {name: self.query_one(f"#field-{name}", Input).value.strip() for name, _, _ in _FIELDS}
        if on == "task" and not typed["task"]:
            raise BadInput("a breakpoint on a task names it", hint="put the cursor of the source on it, and press B")
        if typed["hits"] and not typed["hits"].isdecimal():
            raise BadInput("the count is a whole number", hint="3 holds the third time, and each time after it")
        return replace(
            self._breakpoint,
            on=on,
            task=typed["task"] or None if on == "task" else None,
            command=typed["command"] or None if on == "command" else None,
            workflow=typed["workflow"] or None,
            condition=typed["condition"] or None,
            hits=int(typed["hits"] or 0),
            log=typed["log"] or None,
            enabled=self.query_one("#enabled", Checkbox).value,
        )


def _written(breakpoint: Breakpoint, name: str) -> str:
    value = getattr(breakpoint, name)
    return str(value) if value else ""
