"""How errors look: to people on standard error, to scripts as JSON on standard output. Never a traceback."""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path
from typing import Final

from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.engine.values import Json
from reach_workbench.errors import Bug, CompileError, ReachError

_SHOWN: Final = 50
"""Diagnostics shown to people; scripts get all."""


def report(terminal: Terminal, wrong: ReachError) -> int:
    """Say what went wrong; returns the exit code."""
    diagnostics = wrong.diagnostics if isinstance(wrong, CompileError) else ()
    if terminal.json:
        answer: dict[str, Json] = {"error": wrong.as_dict()}
        if diagnostics:
            answer["diagnostics"] = [each.as_dict() for each in diagnostics]  # type: ignore[attr-defined]
        terminal.print_json(answer)
        return wrong.exit_code
    report_diagnostics(terminal, diagnostics)
    terminal.say(Painted("error", "red"), ": ", wrong.message)
    if wrong.where:
        terminal.say("  at: ", wrong.where)
    if wrong.hint:
        terminal.say("  hint: ", wrong.hint)
    terminal.say("  code: ", wrong.code)
    return wrong.exit_code


def report_diagnostics(terminal: Terminal, diagnostics: tuple[object, ...]) -> None:
    """Each as `file:line:column: severity code: message`, its hint under it."""
    for each in diagnostics[:_SHOWN]:
        terminal.say(str(each))
    if len(diagnostics) > _SHOWN:
        terminal.say(f"… and {len(diagnostics) - _SHOWN} more; --json lists all")


def bug(wrong: BaseException, home: Path | None) -> Bug:
    """The error for an exception that nobody foresaw; its traceback goes to a file."""
    text = "".join(traceback.format_exception(wrong))
    kept = _keep(text, home)
    place = f"; the details are in {kept}" if kept else ""
    return Bug(
        f"this is a bug: {type(wrong).__name__}: {wrong}{place}",
        hint="please report it with that file" if kept else "please report it with the command line that caused it",
    )


def _keep(text: str, home: Path | None) -> Path | None:
    for folder in (home / "logs" if home is not None else None, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(prefix="reach-bug-", suffix=".txt", dir=folder)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return Path(name)
        except OSError:
            continue
    return None
