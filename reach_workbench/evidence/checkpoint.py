"""Signed checkpoints of a tree, as the notes that transparency logs publish (C2SP tlog-checkpoint and signed-note).

A checkpoint says: at this size the tree of this origin had this root. The note is text:

    origin
    size in decimal
    root in base64

    — key-name base64(key hash and signature)

The signature covers the lines before the empty one, with their line ends.
"""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass

from reach_workbench.errors import EvidenceDamaged
from reach_workbench.evidence.merkle import HASH_SIZE

KEY_HASH_SIZE = 4
_MARK = "\N{EM DASH} "
_MAX_NOTE = 64 * 1024
_MAX_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A size and the root at that size, in the name of an origin. `extensions` are further signed lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """What is signed; ValueError when the parts can't be written so that they read back the same."""
        text = "\n".join((self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions, ""))
        try:
            readable = _body(text) == self
        except EvidenceDamaged as error:
            raise ValueError(error.message) from error
        if not readable:
            raise ValueError("an origin and an extension are each one line")
        return text


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line. The key hash only hints at the key: the signature itself must be verified."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint as it was read, with the exact bytes that were signed."""

    checkpoint: Checkpoint
    signed: bytes
    signatures: tuple[NoteSignature, ...]

    def signed_by(self, name: str, key_hash: bytes, verify: Callable[[bytes, bytes], bool]) -> bool:
        """Whether the key of this name and hash signed it: `verify(message, signature)` knows the public key.

        Lines of other keys are passed over; every line that claims this key must be right.
        """
        own = [each.signature for each in self.signatures if (each.name, each.key_hash) == (name, key_hash)]
        return bool(own) and all(verify(self.signed, signature) for signature in own)


def sign_checkpoint(checkpoint: Checkpoint, name: str, key_hash: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The note of a checkpoint, signed under the key's `name` by `sign(message)`."""
    if not _is_key_name(name):
        raise ValueError("the name of a key is not empty and has neither space nor plus")
    text = checkpoint.text()
    return f"{text}\n{_MARK}{name} {b64encode(key_hash + sign(text.encode())).decode()}\n"


def read_checkpoint(note: str) -> SignedCheckpoint:
    """Take a note apart; raises EvidenceDamaged for whatever is not exactly of the form."""
    if len(note) > _MAX_NOTE:
        raise EvidenceDamaged("the checkpoint is longer than any checkpoint")
    if any(sign != "\n" and unicodedata.category(sign) in ("Cc", "Cs") for sign in note):
        raise EvidenceDamaged("the checkpoint has control characters")
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise EvidenceDamaged("the checkpoint has no signature, or is cut off")
    lines = tail[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise EvidenceDamaged(f"the checkpoint has more than {_MAX_SIGNATURES} signatures")
    text += "\n"
    return SignedCheckpoint(_body(text), text.encode(), tuple(_signature(line) for line in lines))


def _body(text: str) -> Checkpoint:
    origin, *rest = text[:-1].split("\n")
    if len(rest) < 2 or not origin:
        raise EvidenceDamaged("a checkpoint has an origin, a size and a root, each on its line")
    size, root, *extensions = rest
    if not (size.isascii() and size.isdigit()) or len(size) > 19 or (size[0] == "0" and size != "0"):
        raise EvidenceDamaged("the checkpoint's size is no plain decimal number")
    digest = _base64(root, "root")
    if len(digest) != HASH_SIZE:
        raise EvidenceDamaged(f"the checkpoint's root does not have {HASH_SIZE} bytes")
    if not all(extensions):
        raise EvidenceDamaged("the checkpoint has an empty line in its text")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def _signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not space or not _is_key_name(name):
        raise EvidenceDamaged("the checkpoint has a signature line that is none")
    data = _base64(encoded, "signature")
    if len(data) <= KEY_HASH_SIZE:
        raise EvidenceDamaged("the checkpoint has a signature line without a signature")
    return NoteSignature(name, data[:KEY_HASH_SIZE], data[KEY_HASH_SIZE:])


def _base64(text: str, what: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    # One value has one spelling: stray bits in the last character would make two notes of one.
    if not data or b64encode(data).decode() != text:
        raise EvidenceDamaged(f"the checkpoint's {what} is no base64")
    return data


def _is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(sign.isspace() for sign in name)
