"""The secrets that this machine keeps, handed to the node for a run that lacks them; a dialog unlocks them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from reach_workbench.errors import SecretsMissing

if TYPE_CHECKING:
    from textual.app import App

    from reach_workbench.protocol.node import Node

Json = Any
Result = TypeVar("Result")

_LOOK: Final = 0.2
"""Seconds after which who waits for a passphrase looks whether the workbench is still there."""


class Kept(Protocol):
    """Where secrets are kept. Both methods may raise what `errors.KeysError` stands for."""

    def secret_names(self) -> tuple[str, ...]: ...

    async def secrets(self, names: Collection[str]) -> dict[str, Json]:
        """Those of the names that are kept. It may wait long, and is given up when it is cancelled."""
        ...


OpenKept = Callable[[Callable[[], str | None]], Kept]
"""Opens it, with what asks for a passphrase."""


class Keeper:
    """Looks kept secrets up, aside from the screen; without `opening` none are kept."""

    def __init__(self, app: App[Any], opening: OpenKept | None) -> None:
        self._app = app
        self._opening = opening
        self._kept: Kept | None = None

    def names(self) -> frozenset[str]:
        """What is kept, without unlocking it."""
        kept = self._open()
        return frozenset(kept.secret_names()) if kept is not None else frozenset()

    async def secrets(self, names: Collection[str]) -> dict[str, Json]:
        """Those of the names that are kept. Raises KeysLocked when the person leaves the dialog."""
        kept = self._open()
        wanted = self.names().intersection(names)
        if kept is None or not wanted:
            return {}
        return await kept.secrets(wanted)

    async def given(
        self, node: Node, run: str, ask: Callable[[Mapping[str, Json] | None], Awaitable[Result]]
    ) -> Result:
        """What `ask` gives, with the run's kept secrets once the node says that it lacks them."""
        try:
            return await ask(None)
        except SecretsMissing:
            first = await node.page(run, 1, 1)
            secrets = await self.secrets((first.events[0].data or {}).get("secrets", ()))
            if not secrets:
                raise
            return await ask(secrets)

    def _open(self) -> Kept | None:
        if self._kept is None and self._opening is not None:
            self._kept = self._opening(self._passphrase)
        return self._kept

    def _passphrase(self) -> str | None:
        """Ask for it on the screen. Called in the thread that waits for it."""
        from reach_workbench.ui.dialogs import AskText

        answers: Queue[str | None] = Queue()
        dialog = AskText("Unlock", "The passphrase of this home's keys and secrets:", hidden=True)
        self._app.call_from_thread(self._app.push_screen, dialog, answers.put)
        while True:
            try:
                return answers.get(timeout=_LOOK)
            except Empty:
                if not self._app.is_running:
                    return None
