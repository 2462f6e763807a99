"""Held actions among everything that can happen to them: the short version of `make interleave`."""

from __future__ import annotations

import pytest

from tests.interleave.playing import play


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_nothing_runs_unapproved_whatever_happens_in_which_order(first):
    done, broken = play((first, first + 50), steps=14)
    assert not broken, broken[0]
    assert done["crashes"] and done["gate approved"] and done["gate expired"] and done["gate superseded"]


@pytest.mark.parametrize("seed", [300252, 302720])
def test_what_once_broke_stays_mended(seed):
    """A signature in another spelling was taken; two drivers that ended one run took its lease from each other."""
    _, broken = play((seed, seed + 1))
    assert not broken, broken[0]
