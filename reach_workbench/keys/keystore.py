"""Where the keys of a home live, and the secrets its workflows are given: the keyring, or a sealed file without one."""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from reach_workbench.clock import Clock
from reach_workbench.errors import BadInput, KeyMissing, KeysDamaged, UsageError
from reach_workbench.keys.ed25519 import SEED_SIZE, SigningKey
from reach_workbench.keys.privacy import locked
from reach_workbench.keys.ring import Ring, Waiting, gives_something_else
from reach_workbench.keys.sealed import SEALED, SealedFile
from reach_workbench.settings import Keys

Json = Any

Place = Literal["keyring", "file"]

PASSPHRASE: Final = "REACH_PASSPHRASE"
NEW_PASSPHRASE: Final = "REACH_NEW_PASSPHRASE"
LOCK: Final = "keys.lock"

NAME_LENGTH: Final = 128

_NODE: Final = "node"
_NEXT: Final = "node/next"
_KEY: Final = "key/"
_SECRET: Final = "secret/"
"""What entries are called. A person may be called `node`: the node's own key is not among theirs, nor is the one that
is about to take its place."""


class KeyStore:
    """The keys and kept secrets of one home. Safe for use by several threads, and by several processes.

    Nothing is touched when it is opened; the names can be had without unlocking anything. Every
    method raises KeysUnavailable, KeysLocked or KeysDamaged when the keyring or the file is such.
    Methods may wait for a keyring or a passphrase: call them in `keys.aside` of an event loop.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        passphrase: Callable[[], str | None],
        settings: Keys,
        waiting: Waiting | None = None,
    ) -> None:
        if settings.backend not in ("", "keyring", "file"):
            raise BadInput(f"setting 'keys.backend' is keyring, file or empty, not {settings.backend!r}")
        self._clock = clock
        self._backend = settings.backend
        self._seconds = settings.wait_seconds
        self._lock_file = home / LOCK
        self._ring = Ring(home, clock, settings.wait_seconds, waiting)
        self._sealed = SealedFile(home, clock, passphrase)
        self._held = threading.RLock()
        self._keys: dict[str, SigningKey] = {}

    @classmethod
    def open(
        cls,
        home: Path,
        clock: Clock,
        *,
        passphrase: Callable[[], str | None] | None = None,
        settings: Keys | None = None,
        waiting: Waiting | None = None,
    ) -> KeyStore:
        """The keys of `home`, as `settings` say. `waiting` is entered while a keyring lets one wait.

        The passphrase of a sealed file is REACH_PASSPHRASE; without it, `passphrase` is called,
        which may ask a person and returns None when it can't. `is_new` says whether it is to be chosen.
        """

        def words() -> str | None:
            return os.environ.get(PASSPHRASE) or (passphrase() if passphrase is not None else None)

        return cls(home, clock, words, settings or Keys(), waiting)

    @property
    def is_new(self) -> bool:
        """Whether no sealed file exists yet, so that a passphrase asked for is one to be chosen."""
        return not self._sealed.file.exists()

    @property
    def place(self) -> str:
        """Where entries are kept, for people: the keyring, or the name of the sealed file."""
        return "the keyring" if self._vault() is self._ring else SEALED

    def node_key(self, id: str | None = None) -> SigningKey:
        """The node's own key, made when it is first asked for.

        With an id that one, which is about to take the other's place or has done so since this was last asked. Raises
        KeysDamaged when it is not here.
        """
        if id is not None:
            return self._node_key_with(id)
        try:
            return self._key(_NODE)
        except KeyMissing:
            return self._made(_NODE, anew=False)

    def _node_key_with(self, id: str) -> SigningKey:
        with self._held:
            known = self._keys.get(_NODE)
            if known is not None and known.id == id:
                return known
            wrong = _other(id)
            for entry in (_NODE, _NEXT):
                self._keys.pop(entry, None)
                try:
                    key = self._key(entry)
                except KeyMissing:
                    continue
                except KeysDamaged as damaged:
                    wrong = damaged  # the other may be whole
                    continue
                if key.id == id:
                    return key
            raise wrong

    def ready(self) -> None:
        """See that the node has a key, and unlock what it is in, so that nothing need be asked for later."""
        vault = self._vault()
        vault.ready()
        if _NODE not in vault.names():
            self.node_key()

    @contextmanager
    def rotating(self) -> Iterator[Rotating]:
        """Change the node's key, while no other process changes what is kept here."""
        self.ready()
        with self._changing():
            yield Rotating(self)

    def change_passphrase(self, choose: Callable[[], str]) -> None:
        """Let another passphrase open the sealed file: `choose` gives it once the file was opened.

        Raises UsageError when nothing is sealed, KeysLocked, KeysDamaged or KeysUnavailable.
        """
        if self.is_new or self._vault() is not self._sealed:
            raise UsageError(
                "no passphrase seals the keys of this home"
                + (": they are in the keyring" if self._ring.begun else ": it has none yet"),
                hint="`reach key move file` moves them into a sealed file" if self._ring.begun else None,
            )
        self._sealed.ready()
        passphrase = choose()
        with self._changing():
            self._sealed.reseal(passphrase)

    def move(self, place: Place) -> tuple[str, ...]:
        """Move all that is kept to the keyring or to the sealed file; the names of the entries.

        What is there already stays. The other place is emptied once everything was read back from this one; cut off
        before, the move can be repeated. Raises UsageError when nothing is to be moved, when the setting names the
        other place, or when both places have an entry of one name and they are not the same.
        """
        target, source = (self._ring, self._sealed) if place == "keyring" else (self._sealed, self._ring)
        if self._backend and self._backend != place:
            raise UsageError(
                f"the setting 'keys.backend' says {self._backend}, where nothing would be then",
                hint=f"take it out, or say {place} (REACH_KEYS_BACKEND, or config.json)",
            )
        left = self._ring.is_left if source is self._ring else not self.is_new
        if not left:
            here = self._ring.begun or not self.is_new
            raise UsageError(
                f"the keys of this home are in {self.place} already" if here else "this home keeps no keys yet"
            )
        self._ring.ready()
        self._sealed.ready()
        with self._held, locked(self._lock_file, self._clock, self._seconds):
            entries, known = source.entries(), target.entries()
            if unlike := sorted(name for name in entries.keys() & known.keys() if entries[name] != known[name]):
                raise UsageError(
                    f"the keyring and {SEALED} both have {_called(unlike[0])}, and they are not the same",
                    hint="nothing was moved: delete the one that is not wanted, under REACH_KEYS_BACKEND",
                )
            if entries:
                target.adopt(entries)
            source.clear()
            self._keys.clear()
            return tuple(sorted({*entries, *known}))

    def _next_node_key(self, id: str | None) -> tuple[SigningKey, SigningKey]:
        vault, before = self._vault(), self.node_key(id)
        if vault.get(_NODE) != b64encode(before.seed).decode():
            self._promote()  # a change was cut off after the node had recorded it
        seed = self._clock.entropy(SEED_SIZE)
        self._keys.pop(_NEXT, None)
        _put_and_read(vault, _NEXT, b64encode(seed).decode())
        return before, SigningKey.from_seed(seed)

    def _promote(self) -> None:
        vault = self._vault()
        text = vault.get(_NEXT)
        if text is None:
            raise _missing(_NEXT)
        _put_and_read(vault, _NODE, text)
        vault.drop(_NEXT)
        for entry in (_NODE, _NEXT):
            self._keys.pop(entry, None)

    def signing_key(self, name: str) -> SigningKey:
        """A person's key; raises KeyMissing."""
        return self._key(_KEY + _checked(name))

    def create(self, name: str) -> SigningKey:
        """Make a person's key; raises UsageError when there is one of that name already."""
        return self._made(_KEY + _checked(name), anew=True)

    def names(self) -> tuple[str, ...]:
        """The names of the persons' keys, without unlocking anything."""
        return self._named(_KEY)

    def delete(self, name: str) -> None:
        """Delete a person's key for good; raises KeyMissing."""
        self._dropped(_KEY + _checked(name))

    def secret(self, name: str) -> Json:
        """The value of a kept secret; raises KeyMissing."""
        entry = _SECRET + _checked(name)
        with self._held:
            text = self._vault().get(entry)
        if text is None:
            raise _missing(entry)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise _unreadable(entry) from None

    def keep_secret(self, name: str, value: Json) -> None:
        """Keep a secret's value, any JSON, in place of one of that name."""
        entry = _SECRET + _checked(name)
        text = json.dumps(value, allow_nan=False)
        with self._changing():
            self._vault().put(entry, text)

    def secret_names(self) -> tuple[str, ...]:
        """The names of the kept secrets, without unlocking anything."""
        return self._named(_SECRET)

    def drop_secret(self, name: str) -> None:
        """Forget a secret; raises KeyMissing."""
        self._dropped(_SECRET + _checked(name))

    def _vault(self) -> Ring | SealedFile:
        """Where this home's entries are. One that has begun somewhere stays there: keys must not seem to vanish."""
        if self._backend == "keyring" or (not self._backend and self._ring.begun):
            return self._ring
        if self._backend == "file" or self._sealed.file.exists():
            return self._sealed
        return self._ring if self._ring.is_fit() else self._sealed

    def _named(self, prefix: str) -> tuple[str, ...]:
        """No lock is waited for: who holds it may be waiting for the keyring, and a screen asks this."""
        if not self._ring.begun and self.is_new:
            return ()  # nothing was ever kept: no need to meet the keyring
        return tuple(each.removeprefix(prefix) for each in self._vault().names() if each.startswith(prefix))

    def _key(self, entry: str) -> SigningKey:
        with self._held:
            if entry not in self._keys:
                if not self._ring.begun and self.is_new:
                    raise _missing(entry)
                text = self._vault().get(entry)
                if text is None:
                    raise _missing(entry)
                self._keys[entry] = _of(entry, text)
            return self._keys[entry]

    def _made(self, entry: str, *, anew: bool) -> SigningKey:
        with self._changing():
            vault = self._vault()
            if entry in vault.names():
                if anew:
                    raise UsageError(
                        f"there is already a key {entry.removeprefix(_KEY)!r}",
                        hint="choose another name, or delete it first: what it signed stays valid",
                    )
                return self._key(entry)  # another process was faster
            seed = self._clock.entropy(SEED_SIZE)
            vault.put(entry, b64encode(seed).decode())
            self._keys[entry] = SigningKey.from_seed(seed)
            return self._keys[entry]

    def _dropped(self, entry: str) -> None:
        if not self._ring.begun and self.is_new:
            raise _missing(entry)
        with self._changing():
            vault = self._vault()
            if entry not in vault.names():
                raise _missing(entry)
            vault.drop(entry)
            self._keys.pop(entry, None)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._held:
            self._vault().ready()  # asks whom it must before other processes have to wait
            with locked(self._lock_file, self._clock, self._seconds):
                yield


