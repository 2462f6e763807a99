"""What `make` promises on a fresh machine."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.txt", "requirements-dev.txt")
PLATFORMS = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": system, "platform_system": name}
    for version in ("3.11", "3.12", "3.13")
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"))
]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_registry_is_named(root: Path, name: str) -> None:
    text = (root / name).read_text("utf-8")
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert re.search(r"://|--index-url|--find-links|--trusted-host", text) is None


def test_the_tests_use_the_versions_that_users_get(root: Path) -> None:
    running, testing = (pins(root / name) for name in LOCKS)
    assert running.items() <= testing.items()


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: f"{p['python_version']}-{p['sys_platform']}")
def test_the_pins_are_complete_on(root: Path, platform: dict[str, str]) -> None:
    """Whatever a pinned package asks for on that platform is pinned too."""
    pinned = {canonicalize_name(name) for name in pins(root / "requirements-dev.txt")}
    missing = set()
    for name in pinned:
        for line in importlib.metadata.requires(name) or []:
            wanted = Requirement(line)
            needed = wanted.marker is None or wanted.marker.evaluate({**platform, "extra": ""})
            if needed and canonicalize_name(wanted.name) not in pinned:
                missing.add(f"{name} needs {line}")
    assert missing == set()


def test_an_old_python_is_refused_with_advice(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\n', "utf-8")
    old.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    asked = subprocess.run(
        [shell, str(root / ".ci/make-venv"), str(tmp_path / "venv")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert asked.returncode == 1
    assert "needs Python 3.11 or newer; found: Python 3.9.1." in asked.stderr
    assert "PYTHON=" in asked.stderr


@pytest.mark.parametrize("target", ["run", "test"])
def test_each_command_of_the_readme_sets_up_by_itself(root: Path, tmp_path: Path, target: str) -> None:
    """What `make` would do in a fresh clone, as it says itself."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(root / name, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    plan = subprocess.run(
        ["make", "--dry-run", target],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    steps = [
        "make-venv",
        "--requirement requirements.txt",
        "--editable .",
        "reach run" if target == "run" else "pytest",
    ]
    places = [plan.index(step) for step in steps]
    assert places == sorted(places)
    assert ("requirements-dev.txt" in plan) == (target == "test")


def test_nothing_in_the_repository_names_a_registry(root: Path) -> None:
    words = r"pypi\.org|pythonhosted|registry\.npmjs|index-url *=|artifactory"
    found = subprocess.run(
        ["git", "grep", "-n", "-I", "-E", words, "--", ".", ":!tests/project/test_setup.py"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.stdout == ""
