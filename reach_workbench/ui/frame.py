"""What frames every screen: the header says where one is and in which mode, the footer which keys matter now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, cast

from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import ACTIONS, SCREEN_NAMES, Action, find

Link = Literal["connecting", "connected", "lost"]


@dataclass(frozen=True, slots=True)
class HeaderState:
    """What the header shows. `position` and `total` count events; `mode` is one word, with its number or run.

    `gates` and `doubts` count what waits for a person.
    """

    node: str = ""
    tenant: str = ""
    link: Link = "connecting"
    run: str | None = None
    position: int | None = None
    total: int | None = None
    mode: str = ""
    gates: int = 0
    doubts: int = 0

    @property
    def waits(self) -> str:
        """`◆ 3 ? 1`: the gates that wait for a decision, and the effects in doubt; nothing when there are none."""
        counts = (("◆", self.gates), ("?", self.doubts))
        return " ".join(f"{sign} {count:,}" for sign, count in counts if count)

    @property
    def place(self) -> str:
        """`4,812/1,000,000`, or nothing."""
        if self.position is None:
            return ""
        return f"{self.position:,}" if self.total is None else f"{self.position:,}/{self.total:,}"

    @property
    def word(self) -> str:
        """The mode; that there is no node goes before everything else."""
        return {"connecting": "CONNECTING", "lost": "NODE LOST"}.get(self.link, self.mode)


class Framed(Protocol):
    """What header and footer ask of the app."""

    header: HeaderState

    def keys_of(self, action: Action) -> tuple[str, ...]: ...


TABS: Final = tuple(action for action in ACTIONS if action.keys[0] in "1234567")
"""The rows of the key table that lead to a screen."""

FOOTERS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("flows", ""): ("flows.run", "flows.save", "app.new", "flows.complete", "flows.next-problem", "flows.graph"),
    ("debug", "LIVE"): ("debug.pause", "debug.back", "debug.breakpoint", "debug.live", "debug.find", "debug.cancel"),
    ("debug", "PAUSED"): (
        "debug.over", "debug.into", "debug.back", "debug.forward", "debug.continue", "debug.breakpoint",
    ),
    ("debug", "PAST"): (
        "debug.back", "debug.forward", "debug.over-back", "debug.who-wrote", "debug.fork", "debug.live",
    ),
    ("debug", "REPLAY"): ("debug.back", "debug.forward", "debug.mark", "debug.who-wrote", "debug.live"),
    ("debug", "FORK"): ("debug.over", "debug.into", "debug.back", "debug.continue", "debug.breakpoint", "debug.verify"),
    ("debug", ""): ("debug.back", "debug.forward", "debug.find", "debug.filter", "debug.fork", "debug.verify"),
    ("runs", ""): ("runs.open", "runs.filter", "runs.compare", "runs.lineage", "runs.verify", "runs.cancel"),
    ("inbox", ""): ("inbox.open", "inbox.approve", "inbox.deny", "inbox.edit", "inbox.filter", "inbox.run"),
    ("inbox", "DOUBT"): ("inbox.open", "inbox.resolve", "inbox.run", "inbox.filter", "app.runs"),
    ("inbox", "CLOSED"): ("inbox.open", "inbox.run", "inbox.filter", "app.runs"),
    ("inbox", "EMPTY"): ("inbox.filter", "app.runs", "app.flows"),
    ("nodes", ""): ("nodes.refresh", "app.system", "app.runs"),
    ("audit", ""): ("audit.verify", "audit.filter", "audit.open", "audit.refresh", "app.runs"),
    ("system", ""): ("system.requeue", "system.drop", "system.schedules", "app.policies", "app.runs"),
    ("policies", ""): (
        "policies.save", "policies.test", "policies.try", "policies.open", "policies.next-problem", "policies.refresh",
    ),
    ("", ""): ("app.reconnect", "app.quit"),
}  # fmt: skip
"""The footer's actions by scope and the first word of the mode: six at most, and the help."""


