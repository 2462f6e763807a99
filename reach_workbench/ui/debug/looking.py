"""The open run, the cursor in it, and the panes that show what is there."""

from __future__ import annotations

import asyncio
import gc
from array import array
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.protocol.debugging import Breakpoint, Evaluation, EventPage
from reach_workbench.protocol.node_views import EventView, RunView, StateView, Verification
from reach_workbench.ui.attached import RunChanged
from reach_workbench.ui.debug.breakpane import BreakPane
from reach_workbench.ui.debug.desk import Desk, dress_of
from reach_workbench.ui.debug.eventpane import EventPane
from reach_workbench.ui.debug.finder import Finder
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.newest import Newest
from reach_workbench.ui.debug.position import Position
from reach_workbench.ui.debug.source import SourceView
from reach_workbench.ui.debug.statepane import StatePane
from reach_workbench.ui.debug.timeline import Timeline
from reach_workbench.ui.debug.watchpane import WatchPane
from reach_workbench.ui.debug.wording import clean, lasting
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.panes import Spot
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.words import here, shortened

Answer = TypeVar("Answer")

_REST: Final = 0.03
"""Seconds for which the cursor stands before it is asked what the event changed: a held key never asks it."""

_HOLD: Final = 0.025
"""Seconds for which a repaint of all panes waits for what they are to show."""

_GARBAGE: Final = (20_000, 50, 100)
"""When garbage is looked for: some twenty times a repaint by default, hardly ever during one with these. It is done
where the cursor rests instead."""

NOTHING_OPEN = """No run is open.

3   the runs of this node: Enter opens one
1   write a workflow and run it with ^R

reach run FILE   starts one from the command line"""


class Panes:
    """The parts of the screen, held so that an answer that comes when they are being taken down still finds them."""

    def __init__(self) -> None:
        self.source = SourceView(id="source")
        self.timeline = Timeline(id="timeline")
        self.event_pane = EventPane(id="event")
        self.state_pane = StatePane(id="state")
        self.watch_pane = WatchPane(id="watch")
        self.break_pane = BreakPane(id="breaks")
        self.desk = Desk(
            self.source,
            self.timeline,
            self.event_pane,
            self.state_pane,
            self.watch_pane,
            self.break_pane,
            id="desk",
        )
        self.says = Static("", id="says", markup=False)


