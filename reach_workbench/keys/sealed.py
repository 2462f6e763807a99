"""The sealed file: every entry in one SecretBox (XSalsa20-Poly1305) whose key is a passphrase under Argon2id.

Two lines. The first has the format and the SHA-256 of the second, so that a damaged file can be
told from a wrong passphrase. The second is JSON: `ops`, `memory` (bytes) and `salt` of the
derivation, `names` of the entries in plain, so that nothing need be unlocked to learn what is
there, and `box`. The box holds the entries; their names must be those in plain.
"""

from __future__ import annotations

import json
import threading
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from reach_workbench.clock import Clock
from reach_workbench.errors import KeysDamaged, KeysLocked, KeysUnavailable
from reach_workbench.keys.privacy import read_private, remove_private, write_private

SEALED: Final = "keys.sealed"
_FORMAT: Final = b"reach-keys-1"

OPS: int = 3
MEMORY: int = 256 * 1024 * 1024
"""What libsodium calls moderate: half a second and a quarter of a gigabyte for each guess at a passphrase."""

_OPS_MOST: Final = 16
_MEMORY_MOST: Final = 1024 * 1024 * 1024
"""More than this no file of ours asks for: one made up must not exhaust the machine."""

_SALT: Final = 16
_NONCE: Final = 24

_derived: dict[tuple[int, int, bytes], bytes] = {}
"""The key of each salt whose box it has opened in this process: deriving it again would cost as much again."""

_deriving: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class _File:
    ops: int
    memory: int
    salt: bytes
    names: tuple[str, ...]
    box: bytes = field(repr=False)

    @property
    def derivation(self) -> tuple[int, int, bytes]:
        return self.ops, self.memory, self.salt


class SealedFile:
    """The entries of one home, a text each, in a file that its passphrase opens."""

    def __init__(self, home: Path, clock: Clock, passphrase: Callable[[], str | None]) -> None:
        self.file: Final = home / SEALED
        self._clock = clock
        self._passphrase = passphrase
        self._opened: tuple[_File, dict[str, str]] | None = None

    def ready(self) -> None:
        """Unlock what is there, so that nobody need be asked while the lock is held; raises as `get`."""
        found = self._read()
        if found is not None:
            self._entries(found)

    def names(self) -> tuple[str, ...]:
        """The names of all entries, without unlocking anything; raises KeysDamaged, KeysUnavailable."""
        found = self._read()
        return found.names if found is not None else ()

    def get(self, name: str) -> str | None:
        """An entry; raises KeysLocked, KeysDamaged, KeysUnavailable."""
        found = self._read()
        return self._entries(found).get(name) if found is not None and name in found.names else None

    def put(self, name: str, value: str) -> None:
        """Add or replace an entry. The caller holds the lock. Raises as `get`."""
        found = self._read()
        entries = dict(self._entries(found)) if found is not None else {}
        entries[name] = value
        self._write(entries, found)

    def drop(self, name: str) -> None:
        """Take an entry away. The caller holds the lock. Raises as `get`."""
        found = self._read()
        if found is not None and name in found.names:
            entries = dict(self._entries(found))
            del entries[name]
            self._write(entries, found)

    def entries(self) -> dict[str, str]:
        """All entries; raises as `get`."""
        found = self._read()
        return dict(self._entries(found)) if found is not None else {}

    def adopt(self, entries: Mapping[str, str]) -> None:
        """Take entries over from elsewhere, besides those that are here. The caller holds the lock. Raises as `get`.

        Returns once they were read back from the disk.
        """
        whole = {**self.entries(), **entries}
        self._write(whole, self._read())
        self._opened = None
        if self.entries() != whole:
            raise self._damaged()

    def clear(self) -> None:
        """Take the file away. The caller holds the lock. Raises KeysUnavailable."""
        remove_private(self.file)
        self._opened = None

    def reseal(self, passphrase: str) -> None:
        """Let another passphrase open the file. The caller holds the lock. Raises as `get`.

        After a crash the one opens it or the other, and all entries are there.
        """
        found = self._read()
        if found is None:
            return
        entries = self._entries(found)
        derivation = (OPS, MEMORY, self._clock.entropy(_SALT))
        self._seal(entries, derivation, _derive(derivation, passphrase, self.file))

    def _read(self) -> _File | None:
        data = read_private(self.file)
        if data is None:
            return None
        try:
            return _parsed(data)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._damaged() from None

    def _entries(self, found: _File) -> dict[str, str]:
        if self._opened is not None and self._opened[0] == found:
            return self._opened[1]
        key = self._key(found.derivation, found.box)
        opened = _open(key, found.box)
        try:
            entries = json.loads(opened or b"")
            if tuple(sorted(entries)) != found.names or not all(isinstance(each, str) for each in entries.values()):
                raise ValueError
        except (ValueError, AttributeError, TypeError):
            raise self._damaged() from None
        self._opened = found, entries
        return self._opened[1]

    def _write(self, entries: dict[str, str], before: _File | None) -> None:
        if before is not None:
            derivation, key = before.derivation, self._key(before.derivation, before.box)
        else:
            derivation = (OPS, MEMORY, self._clock.entropy(_SALT))
            key = self._key(derivation, None)
        self._seal(entries, derivation, key)

    def _seal(self, entries: dict[str, str], derivation: tuple[int, int, bytes], key: bytes) -> None:
        from nacl.secret import SecretBox

        plain = json.dumps(entries, sort_keys=True).encode()
        box = bytes(SecretBox(key).encrypt(plain, self._clock.entropy(_NONCE)))
        after = _File(*derivation, tuple(sorted(entries)), box)
        write_private(self.file, _written(after))
        _derived[derivation] = key
        self._opened = after, entries

    def _key(self, derivation: tuple[int, int, bytes], box: bytes | None) -> bytes:
        """The key of a derivation, which must open `box` where there is one."""
        with _deriving:
            known = _derived.get(derivation)
            if known is not None and (box is None or _open(known, box) is not None):
                return known
            given = self._passphrase()
            if not given:
                raise KeysLocked(
                    "the keys of this home are sealed, and there is no passphrase"
                    if box is not None
                    else "keys are kept in a sealed file here, and there is no passphrase to seal it with",
                    where=str(self.file),
                    hint="set REACH_PASSPHRASE, or use a terminal, where it is asked for",
                )
            key = _derive(derivation, given, self.file)
            if box is None:
                return key
            if _open(key, box) is None:
                raise KeysLocked(
                    "the passphrase is wrong", where=str(self.file), hint="try again, or see REACH_PASSPHRASE"
                )
            _derived[derivation] = key
            return key

    def _damaged(self) -> KeysDamaged:
        return KeysDamaged(
            "the file of keys is damaged",
            where=str(self.file),
            hint="it was left untouched: restore it from a backup, or move it away to begin with new keys",
        )


