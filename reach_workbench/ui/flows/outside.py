"""A file in the person's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from textual.app import App, SuspendNotSupported

from reach_workbench.errors import NotFound, UsageError


def edit_outside(app: App[None], path: Path) -> None:
    """Give the terminal to `$VISUAL` or `$EDITOR` until it ends. Raises NotFound, UsageError."""
    given = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    words = shlex.split(given)
    if not words or shutil.which(words[0]) is None:
        raise NotFound(f"there is no editor {given!r}", hint="set $EDITOR to yours, for example EDITOR=nano")
    try:
        with app.suspend():
            subprocess.run([*words, str(path)], check=False)
    except SuspendNotSupported as wrong:
        raise UsageError("this terminal can't be lent to another program") from wrong
