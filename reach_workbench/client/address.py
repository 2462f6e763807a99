"""Where the node of a home listens."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

from reach_workbench.errors import HomeUnusable

SOCKET: Final = "node.sock"
TOKEN: Final = "token"
LOG: Final = "node.log"

_LONGEST: Final = 100
"""Bytes that the path of a Unix socket may have everywhere."""

_PATIENCE: Final = 1.0


class SocketAddress:
    """An address for the socket of a home: its path, or a short way to it when the path is too long for a socket.

    The short way goes through a descriptor of the folder, and holds until `close`.
    """

    def __init__(self, home: Path) -> None:
        self._descriptor = -1
        self.path = str(home.absolute() / SOCKET)
        if len(os.fsencode(self.path)) <= _LONGEST:
            return
        if not Path("/proc/self/fd").is_dir():
            raise HomeUnusable(
                "the data folder's path is too long for a socket", where=str(home), hint="choose a shorter one"
            )
        self._descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = f"/proc/self/fd/{self._descriptor}/{SOCKET}"

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def serves(home: Path) -> bool:
    """Whether a node listens on the socket of this home. Costs one look at the file when there is none."""
    try:
        if not stat.S_ISSOCK((home / SOCKET).stat().st_mode):
            return False
        address = SocketAddress(home)
    except OSError:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.settimeout(_PATIENCE)
            trial.connect(address.path)
    except OSError:
        return False
    finally:
        address.close()
    return True
