"""Files that only their owner reads: written whole or not at all, and changed by one process at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.errors import KeysUnavailable

_AGAIN: Final = 0.02
"""Seconds between two tries for a lock that another process holds."""


def write_private(file: Path, data: bytes) -> None:
    """Put `data` where `file` is, mode 0600: after a crash there is the old content or the new, never a part.

    Raises KeysUnavailable; the old content then is as it was.
    """
    name = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # made with mode 0600
        with os.fdopen(descriptor, "wb") as written:
            written.write(data)
            written.flush()
            os.fsync(written.fileno())
        Path(name).replace(file)
        name = None
        _sync(file.parent)
    except OSError as wrong:
        raise _unusable("write", file, wrong) from None
    finally:
        if name is not None:
            with suppress(OSError):
                Path(name).unlink()


def remove_private(file: Path) -> None:
    """Take a file away for good, if it is there; raises KeysUnavailable."""
    try:
        file.unlink(missing_ok=True)
        _sync(file.parent)
    except OSError as wrong:
        raise _unusable("remove", file, wrong) from None


def rename_private(file: Path, to: Path) -> None:
    """Give a file the name of another, which is gone then; raises KeysUnavailable, and all is as it was."""
    try:
        file.replace(to)
        _sync(to.parent)
    except OSError as wrong:
        raise _unusable("rename", file, wrong) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # or the change of a name might not outlive a loss of power
    finally:
        os.close(descriptor)


def read_private(file: Path) -> bytes | None:
    """The content of a file, None when there is none; raises KeysUnavailable."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as wrong:
        raise _unusable("read", file, wrong) from None


@contextmanager
def locked(file: Path, clock: Clock, seconds: float) -> Iterator[None]:
    """Hold the lock that `file` stands for, making it and its folder when missing.

    Raises KeysUnavailable when another process holds it for longer than `seconds`.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        raise _unusable("make", file, wrong) from None
    try:
        until = clock.elapsed() + seconds
        while not _taken(descriptor):
            if clock.elapsed() >= until:
                raise KeysUnavailable(
                    f"another process has been changing the keys of this home for {seconds:g} seconds",
                    where=str(file),
                    hint="it may be waiting for a passphrase or for the keyring's dialog; then try again",
                )
            threading.Event().wait(_AGAIN)
        yield
    finally:
        os.close(descriptor)  # frees the lock; the file stays, or two processes could hold two of its name


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unusable(verb: str, file: Path, wrong: OSError) -> KeysUnavailable:
    return KeysUnavailable(
        f"can't {verb} {file.name}: {wrong.strerror}",
        where=str(file),
        hint="check the permissions of the home and the room on its disk",
    )
