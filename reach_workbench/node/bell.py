"""A named pipe in the home: whoever has asked something of the node rings, and the node need not look again and again.

A ring is only a hint. What is asked stands in the database, and a ring that is lost delays it until the node looks by
itself.
"""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

BELL: Final = "node.bell"


class Bell:
    """The node's end. Made within a running event loop, and taken away by `close`."""

    def __init__(self, home: Path) -> None:
        """Raises OSError where there can be no named pipe, or another file has its name."""
        self.rung = asyncio.Event()
        self._path = home / BELL
        with suppress(FileExistsError):
            os.mkfifo(home / BELL, 0o600)
        self._descriptor = _opened(home, os.O_RDWR)  # for writing as well: so it never comes to its end
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._heard)

    def _heard(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._descriptor, 1 << 16)
        self.rung.set()

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        with suppress(OSError):  # it is in nobody's way
            self._path.unlink()


def ring(home: Path) -> None:
    """Tell the node of that home, if there is one, that something is asked of it."""
    try:
        descriptor = _opened(home, os.O_WRONLY)
    except OSError:
        return  # nobody listens
    try:
        with suppress(OSError):  # rung often enough, or it was just taken away
            os.write(descriptor, b".")
    finally:
        os.close(descriptor)


def _opened(home: Path, how: int) -> int:
    descriptor = os.open(home / BELL, how | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileExistsError(f"{home / BELL} is no named pipe")
    return descriptor