class Header(Static):
    """One line: the screens, the node and its tenant, the open run, the position, and one mode word."""

    DEFAULT_CSS = """
    Header { dock: top; height: 1; width: 100%; background: $panel; color: $foreground; }
    """

    def on_mount(self) -> None:
        self.watch(self.app, "header", self._show)

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        if _covered(self):
            return
        state = cast(Framed, self.app).header
        scope = str(getattr(self.screen, "scope", ""))
        self.screen.set_class(state.link == "lost", "-lost")
        width = self.size.width or self.app.size.width
        mode = f" {state.word} " if state.word else ""
        waits = f" {state.waits} " if state.waits else ""
        parts = [part for part in (state.node, state.tenant, state.run or "", state.place) if part]
        long = _tabs(scope, names=True)
        needed = long.cell_length + sum(map(len, parts)) + 3 * len(parts) + len(waits) + len(mode)
        tabs = long if needed < width else _tabs(scope)
        room = width - tabs.cell_length - len(mode) - len(waits) - 2
        while len(parts) > 1 and len(" · ".join(parts)) > room:
            parts.pop(1 if len(parts) > 2 and state.tenant and parts[1] == state.tenant else 0)
        words = " · ".join(parts)[: max(0, room)]
        gap = " " * max(1, room - len(words))
        style = Style(bold=True, reverse=True) if mode else Style.null()
        inbox = Style.from_meta({"@click": "app.inbox"}) + Style(bold=True)
        line = Content.assemble(tabs, gap, words, (waits, inbox), "  " if words and mode else " ", (mode, style))
        self.update(line, layout=False)  # it is one line, whatever it says


def _tabs(scope: str, *, names: bool = False) -> Content:
    parts: list[str | Content | tuple[str, str | Style]] = []
    for tab in TABS:
        here = tab.method == scope
        label = f" {tab.keys[0]} {tab.label} " if here or names else f" {tab.keys[0]}"
        link = Style.from_meta({"@click": f"app.{tab.method}"})
        parts.append((label, link + Style(bold=True, reverse=True) if here else link))
    if scope in SCREEN_NAMES and all(
        tab.method != scope for tab in TABS
    ):  # a screen without a digit, while one is there
        parts.append((f" {SCREEN_NAMES[scope]} ", Style(bold=True, reverse=True)))
    return Content.assemble(*parts)


class Footer(Static):
    """At most seven keys that matter in this mode, from the key table; each can be clicked."""

    DEFAULT_CSS = """
    Footer { dock: bottom; height: 1; width: 100%; background: $panel; color: $foreground; }
    """
    _line: Content = Content("")

    def on_mount(self) -> None:
        self.watch(self.app, "header", self.renew)
        self.watch(self.screen, "focused", self.renew)

    def on_resize(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Show the keys of the mode that the screen is in by now."""
        if _covered(self):
            return
        app = cast(Framed, self.app)
        scope = str(getattr(self.screen, "scope", ""))
        mode = str(getattr(self.screen, "keys_mode", app.header.word)).partition(" ")[0]
        ids = FOOTERS.get((scope, mode)) or FOOTERS.get((scope, ""), ())
        width = self.size.width or self.app.size.width
        line = Content("")
        for id in (*ids[:6], "app.help"):
            action = find(id)
            label = "all" if id == "app.help" else action.label
            key = _acting(app.keys_of(action), self.screen.focused)
            target = "app" if action.scope == "app" else "screen"
            link = Style.from_meta({"@click": f"{target}.{action.method}"})
            part = Content.assemble(" ", (key, link + Style(bold=True)), (f" {label} ", link))
            if line.cell_length + part.cell_length > width:
                break
            line += part
        if line.spans != self._line.spans or line.plain != self._line.plain:
            self._line = line
            self.update(line, layout=False)


def _acting(keys: tuple[str, ...], focused: Widget | None) -> str:
    """The first key, as it is shown, that a field being typed in does not take for text."""
    names = [shown(key) for key in keys]
    free = (name for name in names if focused is None or len(name) > 1 or not focused.check_consume_key(name, name))
    return next(free, names[0])


def _covered(widget: Widget) -> bool:
    """Whether another whole screen lies upon that of the widget: a change below would paint all of the upper one."""
    stack = widget.app.screen_stack
    if widget.screen not in stack:
        return False
    return any(not isinstance(each, ModalScreen) for each in stack[stack.index(widget.screen) + 1 :])
