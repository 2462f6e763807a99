"""What one key of a node says of the next: both signed exactly that, and a chain of it leads from key to key."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.rotation import lineage, read_rotation, rotate
from reach_workbench.keys.ed25519 import SigningKey

KEYS = [SigningKey.from_seed(bytes([number]) * 32) for number in range(4)]
AT = 1_764_466_800_000


def test_a_statement_reads_back_and_both_keys_signed_it() -> None:
    rotation = rotate(KEYS[0], KEYS[1], AT)
    assert read_rotation(rotation.to_json()) == rotation
    assert (rotation.before, rotation.after, rotation.at) == (KEYS[0].public, KEYS[1].public, AT)


def test_every_changed_byte_is_found() -> None:
    whole = rotate(KEYS[0], KEYS[1], AT).to_json()
    for name, text in whole.items():
        for place in range(len(text)):
            changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
            with pytest.raises(EvidenceDamaged):
                read_rotation({**whole, name: changed})


def test_the_signature_of_one_key_does_not_stand_for_the_others() -> None:
    whole = rotate(KEYS[0], KEYS[1], AT).to_json()
    for wrong in (
        {**whole, "before": whole["after"]},
        {**whole, "after": whole["before"]},
        {**whole, "before": whole["after"], "after": whole["before"]},
    ):
        with pytest.raises(EvidenceDamaged, match="not signed by key"):
            read_rotation(wrong)


@pytest.mark.parametrize("none", [None, [], {}, "x", {"body": "{}", "before": "", "after": ""}, {"body": 1}])
def test_what_is_no_statement_is_told(none: Any) -> None:
    with pytest.raises(EvidenceDamaged):
        read_rotation(none)
    whole = rotate(KEYS[0], KEYS[1], AT).to_json()
    with pytest.raises(EvidenceDamaged):
        read_rotation({**whole, "more": 1})


def test_a_key_does_not_take_its_own_place() -> None:
    with pytest.raises(EvidenceDamaged, match="the same"):
        read_rotation(rotate(KEYS[0], KEYS[0], AT).to_json())


def test_a_chain_leads_from_the_first_key_to_the_last() -> None:
    steps = [rotate(one, two, AT) for one, two in pairwise(KEYS)]
    assert lineage(steps, KEYS[3].public) == tuple(key.public for key in KEYS)
    assert lineage([], KEYS[3].public) == (KEYS[3].public,)
    circle = [*steps, rotate(KEYS[3], KEYS[0], AT)]
    for broken, last in ((steps, KEYS[2]), (steps[::-1], KEYS[3]), (steps[:1] + steps[2:], KEYS[3]), (circle, KEYS[0])):
        with pytest.raises(EvidenceDamaged, match="no statement"):
            lineage(broken, last.public)
