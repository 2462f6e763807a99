"""What waits for a person at a node: open gates and effects in doubt, kept up by what the node tells of its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

from textual.message import Message

from reach_workbench.errors import GateError, NotFound
from reach_workbench.protocol.gates import GateView
from reach_workbench.protocol.node import Node
from reach_workbench.protocol.node_views import RunView
from reach_workbench.ui.doubt import Doubt, doubts, doubts_of

_FIRST: Final = 100
_PAGE: Final = 500
"""Gates read at a time: few at first, so that something is there to see."""


class WaitingChanged(Message):
    """Something waits that did not, or waits no more; posted to every screen and dialog."""


class Waiting:
    """`gates` in the order in which they were opened. `whole` says that all that wait have been read."""

    def __init__(self) -> None:
        self.gates: dict[str, GateView] = {}
        self.doubts: dict[str, Doubt] = {}
        self.whole = False
        self._wanted: dict[str, None] = {}
        self._doubted: dict[str, RunView] = {}
        self._meanwhile: dict[str, tuple[str, ...]] | None = None  # the gates of runs heard of while the node is asked

    @property
    def wants(self) -> bool:
        """Whether there is something to be read, see `follow`."""
        return bool(self._wanted or self._doubted)

    async def read(self, node: Node) -> AsyncIterator[None]:
        """Read everything, the oldest first; yields when there is something new to show."""
        self._meanwhile = {}
        found: dict[str, GateView] = {}
        first, last, limit = not self.whole, None, _FIRST
        while True:
            page = await node.gates(limit=limit, after=last)
            found.update((gate.id, gate) for gate in page)
            if first:
                self.gates = self._still(found.values())
                yield
            if len(page) < limit:
                break
            last, limit = page[-1].id, _PAGE
        self.gates = self._still(found.values())
        self.doubts = {doubt.key: doubt for doubt in await doubts(node)}
        self.whole = True
        self._meanwhile = None
        yield

    def heard(self, run: RunView) -> bool:
        """A run has changed; says whether something waits no more. What waits anew is to be read by `follow`."""
        if self._meanwhile is not None:
            self._meanwhile[run.id] = run.gates
        gone = [id for id, gate in self.gates.items() if gate.run == run.id and id not in run.gates]
        for id in gone:
            del self.gates[id]
        known = {f"{run.id}:{command}" for command in run.in_doubt}
        settled = [key for key, doubt in self.doubts.items() if doubt.run.id == run.id and key not in known]
        for key in settled:
            del self.doubts[key]
        self._wanted.update((id, None) for id in run.gates if id not in self.gates)
        if any(key not in self.doubts for key in known):
            self._doubted[run.id] = run
        return bool(gone or settled)

    async def follow(self, node: Node) -> list[GateView]:
        """Read what waits anew by what was heard; gives the gates among it."""
        wanted, self._wanted = self._wanted, {}
        doubted, self._doubted = self._doubted, {}
        self._meanwhile = {}
        fresh: list[GateView] = []
        if len(wanted) > 1:  # those that were opened last stand at the end: one question for most of them
            page = await node.gates(limit=_PAGE, after=next(reversed(self.gates), None))
            fresh = [gate for gate in page if gate.id in wanted]
        for id in wanted.keys() - {gate.id for gate in fresh}:
            try:
                fresh.append(await node.gate(id))
            except (NotFound, GateError):
                continue
        found = self._still(gate for gate in fresh if gate.outcome is None and gate.id not in self.gates)
        self.gates = dict(sorted({**self.gates, **found}.items(), key=lambda item: (item[1].opened_at, item[0])))
        for run in doubted.values():
            self.doubts.update((doubt.key, doubt) for doubt in await doubts_of(node, run))
        self._meanwhile = None
        return list(found.values())

    def put(self, gate: GateView) -> None:
        """What the node says of a gate by now: a verdict may have been given that did not close it."""
        if gate.outcome is not None:
            self.gates.pop(gate.id, None)
        else:
            self.gates[gate.id] = gate

    def _still(self, gates: Iterable[GateView]) -> dict[str, GateView]:
        """Those of which nothing was heard meanwhile by which they are closed already."""
        heard = self._meanwhile or {}
        return {gate.id: gate for gate in gates if gate.id in heard.get(gate.run, (gate.id,))}
