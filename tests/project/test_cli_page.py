"""docs/cli.md says what the commands say."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_page_is_current(root: Path) -> None:
    written = runpy.run_path(str(root / "docs/write_cli.py"))["page"]()
    assert (root / "docs/cli.md").read_text("utf-8") == written, "run `make docs`"
