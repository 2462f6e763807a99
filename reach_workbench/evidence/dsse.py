"""Signed envelopes (DSSE v1): a payload, its type, and signatures over both. The payload is never parsed unverified."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reach_workbench.errors import EvidenceDamaged


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed (PAE): each part after its length, so that no two pairs give the same bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature. `keyid` only hints at the key and is not signed."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...] = ()

    def signed(self, keyid: str, sign: Callable[[bytes], bytes]) -> Envelope:
        """The same envelope with one more signature, made by `sign(message)`."""
        signature = EnvelopeSignature(keyid, sign(pre_authentication(self.payload_type, self.payload)))
        return Envelope(self.payload_type, self.payload, (*self.signatures, signature))

    def signers(self, keys: Mapping[str, Callable[[bytes, bytes], bool]]) -> frozenset[str]:
        """Which of `keys` (id to `verify(message, signature)`) signed. A key counts once, whatever ids are claimed."""
        message = pre_authentication(self.payload_type, self.payload)
        return frozenset(
            keyid for keyid, verify in keys.items() if any(verify(message, each.sig) for each in self.signatures)
        )

    def to_json(self) -> bytes:
        """The envelope as JSON, in one fixed order."""
        return json.dumps(
            {
                "payload": b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": each.keyid, "sig": b64encode(each.sig).decode()} for each in self.signatures],
            },
            separators=(",", ":"),
        ).encode()


def read_envelope(data: bytes) -> Envelope:
    """Take an envelope apart without believing it; raises EvidenceDamaged when it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EvidenceDamaged("the envelope is no JSON") from error
    match found:
        case {"payload": str(payload), "payloadType": str(kind), "signatures": [_, *_] as signatures}:
            return Envelope(kind, _base64(payload, "payload"), tuple(_signatures(signatures)))
    raise EvidenceDamaged("the envelope lacks its payload, its payloadType or its signatures")


def _signatures(found: Iterable[object]) -> Iterable[EnvelopeSignature]:
    for each in found:
        match each:
            case {"sig": str(sig), "keyid": str(keyid)}:
                yield EnvelopeSignature(keyid, _base64(sig, "signature"))
            case {"sig": str(sig), **rest} if "keyid" not in rest:
                yield EnvelopeSignature("", _base64(sig, "signature"))
            case _:
                raise EvidenceDamaged("the envelope has a signature that is none")


def _base64(text: str, what: str) -> bytes:
    """Standard or URL-safe base64: the specification has readers take both."""
    try:
        return b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError as error:
        raise EvidenceDamaged(f"the envelope's {what} is no base64") from error
