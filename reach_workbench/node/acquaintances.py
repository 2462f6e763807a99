"""Whose keys a home knows: its own node's, which its checkpoints name, and its reviewers'."""

from __future__ import annotations

from collections.abc import Callable

from reach_workbench.engine.times import iso8601
from reach_workbench.errors import EvidenceDamaged, ReachError
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, is_signed_by, read_pins
from reach_workbench.storage.store import Store

Known = Callable[[bytes], str | None]
"""Who has a public key, None for one that is not known."""


def nobody(_: bytes) -> None:
    """What is known without a home."""


def acquaintances(store: Store, settings: Settings) -> Known:
    """Who has which key. Unlocks nothing: the node's own key is the one that signed the checkpoints.

    Those it had before are in the audit log.
    """
    reviewers = {each.public_key: each for each in store.read.reviewers()}
    try:
        pins = read_pins(file_of(settings)) or ()
    except ReachError:
        pins = ()
    last = next((pin.signed for pin in reversed(pins) if pin.signed is not None), None)
    try:
        rotations = [each.rotation for each in store.read.rotations()]
    except EvidenceDamaged:
        rotations = []
    earlier = {each.before: each for each in rotations}

    def known(public: bytes) -> str | None:
        if public in earlier:
            return f"the node of this home until {iso8601(earlier[public].at)}"
        if (last is not None and is_signed_by(last, public)) or (rotations and rotations[-1].after == public):
            return "the node of this home"
        reviewer = reviewers.get(public)
        if reviewer is None:
            return None
        return f"the reviewer {reviewer.name} of this home" + (", revoked" if reviewer.revoked_at is not None else "")

    return known
