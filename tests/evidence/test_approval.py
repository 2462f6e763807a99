"""An approval is for one action: change anything, and it is for another or for none."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reach_workbench.engine.canonical import canonical
from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.approval import APPROVAL_TYPE, Approval, SignedApproval, check, read, sign
from reach_workbench.keys.ed25519 import SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))

APPROVAL = Approval(
    gate="g1",
    verdict="approve",
    action="shell.run",
    arguments={"command": "rm", "arguments": ["-r", "out"], "big": 2**64 + 1, "part": 1.5},
    requester="ada",
    run="01hq",
    command=7,
    task="/do/0/clean",
    policy="ab" * 32,
    nonce="n0nce",
    expires=1_700_000_000_000,
    reviewer="grace",
    reason=None,
)

texts = some.text(max_size=12)
numbers = some.integers() | some.floats(allow_nan=False, allow_infinity=False)
values = some.recursive(
    some.none() | some.booleans() | numbers | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
approvals = some.builds(
    Approval,
    gate=texts,
    verdict=some.sampled_from(["approve", "deny"]),
    action=texts,
    arguments=values,
    requester=texts,
    run=texts,
    command=some.integers(min_value=0),
    task=texts,
    policy=texts,
    nonce=texts,
    expires=some.none() | some.integers(),
    reviewer=texts,
    reason=some.none() | texts,
    answer=values,
)


@given(approvals)
def test_what_was_signed_reads_back_as_the_same_statement(approval: Approval) -> None:
    found = check(sign(approval, KEY), KEY.public)
    assert found.statement() == approval.statement()
    bare = {"arguments": None, "answer": None}  # JSON does not tell 1.0 from 1
    assert replace(found, **bare) == replace(approval, **bare)


@given(approvals)
def test_the_bytes_are_the_canonical_json_of_the_engine_too(approval: Approval) -> None:
    members = {each.name: getattr(approval, each.name) for each in fields(approval)}
    assert approval.statement() == canonical({"_type": APPROVAL_TYPE, **members})


def test_the_bytes_stay_what_they_are() -> None:
    """Kept signatures must verify for ever: this text changes with the version in its type alone."""
    assert APPROVAL.statement().decode() == (
        '{"_type":"urn:reach:approval:1","action":"shell.run","answer":null,'
        '"arguments":{"arguments":["-r","out"],"big":18446744073709551617,"command":"rm","part":1.5},'
        '"command":7,"expires":1700000000000,"gate":"g1","nonce":"n0nce",'
        f'"policy":"{"ab" * 32}","reason":null,"requester":"ada","reviewer":"grace","run":"01hq",'
        '"task":"/do/0/clean","verdict":"approve"}'
    )


OTHERS: dict[str, Any] = {
    "verdict": "deny",
    "arguments": {**APPROVAL.arguments, "arguments": ["-r", "ou"]},
    "command": 8,
    "expires": None,
    "reason": "",
    "answer": {"amount": 1},
}


@pytest.mark.parametrize("name", [each.name for each in fields(Approval)])
def test_a_change_of_any_member_is_another_statement_that_was_not_signed(name: str) -> None:
    changed = replace(APPROVAL, **{name: OTHERS[name] if name in OTHERS else getattr(APPROVAL, name) + "x"})
    assert changed.statement() != APPROVAL.statement()
    with pytest.raises(EvidenceDamaged, match="not what its reviewer signed"):
        check(replace(sign(APPROVAL, KEY), body=changed.statement()), KEY.public)


@given(values, values)
def test_different_arguments_have_different_statements(one: Any, two: Any) -> None:
    same = canonical(one) == canonical(two)
    statements = [replace(APPROVAL, arguments=each).statement() for each in (one, two)]
    assert (statements[0] == statements[1]) == same


@given(some.data(), approvals)
def test_one_changed_byte_anywhere_fails(data: some.DataObject, approval: Approval) -> None:
    signed = sign(approval, KEY)
    part = data.draw(some.sampled_from(["body", "signature"]))
    whole = bytearray(getattr(signed, part))
    place = data.draw(some.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(some.integers(1, 255))
    with pytest.raises(EvidenceDamaged):
        check(replace(signed, **{part: bytes(whole)}), KEY.public)


def test_every_changed_bit_of_one_approval_fails() -> None:
    signed = sign(APPROVAL, KEY)
    for part in ("body", "signature"):
        whole: bytes = getattr(signed, part)
        for bit in range(len(whole) * 8):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(EvidenceDamaged):
                check(replace(signed, **{part: bytes(changed)}), KEY.public)


def test_another_key_and_another_keys_id_fail() -> None:
    signed = sign(APPROVAL, KEY)
    with pytest.raises(EvidenceDamaged, match="names key"):
        check(signed, OTHER.public)
    with pytest.raises(EvidenceDamaged, match="not what its reviewer signed"):
        check(replace(signed, key_id=OTHER.id), OTHER.public)


def test_what_the_key_signed_for_another_end_is_no_approval() -> None:
    """Not even text that looks like one, without the type that says so."""
    members = json.loads(APPROVAL.statement())
    for kind in ("urn:reach:challenge:1", "urn:reach:approval:2"):
        body = canonical({**members, "_type": kind})
        with pytest.raises(EvidenceDamaged, match="lacks a member"):
            check(SignedApproval(body, KEY.id, KEY.sign(body)), KEY.public)


SPELLED = APPROVAL.statement()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        SPELLED + b" ",
        SPELLED[:-1],
        SPELLED.replace(b":7,", b": 7,"),
        SPELLED.replace(b":7,", b":7.0,"),
        SPELLED.replace(b":7,", b":true,"),
        SPELLED.replace(b":7,", b':7,"command":7,'),
        SPELLED.replace(b'"approve"', b'"perhaps"'),
        SPELLED.replace(b'"reason":null', b'"reason":1'),
        SPELLED.replace(b'"reason":null', b'"reason":null,"remark":1'),
        SPELLED.replace(b'"rm"', b'"\\u0072m"'),
        SPELLED.replace(b"1.5", b"NaN"),
        SPELLED.replace(b"1.5", b"1e999"),
        SPELLED.replace(b'"rm"', b'"\\ud800"'),
        SPELLED.replace(b"1.5", b"9" * 5000),
        SPELLED.replace(b'"rm"', b"[" * 600 + b"]" * 600),
    ],
)
def test_what_is_not_exactly_a_statement_is_none(body: bytes) -> None:
    with pytest.raises(EvidenceDamaged):
        read(body)


@pytest.mark.parametrize(
    "arguments", [float("nan"), {1: 2}, b"bytes", {"\ud800": 1}, "\ud800", Fraction(1, 3)], ids=repr
)
def test_what_json_can_not_carry_is_not_signed(arguments: Any) -> None:
    with pytest.raises(ValueError, match="can't carry"):
        sign(replace(APPROVAL, arguments=arguments), KEY)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_arguments_may_be_nested_as_deep_as_a_run_records_them() -> None:
    assert read(replace(APPROVAL, arguments=nested(500)).statement()).arguments == nested(500)
    with pytest.raises(ValueError, match="deeper than 500"):
        replace(APPROVAL, arguments=nested(501)).statement()
