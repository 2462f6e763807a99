"""Requests made up from the API's description; `make fuzz` sends ten thousand of them."""

from __future__ import annotations

from pathlib import Path

from .fuzz import Fuzz
from .serving import serving


def test_no_made_up_request_meets_a_5xx_or_an_answer_that_breaks_the_description(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as node:
        fuzz = Fuzz(node)
        fuzz.run(4)
    assert fuzz.broken == []
    statuses = {status for _, status in fuzz.answers}
    assert {200, 201, 404, 409, 422} <= statuses  # it gets further than the door
    assert fuzz.cases > 300
