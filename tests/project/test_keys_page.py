"""docs/keys.md says what the key table says."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_page_is_current(root: Path) -> None:
    written = runpy.run_path(str(root / "docs/write_keys.py"))["page"]()
    assert (root / "docs/keys.md").read_text("utf-8") == written, "run `make docs`"
