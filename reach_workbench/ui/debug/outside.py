"""A value in the person's own editor."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from reach_workbench.errors import UsageError
from reach_workbench.ui.debug.wording import Json


def editor() -> list[str]:
    """The command of the editor: $VISUAL, $EDITOR, or vi."""
    return shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")


async def edit_outside(app: App[Any], value: Json, name: str) -> str:
    """Show a value as JSON in the editor, and give back the text it was left with.

    The workbench is away from the terminal meanwhile. Raises UsageError when there is no such editor.
    """
    with tempfile.TemporaryDirectory(prefix="reach-") as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
        command = [*editor(), str(file)]
        try:
            try:
                with app.suspend():
                    subprocess.run(command, check=False)
            except SuspendNotSupported:
                await asyncio.to_thread(subprocess.run, command, check=False)
        except OSError as wrong:
            raise UsageError(
                f"the editor {command[0]!r} can't be started: {wrong.strerror}", hint="name yours in $EDITOR"
            ) from None
        return file.read_text("utf-8")
