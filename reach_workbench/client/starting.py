"""Starting a node that outlives who wanted it. Light to import, for it is the first thing that a screen does."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from reach_workbench.client.address import LOG, serves
from reach_workbench.errors import BadInput, HomeUnusable, NodeUnreachable, ReachError

_PROGRAM: Final = "import sys; from reach_workbench.cli.main import main; sys.exit(main())"


class Started:
    """A node that was started here; `said` is where its part of the log begins."""

    def __init__(self, pid: int, log: Path, said: int) -> None:
        self._pid = pid
        self._log = log
        self._said = said
        self._exit: int | None = None

    def ended(self) -> bool:
        """Whether the process is over; asking also frees its place in the system's table."""
        if self._exit is None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self._pid, 0
            self._exit = os.waitstatus_to_exitcode(status) if pid else None
        return self._exit is not None

    def failure(self) -> ReachError:
        """Why it ended: what it said last, which is an error as JSON."""
        from reach_workbench.protocol import wire  # not needed where all goes well
        from reach_workbench.protocol.problems import error_of

        with self._log.open("rb") as log:
            log.seek(self._said)
            lines = log.read().splitlines()
        for line in reversed(lines):
            try:
                wrong = wire.parse(line)["error"]
                found = error_of({**wrong, "detail": wrong["message"]})
            except (BadInput, KeyError, TypeError):
                continue
            if found is not None:
                return found
        return NodeUnreachable(
            f"the node ended at once, with exit code {self._exit}",
            where=str(self._log),
            hint="that file has what it said; `reach serve` shows it here",
        )


_here: Final[list[Started]] = []
"""Nodes that this process started and that may have ended since."""

_ahead: Final[dict[Path, Started]] = {}


def start_ahead(home: Path) -> None:
    """Start a node that is going to be looked for, unless one serves the home: `find_or_start` waits for it then.

    While it starts, this process can load what it needs itself. What goes wrong is told by `find_or_start`.
    """
    folder = home.expanduser().absolute()
    with suppress(ReachError):
        if not serves(folder):
            _ahead[folder] = start(folder)


def started_ahead(folder: Path) -> Started | None:
    """The node that was started ahead for that home; None when there is none, or it has been asked for before."""
    return _ahead.pop(folder, None)


def start(home: Path) -> Started:
    """`reach serve` in a session of its own: closing the terminal does not end it. Raises HomeUnusable."""
    _here[:] = [each for each in _here if not each.ended()]
    log = home / LOG
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        raise HomeUnusable(
            f"a node can't be started in the data folder: {wrong.strerror}",
            where=str(wrong.filename or home),
            hint="check the folder and its permissions, or name another with --home or REACH_HOME",
        ) from None
    try:
        said = os.fstat(descriptor).st_size
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", _PROGRAM, "--home", str(home), "serve", "--while-needed", "--json"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(descriptor)
    _here.append(Started(pid, log, said))
    return _here[-1]
