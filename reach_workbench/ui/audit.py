"""Screen 6: what was decided and done, and by whom."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.protocol.audit import AuditView
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import moment, pretty, shortened

_EMPTY: Final = """\
No audit record yet.

What people decided, what policies allowed, held and denied, and what was done
will stand here, in a log that can only grow and can be verified.

r  look again     3  the runs of this node"""

_PAGE: Final = 100

COLUMNS: Final = (
    Column("#", 8, right=True),
    Column("when", 19, rank=2),
    Column("record", 0),
    Column("run", 15, rank=1),
)


class AuditScreen(WorkbenchScreen):
    """In the order in which it was written; more is read when the cursor comes to the end."""

    scope = "audit"
    title_text = "Audit"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("audit")]
    CSS = """
    AuditScreen #panes { height: 1fr; }
    AuditScreen.-narrow #panes { layout: vertical; }
    AuditScreen #list, AuditScreen #detail { width: 1fr; height: 1fr; }
    AuditScreen #page { height: auto; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, AuditView] = {}

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="panes"):
            yield Static(_EMPTY, id="empty", classes="pane empty", markup=False)
            table = Table(COLUMNS, id="list", classes="pane")
            table.border_title = "Audit"
            yield table
            with VerticalScroll(id="detail", classes="pane") as detail:
                detail.border_title = "Record"
                yield Static(id="page", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._show()
        self.look_again()

    def on_screen_resume(self) -> None:
        self.look_again()

    def look_again(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        last = max((record.seq for record in self._records.values()), default=0)
        try:
            found = await self.node.audit(limit=_PAGE, after=last)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._records.update((str(record.seq), record) for record in found)
        self._show()

    def _show(self) -> None:
        table = self.query_one(Table)
        table.show([_row(record) for record in self._records.values()])
        for widget in ("#list", "#detail"):
            self.query_one(widget).display = bool(self._records)
        self.query_one("#empty").display = not self._records
        if self._records and self.focused is None:
            table.focus()
        self.on_table_moved()

    def on_table_moved(self) -> None:
        record = self._records.get(self.query_one(Table).key or "")
        self.query_one("#page", Static).update(pretty(record.data) if record is not None else "")

    def on_table_wanted(self) -> None:
        self.look_again()

    def action_refresh(self) -> None:
        self.look_again()


def _row(record: AuditView) -> Row:
    run = shortened(record.run) if record.run else "–"
    return Row(str(record.seq), (f"{record.seq:,}", moment(record.at), record.type, run))
