"""Screen 5: the node one is attached to, and how it fares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.protocol.rotating import NodeKeyView
from reach_workbench.protocol.system import NodeInfo, Vitals
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.words import ago, moment

_PEERS: Final = """\
No peer yet.

Nodes of other machines will stand here once they are paired:
health, version, trust, load, what they can do, and what was delegated to them."""


class NodesScreen(WorkbenchScreen):
    """Who answers; read when the screen comes to the front, and on `refresh`."""

    scope = "nodes"
    title_text = "Nodes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("nodes")]
    CSS = """
    NodesScreen #panes { height: 1fr; }
    NodesScreen.-narrow #panes { layout: vertical; }
    NodesScreen VerticalScroll { width: 1fr; height: 1fr; padding: 0 1; }
    NodesScreen #this { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._home = ""

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="panes"):
            with VerticalScroll(classes="pane") as this:
                this.border_title = "This node"
                yield Static("Asking …", id="this", markup=False)
            peers = Static(_PEERS, classes="pane empty", markup=False)
            peers.border_title = "Peers"
            yield peers
        yield Footer()

    def on_screen_resume(self) -> None:
        self.look_again()

    def copied(self) -> str | None:
        return str(self.query_one("#this", Static).content)

    def look_again(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            info, vitals, keys = await self.node.info(), await self.node.vitals(), await self.node.node_keys()
        except ReachError as wrong:
            self.report(wrong)
            return
        rows = [Content.assemble((f"{name:<12}", "dim"), text) for name, text in _facts(info, vitals, keys)]
        self.query_one("#this", Static).update(Content("\n").join(rows))

    def action_refresh(self) -> None:
        self.look_again()


def _facts(info: NodeInfo, vitals: Vitals, keys: Sequence[NodeKeyView]) -> Iterator[tuple[str, str]]:
    yield "name", info.name
    yield "id", info.id
    yield "tenant", info.tenant
    yield "version", f"{info.version}, protocol {info.oldest}–{info.protocol}"
    yield "home", info.home
    yield "process", str(info.pid)
    yield "up since", f"{moment(info.started_at)}, {ago(info.started_at, vitals.at)}"
    for key in keys[-1:]:
        yield "key", f"{key.key_id} since {moment(key.since)}; {key.endorsed_by} vouched for it"
    yield "runs", f"{vitals.active:,} active, {vitals.held:,} held, {vitals.waiting:,} waiting"
    yield "queue", f"{vitals.queued:,} queued, {vitals.leased:,} leased, {vitals.dead:,} dead letters"
    yield "commits", f"{vitals.commits:,} of {vitals.steps:,} events, {vitals.commit_ms:.1f} ms each"
    yield "errors", f"{vitals.errors:,}; leases lost {vitals.leases_lost:,}"
    yield "memory", f"{vitals.memory_mb:,.0f} MB"
