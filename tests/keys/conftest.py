"""Every test here derives quickly and forgets what was derived before it."""

from __future__ import annotations

import pytest

from tests.keys.keyrings import memory_ring, quick_derivation

__all__ = ["memory_ring", "quick_derivation"]


@pytest.fixture(autouse=True)
def quickly(quick_derivation: None) -> None:
    """See `keyrings.quick_derivation`."""
