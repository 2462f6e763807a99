"""The pages point to what exists, and leave out no setting and no error code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from reach_workbench import errors
from reach_workbench.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_tells_of_somebodys_machine(page: Path) -> None:
    assert re.findall(r"/(?:root|work|tmp)/\S*", page.read_text("utf-8")) == []


def settings(part: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for each in fields(part):
        value = getattr(part, each.name)
        if is_dataclass(value):
            yield from settings(value, f"{prefix}{each.name}.")
        elif prefix:
            yield prefix + each.name, value


def test_every_setting_is_described_with_its_default() -> None:
    described = re.findall(
        r"^\| `([\w.]+)` \| ([\w.]+) \| .+ \|$", (ROOT / "docs/settings.md").read_text("utf-8"), re.M
    )
    defaults = [(name, str(value).lower() or "none") for name, value in settings(Settings(home=Path()))]
    assert described == defaults


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ReachError)]


def test_every_error_code_is_described_and_used_once() -> None:
    exits = {kind.code: str(kind.exit_code) for kind in KINDS}
    codes = [kind.code for kind in KINDS if kind is not errors.ReachError]
    assert len(codes) == len(set(codes))
    described = re.findall(r"^\| `([\w-]+)` \| (\d) \| .+ \|$", (ROOT / "docs/errors.md").read_text("utf-8"), re.M)
    assert dict(described) == {code: exits[code] for code in codes}
