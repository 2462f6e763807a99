"""Screen 4: what waits for a person's decision."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from reach_workbench.errors import ReachError
from reach_workbench.protocol.gates import GateView
from reach_workbench.ui.deciding import decided
from reach_workbench.ui.dialogs import Tell
from reach_workbench.ui.doubt import Doubt
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.gatefilter import GateFilter
from reach_workbench.ui.gates.page import OUTCOMES, Page, gate_page, task_name
from reach_workbench.ui.gates.reading import Line, Reading
from reach_workbench.ui.gates.spelled import headline
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.visible import visible
from reach_workbench.ui.waiting import WaitingChanged
from reach_workbench.ui.words import ago, lasting, now

if TYPE_CHECKING:
    from reach_workbench.ui.gates.reviewing import Reviewing

_EMPTY: Final = """\
Nothing waits for you.

◆  An action that a policy holds waits here until somebody approves it.
?  An effect that a crash left in doubt waits here until a person says what became of it.

3  the runs of this node     / closed  what was decided"""

_NONE_FITS: Final = "Nothing fits the filter.\n\n/  change it, esc  take it away"

_PAST: Final = 200
"""Closed gates that are read, the newest ones."""

COLUMNS: Final = (
    Column("", 1),
    Column("", 10),
    Column("held", 0),
    Column("workflow", 18, rank=1),
    Column("task", 14, rank=2),
    Column("asked by", 12, rank=5),
    Column("risk", 6, rank=4),
    Column("expires", 9, rank=3, right=True),
)

_REST: Final = 0.05
"""Seconds for which the cursor stands before the whole of a gate is asked for: a held key never asks."""

_WIDE: Final = 140
"""Columns from which the action stands beside the list."""

_TICK: Final = 1.0
"""Seconds between two looks at how long gates have left."""


class InboxScreen(WorkbenchScreen):
    """The oldest first: they have waited longest. Each is decided by itself, after it was shown whole."""

    scope = "inbox"
    title_text = "Inbox"
    AUTO_FOCUS: ClassVar[str] = ""  # while nothing waits, it would be the filter's field, which is hidden
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("inbox"), ("escape", "widen", "Widen")]
    CSS = """
    InboxScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    InboxScreen #filter.-open { display: block; }
    InboxScreen #panes { height: 1fr; layout: vertical; }
    InboxScreen #list { height: auto; }
    InboxScreen #detail { height: 1fr; padding: 0 1; }
    InboxScreen.-wide #panes { layout: horizontal; }
    InboxScreen.-wide #list { width: 3fr; height: 1fr; }
    InboxScreen.-wide #detail { width: 2fr; height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._marked: dict[str, None] = {}
        self._lead_to: str | None = None
        self._soon = False
        self._paged: str | None = None
        self._height: int | str = ""
        self._cells: dict[str, tuple[GateView, tuple[str, ...], str]] = {}
        self._filter = GateFilter()
        self._past: dict[str, GateView] = {}

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input(placeholder="open, closed, denied, doubt …, namespace/workflow, or text", compact=True, id="filter")
        with Horizontal(id="panes"):
            yield Static(_EMPTY, id="empty", classes="pane empty", markup=False)
            table = Table(COLUMNS, id="list", classes="pane")
            table.border_title = "Inbox"
            yield table
            detail = Reading(id="detail", classes="pane")
            detail.border_title = "The action, whole"
            yield detail
        yield Footer()

    def on_mount(self) -> None:
        self._paint()
        self.set_interval(_TICK, self._tick)

    @cached_property
    def _reviewing(self) -> Reviewing:
        """What it takes to decide is loaded when somebody does."""
        from reach_workbench.ui.gates.reviewing import Reviewing

        return Reviewing(self.workbench, self.workbench.reviewer)

    @property
    def current(self) -> GateView | Doubt | None:
        """What the cursor is on."""
        waiting, key = self.workbench.waiting, self.query_one(Table).key or ""
        return waiting.gates.get(key) or waiting.doubts.get(key) or self._past.get(key)

    @property
    def keys_mode(self) -> str:
        current = self.current
        if isinstance(current, GateView):
            return "" if current.outcome is None else "CLOSED"
        return "EMPTY" if current is None else "DOUBT"

    def copied(self) -> str | None:
        return self.query_one(Reading).text if self.current is not None else None

    def lead_to(self, run: str) -> None:
        """Put the cursor on what that run waits for, now or once it is known."""
        if not self.query(Table):  # it is being made: its first painting leads there
            self._lead_to = run
            return
        if not self._filter.empty:
            self.action_widen()
            self._filter = GateFilter()
            self._paint()
        waiting = self.workbench.waiting
        keys = [gate.id for gate in waiting.gates.values() if gate.run == run]
        keys += [doubt.key for doubt in waiting.doubts.values() if doubt.run.id == run]
        self._lead_to = None if keys or waiting.whole else run
        if keys:
            self.query_one(Table).go_to(keys[0])
        elif waiting.whole:
            self._lead_below(run)

    @work(group="lead", exclusive=True)
    async def _lead_below(self, run: str) -> None:
        """What holds up a sub-workflow of it: what the run waits for names the sub-workflow and its gate."""
        try:
            words = (await self.node.run(run)).waiting or ""
        except ReachError:
            return
        waiting = self.workbench.waiting
        keys = [gate.id for gate in waiting.gates.values() if gate.id in words]
        keys += [doubt.key for doubt in waiting.doubts.values() if doubt.run.id in words]
        if keys:
            self.query_one(Table).go_to(keys[0])

    # ------------------------------------------------------------ the list

    def on_waiting_changed(self, message: WaitingChanged) -> None:
        """Changes are painted together, a few times a second, however many come."""
        if not self._soon:
            self._soon = True
            self.set_timer(0.05, self._paint)

    def on_screen_resume(self) -> None:
        self._paint()

    def _tick(self) -> None:
        gates = self.workbench.waiting.gates.values()
        if self.workbench.screen is self and any(gate.expires_at is not None for gate in gates):
            self._paint()

    def _paint(self) -> None:
        self._soon = False
        waiting, at = self.workbench.waiting, now()
        self._marked = {id: None for id in self._marked if id in waiting.gates}
        gates = [*waiting.gates.values(), *(self._past.values() if self._filter.past else ())]
        self._cells = {gate.id: self._written(gate) for gate in gates}
        found = [(gate.opened_at, self._gate_row(gate, at)) for gate in gates if self._fits(gate)]
        found += [
            (each.run.created_at, _doubt_row(each, at)) for each in waiting.doubts.values() if self._doubted(each)
        ]
        if waiting.doubts or self._filter.past:
            found.sort(key=lambda each: each[0], reverse=self._filter.past)
        rows = [row for _, row in found]
        table = self.query_one(Table)
        if tuple(rows) != table.rows:
            table.show(rows)
        more = "" if waiting.whole else "+"
        marked = f"{len(self._marked):,} marked · " if self._marked else ""
        table.border_subtitle = f"{marked}{len(rows):,}{more}"
        table.border_title = "Inbox" if self._filter.empty else f"Inbox: {self._filter.words()}"
        self._fit(len(rows))
        for widget in ("#list", "#detail"):
            self.query_one(widget).display = bool(rows)
        empty = self.query_one("#empty", Static)
        empty.display = not rows
        empty.update(_EMPTY if self._filter.empty else _NONE_FITS)
        if rows and self.focused is None and self.is_current:
            table.focus()
        if self._lead_to is not None:
            self.lead_to(self._lead_to)
        self.query_one(Footer).renew()
        if self._paged != table.key:
            self._show_page()

    def _fit(self, rows: int) -> None:
        """Above the action, the list takes no more lines than it needs, and never half of them."""
        most = max(5, self.size.height * 2 // 5)
        height = "1fr" if self.size.width >= _WIDE else min(rows + 3, most)
        if height != self._height:
            self._height = height
            self.query_one(Table).styles.height = height

    def on_resize(self) -> None:
        self._fit(len(self.query_one(Table).rows))

    def _written(self, gate: GateView) -> tuple[GateView, tuple[str, ...], str]:
        """What a row says of a gate, and the words that the filter looks at; made once."""
        known = self._cells.get(gate.id)
        if known is not None and known[0] is gate:
            return known
        cells = _cells(gate)
        return gate, cells, " ".join((*cells, gate.run, gate.task, gate.id, gate.workflow)).lower()

    def _gate_row(self, gate: GateView, at: int) -> Row:
        mark = "▪" if gate.id in self._marked else ""
        expires = gate.expires_at
        left = "never" if expires is None else lasting(expires - at) if expires > at else "now"
        left = left if gate.outcome is None else "–"
        bad = gate.outcome is None and gate.terms.risk == "high"
        return Row(gate.id, (mark, *self._cells[gate.id][1], left), "bad" if bad else "")

    # ------------------------------------------------------------ the filter

    def _fits(self, gate: GateView) -> bool:
        state, workflow = gate.outcome or "open", gate.workflow.rpartition(":")[0]
        return self._filter.empty or self._filter.fits(state, workflow, self._cells[gate.id][2])

    def _doubted(self, doubt: Doubt) -> bool:
        run = doubt.run
        words = f"{doubt.kind} {headline(doubt.kind, doubt.arguments)} {doubt.task} {run.id} {run.workflow}".lower()
        return self._filter.fits("doubt", f"{run.namespace}/{run.name}", words)

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = GateFilter.parse(event.value)
        if self._filter.past:
            self._read_closed()
        self._paint()

    def on_input_submitted(self) -> None:
        self.query_one("#filter", Input).set_class(not self._filter.empty, "-open")
        self._to_list()

    def action_widen(self) -> None:
        """Escape: take the filter away."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("-open")
        self._to_list()

    def _to_list(self) -> None:
        table = self.query_one(Table)
        self.set_focus(table if table.display else None)

    @work(group="closed", exclusive=True)
    async def _read_closed(self) -> None:
        """What was decided; it does not come by itself, as what waits does."""
        try:
            found = await self.node.gates(state="closed", limit=_PAST)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._past = {gate.id: gate for gate in found}
        self._paint()

    def on_table_moved(self) -> None:
        self.query_one(Footer).renew()
        self._show_page()

    # ------------------------------------------------------------ the detail

    @work(group="page", exclusive=True)
    async def _show_page(self) -> None:
        """The action under the cursor, whole; read anew, for a verdict may have been given meanwhile."""
        current, reading = self.current, self.query_one(Reading)
        self._paged = self.query_one(Table).key
        if current is None:
            reading.show([])
            return
        await asyncio.sleep(_REST)
        if isinstance(current, Doubt):
            reading.show([Line(visible(line), exact=True) for line in current.whole().split("\n")])
            return
        try:
            page = await self._page(current.id)
        except ReachError as wrong:
            self.report(wrong)
            return
        reading.show(*page)

    async def _page(self, gate: str) -> Page:
        whole = await self.node.gate(gate)
        return await asyncio.to_thread(gate_page, whole)  # it may have megabytes

    # ------------------------------------------------------------ actions

    @work(group="ask", exclusive=True)
    async def action_open(self) -> None:
        current = self.current
        if isinstance(current, Doubt):
            words = "\n".join(visible(line) for line in current.whole().split("\n"))
            await self.app.push_screen_wait(Tell("An effect in doubt", words))
        elif current is not None:
            await self._reported(self._open(current.id))

    async def _open(self, gate: str) -> None:
        match await self._reviewing.show(gate):
            case "inbox.approve":
                await self._reviewing.approve(gate)
            case "inbox.deny":
                await self._reviewing.deny(gate)
            case "inbox.edit":
                await self._reviewing.edit(gate)

    @work(group="ask", exclusive=True)
    async def action_approve(self) -> None:
        gates = [id for id in self.workbench.waiting.gates if id in self._marked]
        if not gates and (gate := self._gate_here("r decides about it.")) is not None:
            gates = [gate.id]
        if gates:
            await self._reported(self._approve(gates))

    async def _approve(self, gates: list[str]) -> None:
        marked = bool(self._marked)
        left = await self._reviewing.approve_each(gates)
        self._marked = dict.fromkeys(left if marked else ())
        self._paint()

    @work(group="ask", exclusive=True)
    async def action_deny(self) -> None:
        if (gate := self._gate_here("r decides about it.")) is not None:
            await self._reported(self._reviewing.deny(gate.id))

    @work(group="ask", exclusive=True)
    async def action_delegate(self) -> None:
        if (gate := self._gate_here("r decides about it.")) is not None:
            await self._reported(self._reviewing.delegate(gate.id))

    @work(group="ask", exclusive=True)
    async def action_edit(self) -> None:
        if (gate := self._gate_here("It can't be edited any more: r decides about it.")) is not None:
            await self._reported(self._reviewing.edit(gate.id))

    def action_mark(self) -> None:
        gate = self._gate_here("Each is decided by itself: r decides.")
        if gate is None:
            return
        other = next((self.workbench.waiting.gates[id] for id in self._marked), None)
        if gate.id in self._marked:
            del self._marked[gate.id]
        elif other is not None and (other.kind, other.workflow) != (gate.kind, gate.workflow):
            self.notify(f"Only like actions are marked together: {visible(other.kind)} of {visible(other.workflow)}.",
                        timeout=4, markup=False)  # fmt: skip
            return
        else:
            self._marked[gate.id] = None
        self._paint()
        self.query_one(Table).action_cursor(1)

    @work(group="ask", exclusive=True)
    async def action_resolve(self) -> None:
        doubt = self.current
        if isinstance(doubt, GateView):
            self.notify("Nothing is in doubt here: a approves it, x denies it.", timeout=3)
        elif doubt is None:
            self.notify("Nothing waits for a decision.", timeout=2)
        else:
            await self._reported(decided(self.workbench, doubt))

    def action_run(self) -> None:
        current = self.current
        if current is not None:
            self.workbench.open_run(current.run.id if isinstance(current, Doubt) else current.run)

    def _gate_here(self, instead: str) -> GateView | None:
        """The gate under the cursor; an effect in doubt has other keys, which is said."""
        current = self.current
        if isinstance(current, Doubt):
            self.notify(f"This is an effect in doubt. {instead}", timeout=3)
        elif current is None:
            self.notify("Nothing waits for a decision.", timeout=2)
        elif current.outcome is not None:
            self.notify(f"It is closed: {OUTCOMES[current.outcome]}.", timeout=3)
        else:
            return current
        return None

    async def _reported(self, deciding: Coroutine[Any, Any, object]) -> None:
        """An error is said; what is shown then is as the node has it."""
        try:
            await deciding
        except ReachError as wrong:
            self.report(wrong)
        self._show_page()


def _cells(gate: GateView) -> tuple[str, ...]:
    """What a row says of a gate, but for what time and marks change."""
    held = f"{gate.kind}  {headline(gate.kind, gate.arguments)}"[:200]
    workflow = gate.workflow.rpartition(":")[0]
    opened = "◆ gate!" if gate.terms.risk == "high" else "◆ gate"  # narrow terminals have no room for the risk
    state = opened if gate.outcome is None else OUTCOMES[gate.outcome]
    return tuple(map(visible, (state, held, workflow, task_name(gate), gate.requester, gate.terms.risk)))


def _doubt_row(doubt: Doubt, at: int) -> Row:
    started = ago(doubt.started, at) if doubt.started is not None else "–"
    held = f"{doubt.kind}  {headline(doubt.kind, doubt.arguments)}"[:200]
    task = doubt.task.rpartition("/")[2]
    cells = ("", "? doubt", held, f"{doubt.run.namespace}/{doubt.run.name}", task, "", "", started)
    return Row(doubt.key, tuple(map(visible, cells)), "bad")
