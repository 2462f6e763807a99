"""Two runs side by side, standing on the first event in which they differ."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from reach_workbench.protocol.debugging import Comparison
from reach_workbench.protocol.node_views import EventView, RunView
from reach_workbench.ui.words import pretty_data, shortened, status


class Compared(ModalScreen[tuple[str, int] | None]):
    """Dismisses with the run to open and the event to stand on."""

    DEFAULT_CSS = """
    Compared { align: center middle; background: $background 60%; }
    Compared > Vertical {
        width: 98%; height: 96%; border: round $primary; background: $surface; padding: 0 1;
    }
    Compared #sides { height: 1fr; }
    Compared VerticalScroll { width: 1fr; border: round $panel-lighten-2; }
    Compared VerticalScroll:focus { border: round $primary; }
    Compared Static { height: auto; }
    Compared .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "dismiss(None)", "Leave"),
        ("1", "take(0)", "Open the first"),
        ("2", "take(1)", "Open the second"),
    ]

    def __init__(self, left: RunView, right: RunView, found: Comparison) -> None:
        super().__init__()
        self._runs, self._found = (left, right), found

    def compose(self) -> ComposeResult:
        found = self._found
        with Vertical() as box:
            box.border_title = "Compare"
            yield Static(self._verdict(), markup=False)
            with Horizontal(id="sides"):
                for number, run, event in zip((1, 2), self._runs, (found.left, found.right), strict=True):
                    with VerticalScroll() as side:
                        side.border_title = f"{number}  {shortened(run.id)}  {status(run)}"
                        yield Static(_event(event, found.same), markup=False)
            yield Label("1  open the first there     2  open the second there     esc  back", classes="dialog-keys")

    def _verdict(self) -> str:
        found = self._found
        if found.same:
            return f"They are the same in all {found.common:,} events; ids and times are left out."
        return f"{found.common:,} events are the same; the next is the first that differs. {found.message}".strip()

    def action_take(self, side: int) -> None:
        run, event = self._runs[side], (self._found.left, self._found.right)[side]
        self.dismiss((run.id, event.seq if event is not None else run.seq))


def _event(event: EventView | None, same: bool) -> str:
    if event is None:
        return "nothing differs" if same else "there is no such event: this run ends before it"
    return "\n".join([f"{event.seq:,}  {event.type}", f"task  {event.task or '–'}", "", pretty_data(event.data)])
