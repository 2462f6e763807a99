"""A person at a real terminal is asked for the passphrase, which is not shown, and may leave instead."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.pseudoterminal import Pseudoterminal
from tests.cli.conftest import PATIENCE, REACH

WORDS = "correct-horse"
ASKED = "passphrase of this home's keys: "


def terminal(home: Path, *words: str) -> Pseudoterminal:
    variables = {name: value for name, value in os.environ.items() if name != "REACH_PASSPHRASE"}
    return Pseudoterminal((REACH, *words), {**variables, "REACH_HOME": str(home), "REACH_KEYS_BACKEND": "file"})


def test_a_passphrase_is_chosen_once_typed_again_and_asked_for_later(home: Path) -> None:
    with terminal(home, "key", "new", "ada") as new:
        new.until("new passphrase: ", PATIENCE)
        new.send(f"{WORDS}\n".encode())
        new.until("the same again: ", PATIENCE)
        new.send(f"{WORDS}\n".encode())
        new.until("made the key of ada", PATIENCE)
        assert WORDS not in new.text
    with terminal(home, "key", "show", "ada") as show:
        show.until(ASKED, PATIENCE)
        show.send(f"{WORDS}\n".encode())
        show.until("the public key of ada", PATIENCE)
        assert WORDS not in show.text
    with terminal(home, "key", "show", "ada") as wrong:
        wrong.until(ASKED, PATIENCE)
        wrong.send(b"wrong\n")
        wrong.until("the passphrase is wrong", PATIENCE)


def test_ctrl_c_at_the_question_leaves_the_command(home: Path) -> None:
    with terminal(home, "key", "new", "ada") as new:
        new.until("new passphrase: ", PATIENCE)
        new.send(b"\x03")
        new.until("interrupted", PATIENCE)
    assert not (home / "keys.sealed").exists()
