"""A checkpoint reads back as it was signed, and anything else is refused."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint
from reach_workbench.keys.ed25519 import SigningKey, note_key_hash, verify

NAME = "reach.example/node"
KEY = SigningKey.from_seed(bytes(range(32)))
HASH = note_key_hash(NAME, KEY.public)
ROOT = b64encode(b"r" * 32).decode()
NOTE = sign_checkpoint(Checkpoint(NAME, 7, b"r" * 32), NAME, HASH, KEY.sign)


def holds(note: str) -> bool:
    return read_checkpoint(note).signed_by(NAME, HASH, lambda message, given: verify(KEY.public, message, given))


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32))
def test_what_is_signed_reads_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(NAME, size, root, ("further line",))
    note = sign_checkpoint(checkpoint, NAME, HASH, KEY.sign)
    assert read_checkpoint(note).checkpoint == checkpoint
    assert holds(note)


def test_the_note_has_the_form_of_the_specification() -> None:
    line = b64encode(HASH + KEY.sign(f"{NAME}\n7\n{ROOT}\n".encode())).decode()
    assert f"{NAME}\n7\n{ROOT}\n\n\u2014 {NAME} {line}\n" == NOTE


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_changed_character_goes_unseen(at: int, other: str) -> None:
    note = NOTE[:at] + other + NOTE[at + 1 :]
    try:
        assert holds(note) == (note == NOTE)
    except EvidenceDamaged:
        assert note != NOTE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n\N{ARABIC-INDIC DIGIT SEVEN}\n"),
        ("\n7\n", "\n"),
        (ROOT, ROOT[:-2] + "J="),
        (ROOT, b64encode(b"short").decode()),
        ("\n\n", "\n"),
        ("\n7\n", "\r\n7\n"),
        ("\u2014", "-"),
        (f"\u2014 {NAME} ", "\u2014 a+b "),
        (f"{NAME}\n7", "\n7"),
    ],
)
def test_a_note_that_is_not_exactly_one_is_refused(old: str, new: str) -> None:
    with pytest.raises(EvidenceDamaged):
        read_checkpoint(NOTE.replace(old, new, 1))
    with pytest.raises(EvidenceDamaged):
        read_checkpoint(NOTE[:-1])


def test_signatures_of_others_are_passed_over_but_never_stand_for_ours() -> None:
    stranger = SigningKey.from_seed(b"s" * 32)
    theirs = sign_checkpoint(Checkpoint(NAME, 7, b"r" * 32), "them", note_key_hash("them", stranger.public), KEY.sign)
    assert not holds(theirs)
    assert holds(NOTE + theirs.rpartition("\n\n")[2])


def test_an_origin_of_two_lines_is_not_signed() -> None:
    with pytest.raises(ValueError, match=r"decimal|one line"):
        sign_checkpoint(Checkpoint("a\nb", 7, b"r" * 32), NAME, HASH, KEY.sign)
    with pytest.raises(ValueError, match="plus"):
        sign_checkpoint(Checkpoint("a", 7, b"r" * 32), "a+b", HASH, KEY.sign)
