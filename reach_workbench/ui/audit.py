"""Screen 6: what was decided and done, and by whom; and whether anybody rewrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from reach_workbench.clock import SystemClock
from reach_workbench.errors import ReachError
from reach_workbench.protocol.audit import AuditProblem, AuditVerification, AuditView
from reach_workbench.ui.auditfilter import AuditFilter
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import moment, pretty, pretty_data, shortened, zoned

_EMPTY: Final = """\
No audit record yet.

What people decided, what policies allowed, held and denied, and what was done
stands here, in a log that can only grow and can be verified.

3  the runs of this node     V  verify the log     r  look again"""

_NONE_FITS: Final = "No record fits the filter.\n\nf  change it, esc  take it away"

PAGE: Final = 100
"""Records read at a time; older ones when the cursor comes to the end."""

COLUMNS: Final = (
    Column("#", 8, right=True),
    Column("when", 19, rank=2),
    Column("record", 0),
    Column("run", 15, rank=1),
)


class AuditScreen(WorkbenchScreen):
    """The newest first; more is read when the cursor comes to the end. `verify` says below what it found."""

    scope = "audit"
    title_text = "Audit"
    AUTO_FOCUS: ClassVar[str] = ""  # while there is no list, it would be the filter's field, which is hidden
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("audit"), ("escape", "widen", "Widen")]
    CSS = """
    AuditScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    AuditScreen #filter.-open { display: block; }
    AuditScreen #panes { height: 1fr; }
    AuditScreen.-narrow #panes { layout: vertical; }
    AuditScreen #list, AuditScreen #detail { width: 1fr; height: 1fr; }
    AuditScreen #page { height: auto; padding: 0 1; }
    AuditScreen #verdict { display: none; height: auto; max-height: 6; padding: 0 1; }
    AuditScreen #verdict.-said { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[int, AuditView] = {}
        self._filter = AuditFilter()
        self._whole = False
        self._problems: tuple[AuditProblem, ...] = ()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input(placeholder="type (gate.), age (2h, 3d), or part of a run or the data", compact=True, id="filter")
        with Horizontal(id="panes"):
            yield Static(_EMPTY, id="empty", classes="pane empty", markup=False)
            yield Table(COLUMNS, id="list", classes="pane")
            with VerticalScroll(id="detail", classes="pane") as detail:
                detail.border_title = "Record"
                yield Static(id="page", markup=False)
        yield Static(id="verdict", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._show()
        self._read()

    def on_screen_resume(self) -> None:
        self._read()

    @property
    def table(self) -> Table:
        return self.query_one("#list", Table)

    @property
    def current(self) -> AuditView | None:
        """The record under the cursor."""
        return self._records.get(int(self.table.key or 0))

    def look_again(self) -> None:
        self._read()

    def copied(self) -> str | None:
        record = self.current
        return pretty(record.data) if record is not None and self.focused is self.table else None

    # ------------------------------------------------------------ reading and showing

    async def _ask(self, before: int | None) -> Sequence[AuditView]:
        asked = self._filter
        since = SystemClock().now() - asked.age if asked.age is not None else None
        return await self.node.audit(type=asked.type, text=asked.text, since=since, before=before, limit=PAGE)

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            found = await self._ask(None)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._records = {record.seq: record for record in found}
        self._whole = len(found) < PAGE
        self._show()

    @work(group="read", exclusive=True)
    async def _read_more(self) -> None:
        if self._whole or not self._records:
            return
        try:
            found = await self._ask(min(self._records))
        except ReachError as wrong:
            self.report(wrong)
            return
        self._records.update((record.seq, record) for record in found)
        self._whole = len(found) < PAGE
        self._show()

    def _show(self) -> None:
        self.table.show([self._row(record) for _, record in sorted(self._records.items(), reverse=True)])
        self.table.border_title = "Audit" if self._filter.empty else "Audit: filtered"
        self.table.border_subtitle = f"{len(self._records):,}" + ("" if self._whole else "+")
        for widget in ("#list", "#detail"):
            self.query_one(widget).display = bool(self._records)
        empty = self.query_one("#empty", Static)
        empty.update(_EMPTY if self._filter.empty else _NONE_FITS)
        empty.display = not self._records
        if self._records and self.focused is None:
            self.table.focus()
        self.on_table_moved()

    def _row(self, record: AuditView) -> Row:
        run = shortened(record.run) if record.run else "–"
        bad = any(each.first is not None and each.first <= record.seq <= (each.last or 0) for each in self._problems)
        type = f"✗ {record.type}" if bad else record.type
        return Row(str(record.seq), (f"{record.seq:,}", moment(record.at), type, run), "bad" if bad else "")

    def on_table_moved(self) -> None:
        record = self.current
        self.query_one("#page", Static).update(_page(record) if record is not None else "")

    def on_table_wanted(self) -> None:
        self._read_more()

    def action_refresh(self) -> None:
        self._read()

    def action_open(self) -> None:
        record = self.current
        if record is None or record.run is None:
            self.notify("This record is about no run.", timeout=3)
        else:
            self.workbench.open_run(record.run)

    # ------------------------------------------------------------ the filter

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = AuditFilter.parse(event.value)
        self._read()

    def on_input_submitted(self) -> None:
        self.query_one("#filter", Input).set_class(not self._filter.empty, "-open")
        self.table.focus()

    def action_widen(self) -> None:
        """Escape: take the filter away."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("-open")
        self.table.focus()

    # ------------------------------------------------------------ verifying

    @work(group="ask", exclusive=True)
    async def action_verify(self) -> None:
        found = await self.workbench.progress(
            "Verification of the audit log", lambda progress: self.node.audit_verify(progress=progress)
        )
        if found is None:
            return
        self._problems = found.problems
        verdict = self.query_one("#verdict", Static)
        verdict.update(_verdict(found))
        verdict.set_class(True, "-said")
        self._show()


def _page(record: AuditView) -> str:
    about = f"record {record.seq:,}   {record.type}\n{zoned(record.at)}\n"
    return f"{about}{f'run {record.run}' if record.run else 'about no run'}\n\n{pretty_data(record.data)}"


def _verdict(found: AuditVerification) -> str:
    if found.ok:
        return f"✓ verified: {found.summary}"
    lines = [f"✗ {problem.code}: {problem.message}" for problem in found.problems]
    return "\n".join([*lines, f"  {found.before}"])
