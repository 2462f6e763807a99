"""Sliced and remembered decisions are those of plain Cedar over the whole set, and of an oracle in Python.

POLICY_REQUESTS makes these look longer; `make policy` looks at 100,000 requests.
"""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.policy.agreeing import agree, agree_on_broken, never_allow_broken

SETS = max(1, int(os.environ.get("POLICY_REQUESTS", "1500")) // 15)
quietly = settings(max_examples=SETS, deadline=None, suppress_health_check=list(HealthCheck))
draws = st.integers(min_value=0).map(Random)


@quietly
@given(draws)
def test_slices_plain_cedar_and_the_oracle_agree(draw: Random) -> None:
    agree(draw, 15)


@quietly
@given(draws)
def test_a_broken_context_is_never_allowed_on_an_error(draw: Random) -> None:
    agree_on_broken(draw, 8)


@quietly
@given(draws)
def test_a_broken_text_is_refused_at_a_line_or_means_what_it_says(draw: Random) -> None:
    never_allow_broken(draw, 2)
