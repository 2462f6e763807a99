"""Secrets that come back are replaced by their placeholders."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import reveal, shape

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="⟦⟧"), min_size=4, max_size=20)


@given(words, st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    scrubber = Scrubber({"s": secret})
    raw = secret.encode()
    for form in (
        secret,
        orjson.dumps(secret).decode()[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(raw).decode(),
    ):
        text = f"{before}{form}{after}"
        assert form not in scrubber.text(text).replace("⟦secret:s⟧", "")
        assert scrubber.data(text.encode()).decode() == scrubber.text(text)


@given(st.dictionaries(st.text("abc/~", min_size=1, max_size=3), words, min_size=1, max_size=3))
def test_scrubbing_what_was_revealed_gives_the_placeholders_back(secret: dict[str, str]) -> None:
    if len(set(secret.values())) < len(secret) or any(
        a in b for a in secret.values() for b in secret.values() if a != b
    ):
        return  # two names for one value: either placeholder is right
    placeholders = shape("vault", secret)
    scrubber = Scrubber({"vault": secret})
    assert scrubber.value(list(reveal(placeholders, {"vault": secret}).values())) == list(placeholders.values())


def test_the_longest_secret_wins_and_placeholders_are_not_searched() -> None:
    scrubber = Scrubber({"secret": "vault", "long": "vault-of-doom", "vault": "secret"})
    assert scrubber.text("vault-of-doom, vault, secret") == "⟦secret:long⟧, ⟦secret:secret⟧, ⟦secret:vault⟧"


def test_short_secrets_are_replaced_only_in_what_was_sent() -> None:
    scrubber = Scrubber({"pin": "42", "empty": ""})
    assert scrubber.text("42 x") == "42 x"
    assert scrubber.sent("42 x") == "⟦secret:pin⟧ x"


def test_numbers_keys_and_what_is_no_secret() -> None:
    scrubber = Scrubber({"pin": 123456, "flag": True, "none": None})
    value = {"123456": 123456, "b": True, "c": None, "d": [12345, 1.5]}
    scrubbed = {"⟦secret:pin⟧": "⟦secret:pin⟧", "b": True, "c": None, "d": [12345, 1.5]}
    assert scrubber.value(value) == scrubbed


def test_a_value_too_deep_to_search_is_refused() -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Fault, match="too deeply"):
        Scrubber({"s": "secret"}).value(value)


def test_derived_values_and_faults() -> None:
    scrubber = Scrubber({})
    value = {"a": "token-1"}
    assert scrubber.value(value) is value
    scrubber.also("token-1")
    fault = scrubber.fault(Fault("communication", "said token-1", status=502, title="token-1", code="c", instance="/x"))
    assert (fault.detail, fault.title, fault.status, fault.code, fault.instance) == ("said ***", "***", 502, "c", "/x")