def forget() -> None:
    """Drop every derived key of this process: the next use asks for the passphrase again."""
    with _deriving:
        _derived.clear()


def _derive(derivation: tuple[int, int, bytes], passphrase: str, file: Path) -> bytes:
    from nacl.exceptions import CryptoError
    from nacl.pwhash import argon2id

    ops, memory, salt = derivation
    words = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    try:
        return bytes(argon2id.kdf(32, words, salt, ops, memory))
    except (CryptoError, MemoryError):
        raise KeysUnavailable(
            f"there is no memory to unlock the keys: {memory // 2**20} MiB are needed",
            where=str(file),
            hint="end what takes it up, then try again",
        ) from None


def _open(key: bytes, box: bytes) -> bytes | None:
    """What is in a box, None when the key does not open it."""
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        return bytes(SecretBox(key).decrypt(box))
    except (CryptoError, ValueError):
        return None


def _written(found: _File) -> bytes:
    parts = {
        "ops": found.ops,
        "memory": found.memory,
        "salt": b64encode(found.salt).decode(),
        "names": found.names,
        "box": b64encode(found.box).decode(),
    }
    line = json.dumps(parts).encode()
    return b"%b %b\n%b\n" % (_FORMAT, sha256(line).hexdigest().encode(), line)


def _parsed(data: bytes) -> _File:
    """Raises ValueError, KeyError, TypeError for what is not exactly what `_written` wrote."""
    _, _, line = data.partition(b"\n")
    parts: Any = json.loads(line)
    found = _File(
        parts["ops"], parts["memory"], b64decode(parts["salt"]), tuple(parts["names"]), b64decode(parts["box"])
    )
    if data != _written(found) or len(found.salt) != _SALT or len(found.box) <= _NONCE:
        raise ValueError("not as it was written")
    if not (0 < found.ops <= _OPS_MOST and 0 < found.memory <= _MEMORY_MOST):
        raise ValueError("not a derivation of ours")
    return found
