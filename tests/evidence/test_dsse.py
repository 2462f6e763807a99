"""Envelopes are those of the specification: another implementation verifies them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer._key import Key, SSlibKey

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.dsse import Envelope, pre_authentication, read_envelope
from reach_workbench.evidence.statement import PAYLOAD_TYPE, Statement, read_statement
from reach_workbench.keys.ed25519 import SigningKey, verify

FIRST, SECOND, THIRD = (SigningKey.from_seed(bytes([number]) * 32) for number in range(3))
STATEMENT = Statement({"b": "0" * 64, "a": "f" * 64}, "https://example.org/run/v1", {"run": "1"})
KEYS = {key.id: partial(verify, key.public) for key in (FIRST, SECOND, THIRD)}


def envelope() -> Envelope:
    signed = Envelope(PAYLOAD_TYPE, STATEMENT.to_json()).signed(FIRST.id, FIRST.sign)
    return signed.signed(SECOND.id, SECOND.sign)


def test_what_is_signed_is_the_example_of_the_specification() -> None:
    text = pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert text == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_another_implementation_verifies_both_signatures() -> None:
    others: list[Key] = [
        SSlibKey(key.id, "ed25519", "ed25519", {"public": key.public.hex()}) for key in (FIRST, SECOND, THIRD)
    ]
    found = OtherEnvelope.from_dict(json.loads(envelope().to_json())).verify(others, 2)
    assert set(found) == {FIRST.id, SECOND.id}


def test_an_envelope_reads_back_and_names_its_signers() -> None:
    read = read_envelope(envelope().to_json())
    assert read == envelope()
    assert read.signers(KEYS) == {FIRST.id, SECOND.id}
    assert read_statement(read.payload) == STATEMENT


def test_url_safe_base64_is_read_too() -> None:
    written = json.loads(envelope().to_json())
    written["payload"] = urlsafe_b64encode(STATEMENT.to_json()).decode()
    assert read_envelope(json.dumps(written).encode()) == envelope()


@given(st.data())
def test_a_changed_payload_or_type_has_no_signers(data: st.DataObject) -> None:
    payload = STATEMENT.to_json()
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
    assert not Envelope(PAYLOAD_TYPE, changed, envelope().signatures).signers(KEYS)
    assert not Envelope(PAYLOAD_TYPE + "x", payload, envelope().signatures).signers(KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        "{}",
        '{"payload": "", "payloadType": "t", "signatures": []}',
        '{"payload": "", "payloadType": "t", "signatures": [{"keyid": "k"}]}',
        '{"payload": "", "payloadType": "t", "signatures": [{"keyid": 1, "sig": ""}]}',
        '{"payload": "?", "payloadType": "t", "signatures": [{"sig": ""}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(EvidenceDamaged):
        read_envelope(text.encode())


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"subject": []},
        {"subject": [{"name": "a", "digest": {"sha256": "F" * 64}}]},
        {"subject": [{"name": "a", "digest": {"sha256": "f" * 64}}] * 2},
        {"predicate": []},
        {"predicateType": None},
    ],
)
def test_what_is_no_statement_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(EvidenceDamaged):
        read_statement(json.dumps(json.loads(STATEMENT.to_json()) | change).encode())
