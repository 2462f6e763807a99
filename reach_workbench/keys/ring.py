"""The operating system's keyring, under a limit of time: what it holds, and in a file beside the home's database
the names of the entries, since a keyring can't list them and may ask a person before it answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reach_workbench.clock import Clock
from reach_workbench.errors import KeysDamaged, KeysLocked, KeysUnavailable
from reach_workbench.keys.privacy import read_private, remove_private, rename_private, write_private

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

Result = TypeVar("Result")

NAMES: Final = "keys.names"
MOVING: Final = "keys.moving"
"""The names while entries are moved into the keyring or out of it, in the form of the other file."""

_FORMAT: Final = b"reach-names-1"
_INSTEAD: Final = "REACH_KEYS_BACKEND=file keeps keys in a sealed file instead"
_OUT: Final = "`reach key move file` takes the keys of this home out of it then"

_MEETING: Final = 10.0
"""Seconds that finding the keyring may take at most: nobody is asked for anything yet."""

_PATIENCE: Final = 2.0
"""Seconds after which whoever waits is told for what."""

Waiting = Callable[[float], AbstractContextManager[None]]
"""Entered while the keyring keeps somebody waiting, with the number of seconds that it may take at most."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The service under which a keyring holds the entries of one home, and their names."""

    service: str
    names: tuple[str, ...]


class Ring:
    """The entries of one home, a text each, in the keyring. The keyring is met when it is first needed."""

    def __init__(self, home: Path, clock: Clock, seconds: float, waiting: Waiting | None = None) -> None:
        self.file: Final = home / NAMES
        self._moving: Final = home / MOVING
        self._clock = clock
        self._seconds = seconds
        self._waiting = waiting
        self._backend: KeyringBackend | None = None
        self._pending: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        """Whether this home keeps anything in a keyring."""
        return self.file.exists()

    def is_fit(self) -> bool:
        """Whether there is a keyring that keeps secrets as such.

        Raises KeysUnavailable when it fails or does not answer.
        """
        return self._found() is not None

    def ready(self) -> None:
        """Meet the keyring; raises KeysUnavailable when there is none that is fit."""
        self._fit()

    def names(self) -> tuple[str, ...]:
        """The names of all entries, without asking the keyring; raises KeysDamaged, KeysUnavailable."""
        return self._read().names

    def get(self, name: str) -> str | None:
        """An entry; raises KeysLocked, KeysUnavailable, KeysDamaged when the keyring has lost it."""
        known = self._read()
        if name not in known.names:
            return None
        backend = self._fit()
        value = self._asked("give", lambda: backend.get_password(known.service, name))
        if value is None:
            raise KeysDamaged(
                f"the keyring no longer has {name!r} of this home", where=str(self.file), hint=self._lost(name)
            )
        if not isinstance(value, str):
            raise KeysDamaged(
                f"the keyring gives no text for {name!r} of this home", where=str(self.file), hint=self._lost(name)
            )
        return value

    def _lost(self, name: str) -> str:
        kind, _, own = name.partition("/")
        if kind == "node":
            return f"restore the keyring; where it is lost for good, move {self.file.name} away to begin with new keys"
        made = f"`reach key delete {own}`" if kind == "key" else f"`reach secret remove {own}`"
        return f"restore the keyring, or begin anew: {made}"

    def put(self, name: str, value: str) -> None:
        """Add or replace an entry. The caller holds the lock. Raises as `get`."""
        known = self._read()
        backend = self._fit()
        self._asked("keep", lambda: backend.set_password(known.service, name, value), value)
        self._write(_Names(known.service, tuple(sorted({*known.names, name}))))

    def drop(self, name: str) -> None:
        """Take an entry away. The caller holds the lock. Raises as `get`."""
        known = self._read()
        if name not in known.names:
            return
        backend = self._fit()
        if self._asked("give", lambda: backend.get_password(known.service, name)) is not None:
            self._asked("delete", lambda: backend.delete_password(known.service, name))
        self._write(_Names(known.service, tuple(each for each in known.names if each != name)))

    def entries(self) -> dict[str, str]:
        """All entries; raises as `get`."""
        found: dict[str, str] = {}
        for name in self.names():
            text = self.get(name)
            assert text is not None, "it is among the names"
            found[name] = text
        return found

    def adopt(self, entries: Mapping[str, str]) -> None:
        """Take entries over from elsewhere, besides those that are here. The caller holds the lock. Raises as `get`.

        Until all of them were given back by the keyring as they are, nothing here tells of any of them.
        """
        known = self._read(self.file if self.begun else self._moving)
        backend = self._fit()
        names = _Names(known.service, tuple(sorted({*known.names, *entries})))
        write_private(self._moving, _written(names))
        for name, value in entries.items():
            self._asked("keep", partial(backend.set_password, known.service, name, value), value)
        for name, value in entries.items():
            if self._asked("give", partial(backend.get_password, known.service, name)) != value:
                raise gives_something_else(name)
        rename_private(self._moving, self.file)

    def clear(self) -> None:
        """Forget all entries, and what a move that was cut off left here. The caller holds the lock. Raises as `get`.

        First nothing tells of them any more, then they are deleted: a move that is cut off in between can be repeated.
        """
        if not self.is_left:
            return
        backend = self._fit()
        left = self._read(self._moving)
        if self.begun:
            known = self._read()
            if self._moving.exists() and left.service != known.service:
                self._delete(backend, left)
                left = known
            left = _Names(known.service, tuple(sorted({*known.names, *left.names})))
            write_private(self._moving, _written(left))
            remove_private(self.file)
        self._delete(backend, left)
        remove_private(self._moving)

    @property
    def is_left(self) -> bool:
        """Whether the keyring has entries of this home, or may have some that a move left there."""
        return self.begun or self._moving.exists()

    def _delete(self, backend: KeyringBackend, names: _Names) -> None:
        for name in names.names:
            if self._asked("give", partial(backend.get_password, names.service, name)) is not None:
                self._asked("delete", partial(backend.delete_password, names.service, name))

    def _read(self, file: Path | None = None) -> _Names:
        file = file or self.file
        data = read_private(file)
        if data is None:
            return _Names(f"reach-workbench {self._clock.entropy(8).hex()}", ())
        try:
            parts: Any = json.loads(data.partition(b"\n")[2])
            found = _Names(str(parts["service"]), tuple(map(str, parts["names"])))
            if data != _written(found):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KeysDamaged(
                "the file that names what the keyring holds is damaged",
                where=str(file),
                hint="it was left untouched: restore it from a backup, or move it away to begin with new keys",
            ) from None
        return found

    def _write(self, names: _Names) -> None:
        write_private(self.file, _written(names))

    def _fit(self) -> KeyringBackend:
        found = self._found()
        if found is None:
            raise KeysUnavailable(
                "there is no keyring here that keeps secrets as such",
                where=str(self.file) if self.begun else None,
                hint="this home's keys are in a keyring: start or install it again"
                if self.begun
                else f"start or install one; {_INSTEAD}",
            )
        return found

    def _found(self) -> KeyringBackend | None:
        if self._backend is None:
            self._backend = self._asked("start", _backend, most=_MEETING)
        return self._backend

    def _further(self) -> str:
        """What else a person may do: a home that keeps keys here would begin with others in a file."""
        return _OUT if self.begun else _INSTEAD

    def _asked(self, verb: str, question: Callable[[], Result], secret: str = "", most: float = float("inf")) -> Result:
        """The keyring's answer, given up after the time allowed. `secret` must not show in an error."""
        seconds = min(self._seconds, most)
        if self._pending is not None and self._pending.is_alive():
            raise _no_answer(seconds, self._further())  # another thread would wait as this one still does
        answers: list[Result] = []
        failures: list[BaseException] = []

        def ask() -> None:
            try:
                answers.append(question())
            except BaseException as wrong:  # whatever a backend raises belongs to the thread that waits
                failures.append(wrong)

        self._pending = threading.Thread(target=ask, name="keyring", daemon=True)
        self._pending.start()
        self._pending.join(min(seconds, _PATIENCE))
        if self._pending.is_alive() and seconds > _PATIENCE:
            with self._waiting(seconds) if self._waiting is not None else nullcontext():
                self._pending.join(seconds - _PATIENCE)
        if answers:
            return answers[0]
        if failures:
            raise _refused(verb, failures[0], secret, self._further()) from None
        raise _no_answer(seconds, self._further())