class Rotating:
    """A change of the node's key, in the order that loses neither whatever cuts it off (`KeyStore.rotating`)."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def begin(self, id: str | None) -> tuple[SigningKey, SigningKey]:
        """The node's key, which has this id by its audit log if it was ever changed, and a new one kept beside it."""
        return self._store._next_node_key(id)

    def finish(self) -> None:
        """Put the new key in the place of the other, which is gone then; once the node has recorded the change."""
        self._store._promote()


def _called(entry: str) -> str:
    if entry.startswith(_SECRET):
        return f"a secret {entry.removeprefix(_SECRET)!r}"
    return f"a key {entry.removeprefix(_KEY)!r}" if entry.startswith(_KEY) else "a key of the node"


def _put_and_read(vault: Ring | SealedFile, entry: str, text: str) -> None:
    """Keep an entry; raises KeysUnavailable when it does not read back."""
    vault.put(entry, text)
    if vault.get(entry) != text:
        raise gives_something_else(entry)


def _other(id: str) -> KeysDamaged:
    return KeysDamaged(
        f"the node's key {id}, which its audit log tells of, is not among the keys of this home",
        hint="bring back the keyring or keys.sealed as it was since the key was changed",
    )


def _checked(name: str) -> str:
    """The name, if it can be one: it is shown to people and handed to keyrings."""
    if not name or len(name) > NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise UsageError(
            f"{name!r} can't be the name of a key or a secret",
            hint=f"one to {NAME_LENGTH} characters that show, without spaces at its ends",
        )
    return name


def _of(entry: str, text: str) -> SigningKey:
    try:
        return SigningKey.from_seed(b64decode(text, validate=True))
    except ValueError:
        raise _unreadable(entry) from None


def _missing(entry: str) -> KeyMissing:
    kind, name = (
        ("secret", entry.removeprefix(_SECRET)) if entry.startswith(_SECRET) else ("key", entry.removeprefix(_KEY))
    )
    hint = f"`reach secret set {name}` keeps one" if kind == "secret" else f"`reach key new {name}` makes one"
    return KeyMissing(f"there is no {kind} {name!r}", hint=hint)


def _unreadable(entry: str) -> KeysDamaged:
    if entry in (_NODE, _NEXT):
        hint = "restore the keyring, or keys.sealed, from a backup"
    elif entry.startswith(_KEY):
        hint = f"delete it and make a new one: `reach key delete {entry.removeprefix(_KEY)}`"
    else:
        hint = f"keep it anew: `reach secret set {entry.removeprefix(_SECRET)}`"
    return KeysDamaged(f"what is kept for {entry!r} is not what was written", hint=hint)
