"""The file that is being written: what the disk holds, what the screen holds, and a copy against loss."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reach_workbench.errors import BadInput, NotFound

Stamp = tuple[int, int, int]
"""What tells one version of a file from another without reading it: change time in ns, size, inode."""


@dataclass(slots=True)
class Opened:
    """`saved` is the text as the disk held it when it was last read or written; `stamp` the file's then.

    `gone` says that the disk holds it no more: the text is only on the screen.
    """

    path: Path
    saved: str
    stamp: Stamp | None
    gone: bool = False

    def moved(self) -> bool:
        """Whether the file on disk is another one than was read: changed, or gone."""
        return stamp_of(self.path) != self.stamp

    def write(self, text: str) -> None:
        """Put the text on disk, whole or not at all, with the permissions the file has. Raises BadInput."""
        target = self.path.resolve()
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
            with beside.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                beside.chmod(mode)
            beside.replace(target)
        except OSError as wrong:
            with suppress(OSError):
                beside.unlink()
            reason = wrong.strerror or str(wrong)
            raise BadInput(
                f"the file can't be written: {reason}",
                where=str(self.path),
                hint="what was written is kept as a recovery copy",
            ) from wrong
        self.saved, self.stamp, self.gone = text, stamp_of(self.path), False


def read(path: Path) -> Opened:
    """Open a file. Raises NotFound when there is none, BadInput when it is not a text."""
    try:
        stamp = stamp_of(path)
        with path.open(encoding="utf-8", newline="") as file:
            return Opened(path, file.read(), stamp)
    except FileNotFoundError as wrong:
        raise NotFound("the file is not there", where=str(path)) from wrong
    except UnicodeDecodeError as wrong:
        raise BadInput("the file is not UTF-8 text", where=str(path)) from wrong
    except OSError as wrong:
        raise BadInput(f"the file can't be read: {wrong.strerror or wrong}", where=str(path)) from wrong


def stamp_of(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Recovery:
    """Copies of unsaved texts, one a file, in a folder of the workbench's state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, path: Path, text: str) -> None:
        """Keep the unsaved text of a file. A folder that can't be written is left: typing goes on."""
        copy = self._copy(path)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = copy.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps({"file": str(path), "text": text}), "utf-8")
            beside.replace(copy)

    def kept(self, path: Path) -> str | None:
        """The unsaved text of a file, if there is one."""
        try:
            found = json.loads(self._copy(path).read_text("utf-8"))
            return str(found["text"]) if found["file"] == str(path) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self, path: Path) -> None:
        with suppress(OSError):
            self._copy(path).unlink()

    def _copy(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.json"
