"""The direction of imports is kept by contracts, and the contracts really catch what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SEEDS = {
    "layers": ("errors.py", "import reach_workbench.settings"),
    "acyclic": ("effects/effect.py", "import reach_workbench.effects.seeded"),
    "pure": ("engine/program.py", "import random"),
    "one-clock": ("settings.py", "import uuid"),
    "one-store": ("settings.py", "import sqlite3"),
    "one-cedar": ("settings.py", "import cedarpy"),
    "one-screen": ("settings.py", "import textual"),
    "front": ("ui/__init__.py", "import reach_workbench.storage"),
    "light-client": ("client/__init__.py", "import fastapi"),
}
"""Contract to a line that breaks it and the module it is added to."""


@pytest.fixture
def tree(tmp_path: Path, root: Path) -> Path:
    """A copy of the package and of the contracts, to be broken at will."""
    shutil.copytree(
        root / "reach_workbench", tmp_path / "reach_workbench", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", *options]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)


def test_the_project_keeps_its_contracts(tree: Path) -> None:
    checked = lint(tree)
    assert checked.returncode == 0, checked.stdout
    assert " 0 broken" in checked.stdout


def test_every_contract_has_a_seed(root: Path) -> None:
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == set(SEEDS)


@pytest.mark.parametrize("contract", SEEDS)
def test_a_seeded_violation_is_caught(tree: Path, contract: str) -> None:
    place, line = SEEDS[contract]
    module = tree / "reach_workbench" / place
    module.write_text(module.read_text("utf-8") + f"\n{line}\n", "utf-8")
    if contract == "acyclic":
        (module.parent / "seeded.py").write_text("import reach_workbench.effects.effect\n", "utf-8")
    checked = lint(tree, "--contract", contract)
    assert checked.returncode != 0
    assert " 1 broken" in checked.stdout


def test_a_package_without_a_layer_is_caught(tree: Path) -> None:
    (tree / "reach_workbench" / "unplaced").mkdir()
    (tree / "reach_workbench" / "unplaced" / "__init__.py").touch()
    checked = lint(tree, "--contract", "layers")
    assert checked.returncode != 0
    assert "unplaced" in checked.stdout
