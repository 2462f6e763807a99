"""The workbench: one app over one node. It owns the connection, the screens, and what all screens share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import EllipsisType
from typing import Any, ClassVar, Final, TypeVar

from textual.app import App
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from reach_workbench.errors import ReachError, RunStateError
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import Progress, RunView
from reach_workbench.ui import config as configuration
from reach_workbench.ui.frame import HeaderState
from reach_workbench.ui.keys import Action, bindings
from reach_workbench.ui.session import Session

Result = TypeVar("Result")

SCREENS: Final = {
    "flows": "reach_workbench.ui.flows.screen:FlowsScreen",
    "debug": "reach_workbench.ui.debug.screen:DebugScreen",
    "runs": "reach_workbench.ui.runs:RunsScreen",
    "inbox": "reach_workbench.ui.inbox:InboxScreen",
    "nodes": "reach_workbench.ui.nodes:NodesScreen",
    "audit": "reach_workbench.ui.audit:AuditScreen",
    "system": "reach_workbench.ui.system:SystemScreen",
}
"""Where each screen's class stands. It is imported when the screen is first shown: start-up stays quick."""

_AGAIN: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each new try to connect; the last one is repeated."""


class RunChanged(Message):
    """A run of the node changed; posted to every screen that was made."""

    def __init__(self, run: RunView) -> None:
        super().__init__()
        self.run = run


class Workbench(App[None]):
    """`connect` finds or starts the node; `config` and `state` are folders (see `ui.config`, `ui.session`).

    `stop` ends the node's process; without it, leaving never offers to.
    """

    TITLE = "reach"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_IN_MAXIMIZED_VIEW = "Header,Footer"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    CSS = """
    .pane { border: round $panel-lighten-2; border-title-color: $text-muted; background: $background; }
    .pane:focus, .pane:focus-within { border: round $primary; border-title-color: $text; border-title-style: bold; }
    .-past .pane { border: double $warning; }
    .-replay .pane { border: heavy $success; }
    .-fork .pane { border: heavy $secondary; }
    .-lost .pane { border: dashed $error; }
    .empty { width: 1fr; height: 1fr; content-align: center middle; text-align: center; color: $text-muted; }
    """

    header: reactive[HeaderState] = reactive(HeaderState())
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
    ) -> None:
        self.config = configuration.read(config)
        super().__init__()
        self.animation_level = "none"
        self.workspace = workspace
        self.config_folder = config
        self.session = Session((state or config) / "session.json")
        self._connect = connect
        self._stop = stop
        self._node: Node | None = None
        self._hurry = asyncio.Event()
        self._home = ""

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
        if scope not in SCREENS or self._node is None:
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if not self.is_screen_installed(scope):
            module, _, name = SCREENS[scope].partition(":")
            screen: Screen[None] = getattr(import_module(module), name)()
            self.install_screen(screen, scope)
        if self.screen is not self.get_screen(scope):
            self.switch_screen(scope)
        self.session.put("screen", scope)

    def open_run(self, run: str) -> None:
        """Make it the open run, and go to the debugger."""
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

    async def ask_text(self, title: str, text: str, value: str = "") -> str | None:
        """One line of text, or None. To be awaited in a worker."""
        from reach_workbench.ui.dialogs import AskText

        return await self.push_screen_wait(AskText(title, text, value))

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

    def get_default_screen(self) -> Screen[None]:
        from reach_workbench.ui.start import StartScreen

        return StartScreen(id="start")

    def on_mount(self) -> None:
        self.set_keymap(self.config.keymap)
        self.theme = self.config.theme if self.config.theme in self.available_themes else configuration.DARK
        for problem in self.config.problems:
            self.notify(problem, title="Configuration", severity="warning", markup=False)
        self.run_worker(self._keep_connected(), name="connection", group="connection")
        self.set_interval(2, self.session.save, name="session")

    async def _keep_connected(self) -> None:
        """Connect, follow the node's activity until it is lost, and begin again."""
        tries = 0
        while True:
            try:
                node = await self._connect()
                info = await node.info()
            except ReachError as wrong:
                self._say_lost(wrong)
                await self._pause(_AGAIN[min(tries, len(_AGAIN) - 1)])
                tries += 1
                continue
            tries = 0
            self._node, self._home = node, info.home
            self.header = replace(self.header, node=info.name, tenant=info.tenant, link="connected")
            self.connected = True
            self._begin()
            try:
                async for run in node.activity():
                    self._tell(RunChanged(run))
                lost = ReachError("the node ended the connection")
            except ReachError as wrong:
                lost = wrong
            self.connected = False
            self._say_lost(lost)

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    def _say_lost(self, wrong: ReachError) -> None:
        if self._node is not None or self.header.link != "lost":
            self.header = replace(self.header, link="lost" if self._node is not None else "connecting")
        tell = getattr(self.screen_stack[0], "told", None)
        if tell is not None:
            tell(wrong)

    def _begin(self) -> None:
        """Where one was the last time, or, on a screen that stands already, look again."""
        if self.screen_stack[0].id == "start":
            self.run_id = self.session.get("run")
            self.show(self.session.get("screen", "flows"))
            return
        for screen in self._made():
            look = getattr(screen, "look_again", None)
            if look is not None:
                look()

    def _made(self) -> list[Screen[Any]]:
        return [self.get_screen(scope) for scope in SCREENS if self.is_screen_installed(scope)]

    def _tell(self, message: RunChanged) -> None:
        for screen in self._made():
            if screen.is_running:
                screen.post_message(RunChanged(message.run))

    # ------------------------------------------------------------ actions of the key table

    def action_flows(self) -> None:
        self.show("flows")

    def action_debug(self) -> None:
        self.show("debug")

    def action_runs(self) -> None:
        self.show("runs")

    def action_inbox(self) -> None:
        self.show("inbox")

    def action_nodes(self) -> None:
        self.show("nodes")

    def action_audit(self) -> None:
        self.show("audit")

    def action_system(self) -> None:
        self.show("system")

    def perform(self, action: Action) -> None:
        """Carry out a row of the key table, on its screen."""
        if action.scope == "app":
            self.call_later(self.run_action, f"app.{action.method}")
        else:
            self.show(action.scope)
            self.call_later(self.run_action, f"screen.{action.method}")

    def action_jump(self) -> None:
        from reach_workbench.ui.panes import Jump, panes

        self.push_screen(Jump(panes(self.screen)))

    def action_next_pane(self) -> None:
        from reach_workbench.ui.panes import focus_beside

        focus_beside(self.screen, 1)

    def action_previous_pane(self) -> None:
        from reach_workbench.ui.panes import focus_beside

        focus_beside(self.screen, -1)

    def action_grow(self) -> None:
        from reach_workbench.ui.panes import resize

        resize(self.screen, 1)

    def action_shrink(self) -> None:
        from reach_workbench.ui.panes import resize

        resize(self.screen, -1)

    def action_reconnect(self) -> None:
        self._hurry.set()
