"""The data folder: its checks, and the lock of the one process that writes in it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from reach_workbench.errors import HomeInUse, HomeUnusable, ReachError
from reach_workbench.storage.failures import full, read_only

DATABASE: Final = "reach.db"
LOCK: Final = "node.lock"


def prepare(home: Path) -> None:
    """Make the folder when it is missing, open to its owner alone.

    Raises HomeUnusable when it is not a folder or can't be entered, HomeReadOnly when it can't be made.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise HomeUnusable(
            "the data folder, or a part of its path, is a file",
            where=str(home),
            hint="name another with --home or REACH_HOME",
        ) from None
    except OSError as wrong:
        raise unusable(home, wrong) from None
    if not os.access(home, os.X_OK | os.R_OK):
        raise HomeUnusable("no permission to enter the data folder", where=str(home), hint="check its permissions")


def require_writable(home: Path) -> None:
    """Raises HomeReadOnly when the folder or the database is marked as not to be written.

    The marks count even for a process that the system would let through, such as root's.
    """
    for place in (home, home / DATABASE):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            continue
        if not mode & stat.S_IWUSR or not os.access(place, os.W_OK):
            raise read_only(place)


class Lock:
    """Held by the node of a home for as long as its process lives; the system frees it if it dies."""

    def __init__(self, home: Path) -> None:
        """Raises HomeInUse naming the holder's process."""
        file = home / LOCK
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as wrong:
            raise unusable(home, wrong) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise HomeInUse(
                f"the data folder is in use by process {pid}",
                where=str(home),
                hint=f"wait for it to end, stop it with `kill {pid}`, or use another folder with --home"
                if pid.isdigit()
                else "wait for it to end, or use another folder with --home",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free it. The file stays: taking it away would let two processes hold two files of that name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def holder(home: Path) -> int | None:
    """The process that holds the home's lock, None when nobody does."""
    try:
        descriptor = os.open(home / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        return int(pid) if pid.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def unusable(home: Path, wrong: OSError) -> ReachError:
    """What an operation of the system on the home failed with, as an error of ours."""
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(home)
    if wrong.errno in (errno.EROFS, errno.EACCES):
        return read_only(home)
    return HomeUnusable(f"can't use the data folder: {wrong.strerror}", where=str(home))
