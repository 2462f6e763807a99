"""Ed25519 signatures (RFC 8032) and the two names of a key: its id and its hash in signed notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

SEED_SIZE = 32
PUBLIC_SIZE = 32


def key_id(public: bytes) -> str:
    """The id of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def note_key_hash(name: str, public: bytes) -> bytes:
    """The four bytes that name a key on a signature line (C2SP signed-note, type 1 is Ed25519)."""
    return sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def is_public_key(public: bytes) -> bool:
    """Whether these bytes are a point that some seed leads to: neither malformed nor of small order."""
    from nacl.bindings import crypto_core_ed25519_is_valid_point

    return len(public) == PUBLIC_SIZE and bool(crypto_core_ed25519_is_valid_point(public))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key's owner signed the message. Anything malformed is no signature."""
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(public).verify(message, signature)
    except (CryptoError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign, made from 32 bytes of chance. Its seed never shows in a repr."""

    seed: bytes = field(repr=False)
    public: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a seed; ValueError if it does not have 32 bytes."""
        from nacl.signing import SigningKey as Signer

        if len(seed) != SEED_SIZE:
            raise ValueError(f"a seed has {SEED_SIZE} bytes")
        return cls(seed, bytes(Signer(seed).verify_key))

    @property
    def id(self) -> str:
        return key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        from nacl.signing import SigningKey as Signer

        return bytes(Signer(self.seed).sign(message).signature)
