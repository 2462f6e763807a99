"""Signatures and names of keys agree with RFC 8032 and with the signed-note specification."""

from __future__ import annotations

from hashlib import sha256

import pytest

from reach_workbench.keys.ed25519 import SigningKey, key_id, note_key_hash, verify

# RFC 8032, section 7.1, test 1: the empty message.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)


def test_the_vector_of_the_rfc() -> None:
    key = SigningKey.from_seed(SEED)
    assert key.public == PUBLIC
    assert key.sign(b"") == SIGNATURE
    assert verify(PUBLIC, b"", SIGNATURE)


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [(PUBLIC, b"x", SIGNATURE), (PUBLIC, b"", SIGNATURE[:-1]), (PUBLIC, b"", b""), (PUBLIC[:-1], b"", SIGNATURE)],
)
def test_anything_else_is_no_signature(public: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(public, message, signature)


def test_the_names_of_a_key() -> None:
    assert SigningKey.from_seed(SEED).id == key_id(PUBLIC) == sha256(PUBLIC).hexdigest()[:16]
    assert note_key_hash("example", PUBLIC) == sha256(b"example\n\x01" + PUBLIC).digest()[:4]


def test_a_seed_never_shows_and_has_its_size() -> None:
    assert SEED.hex() not in repr(SigningKey.from_seed(SEED)) and repr(SEED) not in repr(SigningKey.from_seed(SEED))
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(b"short")
