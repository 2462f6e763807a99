"""Questions about the open run: find, filter, who wrote, watches, jq, verify, fork."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from contextlib import suppress

from reach_workbench.protocol.node_views import Progress, Verification
from reach_workbench.ui.debug.desk import Desk
from reach_workbench.ui.debug.finder import Finder, Purpose
from reach_workbench.ui.debug.outcomes import outcome_at
from reach_workbench.ui.debug.outside import edit_outside
from reach_workbench.ui.debug.query import parse
from reach_workbench.ui.debug.search import Search
from reach_workbench.ui.debug.statepane import StatePane
from reach_workbench.ui.debug.stopping import StoppingScreen
from reach_workbench.ui.debug.timeline import Timeline
from reach_workbench.ui.debug.watchpane import WatchPane
from reach_workbench.ui.debug.wording import clean


class _Left(Exception):
    """Raised inside a replay that nobody waits for any more: it ends there."""


_WRITABLE = ("/data", "/context", "/input", "/output")


class AskingScreen(StoppingScreen):
    """All of it runs in workers, tells how far it is, and can be cancelled by Escape."""

    _typed: dict[Purpose, str]
    _searches: dict[Purpose, Search]

    def on_mount(self) -> None:
        super().on_mount()
        self._typed = {"find": "", "filter": ""}
        self._searches = {}

    # ------------------------------------------------------------ find and filter

    def action_find(self) -> None:
        if self.position is not None:
            self.query_one(Finder).ask("find", self._typed["find"])

    def action_filter(self) -> None:
        if self.position is not None:
            self.query_one(Finder).ask("filter", self._typed["filter"])

    def on_finder_left(self) -> None:
        self._to_panes()

    def on_finder_asked(self, message: Finder.Asked) -> None:
        purpose = message.purpose
        self._typed[purpose] = message.text
        self._to_panes()
        self.workers.cancel_group(self, purpose)
        self._searches.pop(purpose, None)
        query = parse(message.text)
        if query.empty or self.position is None:
            self._show_found(purpose, None)
            self.say("")
            return
        search = Search(query, self.position.cursor if purpose == "find" else 0)
        self._searches[purpose] = search
        self.spawn(self._search(purpose, search, self.position.run.id), purpose)

    async def _search(self, purpose: Purpose, search: Search, run: str) -> None:
        jumped = False

        def told(search: Search) -> None:
            nonlocal jumped
            if self._searches.get(purpose) is not search:
                return
            self._show_found(purpose, search)
            if purpose == "find" and not jumped and search.count:
                jumped = True
                self._next_found(search)
            self._say_search(purpose, search)

        self._say_search(purpose, search)
        await search.run(self.node, run, told)

    def _say_search(self, purpose: Purpose, search: Search) -> None:
        position = self.position
        if position is None:
            return
        count = f"{search.count:,} found" if purpose == "find" else f"showing {search.count:,} of {position.total:,}"
        if not search.done:
            part = min(99, search.looked * 100 // max(1, position.total))
            self.say(f"{count} · looked at {part} % · esc stops")
        elif not search.count:
            self.say(f"{self._typed[purpose]!r} is in no event of this run")
        else:
            self.say(f"{count} · " + ("* goes to the next" if purpose == "find" else "f with nothing shows all"))

    def _show_found(self, purpose: Purpose, search: Search | None) -> None:
        timeline = self.query_one(Timeline)
        if purpose == "find":
            self.found(search.seqs if search is not None else array("I"))
        else:
            timeline.show_only(array("I", search.seqs) if search is not None else None)
            timeline.border_subtitle = f"only {self._typed['filter']}" if search is not None else None

    def action_find_next(self) -> None:
        search = self._searches.get("find")
        if search is None or not search.count:
            self.notify("Nothing was found yet: / finds.", timeout=2)
        else:
            self._next_found(search)

    def _next_found(self, search: Search) -> None:
        position = self.position
        if position is not None:
            seqs = search.seqs
            place = bisect_right(seqs, position.cursor)
            if place == len(seqs):
                self.notify("From the beginning again.", timeout=1.5)
            self.move(seqs[place % len(seqs)])

    def grew(self, before: int) -> None:
        """A filter that is in force looks at the new events too."""
        search = self._searches.get("filter") if self.position is not None else None
        if search is not None and search.done and self.position is not None:
            search.done = False
            self.spawn(self._look_on(search, self.position.run.id, before), "filter")

    async def _look_on(self, search: Search, run: str, before: int) -> None:
        position = self.position
        while position is not None and position is self.position and self._searches.get("filter") is search:
            total = position.total
            await search.go_on(self.node, run, lambda _: None, before)
            self._show_found("filter", search)
            if position.total == total:
                break
            before = total
        search.done = True

    def action_stop(self) -> None:
        """Stop what is being looked for; what was found stays."""
        for purpose, search in self._searches.items():
            if not search.done:
                search.done = True
                self.workers.cancel_group(self, purpose)
                self.say(f"stopped: {search.count:,} found in {search.looked:,} events")

    def _to_panes(self) -> None:
        desk = self.query_one(Desk)
        desk.choose("timeline" if desk.shape != "narrow" else desk.chosen)

    # ------------------------------------------------------------ watches

    def action_watch(self) -> None:
        self.spawn(self._add_watch(), "dialog", exclusive=True)

    async def _add_watch(self) -> None:
        words = "A jq expression over the data at the cursor, with $context, $input and the task's variables."
        typed = await self.workbench.ask_text("Watch", words, "")
        if typed and typed.strip() and typed.strip() not in self.watches:
            self.watches = [*self.watches, typed.strip()]
            self._show_watches()
            desk = self.query_one(Desk)
            desk.reveal("watch")
            if desk.shape == "narrow":
                self.say(f"{clean(typed.strip())} is watched: its value stands behind the tab Watch")

    def action_remove_watch(self) -> None:
        chosen = self.query_one(WatchPane).chosen
        if chosen is None and self.watches:
            chosen = self.watches[-1]
        if chosen in self.watches:
            self.watches = [each for each in self.watches if each != chosen]
            self._show_watches()
        else:
            self.notify("There is no watch to remove.", timeout=2)

    def _show_watches(self) -> None:
        self.workbench.session.put("watches", list(self.watches))
        self.query_one(WatchPane).show(self.watches, {})
        if self.position is not None:
            self.spawn(self.load_watches(self.position.cursor), "watches", exclusive=True)

    # ------------------------------------------------------------ who wrote, jq, the editor

    def action_who_wrote(self) -> None:
        """To the event that produced the value under the cursor of the state."""
        pane = self.query_one(StatePane)
        pointer = pane.line.pointer if pane.line is not None else None
        if self.position is None or pointer is None or not pointer.startswith(_WRITABLE):
            self.query_one(Desk).reveal("state")
            self.notify("Put the cursor of the State pane on a value of the data, the context or the input.", timeout=3)
            return
        self.spawn(self._who_wrote(pointer), "move", exclusive=True)

    async def _who_wrote(self, pointer: str) -> None:
        position = self.position
        if position is None:
            return
        origin = await self.node.origin(position.run.id, position.cursor, pointer)
        if origin is None:
            self.notify(f"No event of this run is known to have written {pointer}.", timeout=3, markup=False)
            return
        self.move(origin.seq)
        self.say(f"{pointer} was written here: the {origin.part} of {origin.task or 'the workflow'}")

    def action_jq(self) -> None:
        from reach_workbench.ui.debug.jqdialog import JqDialog

        if self.position is not None and self.event is not None:
            self.app.push_screen(JqDialog(self.node, self.position.run.id, self.event))

    def action_edit_outside(self) -> None:
        if self.event is not None:
            self.spawn(self._edit_outside(), "dialog", exclusive=True)

    async def _edit_outside(self) -> None:
        if self.event is not None:
            await edit_outside(self.app, self.event.data, f"event-{self.event.seq}")

    # ------------------------------------------------------------ verify and fork

    def action_verify(self) -> None:
        if self.position is not None:
            self.spawn(self._verify(), "dialog", exclusive=True)

    async def _verify(self) -> None:
        """Replay all of it behind a bar; the cursor goes to the first event that differs."""
        position = self.position
        if position is None:
            return
        loop = asyncio.get_running_loop()

        async def replay(progress: Progress) -> Verification:
            gone = False

            def told(done: int, total: int) -> None:
                if gone:
                    raise _Left
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(show, done, total)

            def show(done: int, total: int) -> None:
                if not gone:
                    progress(done, total)

            try:
                return await self.node.verify(position.run.id, progress=told)
            finally:
                gone = True

        found = await self.workbench.progress("Replaying the recorded facts", replay)
        if found is None or self.position is not position:
            return
        position.verification = found
        if not found.ok and found.seq is not None:
            position.move(found.seq)
        position.verified_at = position.cursor
        self.show_position()
        rate = found.events / found.seconds if found.seconds > 0 else 0
        if found.ok:
            self.say(f"replayed {found.events:,} events, {rate:,.0f} a second: every digest is the same")
        else:
            self.say(found.message)
            self.query_one(Desk).choose("event")

    def action_fork(self) -> None:
        if self.position is not None and self.event is not None:
            self.spawn(self._fork(), "dialog", exclusive=True)

    async def _fork(self) -> None:
        from reach_workbench.ui.debug.forkdialog import ForkDialog

        position, event = self.position, self.event
        if position is None or event is None:
            return
        run, at = position.run.id, position.cursor
        state, program = await asyncio.gather(self.node.state(run, at), self.node.program(run))
        outcome = await outcome_at(self.node, run, at)
        forked = await self.app.push_screen_wait(ForkDialog(self.node, run, at, state, program, outcome))
        if forked is not None:
            self.workbench.open_run(forked.id)
