#!/usr/bin/env python3
"""Write what pages and policies say about the vocabulary and the samples: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reach_workbench.engine.program import Program, Run
from reach_workbench.runner.loading import compile_text
from reach_workbench.settings import Limits

ROOT: Final = Path(__file__).resolve().parent.parent
SHIPPED: Final = ROOT / "reach_workbench/policy/shipped.py"
_KINDS: Final = ("shell.run", "script.run", "container.run")


def shipped() -> str:
    """The module that holds the digests of the samples, by the kinds of commands they run."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((ROOT / "workflows").glob("*.yaml")):
        program = compile_text(file.read_text("utf-8"), file.name, Limits()).program
        if program is not None:
            for kind in kinds(program):
                found.setdefault(kind, {})[f"workflows/{file.name}"] = program.digest
    lines = ['"""The samples that run programs: file to the program\'s digest, by kind of command. By `make docs`."""']
    lines += ["", "from __future__ import annotations", "", "from typing import Final", ""]
    lines.append("PROGRAMS: Final[dict[str, dict[str, str]]] = {")
    for kind in sorted(found):
        lines.append(f'    "{kind}": {{')
        lines += [f'        "{file}": "{digest}",' for file, digest in found[kind].items()]
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


def kinds(program: Program) -> list[str]:
    """The kinds of commands among those that run programs which the workflow's tasks give."""
    given = {task.body.command for task in program.tasks.values() if isinstance(task.body, Run)}
    return [kind for kind in _KINDS if kind in given]


if __name__ == "__main__":
    SHIPPED.write_text(shipped(), "utf-8")
