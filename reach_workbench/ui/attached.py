"""An app over one node: the connection, the screens, and what all screens share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.events import Event, Key
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen

from reach_workbench.errors import ReachError, RunStateError
from reach_workbench.protocol.gates import GateView
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import Progress, RunView
from reach_workbench.ui import config as configuration
from reach_workbench.ui.frame import HeaderState
from reach_workbench.ui.keeper import Keeper, OpenKept
from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import SCREEN_NAMES, Action, bindings, find
from reach_workbench.ui.keystrokes import Keystrokes
from reach_workbench.ui.notice import announced, notice
from reach_workbench.ui.reviewer import Reviewer
from reach_workbench.ui.session import Session
from reach_workbench.ui.start import StartScreen
from reach_workbench.ui.waiting import Waiting, WaitingChanged
from reach_workbench.ui.words import moment, shortened

if TYPE_CHECKING:
    from reach_workbench.ui.early import Early
    from reach_workbench.ui.leaving import GoesOn

Result = TypeVar("Result")

SCREENS: Final = {
    "flows": "reach_workbench.ui.flows.screen:FlowsScreen",
    "debug": "reach_workbench.ui.debug.screen:DebugScreen",
    "runs": "reach_workbench.ui.runs:RunsScreen",
    "inbox": "reach_workbench.ui.inbox:InboxScreen",
    "nodes": "reach_workbench.ui.nodes:NodesScreen",
    "audit": "reach_workbench.ui.audit:AuditScreen",
    "system": "reach_workbench.ui.system:SystemScreen",
    "policies": "reach_workbench.ui.policies:PoliciesScreen",
}
"""Where each screen's class stands. It is imported when the screen is first shown: start-up stays quick."""

_TOGETHER: Final = 0.1
"""Seconds for which news of gates are gathered."""

_KEY: Final = 15.0
"""Seconds between two looks at which key the node signs with."""

