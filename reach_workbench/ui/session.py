"""What the workbench remembers between two starts: screen, run, cursors, watches. JSON, and never trusted."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


class Session:
    """Values by name, kept in one file of the state folder.

    A file that is missing, damaged or of another shape is an empty session; one that can't be written is left.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._kept = _read(file)
        self._dirty = False

    def get(self, name: str, default: Any = None) -> Any:
        """What was put under that name. A value of another type than `default` counts as not there."""
        value = self._kept.get(name, default)
        return default if default is not None and not isinstance(value, type(default)) else value

    def put(self, name: str, value: Any) -> None:
        """Remember a JSON value; it reaches the disk with the next `save`."""
        if self._kept.get(name) != value:
            self._kept[name] = value
            self._dirty = True

    def save(self) -> None:
        """Write what changed, whole or not at all."""
        if not self._dirty:
            return
        beside = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        with suppress(OSError, TypeError, ValueError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self._kept, indent=1, sort_keys=True), "utf-8")
            beside.replace(self.file)
            self._dirty = False


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}
