"""`reach` alone, on a terminal: the workbench over the node of the home."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reach_workbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reach_workbench.cli.keyreviewer import KeptSecrets
    from reach_workbench.cli.terminal import Terminal
    from reach_workbench.client.remote import RemoteNode
    from reach_workbench.keys.ring import Waiting

_REPAINTS: Final = "120"
"""A second at most. With the toolkit's own 60 an answer that follows a key may wait 17 ms for its repaint."""


def on_terminal() -> bool:
    """Whether a screen can be drawn: both ends are a terminal that understands more than lines.

    Raises UsageError when standard error alone leads elsewhere: Textual draws there, and the terminal would stay blank.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return False
    if not sys.stderr.isatty():
        raise UsageError(
            "the workbench draws on standard error, which is not a terminal here",
            hint="leave the redirection (2>…) out; what the node says stands in node.log of its home",
        )
    return True


def open_workbench(terminal: Terminal, home: str | None) -> int:
    """Draw the workbench until the person leaves; the node is found or started meanwhile. Returns the exit code.

    A line says afterwards that the node goes on, where it does. Raises HomeError for a folder that can't be used.
    """
    os.environ.setdefault("TEXTUAL_FPS", _REPAINTS)
    from reach_workbench.client.starting import start_ahead
    from reach_workbench.settings import load
    from reach_workbench.storage.home import prepare

    settings = load(Path(home) if home is not None else None)
    prepare(settings.home)
    start_ahead(settings.home)

    from reach_workbench.cli.keyreviewer import KeyReviewer
    from reach_workbench.ui.app import Workbench
    from reach_workbench.ui.config import folder, state_folder

    async def node() -> RemoteNode:
        return await _node(home)

    async def stop() -> None:
        await _stop(home)

    @contextmanager
    def waiting(seconds: float) -> Iterator[None]:
        with suppress(RuntimeError):  # the screen was left
            app.call_from_thread(
                app.notify,
                f"It may take {seconds:g} seconds at most: look for its dialog.",
                title="Waiting for the keyring",
                timeout=seconds,
            )
        yield

    def kept(ask: Callable[[], str | None]) -> KeptSecrets:
        return _kept(home, ask, waiting)

    state = state_folder()
    app = Workbench(
        node,
        workspace=Path.cwd(),
        config=folder(),
        state=state,
        stop=stop,
        greet=True,
        kept=kept,
        reviewer=KeyReviewer(settings, waiting),
        notify_terminal=settings.notify.terminal,
    )
    app.run()
    if app.left is not None:
        terminal.say(app.left.words())
    return app.return_code or 0


def _kept(home: str | None, ask: Callable[[], str | None], waiting: Waiting) -> KeptSecrets:
    """What this machine keeps for the home; nothing is touched or asked until one of it is needed."""
    from reach_workbench.cli.keyreviewer import KeptSecrets
    from reach_workbench.clock import SystemClock
    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.settings import load

    settings = load(Path(home) if home is not None else None)
    keys = KeyStore.open(settings.home, SystemClock(), passphrase=ask, settings=settings.keys, waiting=waiting)
    return KeptSecrets(keys)


async def _node(home: str | None) -> RemoteNode:
    from reach_workbench.client.finding import find_or_start
    from reach_workbench.node.person import person
    from reach_workbench.settings import load

    # The screen says itself that the node was lost, and looks for it: streams that were cut need not hide it.
    settings = load(Path(home) if home is not None else None)
    return await find_or_start(settings.home, patience=0.0, requester=person(settings))


async def _stop(home: str | None) -> None:
    """Ask the home's node to end, as Ctrl-C would where it runs; its runs go on with the next one."""
    import signal

    node = await _node(home)
    try:
        os.kill((await node.info()).pid, signal.SIGTERM)
    finally:
        await node.close()
