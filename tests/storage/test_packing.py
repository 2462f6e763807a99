"""Values in columns come back exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.storage.packing import COMPRESS_ABOVE, pack, squeeze, stretch, unpack


@pytest.mark.parametrize(
    "value", [None, 0, -0.0, 1e300, 2**63, 2**64, -(2**70), "\ud800", {"ü": [1.5, {}]}, [], "x" * 9999]
)
def test_a_value_comes_back(value: object) -> None:
    again = unpack(pack(value))
    assert (again, type(again), repr(again)) == (value, type(value), repr(value))


@given(st.binary(max_size=3 * COMPRESS_ABOVE).map(lambda noise: b"[" + noise))
def test_text_is_compressed_only_when_that_helps(plain: bytes) -> None:
    packed = squeeze(plain)
    assert len(packed) <= len(plain)
    assert stretch(packed) == plain


def test_long_repetitive_text_gets_small() -> None:
    assert len(pack(["the same words"] * 5000)) < 2000


@pytest.mark.parametrize("packed", [b"", b"x", b"xyz", b"[1", b" [1", b"\xff"])
def test_what_was_never_packed_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(packed)
