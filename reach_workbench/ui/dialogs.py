"""The four dialogs: confirm, ask for text, choose, and progress that can be cancelled.

A screen reaches them through the app (`app.confirm` …), from a worker: a key never waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, ProgressBar, Static
from textual.widgets.option_list import Option

from reach_workbench.errors import CompileError, ReachError
from reach_workbench.protocol.node_views import Progress
from reach_workbench.ui.visible import visible

_FRAME: Final = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > .dialog {{
    width: 72; max-width: 96%; height: auto; max-height: 96%;
    border: round $primary; background: $surface; padding: 0 1;
    border-title-color: $text; border-title-style: bold;
}}
{name} .dialog-text {{ height: auto; max-height: 14; margin: 0 0 1 0; }}
{name} .dialog-keys {{ color: $text-muted; }}
"""


class Confirm(ModalScreen[bool]):
    """Ask before something that can't be taken back. `key` confirms: another one than the key that led here."""

    DEFAULT_CSS = _FRAME.format(name="Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(False)", "No")]

    def __init__(self, title: str, text: str, key: str, label: str) -> None:
        super().__init__()
        self._title, self._text, self._key, self._label = title, text, key, label

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            with VerticalScroll(classes="dialog-text"):
                yield Static(self._text, markup=False)
            yield Label(f"{self._key}  {self._label}     esc  back", classes="dialog-keys", markup=False)

    def on_key(self, event: Key) -> None:
        if self._key in (event.key, event.character):
            event.stop()
            self.dismiss(True)


def refusal(wrong: ReachError) -> str:
    """An error as a dialog that stays open shows it: what, where, and what to do."""
    lines = [f"✗ {wrong.message}", *([f"  {wrong.where}"] if wrong.where else [])]
    if isinstance(wrong, CompileError):
        lines += [f"  {each}" for each in wrong.diagnostics]
    lines += [f"  → {wrong.hint}"] if wrong.hint else []
    return "\n".join(map(visible, lines))


class AskText(ModalScreen[str | None]):
    """Ask for one line of text; None when the person leaves. With `hidden` it is not shown.

    `take` does what the text is for. What it refuses by a ReachError is said in the dialog, which stays as it is.
    """

    DEFAULT_CSS = _FRAME.format(name="AskText") + (
        "AskText #refused { height: auto; max-height: 8; color: $text-error; display: none; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Leave")]

    def __init__(
        self,
        title: str,
        text: str,
        value: str = "",
        *,
        hidden: bool = False,
        take: Callable[[str], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__()
        self._title, self._text, self._value, self._hidden, self._take = title, text, value, hidden, take
        self._taking = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            if self._text:
                yield Static(self._text, markup=False, classes="dialog-text")
            yield Input(self._value, password=self._hidden)
            yield Static("", id="refused", markup=False)
            yield Label("enter  take it     esc  back", classes="dialog-keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._take is None:
            self.dismiss(event.value)
        elif not self._taking:
            self._taking = True
            self.run_worker(self._try(event.value), name="take")

    async def _try(self, value: str) -> None:
        assert self._take is not None
        try:
            await self._take(value)
        except ReachError as wrong:
            self._say(refusal(wrong))
        else:
            self.dismiss(value)
        finally:
            self._taking = False

    def on_input_changed(self) -> None:
        self._say("")

    def _say(self, words: str) -> None:
        refused = self.query_one("#refused", Static)
        refused.update(words)
        refused.display = bool(words)


class Choose(ModalScreen[str | None]):
    """Choose one of (value, label) pairs; None when the person leaves. A digit takes that option at once."""

    DEFAULT_CSS = _FRAME.format(name="Choose") + "Choose OptionList { height: auto; max-height: 16; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Leave")]

    def __init__(self, title: str, options: Sequence[tuple[str, str]], text: str = "") -> None:
        super().__init__()
        self._title, self._options, self._text = title, options, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            if self._text:
                with VerticalScroll(classes="dialog-text"):
                    yield Static(self._text, markup=False)
            labels = [f"{_digit(place)}  {label}" for place, (_, label) in enumerate(self._options, start=1)]
            yield OptionList(*(Option(label) for label in labels), markup=False)
            yield Label("enter  take it     esc  back", classes="dialog-keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_key(self, event: Key) -> None:
        if event.key.isdecimal() and 0 < int(event.key) <= len(self._options):
            event.stop()
            self.dismiss(self._options[int(event.key) - 1][0])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._options[event.option_index][0])


def _digit(place: int) -> str:
    """The key that takes that option at once; those after the ninth have none."""
    return str(place) if place < 10 else " "


class Working(ModalScreen[Any]):
    """Long work with a bar; escape cancels it. Dismisses with what the work gave, or its ReachError, or None."""

    DEFAULT_CSS = _FRAME.format(name="Working") + "Working ProgressBar { width: 1fr; margin: 0 0 1 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "Cancel")]

    def __init__(self, title: str, work: Callable[[Progress], Awaitable[object]]) -> None:
        super().__init__()
        self._title, self._work = title, work

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Label("", id="count")
            yield ProgressBar(show_eta=False)
            yield Label("esc  cancel", classes="dialog-keys")

    def on_mount(self) -> None:
        self.run_worker(self._perform(), name="work")

    async def _perform(self) -> None:
        try:
            self.dismiss(await self._work(self._told))
        except ReachError as wrong:
            self.dismiss(wrong)

    def _told(self, done: int, total: int) -> None:
        self.query_one("#count", Label).update(f"{done:,}/{total:,}")
        self.query_one(ProgressBar).update(total=total, progress=done)

    def action_cancel(self) -> None:
        self.workers.cancel_node(self)
        self.dismiss(None)


class Tell(ModalScreen[None]):
    """Words to read, as long as they may be; any of the leaving keys ends it."""

    DEFAULT_CSS = _FRAME.format(name="Tell") + "Tell .dialog-text { max-height: 80vh; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape,enter,q", "dismiss", "Leave")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            with VerticalScroll(classes="dialog-text"):
                yield Static(self._text, markup=False)
            yield Label("esc  back", classes="dialog-keys")
