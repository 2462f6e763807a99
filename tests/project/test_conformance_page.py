"""docs/conformance.md is complete, and every proof it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/conformance.md"
REFERENCE = Path(__file__).with_name("dsl_reference.txt")
STATUSES = {"runs", "checked", "compiles", "partly", "open", "n/a"}


class Row(NamedTuple):
    construct: str
    properties: tuple[str, ...]
    status: str
    proofs: tuple[str, ...]
    note: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if line.startswith("| ") and len(cells) == 5 and cells[2] in STATUSES:
            names = tuple(re.findall(r"`([^`]+)`", cells[1]))
            found.append(Row(cells[0], names, cells[2], tuple(re.findall(r"`([^`]+)`", cells[3])), cells[4]))
    return found


def reference() -> dict[str, set[str]]:
    """Each construct of dsl-reference.md with its properties."""
    constructs: dict[str, set[str]] = {}
    for line in REFERENCE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, listed = line.partition(": ")
            constructs[name] = {part for part in listed.split(", ") if part}
    return constructs


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_construct_of_the_reference_has_its_rows() -> None:
    claimed: dict[str, set[str]] = {}
    for row in rows():
        claimed.setdefault(row.construct, set()).update(row.properties)
    wanted = reference()
    assert {name: claimed.get(name) for name in wanted} == wanted


def test_no_row_is_about_something_unknown() -> None:
    known = reference().keys()
    assert [row.construct for row in rows() if row.construct not in known] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.construct}: {', '.join(row.properties)}")
def test_the_row_is_proved(row: Row) -> None:
    assert row.proofs or row.status in ("open", "n/a"), "a claim without a test"
    assert row.note or row.status in ("runs", "checked", "n/a"), "what is not whole needs a word on why"
    for proof in row.proofs:
        file, _, name = proof.partition("::")
        assert (ROOT / file).is_file(), f"{file} does not exist"
        assert not name or name in names_in(file), f"{file} has no test {name}"
