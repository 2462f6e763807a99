"""`reach` alone: what it says where it can't draw."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.cli.conftest import REACH


def test_without_a_terminal_to_draw_on_it_says_so() -> None:
    """Standard error is where the screen is drawn."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [REACH], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert "draws on standard error, which is not a terminal" in done.stderr
    assert "leave the redirection" in done.stderr
