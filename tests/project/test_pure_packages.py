"""What an import contract cannot see: calls inside the pure packages that read the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FORBIDDEN = {
    "now",
    "utcnow",
    "today",
    "open",
    "print",
    "input",
    "breakpoint",
    "exec",
    "eval",
    "__import__",
    "hash",
}
"""`hash` differs from process to process; the rest reads a clock or does I/O."""


def calls(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            bare = isinstance(node.func, ast.Name)
            if name in FORBIDDEN and (bare or name in {"now", "utcnow", "today"}):
                yield f"{module.name}:{node.lineno}: {name}"


def test_the_pure_packages_call_nothing_that_reads_the_machine(root: Path) -> None:
    packages = ("engine", "policy", "evidence")
    modules = [module for package in packages for module in (root / "reach_workbench" / package).rglob("*.py")]
    assert modules
    assert [found for module in modules for found in calls(module)] == []


def test_such_a_call_is_found(tmp_path: Path) -> None:
    module = tmp_path / "impure.py"
    module.write_text("from datetime import datetime\nmoment = datetime.now()\nfile = open('x')\n", "utf-8")
    assert list(calls(module)) == ["impure.py:2: now", "impure.py:3: open"]
