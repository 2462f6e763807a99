#!/usr/bin/env python3
"""Write what pages and policies say about the vocabulary and the samples: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reach_workbench.engine.program import Program, Run
from reach_workbench.policy.actions import ACTIONS, REST, RUN, Attribute
from reach_workbench.policy.terms import ANNOTATIONS
from reach_workbench.runner.loading import compile_text
from reach_workbench.settings import Limits

ROOT: Final = Path(__file__).resolve().parent.parent
SHIPPED: Final = ROOT / "reach_workbench/policy/shipped.py"
PAGE: Final = ROOT / "docs/policy.md"
_WRITTEN: Final = re.compile(r"(change that\. -->\n).*?(<!-- end -->)", re.DOTALL)
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


def page(text: str) -> str:
    """The page with its tables as they should be now."""
    parts = iter(("\n".join(vocabulary()) + "\n", "\n".join(annotations()) + "\n"))
    return _WRITTEN.sub(lambda marks: f"{marks[1]}{next(parts)}{marks[2]}", text)


def vocabulary() -> Iterator[str]:
    yield "\n| action | resource | what the resource is |\n|---|---|---|"
    for action in ACTIONS.values():
        yield f"| `{action.name}` | `{action.resource_type}` | {action.resource_meaning} |"
    for action in ACTIONS.values():
        yield f"\n`context.args` of `{action.name}`:\n"
        yield from _attributes("", (argument.attribute for argument in action.arguments))
    yield "\nThe rest of `context`, for every action:\n"
    yield from _attributes("context.run.", RUN)
    for attribute in REST:
        yield _row("context.", attribute)
    yield ""


def annotations() -> Iterator[str]:
    yield "\n| annotation | on | says | meaning |\n|---|---|---|---|"
    for row in ANNOTATIONS:
        yield f"| `@{row.name}` | {row.place} | {row.values} | {row.meaning} |"
    yield ""


def _attributes(prefix: str, attributes: Iterable[Attribute]) -> Iterator[str]:
    yield "| attribute | type | meaning |\n|---|---|---|"
    for attribute in attributes:
        yield _row(prefix, attribute)


def _row(prefix: str, attribute: Attribute) -> str:
    return f"| `{prefix}{attribute.name}` | {attribute.type.replace('<', '&lt;')} | {attribute.meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    SHIPPED.write_text(shipped(), "utf-8")
