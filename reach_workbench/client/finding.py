"""The node of a home: the one that serves it, or a new one that outlives whoever wanted it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from reach_workbench.client.address import LOG, serves
from reach_workbench.client.connecting import connect
from reach_workbench.client.remote import PATIENCE, RemoteNode
from reach_workbench.clock import Clock, SystemClock
from reach_workbench.errors import BadInput, HomeInUse, NodeUnreachable, ReachError
from reach_workbench.protocol import wire
from reach_workbench.protocol.problems import error_of

DEADLINE: Final = 15.0
"""Seconds in which a new node must answer."""

_RIVAL: Final = 3.0
"""Seconds in which the process that was quicker to take the home must turn out to be a node."""

_LOOK: Final = 0.02
_PROGRAM: Final = "import sys; from reach_workbench.cli.main import main; sys.exit(main())"


async def find_or_start(
    home: Path,
    *,
    patience: float = PATIENCE,
    deadline: float = DEADLINE,
    clock: Clock | None = None,
    requester: str | None = None,
) -> RemoteNode:
    """Attach to the node of `home`; when none serves it, start one that outlives this process while it is needed.

    Its output goes to `<home>/node.log`. Raises what kept it from starting (HomeInUse while a command
    such as `reach run` has the home), or NodeUnreachable after `deadline` seconds.
    """
    folder = home.expanduser().absolute()
    if serves(folder):
        try:
            return await connect(home=folder, patience=patience, requester=requester)
        except NodeUnreachable:
            pass  # it ended just now
    time = clock or SystemClock()
    until = time.elapsed() + deadline
    started = _start(folder)
    rival = time.elapsed() + _RIVAL
    while time.elapsed() < until:
        if serves(folder):
            try:
                return await connect(home=folder, patience=patience, requester=requester)
            except NodeUnreachable:
                pass
        elif started.ended():
            wrong = started.failure()
            if not isinstance(wrong, HomeInUse) or time.elapsed() > rival:
                raise wrong
        await asyncio.sleep(_LOOK)
    raise NodeUnreachable(
        f"the node did not answer within {deadline:g} s",
        where=str(folder),
        hint=f"{folder / LOG} has what it said",
    )


class _Started:
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


_here: Final[list[_Started]] = []
"""Nodes that this process started and that may have ended since."""


def _start(home: Path) -> _Started:
    """`reach serve` in a session of its own: closing the terminal does not end it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _here[:] = [each for each in _here if not each.ended()]
    log = home / LOG
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
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
    _here.append(_Started(pid, log, said))
    return _here[-1]
