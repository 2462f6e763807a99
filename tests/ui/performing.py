"""Which actions of the key table the pilot tests perform: each test says so, and one test counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from reach_workbench.ui.keys import find

Test = TypeVar("Test", bound=Callable[..., object])

PERFORMED: Final[dict[str, str]] = {}
"""The name of a test by the id of the action that it performs; filled when the tests are collected."""


def performs(*ids: str) -> Callable[[Test], Test]:
    """Say that a test performs these actions, by their keys. Raises KeyError for an id that there is not."""
    for id in ids:
        find(id)

    def mark(test: Test) -> Test:
        PERFORMED.update(dict.fromkeys(ids, test.__name__))
        return test

    return mark
