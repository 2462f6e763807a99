"""Fork here: with other data, another outcome of a command, or a changed workflow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Checkbox, Label, Static, TabbedContent, TabPane, TextArea

from reach_workbench.errors import BadInput, ReachError
from reach_workbench.protocol.authoring import ProgramView
from reach_workbench.protocol.debugging import Outcome
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView, StateView
from reach_workbench.ui.debug.edits import difference, edit_lines, edits
from reach_workbench.ui.debug.jsontext import Line
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.outcomes import Recorded
from reach_workbench.ui.debug.wording import Json, clean
from reach_workbench.ui.dialogs import refusal

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench

KEYS = "ctrl+s  fork     ctrl+pgdn  data, outcome, workflow     esc  back"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fork is asked for: `at` is its last common event."""

    at: int
    edits: dict[str, Json] | None = None
    source: str | None = None
    outcome: Outcome | None = None


class ForkDialog(ModalScreen[RunView | None]):
    """The tab in front says what is changed. A fork that is refused says why, and the texts stay as they are."""

    DEFAULT_CSS = """
    ForkDialog { align: center middle; background: $background 60%; }
    ForkDialog > .dialog { width: 94%; max-width: 130; height: 94%; border: round $secondary; background: $surface;
                           border-title-color: $text; border-title-style: bold; padding: 0 1; }
    ForkDialog TabbedContent { height: 2fr; }
    ForkDialog TabPane { padding: 0; }
    ForkDialog TextArea { height: 1fr; border: none; padding: 0; }
    ForkDialog #changes { height: 1fr; border: round $panel-lighten-2; }
    ForkDialog #refused { height: auto; max-height: 6; color: $text-error; }
    ForkDialog .hint { color: $text-muted; height: auto; }
    ForkDialog Checkbox { border: none; padding: 0; height: 1; }
    ForkDialog .dialog-keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s", "fork", show=False),
        Binding("ctrl+pagedown", "turn(1)", show=False),
        Binding("ctrl+pageup", "turn(-1)", show=False),
    ]

    def __init__(
        self, node: Node, run: str, at: int, state: StateView, program: ProgramView, outcome: Recorded | None
    ) -> None:
        super().__init__()
        self._node, self._run, self._at = node, run, at
        self._program, self._outcome = program, outcome
        self._data: Json = {"data": state.data, "context": state.context}
        self._recorded = outcome.event.data if outcome is not None else None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Fork at event {self._at:,}"
            with TabbedContent(initial="tab-data"):
                with TabPane("Data", id="tab-data"):
                    yield Static("What flows into the next task, and $context.", classes="hint")
                    yield TextArea(_pretty(self._data), id="data", show_line_numbers=True)
                with TabPane("Outcome", id="tab-outcome"):
                    yield Static(self._outcome_hint(), classes="hint", markup=False)
                    yield TextArea(self._outcome_text(), id="outcome", disabled=self._outcome is None)
                with TabPane("Workflow", id="tab-workflow"):
                    yield Static("What came before this event must stay the same.", classes="hint")
                    yield TextArea(self._program.source, id="workflow", show_line_numbers=True)
            yield LinesView(id="changes")
            yield Static("", id="refused", markup=False)
            yield Checkbox("hold it before its next task", value=True, compact=True, id="hold")
            yield Label(KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#changes", LinesView).border_title = "Changed"
        self.query_one("#data", TextArea).focus()
        self._show_changes()

    def _outcome_hint(self) -> str:
        if self._outcome is None:
            return "No command had ended before this event: there is no outcome to change."
        event = self._outcome.event
        what = f"{self._outcome.kind} of " if self._outcome.kind else ""
        return (
            f"Event {event.seq:,}: the {'error' if self._failed else 'output'} of {what}{event.task}. "
            'The fork goes on from there; {"error": "words"} makes it fail.'
        )

    @property
    def _failed(self) -> bool:
        return "error" in (self._recorded or {})

    def _outcome_text(self) -> str:
        if self._recorded is None:
            return ""
        if self._failed:
            error = self._recorded["error"]
            words = error.get("detail") or error.get("title") if isinstance(error, dict) else error
            return _pretty({"error": words})
        return _pretty({"output": self._recorded.get("output")})

    # ------------------------------------------------------------ what is changed

    def on_text_area_changed(self) -> None:
        self._show_changes()

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        self._show_changes()
        area = event.pane.query_one(TextArea)
        if not area.disabled:
            area.focus()

    def action_turn(self, step: int) -> None:
        tabs = ("tab-data", "tab-outcome", "tab-workflow")
        content = self.query_one(TabbedContent)
        content.active = tabs[(tabs.index(content.active) + step) % len(tabs)]

    def _show_changes(self) -> None:
        pane = self.query_one("#changes", LinesView)
        try:
            pane.set_lines(list(self._changes()) or [Line((("nothing is changed", "dim"),))])
        except BadInput as wrong:
            pane.set_lines([Line(((clean(wrong.message), "bad"),))])
        self.query_one("#refused", Static).update("")

    def _changes(self) -> Iterator[Line]:
        match self.query_one(TabbedContent).active:
            case "tab-workflow":
                yield from difference(self._program.source, self._text("workflow"))
            case "tab-outcome":
                if self._outcome is not None:
                    yield from edit_lines(dict(edits(json.loads(self._outcome_text()), self._json("outcome"))))
            case _:
                yield from edit_lines(dict(edits(self._data, self._json("data"))))

    def _wanted(self) -> Wanted:
        """Raises BadInput for a text that is not what its tab asks for."""
        match self.query_one(TabbedContent).active:
            case "tab-workflow":
                source = self._text("workflow")
                return Wanted(self._at, source=source if source != self._program.source else None)
            case "tab-outcome":
                if self._outcome is None:
                    raise BadInput("no command had ended before this event", hint="change the data or the workflow")
                value = self._json("outcome")
                if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"output", "error"}:
                    raise BadInput('an outcome is {"output": …} or {"error": "words"}')
                error = value.get("error")
                if "error" in value and not isinstance(error, str):
                    raise BadInput("the error is the words that say what went wrong")
                return Wanted(self._outcome.event.seq, outcome=Outcome(value.get("output"), error))
            case _:
                value = self._json("data")
                if not isinstance(value, dict) or value.keys() != self._data.keys():
                    raise BadInput('what can be changed is under "data" and "context"')
                return Wanted(self._at, edits=dict(edits(self._data, value)))

    def _text(self, name: str) -> str:
        return self.query_one(f"#{name}", TextArea).text

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._text(name))
        except ValueError as wrong:
            raise BadInput(f"not JSON: {wrong}") from None

    # ------------------------------------------------------------ forking

    def action_fork(self) -> None:
        self.run_worker(self._fork(), group="fork", exclusive=True)

    async def _fork(self) -> None:
        try:
            wanted = self._wanted()
            keeper = cast("Workbench", self.app).keeper
            forked = await keeper.given(self._node, self._run, partial(self._forked, wanted))
        except ReachError as wrong:
            self.query_one("#refused", Static).update(refusal(wrong))
            return
        self.dismiss(forked)

    async def _forked(self, wanted: Wanted, secrets: Mapping[str, Json] | None) -> RunView:
        return await self._node.fork(
            self._run,
            wanted.at,
            edits=wanted.edits or None,
            source=wanted.source,
            file=Path(self._program.file) if wanted.source is not None and self._program.file else None,
            secrets=secrets,
            hold=self.query_one("#hold", Checkbox).value,
            outcome=wanted.outcome,
        )


def _pretty(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
