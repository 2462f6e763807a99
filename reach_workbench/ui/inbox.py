"""Screen 4: what waits for a person's decision."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.ui.app import RunChanged
from reach_workbench.ui.dialogs import Tell
from reach_workbench.ui.doubt import Doubt, decided, doubts
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import ago, shortened

_EMPTY: Final = """\
Nothing waits for you.

An effect that a crash left in doubt waits here until a person says what became of it.
Gates will stand here too: actions that a policy holds until someone approves.

3  the runs of this node"""

COLUMNS: Final = (
    Column("effect", 14),
    Column("workflow", 0),
    Column("task", 0, rank=1),
    Column("run", 15, rank=2),
    Column("started", 10, rank=3, right=True),
)


class InboxScreen(WorkbenchScreen):
    """The oldest first: they have waited longest. Each is decided by itself."""

    scope = "inbox"
    title_text = "Inbox"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("inbox")]
    CSS = """
    InboxScreen #panes { height: 1fr; layout: vertical; }
    InboxScreen #list { height: 1fr; }
    InboxScreen #detail { height: 1fr; padding: 0 1; }
    InboxScreen #page { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._doubts: dict[str, Doubt] = {}
        self._waiting = False

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="panes"):
            yield Static(_EMPTY, id="empty", classes="pane empty", markup=False)
            table = Table(COLUMNS, id="list", classes="pane")
            table.border_title = "In doubt"
            yield table
            with VerticalScroll(id="detail", classes="pane") as detail:
                detail.border_title = "The action, whole"
                yield Static(id="page", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._show([])
        self.look_again()

    @property
    def current(self) -> Doubt | None:
        return self._doubts.get(self.query_one(Table).key or "")

    def copied(self) -> str | None:
        return self.current.whole() if self.current is not None else None

    def look_again(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            self._show(await doubts(self.node))
        except ReachError as wrong:
            self.report(wrong)

    def on_run_changed(self, message: RunChanged) -> None:
        known = any(doubt.run.id == message.run.id for doubt in self._doubts.values())
        if (message.run.in_doubt or known) and not self._waiting:
            self._waiting = True
            self.set_timer(0.2, self._look_soon)

    def _look_soon(self) -> None:
        self._waiting = False
        self.look_again()

    def _show(self, found: list[Doubt]) -> None:
        self._doubts = {doubt.key: doubt for doubt in found}
        table = self.query_one(Table)
        table.show([_row(doubt) for doubt in found])
        table.border_subtitle = str(len(found))
        for widget in ("#list", "#detail"):
            self.query_one(widget).display = bool(found)
        self.query_one("#empty").display = not found
        if found and self.focused is None:
            table.focus()
        self.on_table_moved()

    def on_table_moved(self) -> None:
        self.query_one("#page", Static).update(self.current.whole() if self.current is not None else "")

    @work(group="ask", exclusive=True)
    async def action_open(self) -> None:
        if self.current is not None:
            await self.app.push_screen_wait(Tell("An effect in doubt", self.current.whole()))

    @work(group="ask", exclusive=True)
    async def action_resolve(self) -> None:
        doubt = self.current
        if doubt is None:
            self.notify("Nothing waits for a decision.", timeout=2)
            return
        try:
            await decided(self.workbench, doubt)
        except ReachError as wrong:
            self.report(wrong)
        self.look_again()


def _row(doubt: Doubt) -> Row:
    started = ago(doubt.issued.at) if doubt.issued is not None else "–"
    cells = (doubt.kind, f"{doubt.run.namespace}/{doubt.run.name}", doubt.task, shortened(doubt.run.id), started)
    return Row(doubt.key, cells, "bad")