class LookingScreen(WorkbenchScreen):
    """Loads what the cursor stands on: only the newest position is ever read, so a held key stays smooth."""

    DEFAULT_CSS = """
    LookingScreen #says { height: 1; width: 1fr; padding: 0 1; color: $text-muted; }
    LookingScreen.-nothing Desk, LookingScreen.-nothing #says { display: none; }
    LookingScreen #nothing { display: none; }
    LookingScreen.-nothing #nothing { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._panes = Panes()
        self.position: Position | None = None
        self.event: EventView | None = None
        self.watches: list[str] = []
        self._loading: Newest[int] = Newest(self, self._load)
        self._stops: Newest[None] = Newest(self, self._load_stops)
        self._marking: Newest[StateView] = Newest(self, self._mark)
        self._told = ""
        self._note = ""
        self._said = ""
        self._steady = False
        self._held = ExitStack()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(NOTHING_OPEN, id="nothing", classes="empty")
        yield self._panes.desk
        yield Finder(id="finder")
        yield self._panes.says
        yield Footer()

    def on_mount(self) -> None:
        self.add_class("-nothing")
        self._panes.timeline.focus()
        self.watch(self.workbench, "run_id", self._opened)
        self.watch(self.workbench, "header", self._header_changed)

    def on_screen_resume(self) -> None:
        self._show_header()
        position, at = self.position, self.workbench.run_at
        if position is not None and at is not None and position.run.id == self.workbench.run_id:
            self.workbench.run_at = None
            self.move(at)

    # ------------------------------------------------------------ opening

    def _opened(self, run: str | None) -> None:
        if run is None:
            self.position = None
            self.add_class("-nothing")
            self._show_header()
        elif self.position is None or self.position.run.id != run:
            self.spawn(self._open(run), "open", exclusive=True)

    async def _open(self, run: str) -> None:
        """Show a run at its live end, or where the cursor stood when the workbench was left."""
        try:
            view, program = await asyncio.gather(self.node.run(run), self.node.program(run))
        except ReachError:
            self.workbench.run_id = None
            raise
        position = Position(view, max(1, view.seq))
        kept = self.workbench.session.get("cursor", [])
        if self.workbench.run_at is not None:
            position.move(self.workbench.run_at)
            self.workbench.run_at = None
        elif len(kept) == 2 and kept[0] == view.id and isinstance(kept[1], int):
            position.move(kept[1])
        self.position = position
        self.event = None
        self._note = ""
        self.watches = [str(each) for each in self.workbench.session.get("watches", [])]
        self._panes.source.show_program(program)
        self._panes.state_pane.show(None)
        self._panes.watch_pane.show(self.watches, {})
        self._panes.event_pane.show(None)
        self._panes.timeline.open(self._read_page, view.seq)
        self.remove_class("-nothing")
        self.show_position()
        self._stops.ask(None)

    async def _read_page(self, first: int, count: int) -> EventPage | None:
        position = self.position
        if position is None:
            return None
        try:
            return await self.node.page(position.run.id, first, count)
        except ReachError as wrong:
            self._fault(wrong)
            return None

    def look_again(self) -> None:
        if self.position is None:
            self._opened(self.workbench.run_id)
        else:
            self.spawn(self._renew(), "renew")
            self._stops.ask(None)

    async def _renew(self) -> None:
        if self.position is not None:
            self.renewed(await self.node.run(self.position.run.id))

    def on_run_changed(self, message: RunChanged) -> None:
        if self.position is not None and message.run.id == self.position.run.id:
            self.renewed(message.run)
            self._stops.ask(None)

    def renewed(self, run: RunView) -> None:
        """The open run has changed; a view that is older than what is shown is left."""
        position = self.position
        if position is None or run.id != position.run.id or run.seq < position.run.seq:
            return
        grown = run.seq - position.run.seq
        before = (position.cursor, position.run.status)
        position.renew(run)
        timeline = self._panes.timeline
        timeline.grow(run.seq)
        if grown:
            self.grew(run.seq - grown)
        if before != (position.cursor, run.status) or grown:
            self.show_position(load=before != (position.cursor, run.status))

    def grew(self, before: int) -> None:
        """There are events after `before` that were not there."""

    # ------------------------------------------------------------ the cursor

    def move(self, seq: int) -> None:
        """Put the cursor on an event. Nothing is executed."""
        if self.position is not None and self.position.move(seq):
            self._note = ""
            self.show_position()

    def show_position(self, *, load: bool = True) -> None:
        position = self.position
        if position is None:
            return
        if load:
            self._loading.ask(position.cursor)  # before the timeline asks for rows: this is what the key was for
        self._panes.timeline.put(position.cursor)
        self.workbench.session.put("cursor", [] if position.following else [position.run.id, position.cursor])
        self._show_header()
        self._show_says()
        if load and self._panes.desk.dressed != dress_of(self.workbench.header.word):
            self._hold()

    def _hold(self) -> None:
        """Paint once, not twice, where all borders change: with what belongs to the event, when that comes soon."""
        self._held.close()
        self._held = held = ExitStack()
        held.enter_context(self.app.batch_update())
        asyncio.get_running_loop().call_later(_HOLD, held.close)

    def _show_header(self) -> None:
        if self.workbench.screen is not self:
            return
        position = self.position
        if position is None:
            self.workbench.header_state(run=None, position=None, total=None, mode="")
            return
        name = f"{clean(position.run.name)} {shortened(position.run.id)}"
        self.workbench.header_state(run=name, position=position.cursor, total=position.total, mode=position.mode.word)

    def _header_changed(self) -> None:
        if not self._loading.busy:
            self._dress()

    def _dress(self) -> None:
        """Let the borders tell the mode. They change together with what the panes show: one repaint, not two."""
        self._panes.desk.dress(dress_of(self.workbench.header.word))

    @property
    def keys_mode(self) -> str:
        """The mode that the footer's keys belong to: none when the run has ended, for nothing drives it any more."""
        position = self.position
        if position is not None and position.ended and position.at_end and position.mode.kind != "REPLAY":
            return ""
        return self.workbench.header.word

    def _show_says(self) -> None:
        position = self.position
        if position is not None:
            says = self._note or standing(position.run)
            if says != self._said:
                self._said = says
                self._panes.says.update(says, layout=False)

    def say(self, words: str) -> None:
        """Put words on the line above the footer, until the cursor moves."""
        self._note = words
        self._show_says()

    def on_timeline_moved(self, message: Timeline.Moved) -> None:
        self.move(message.seq)

    # ------------------------------------------------------------ loading

    async def _load(self, seq: int) -> None:
        """What stands at an event, and the state there; what it changed and the watches come after."""
        position = self.position
        if position is None or position.run.seq == 0:
            self._dress()
            return
        run = position.run.id
        try:
            event, state = await asyncio.gather(self._read_event(run, seq), self.node.state(run, seq))
            if self.position is not position:
                return
            self.event = event
            self._panes.event_pane.show(self.event, self._differs(seq))
            self._panes.state_pane.show(state)
            self._panes.source.show_current(self._current(state.position))
            self._told = ""
            if not self._loading.overtaken:
                self._marking.ask(state)
            if not self._steady:
                self._steady = True
                gc.freeze()  # what stands by now stays: looking through all of it would hold up a key for 50 ms
                gc.set_threshold(*_GARBAGE)
        except ReachError as wrong:
            if self.position is position and (differs := self._differs(seq)) is not None:
                self.event = None  # what was damaged can't be read any more; what the replay made of it can
                self._panes.event_pane.show(None, differs)
            self._fault(wrong)
        finally:
            self._dress()
            self._held.close()

    async def _read_event(self, run: str, seq: int) -> EventView | None:
        """The timeline has most of them: where the cursor only steps on, the state is all that is asked for."""
        held = self._panes.timeline.event(seq)
        if held is not None:
            return held
        page = await self.node.page(run, seq, 1)
        return page.events[0] if page.events else None

    async def _mark(self, state: StateView) -> None:
        """What the event changed, and the watches there; never in the way of the next event."""
        position = self.position
        await asyncio.sleep(_REST)
        if position is None or self._elsewhere(position, state.seq):
            return
        try:
            changes = await self.node.diff(position.run.id, state.seq - 1, state.seq)
            if not self._elsewhere(position, state.seq):
                self._panes.state_pane.show(state, changes)
                await self.load_watches(state.seq)
                gc.collect(1)
        except ReachError as wrong:
            self._fault(wrong)

    def _elsewhere(self, position: Position, seq: int) -> bool:
        """Whether the cursor stands on another event by now, or in another run."""
        return self.position is not position or position.cursor != seq or self._loading.busy

    def _current(self, position: str | None) -> str | None:
        """The task that the source marks: of the event in the past, of the state where the run stands."""
        if self.position is not None and not self.position.at_end and self.event is not None and self.event.task:
            return self.event.task
        return position

    def _differs(self, seq: int) -> Verification | None:
        found = self.position.verification if self.position is not None else None
        return found if found is not None and not found.ok and found.seq == seq else None

    async def load_watches(self, seq: int) -> None:
        """Evaluate all watches at an event."""
        position = self.position
        if position is None or not self.watches:
            return
        pane = self._panes.watch_pane
        values: dict[str, Evaluation] = {}
        for expression in list(self.watches):
            values[expression] = await self.node.evaluate(position.run.id, seq, expression)
            if self.position is not position or self._loading.overtaken:
                return
        pane.show(self.watches, values)

    async def _load_stops(self, _: None) -> None:
        position = self.position
        if position is None:
            return
        try:
            run = position.run.id
            found, log = await asyncio.gather(self.node.breakpoints(), self.node.log_lines(run))
            gates = await self.node.gates(state="open", run=run) if position.run.gates else ()
        except ReachError as wrong:
            self._fault(wrong)
            return
        if self.position is position:
            self._panes.break_pane.show(found, log)
            stops = stops_of(position.run, found)
            self._panes.source.show_stops(stops, frozenset(gate.task for gate in gates))
            timeline = self._panes.timeline
            timeline.stops = frozenset(task for task, on in stops.items() if on)
            timeline.refresh()

    # ------------------------------------------------------------ what all actions need

    def spawn(self, work: Coroutine[Any, Any, None], group: str, *, exclusive: bool = False) -> None:
        """Do it in the background; an error is shown."""
        self.run_worker(self._reported(work), group=group, exclusive=exclusive)

    async def _reported(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ReachError as wrong:
            self.report(wrong)

    def _fault(self, wrong: ReachError) -> None:
        """Say once what can't be loaded, not at each key."""
        if self._told != wrong.message and self.workbench.connected:
            self._told = wrong.message
            self.report(wrong)

    def found(self, seqs: array[int]) -> None:
        self._panes.timeline.found = seqs
        self._panes.timeline.refresh()

    def action_pane(self, name: str) -> None:
        self._panes.desk.choose(name)

    def beside(self, step: int) -> None:
        """The pane after or before, those behind a tab included."""
        self._panes.desk.beside(step)

    def tabs(self) -> list[Spot]:
        """Where a jump leads besides the panes in sight."""
        return self._panes.desk.tabs()

    def focus_next(self, selector: str | type[Widget] = "*") -> Widget | None:
        """What the toolkit's own Tab does, which comes before the app's."""
        self.beside(1)
        return self.focused

    def focus_previous(self, selector: str | type[Widget] = "*") -> Widget | None:
        self.beside(-1)
        return self.focused

    def copied(self) -> str | None:
        focused = self.focused
        return focused.copy_text() if isinstance(focused, LinesView | Timeline) else None


def standing(run: RunView) -> str:
    """How the run stands, in one line."""
    words: list[str] = [run.status]
    if run.status == "held" and run.position:
        words = [f"held before {run.position}"]
    if run.waiting:
        words.append(f"waits for {here(run.waiting)}")
    if run.in_doubt:
        words.append("r decides")
    if run.gates or "at gate " in (run.waiting or ""):  # its own, or one of a sub-workflow
        words.append("◆ 4 decides")
    if run.error is not None:
        words.append(str(run.error.get("detail") or run.error.get("title") or ""))
    if run.ended_at is not None:
        words.append(f"after {lasting(run.ended_at - run.created_at)}")
    return clean(" · ".join(word for word in words if word))


def stops_of(run: RunView, breakpoints: Sequence[Breakpoint]) -> dict[str, bool]:
    """The tasks of a run that have a breakpoint, and whether one of these is on."""
    found = dict.fromkeys(run.breakpoints, True)
    for each in breakpoints:
        if each.on == "task" and each.task and fits(each, run):
            found[each.task] = found.get(each.task, False) or each.enabled
    return found


def fits(breakpoint: Breakpoint, run: RunView) -> bool:
    """Whether a breakpoint is meant for that run."""
    workflow = breakpoint.workflow in (None, f"{run.namespace}/{run.name}")
    return workflow and breakpoint.run in (None, run.id)