_AGAIN: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each new try to connect; the last one is repeated."""


class RunChanged(Message):
    """A run of the node changed; posted to every screen that was made."""

    def __init__(self, run: RunView) -> None:
        super().__init__()
        self.run = run


class Attached(App[None]):
    """`connect` finds or starts the node; `config` and `state` are folders (see `ui.config`, `ui.session`).

    `stop` ends the node's process; without it, leaving never offers to. With `greet` the first start of all
    says how to begin. `kept` opens the secrets that this machine keeps for runs. `reviewer` signs verdicts about held
    actions; with `notify_terminal` the terminal itself is told of those that come to wait.
    """

    TITLE = "reach"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_IN_MAXIMIZED_VIEW = "Header,Footer"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-medium"), (140, "-wide")]  # noqa: RUF012  # as Textual types it
    CSS = """
    .pane { border: round $panel-lighten-2; border-title-color: $text-muted; background: $background; }
    .pane:focus, .pane:focus-within { border: round $primary; border-title-color: $text; border-title-style: bold; }
    .-lost .pane { border: dashed $error; }
    .empty { width: 1fr; height: 1fr; content-align: center middle; text-align: center; color: $text-muted; }
    """

    header: reactive[HeaderState] = reactive(HeaderState(), repaint=False)  # header and footer watch it
    run_id: reactive[str | None] = reactive(None)
    connected: reactive[bool] = reactive(False)

    def __init__(
        self,
        connect: Callable[[], Awaitable[Node]],
        *,
        workspace: Path,
        config: Path,
        state: Path | None = None,
        stop: Callable[[], Awaitable[None]] | None = None,
        greet: bool = False,
        kept: OpenKept | None = None,
        reviewer: Reviewer | None = None,
        notify_terminal: bool = True,
    ) -> None:
        self.config = configuration.read(config)
        super().__init__()
        self.animation_level = "none"
        self.workspace = workspace
        self.config_folder = config
        self.session = Session((state or config) / "session.json")
        self._connect = connect
        self._stop = stop
        self._greet = greet and not self.session.file.exists()
        self._node: Node | None = None
        self.keeper = Keeper(self, kept)
        self.waiting = Waiting()
        self.reviewer = reviewer
        self._notify_terminal = notify_terminal
        self._came = asyncio.Event()
        self._hurry = asyncio.Event()
        self.left: GoesOn | None = None
        self._first: str | None = None
        self._early: Early | None = None
        self._keystrokes = Keystrokes(self)
        self.run_at: int | None = None
        self._stop_at: int | None = None  # of the tour

    # ------------------------------------------------------------ services of the screens

    @property
    def node(self) -> Node:
        """The node; raises RunStateError while there is none."""
        if self._node is None:
            raise RunStateError("the node is not connected", hint="F12 tries again at once")
        return self._node

    def keys_of(self, action: Action) -> tuple[str, ...]:
        """The keys in force for an action."""
        return self.config.keys_of(action)

    def show(self, scope: str) -> None:
        """Put that screen in front; it is made when it is needed first."""
        if scope not in SCREENS:
            return
        if self._node is None:
            self._go_to_first(scope)
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if not self.is_screen_installed(scope):
            module, _, name = SCREENS[scope].partition(":")
            screen: Screen[None] = getattr(import_module(module), name)()
            self.install_screen(screen, scope)
        if len(self.screen_stack) == 1:
            self.push_screen(scope)  # upon the start screen, which stays below
        elif self.screen is not self.get_screen(scope):
            self.switch_screen(scope)
        self.session.put("screen", scope)
        if self._stop_at is not None:
            self._tour_to(self._stop_at)

    def _go_to_first(self, scope: str) -> None:
        """There is no node yet: it is the screen to begin with, once there is."""
        self._first = scope
        start = self.screen_stack[0]
        if isinstance(start, StartScreen):
            start.goes_to(SCREEN_NAMES[scope])

    def open_run(self, run: str, at: int | None = None) -> None:
        """Make it the open run, and go to the debugger; `at` is the event to stand on there, when not the last."""
        if run == self.run_id and at is not None:
            self.run_id = None  # it is open: open it anew, there
        elif run != self.run_id:
            self.header_state(run=shortened(run), position=None, total=None, mode="")  # no word of the one before
        self.run_at = at
        self.run_id = run
        self.session.put("run", run)
        self.show("debug")

    def header_state(
        self,
        *,
        run: str | EllipsisType | None = ...,
        position: int | EllipsisType | None = ...,
        total: int | EllipsisType | None = ...,
        mode: str | EllipsisType = ...,
    ) -> None:
        """Change what the header shows; what is not given stays."""
        given = {"run": run, "position": position, "total": total, "mode": mode}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not ...}
        self.header = replace(self.header, **changes)

    def report(self, wrong: ReachError) -> None:
        """Show an error as a notice: what, where, and what to do."""
        lines = [wrong.message, *([wrong.where] if wrong.where else []), *([f"→ {wrong.hint}"] if wrong.hint else [])]
        self.notify("\n".join(lines), title="It did not work", severity="error", timeout=8, markup=False)

    async def confirm(self, title: str, text: str, key: str, label: str) -> bool:
        """Ask before something is destroyed; only `key` confirms. To be awaited in a worker."""
        from reach_workbench.ui.dialogs import Confirm

        return await self.push_screen_wait(Confirm(title, text, key, label))

    async def ask_text(
        self, title: str, text: str, value: str = "", take: Callable[[str], Awaitable[object]] | None = None
    ) -> str | None:
        """One line of text, or None. What `take` refuses of it stays to be written anew. To be awaited in a worker."""
        from reach_workbench.ui.dialogs import AskText

        return await self.push_screen_wait(AskText(title, text, value, take=take))

    async def choose(self, title: str, options: Sequence[tuple[str, str]], text: str = "") -> str | None:
        """The value of one of (value, label) pairs, or None. To be awaited in a worker."""
        from reach_workbench.ui.dialogs import Choose

        return await self.push_screen_wait(Choose(title, options, text))

    async def progress(self, title: str, work: Callable[[Progress], Awaitable[Result]]) -> Result | None:
        """Do long work behind a bar; None when it was cancelled or failed (which is reported).

        To be awaited in a worker.
        """
        from reach_workbench.ui.dialogs import Working

        given: Result | ReachError | None = await self.push_screen_wait(Working(title, work))
        if isinstance(given, ReachError):
            self.report(given)
            return None
        return given

    # ------------------------------------------------------------ the connection

    async def on_event(self, event: Event) -> None:
        """As Textual does; a key that comes before the node waits for it, and help is there in dialogs too."""
        if isinstance(event, Key) and not event.is_forwarded:
            early = self._node is None or (self._early is not None and not self._early.over)
            if (self._before() if early else self._keystrokes).takes(event) or self._helps_in_dialog(event):
                return
        await super().on_event(event)

    def _helps_in_dialog(self, event: Key) -> bool:
        """The screen's keys do not reach the app from a dialog: that of help does, unless it is text there."""
        dialog, focused = self.screen, self.focused
        if not isinstance(dialog, ModalScreen) or event.key not in self.keys_of(find("app.help")):
            return False
        if focused is not None and focused.check_consume_key(event.key, event.character):
            return False
        from reach_workbench.ui.dialoghelp import DialogHelp
        from reach_workbench.ui.help import Help

        if isinstance(dialog, Help):
            return False
        self.push_screen(DialogHelp(dialog))
        return True

    def _before(self) -> Early:
        """Loaded when the first key comes: the first frame does not wait for it."""
        if self._early is None:
            from reach_workbench.ui.early import Early

            self._early = Early(self, self.keys_of)
        return self._early

    def get_default_screen(self) -> Screen[None]:
        return StartScreen(id="start")

    def on_mount(self) -> None:
        self.set_keymap(self.config.keymap)
        self.theme = self.config.theme if self.config.theme in self.available_themes else configuration.DARK
        for problem in self.config.problems:
            self.notify(problem, title="Configuration", severity="warning", markup=False)
        self.call_after_refresh(self._begin_to_connect)
        self.set_interval(2, self.session.save, name="session")

    def _begin_to_connect(self) -> None:
        """Only now: the first frame is drawn."""
        self.run_worker(self._keep_connected(), name="connection", group="connection")

    async def _keep_connected(self) -> None:
        """Connect, follow the node's activity until it is lost, and begin again."""
        tries = 0
        while True:
            node = None
            try:
                node = await self._connect()
                info = await node.info()
            except ReachError as wrong:
                if node is not None and node is not self._node:
                    await node.close()
                self._say_lost(wrong)
                await self._pause(_AGAIN[min(tries, len(_AGAIN) - 1)])
                tries += 1
                continue
            tries = 0
            before, self._node = self._node, node
            if before is not None and before is not node:
                await before.close()
            self.header = replace(self.header, node=info.name, tenant=info.tenant, link="connected")
            self.connected = True
            self._begin()
            self._watch_key(info.id)
            try:
                async for run in node.activity():
                    self._tell(RunChanged(run))
                    self._heard(run)
                lost = ReachError("the node ended the connection")
            except ReachError as wrong:
                lost = wrong
            self.connected = False
            self._say_lost(lost)

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _say_lost(self, wrong: ReachError) -> None:
        if self._node is not None or self.header.link != "lost":
            self.header = replace(self.header, link="lost" if self._node is not None else "connecting")
        start = self.screen_stack[0]
        if isinstance(start, StartScreen):
            start.told(wrong)

    def _begin(self) -> None:
        """Where one was the last time, or, on a screen that stands already, look again."""
        self._read_waiting()
        if not self._made():
            if len(self.screen_stack) > 1:
                return  # a dialog lies upon the start screen, which tells when it is gone
            self.run_id = self.session.get("run")
            here = str(self.workspace)
            again = self.session.get("workspace", here) == here
            self.session.put("workspace", here)
            self.show(self._first or (self.session.get("screen", "flows") if again else "flows"))
            if self._greet:
                self.notify("New here? F3 walks you through a sample; ? shows the keys.", title="Welcome", timeout=20)
            if self._early is not None:
                self._early.play()
            return
        for screen in self._made():
            look = getattr(screen, "look_again", None)
            if look is not None:
                look()

    def on_start_screen_uncovered(self) -> None:
        if self.connected and not self._made():
            self._begin()

    def _made(self) -> list[Screen[Any]]:
        return [self.get_screen(scope) for scope in SCREENS if self.is_screen_installed(scope)]

    def _tell(self, message: RunChanged) -> None:
        for screen in self._made():
            if screen.is_running:
                screen.post_message(RunChanged(message.run))

    @work(group="node-key", exclusive=True)
    async def _watch_key(self, node: str) -> None:
        """Tell when the node signs with another key than it did when it was last seen from here."""
        seen = self.session.get("node_keys", {})
        while self.connected:
            try:
                keys = await self.node.node_keys()
            except ReachError:
                return  # the connection is seen to elsewhere, and then this begins anew
            key = keys[-1].key_id if keys else ""
            if key and seen.get(node, key) != key:
                since = f"{moment(keys[-1].since)}, and key {keys[-1].endorsed_by}, which it had before,"
                words = f"It signs with key {key} since {since} vouched for it. What was signed before stays valid."
                self.notify(words, title="The node's key was changed", timeout=20)
            if seen.get(node) != key:
                seen = {**seen, node: key}
                self.session.put("node_keys", seen)
            await asyncio.sleep(_KEY)

    # ------------------------------------------------------------ what waits for a person

    @work(group="waiting", exclusive=True)
    async def _read_waiting(self) -> None:
        """Read all that waits, then what comes to wait, as it is heard of; cancelled by the next connection."""
        while True:
            try:
                async for _ in self.waiting.read(self.node):
                    self._show_waiting()
                while True:
                    self._came.clear()
                    if self.waiting.wants:
                        fresh = await self.waiting.follow(self.node)
                        self._show_waiting()
                        self._notify_of(fresh)
                    await self._came.wait()
                    await asyncio.sleep(_TOGETHER)  # many that open at once are read and told of at once
            except ReachError as wrong:
                if not self.connected:
                    return
                self.report(wrong)
                await asyncio.sleep(_AGAIN[-1])  # then all of it anew: something was not read

    def _heard(self, run: RunView) -> None:
        if self.waiting.heard(run):
            self._show_waiting()
        if self.waiting.wants:
            self._came.set()

    def gate_told(self, id: str, gate: GateView | None = None) -> None:
        """What the node answered of a gate: as it is now, or that it is closed (None)."""
        if gate is not None:
            self.waiting.put(gate)
        else:
            self.waiting.gates.pop(id, None)
        self._show_waiting()

    def _show_waiting(self) -> None:
        self.header = replace(self.header, gates=len(self.waiting.gates), doubts=len(self.waiting.doubts))
        for screen in {*self._made(), *self.screen_stack}:
            if screen.is_running:
                screen.post_message(WaitingChanged())

    def _notify_of(self, gates: Sequence[GateView]) -> None:
        """Tell the person, on the screen and through the terminal, that actions have come to wait."""
        if not gates:
            return
        title, text = announced(gates)
        if self._scope != "inbox":
            key = shown(self.keys_of(find("app.inbox"))[0])
            self.notify(f"{text}\n{key}  the Inbox", title=f"◆ {title}", timeout=8, markup=False)
        if self._notify_terminal and self._driver is not None:
            self._driver.write(notice(title, text, multiplexed="TMUX" in os.environ))
            self._driver.flush()

    # ------------------------------------------------------------ the tour, and the end

    def _tour_to(self, place: int) -> None:
        """Show a stop of the tour in front; after the last one the tour is over."""
        from reach_workbench.ui.tour import STOPS, TourStrip

        for screen in self._made():
            screen.query(TourStrip).remove()
        self._stop_at = place if place < len(STOPS) else None
        if self._stop_at is not None:
            self.screen_stack[1].mount(TourStrip(place))

    async def run_action(
        self, action: Any, default_namespace: Any = None, namespaces: Mapping[str, DOMNode] | None = None
    ) -> bool:
        """As Textual does; the tour looks on."""
        done = await super().run_action(action, default_namespace, namespaces)
        if self._stop_at is not None and isinstance(action, str):
            from reach_workbench.ui.tour import STOPS

            wanted = find(STOPS[self._stop_at].does)
            if action.rpartition(".")[2] == wanted.method and wanted.scope in ("app", self._scope):
                self.call_after_refresh(self._tour_to, self._stop_at + 1)
        return done

    def on_unmount(self) -> None:
        self.session.save()

    @property
    def _scope(self) -> str:
        return str(getattr(self.screen, "scope", ""))
