"""What the pages show in a console is what the commands print."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

TRANSCRIPTS = runpy.run_path(str(Path(__file__).parents[2] / "docs/transcripts.py"))


@pytest.mark.parametrize("page", TRANSCRIPTS["PAGES"])
def test_the_page_shows_what_the_commands_print(root: Path, page: str) -> None:
    text = (root / page).read_text("utf-8")
    assert "```console\n$ " in text
    settled = TRANSCRIPTS["settled"]
    shown = settled(TRANSCRIPTS["play"](page, text)).splitlines()
    assert shown == settled(text).splitlines(), "run `make docs`"


def test_settling_keeps_what_matters() -> None:
    settled = TRANSCRIPTS["settled"]
    line = "verified: run 01m84ysf3mfsjya9k4w9, 11 events in 0.02 s, digest b109567fb67f2135036f651ba21a8e4c"
    assert settled(line) == "verified: run ID, 11 events in SPAN, digest DIGEST"
    assert settled(line.replace("11", "12")) != settled(line)
    assert settled("faulted in 2.1 s") != settled("completed in 15 ms")
