"""The dialogs in which a held action is shown whole: to read it, to approve it, to deny it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from reach_workbench.clock import SystemClock
from reach_workbench.protocol.gates import GateView
from reach_workbench.ui.gates.page import gate_page, task_name, title_of
from reach_workbench.ui.gates.reading import Reading
from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import find
from reach_workbench.ui.visible import visible
from reach_workbench.ui.waiting import WaitingChanged

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

Json = Any
Asked = Literal["approve", "deny"]

_FRAME: Final = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > .dialog {{
    width: 110; max-width: 98%; height: 96%; border: round $primary; background: $surface; padding: 0 1;
    border-title-color: $text; border-title-style: bold; border-subtitle-color: $text-muted;
}}
{name}.-high > .dialog {{ border: heavy $error; }}
{name} Reading {{ margin: 0 0 1 0; }}
{name} #says {{ height: auto; max-height: 4; }}
{name} #says.-wrong {{ color: $text-error; text-style: bold; }}
{name} .dialog-keys {{ color: $text-muted; }}
{name} Toast {{ display: none; }}
"""
"""Notices wait until the dialog is left: nothing may lie upon what is to be signed."""

_SCROLLING: Final[list[BindingType]] = [
    Binding("down", "scroll_by(1)", show=False),
    Binding("up", "scroll_by(-1)", show=False),
    Binding("pagedown", "leaf(1)", show=False),
    Binding("pageup", "leaf(-1)", show=False),
]
"""For while the focus is in a field."""


class Shown(ModalScreen[str | None]):
    """A held action to read; gives the id of the action of the key table that was asked for then."""

    DEFAULT_CSS = _FRAME.format(name="Shown")
    ASKED: ClassVar[tuple[str, ...]] = ("inbox.approve", "inbox.deny", "inbox.edit")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", show=False),
        *(Binding(",".join(find(id).keys), f"dismiss('{id}')", id=id, show=False) for id in ASKED),
    ]

    def __init__(self, gate: GateView) -> None:
        super().__init__()
        self._gate = gate

    def compose(self) -> ComposeResult:
        self.set_class(self._gate.terms.risk == "high", "-high")
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = title_of(self._gate)
            yield Reading()
            keys_of = cast("Workbench", self.app).keys_of
            words = [f"{shown(keys_of(find(id))[0])}  {find(id).label}" for id in self.ASKED]
            words = [] if self._gate.outcome is not None else words
            yield Label("     ".join([*words, "esc  back"]), classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(Reading).show(*gate_page(self._gate))
        self.query_one(Reading).focus()


class VerdictDialog(ModalScreen[str | None]):
    """Approve or deny what is shown, and nothing else; gives the reason (empty for an approval), None to leave it.

    `y` approves once the whole action has been in sight; with a high risk the task's name has to be typed instead.
    A denial wants a reason. When the gate is closed meanwhile, the dialog says so and takes nothing any more.
    """

    DEFAULT_CSS = _FRAME.format(name="VerdictDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False), *_SCROLLING]

    def __init__(
        self, gate: GateView, asked: Asked, *, answer: Json = None, answered: bool = False, place: str = ""
    ) -> None:
        super().__init__()
        self._gate, self._asked, self._place = gate, asked, place
        self._answer, self._answered = answer, answered
        self._seen = False
        self._ended: str | None = None

    @property
    def _typed(self) -> bool:
        """Whether something has to be typed: a reason, or the name of the task."""
        return self._asked == "deny" or self._gate.terms.risk == "high"

    def compose(self) -> ComposeResult:
        gate = self._gate
        self.set_class(gate.terms.risk == "high", "-high")
        with Vertical(classes="dialog") as dialog:
            verb = "Approve" if self._asked == "approve" else "Deny"
            dialog.border_title = f"{verb} this?  {title_of(gate)}"
            dialog.border_subtitle = self._place
            yield Reading()
            yield Static("", id="says", markup=False)
            if self._typed:
                hint = "why; whoever asked for it reads this" if self._asked == "deny" else "the task's name"
                yield Input(placeholder=hint, compact=True)
            yield Label(self._keys(), classes="dialog-keys", markup=False)

    def _keys(self) -> str:
        if self._asked == "deny":
            return "enter  deny it     pgup pgdn  scroll     esc  back"
        return f"{'enter' if self._typed else 'y'}  approve it     pgup pgdn  scroll     esc  back"

    def on_mount(self) -> None:
        page = gate_page(self._gate, answer=self._answer, answered=self._answered)
        self.query_one(Reading).show(*page)
        (self.query_one(Input) if self._typed else self.query_one(Reading)).focus()
        self._look()
        if self._gate.expires_at is not None:
            left = (self._gate.expires_at - SystemClock().now()) / 1000
            self.set_timer(max(0.01, min(left, 86_400)), self._look)

    def on_waiting_changed(self, message: WaitingChanged) -> None:
        self._look()

    def _look(self) -> None:
        """Whether it can still be decided about."""
        gate = self._gate
        if gate.expires_at is not None and SystemClock().now() > gate.expires_at:
            self._close("It has expired while this dialog was open: nothing is performed. esc leaves")
        elif gate.id not in cast("Workbench", self.app).waiting.gates:
            self._close("It is closed by now: decided by somebody else, edited, or its run has ended. esc leaves")
        elif self._ended is None:
            self._say(self._wanted())

    def _wanted(self) -> str:
        """What is wanted next."""
        if self._asked == "deny":
            return "The task fails with your reason; nothing is performed."
        if not self._seen:
            return "There is more of the action below: go on to its end first (pgdn)."
        if self._gate.terms.risk == "high":
            return f"Its risk is high. To approve it, type the name of its task: {visible(task_name(self._gate))}"
        return "This is the whole action. y signs for exactly this."

    def _close(self, words: str) -> None:
        self._ended = words
        self._say(words, wrong=True)
        self.query(Input).set(disabled=True)

    def _say(self, words: str, *, wrong: bool = False) -> None:
        says = self.query_one("#says", Static)
        says.update(words)
        says.set_class(wrong, "-wrong")

    def on_reading_reached(self) -> None:
        self._seen = True
        self._look()

    def on_key(self, event: Key) -> None:
        if event.character == "y" and self._asked == "approve" and not self._typed:
            event.stop()
            if self._ended is None and self._seen:
                self.dismiss("")
            else:
                self.app.bell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if self._ended is not None:
            self.app.bell()
        elif self._asked == "deny":
            if typed:
                self.dismiss(typed)
            else:
                self._say("Say why: whoever asked for it is told.", wrong=True)
        elif not self._seen:
            self.app.bell()
        elif typed == task_name(self._gate):
            self.dismiss("")
        else:
            self._say(f"That is not the name of the task: {visible(task_name(self._gate))}", wrong=True)

    def action_scroll_by(self, rows: int) -> None:
        self.query_one(Reading).action_by(rows)

    def action_leaf(self, leaves: int) -> None:
        self.query_one(Reading).action_leaf(leaves)