def _backend() -> KeyringBackend | None:
    """The platform's keyring, None when it has none, or none but such as keep text as it is."""
    import keyring

    found = keyring.get_keyring()
    for each in getattr(found, "backends", None) or (found,):  # a chain has several
        if not _is_unfit(each):
            return each
    return None


def _is_unfit(backend: object) -> bool:
    """Those that fail or keep nothing, and those of keyrings.alt, which keep text plain or ask by themselves."""
    places = [each.__module__ for each in type(backend).__mro__]
    return any(
        place in ("keyring.backends.fail", "keyring.backends.null") or place.split(".")[:2] == ["keyrings", "alt"]
        for place in places
    )


def gives_something_else(name: str) -> KeysUnavailable:
    """What to raise when an entry that was just kept does not read back."""
    return KeysUnavailable(
        f"the keyring says that it keeps {name!r}, and gives back something else",
        hint="nothing was changed; look after the keyring",
    )


def _no_answer(seconds: float, further: str) -> KeysUnavailable:
    return KeysUnavailable(
        f"the keyring did not answer within {seconds:g} seconds (setting 'keys.wait_seconds')",
        hint=f"look for its dialog, or unlock it first; {further}",
    )


def _refused(verb: str, wrong: BaseException, secret: str, further: str) -> KeysLocked | KeysUnavailable:
    from keyring.errors import KeyringLocked

    if isinstance(wrong, KeyringLocked):
        return KeysLocked("the keyring is locked", hint=f"unlock it, then try again; {further}")
    reason = f"{type(wrong).__name__}: {wrong}"
    if secret and secret in reason:
        reason = type(wrong).__name__
    return KeysUnavailable(f"the keyring can't {verb} it: {reason}", hint=f"look after the keyring; {further}")


def _written(names: _Names) -> bytes:
    line = json.dumps({"service": names.service, "names": names.names}).encode()
    return b"%b %b\n%b\n" % (_FORMAT, sha256(line).hexdigest().encode(), line)
