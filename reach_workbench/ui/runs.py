"""Screen 3: all runs of the node, as they go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from reach_workbench.errors import KeysError, ReachError
from reach_workbench.protocol.node_views import RunView
from reach_workbench.ui.attached import RunChanged
from reach_workbench.ui.compared import Compared
from reach_workbench.ui.dialogs import Tell
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.lineage import family
from reach_workbench.ui.runfilter import RunFilter
from reach_workbench.ui.runpage import run_page, verified
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import ENDED, MOODS, ago, shortened, status

Answer = TypeVar("Answer")

PAGE: Final = 100
"""Runs read at a time; the next ones when the cursor comes to the end."""

_FORK, _PART = "⎇", "↳"
"""A run that was forked from another, and one that another started: seen also where its column has no room."""

_EMPTY: Final = "No run yet.\n\n1  write a workflow and run it\nF3  walk through a sample"
_NONE_FITS: Final = "No run fits the filter.\n\n/  change it, esc  take it away"

COLUMNS: Final = (
    Column("", 2),
    Column("run", 15, rank=1),
    Column("workflow", 0),
    Column("status", 11),
    Column("events", 10, rank=2, right=True),
    Column("started", 10, rank=3, right=True),
    Column("from", 30, rank=4),
)


class RunsScreen(WorkbenchScreen):
    """The newest first. `filter` narrows it, `lineage` shows the family of one run as a tree."""

    scope = "runs"
    title_text = "Runs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("runs"), ("escape", "widen", "Widen")]
    CSS = """
    RunsScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    RunsScreen #filter.-open { display: block; }
    RunsScreen #panes { height: 1fr; }
    RunsScreen #list { width: 1fr; height: 1fr; }
    RunsScreen #detail { width: 44; height: 1fr; padding: 0 1; }
    RunsScreen #page { height: auto; }
    RunsScreen #empty { display: none; }
    RunsScreen.-narrow #panes, RunsScreen.-medium #panes { layout: vertical; }
    RunsScreen.-narrow #detail, RunsScreen.-medium #detail { width: 1fr; height: 9; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, RunView] = {}
        self._filter = RunFilter()
        self._family_of: str | None = None
        self._marked: str | None = None
        self._whole = False
        self._news: dict[str, RunView] = {}

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input(placeholder="status, namespace/workflow, or part of a name or id", compact=True, id="filter")
        with Horizontal(id="panes"):
            yield Table(COLUMNS, id="list", classes="pane")
            yield Static(_EMPTY, id="empty", classes="pane empty", markup=False)
            with VerticalScroll(id="detail", classes="pane") as detail:
                detail.border_title = "Run"
                yield Static(id="page", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.table.focus()
        self._read()

    @property
    def table(self) -> Table:
        return self.query_one("#list", Table)

    @property
    def current(self) -> RunView | None:
        """The run under the cursor."""
        return self._runs.get(self.table.key or "")

    def look_again(self) -> None:
        self._read()

    def copied(self) -> str | None:
        return self.current.id if self.current is not None and self.focused is self.table else None

    # ------------------------------------------------------------ reading and showing

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        asked = self._filter
        try:
            found = await self.node.runs(
                status=asked.status, workflow=asked.workflow, text=asked.text, limit=PAGE, before=None
            )
        except ReachError as wrong:
            self.report(wrong)
            return
        self._runs = {run.id: run for run in found}
        self._whole = len(found) < PAGE
        self._news.clear()
        self._paint()

    @work(group="more", exclusive=True)
    async def _read_more(self) -> None:
        asked, last = self._filter, min(self._runs.values(), key=_age, default=None)
        if self._whole or last is None:
            return
        try:
            found = await self.node.runs(
                status=asked.status, workflow=asked.workflow, text=asked.text, limit=PAGE, before=last.id
            )
        except ReachError as wrong:
            self.report(wrong)
            return
        if asked == self._filter:
            self._runs.update((run.id, run) for run in found)
            self._whole = len(found) < PAGE
            self._paint()

    def on_run_changed(self, message: RunChanged) -> None:
        """Changes are painted together, a few times a second, however many runs go on."""
        if not self._news:
            self.set_timer(0.1, self._take_news)
        self._news[message.run.id] = message.run

    def _take_news(self) -> None:
        news, self._news = self._news, {}
        for run in news.values():
            if run.id in self._runs or self._filter.empty:
                self._runs[run.id] = run
        if not self._filter.empty and any(run.id not in self._runs for run in news.values()):
            self._read()
        if news:
            self._paint()

    def _paint(self) -> None:
        ordered = sorted(self._runs.values(), key=_age, reverse=True)
        if self._family_of is not None:
            rows = [self._row(run, branch) for branch, run in family(ordered, self._family_of)]
        else:
            rows = [self._row(run) for run in ordered]
        self.table.show(rows)
        self.table.display = bool(rows)
        empty = self.query_one("#empty", Static)
        empty.display = not rows
        empty.update(_EMPTY if self._filter.empty else _NONE_FITS)
        words = f"Runs: {self._filter.words()}" if not self._filter.empty else "Runs"
        if self._family_of is not None:
            words = f"Lineage of {shortened(self._family_of)}   esc  all runs"
        self.table.border_title = words
        self.table.border_subtitle = f"{len(rows):,}" + ("" if self._whole or self._family_of else "+")
        self._show_page()

    def _row(self, run: RunView, branch: str = "") -> Row:
        origin = f"fork of {shortened(run.forked_from)} at {run.forked_at}" if run.forked_from else ""
        origin = origin or (f"part of {shortened(run.parent)}" if run.parent else "")
        mark = "◆" if run.id == self._marked else " "
        came = _FORK if run.forked_from else _PART if run.parent else ""
        cells = (mark + came, shortened(run.id), f"{branch}{run.namespace}/{run.name}", status(run), f"{run.seq:,}")
        mood = "bad" if run.in_doubt else MOODS.get(run.status, "")
        return Row(run.id, (*cells, ago(run.created_at), origin), mood)

    def on_table_moved(self) -> None:
        self._show_page()

    def on_table_wanted(self) -> None:
        if self._family_of is None:
            self._read_more()

    def _show_page(self) -> None:
        run = self.current
        self.query_one("#page", Static).update(run_page(run) if run is not None else "")
        if run is not None:
            self.session_put(run.id)

    def session_put(self, run: str) -> None:
        """Remember where the cursor stands."""
        self.workbench.session.put("runs.cursor", run)

    # ------------------------------------------------------------ the filter

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = RunFilter.parse(event.value)
        self._family_of = None
        self._read()

    def on_input_submitted(self) -> None:
        self.query_one("#filter", Input).set_class(not self._filter.empty, "-open")
        self.table.focus()

    def action_widen(self) -> None:
        """Escape: leave the lineage, or the filter."""
        field = self.query_one("#filter", Input)
        if self._family_of is not None:
            self._family_of = None
            self._paint()
        else:
            field.value = ""
            field.remove_class("-open")
        self.table.focus()

    # ------------------------------------------------------------ actions on the run under the cursor

    def action_open(self) -> None:
        if self.current is not None:
            self.workbench.open_run(self.current.id)

    def action_compare(self) -> None:
        run = self.current
        if run is None:
            return
        if self._marked is None or self._marked not in self._runs:
            self._marked = run.id
            self.notify("Marked ◆. Now put the cursor on another run and press the key again.", timeout=4)
        elif self._marked == run.id:
            self._marked = None
        else:
            left, self._marked = self._runs[self._marked], None
            self._compare(left, run)
        self._paint()

    @work(group="ask", exclusive=True)
    async def _compare(self, left: RunView, right: RunView) -> None:
        found = await self._answer(lambda: self.node.compare(left.id, right.id))
        if found is None:
            return
        chosen = await self.app.push_screen_wait(Compared(left, right, found))
        if chosen is not None:
            self.workbench.open_run(*chosen)

    @work(group="ask", exclusive=True)
    async def action_lineage(self) -> None:
        run = self.current
        if run is None:
            return
        if self._family_of is not None:
            self.action_widen()
            return
        await self._read_forefathers(run)
        self._family_of = run.id
        self._paint()
        self.table.go_to(run.id)

    async def _read_forefathers(self, run: RunView) -> None:
        """Those it came from may be older than what was read."""
        above = run.forked_from or run.parent
        while above is not None and above not in self._runs:
            found = await self._answer(lambda above=above: self.node.run(above))  # type: ignore[misc]
            if found is None:
                return
            self._runs[found.id] = found
            above = found.forked_from or found.parent

    @work(group="ask", exclusive=True)
    async def action_fork(self) -> None:
        run = self.current
        if run is None:
            return
        at = max(1, run.seq - 1)
        fork = await self._answer(
            lambda: self.workbench.keeper.given(
                self.node, run.id, lambda secrets: self.node.fork(run.id, at, hold=True, secrets=secrets)
            )
        )
        if fork is not None:
            self.notify(f"Forked at event {at:,}; the fork is held.", timeout=4)
            self.workbench.open_run(fork.id)

    @work(group="ask", exclusive=True)
    async def action_verify(self) -> None:
        run = self.current
        if run is None:
            return
        found = await self.workbench.progress(
            f"Replay of {shortened(run.id)}", lambda progress: self.node.verify(run.id, progress=progress)
        )
        if found is not None:
            await self.app.push_screen_wait(Tell(*verified(found)))

    @work(group="ask")
    async def action_suspend(self) -> None:
        await self._drive(lambda run: self.node.suspend(run.id))

    @work(group="ask")
    async def action_resume(self) -> None:
        keeper = self.workbench.keeper
        await self._drive(
            lambda run: keeper.given(self.node, run.id, lambda secrets: self.node.resume(run.id, secrets=secrets))
        )

    @work(group="ask", exclusive=True)
    async def action_cancel(self) -> None:
        run = self.current
        if run is None:
            return
        if run.status in ENDED:
            self.notify(f"The run has {run.status}: there is nothing to cancel.", timeout=3)
            return
        text = f"{run.workflow}\n{run.id}\n\nIts running tasks are ended; a cancelled run never goes on."
        if await self.workbench.confirm("Cancel the run?", text, "y", "cancel it"):
            await self._drive(lambda _: self.node.cancel(run.id, "cancelled in the workbench"))

    @work(group="ask", exclusive=True)
    async def action_export(self) -> None:
        run = self.current
        if run is None:
            return
        proposed = self.workbench.workspace / f"{run.name}-{run.id[-6:]}.reach"

        async def export(given: str) -> None:
            file = Path(given).expanduser()
            if given and await self._export(run, file):
                self.notify(str(file), title="Exported", timeout=5, markup=False)

        await self.workbench.ask_text("Export the run", "The capsule's file:", str(proposed), export)

    async def _export(self, run: RunView, file: Path) -> bool:
        """Signed; while the node's key can't be had, without a signature if that is wanted. Whether it was done."""
        try:
            await self.node.export(run.id, file)
        except KeysError as wrong:
            text = f"{wrong.message}\n\nWithout the node's signature nobody vouches for what is in the file."
            if not await self.workbench.confirm("Export it unsigned?", text, "y", "export it unsigned"):
                return False
            await self.node.export(run.id, file, unsigned=True)
        return True

    async def _drive(self, ask: Callable[[RunView], Awaitable[RunView]]) -> None:
        run = self.current
        if run is not None and (view := await self._answer(lambda: ask(run))) is not None:
            self._runs[view.id] = view
            self._paint()

    async def _answer(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """What the node says, or None when it refuses, which is reported."""
        try:
            return await ask()
        except ReachError as wrong:
            self.report(wrong)
            return None


def _age(run: RunView) -> tuple[int, str]:
    return run.created_at, run.id
