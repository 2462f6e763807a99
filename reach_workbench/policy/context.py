"""The context of a request, worked out only as far as a policy reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.secrets import PLACEHOLDER
from reach_workbench.engine.values import Json
from reach_workbench.policy.actions import ACTIONS
from reach_workbench.policy.wording import text


class Asked(NamedTuple):
    """What a request is about, as it came."""

    kind: Json
    arguments: Json
    run: Json
    workflow: Json
    version: Json
    program: Json
    task: Json
    tenant: Json
    origin: Json = ""


class Record(Mapping[str, Json]):
    """A record whose attributes are read when they are asked for, each once. Never changed."""

    __slots__ = ("_known", "_readers", "_subject")

    def __init__(self, subject: Any, readers: Mapping[str, Callable[[Any], Json]]) -> None:
        self._subject = subject
        self._readers = readers
        self._known: dict[str, Json] = {}

    def __getitem__(self, name: str) -> Json:
        try:
            return self._known[name]
        except KeyError:
            value = self._known[name] = self._readers[name](self._subject)
            return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def __repr__(self) -> str:
        return repr(dict(self))


class Context(Record):
    """The whole context of a request that `request_of` made: all of it is what Cedar can say."""

    __slots__ = ()

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked, _READERS)

    def plain(self) -> dict[str, Json]:
        """All of it as JSON."""
        return {name: dict(part) if isinstance(part, Record) else part for name, part in self.items()}


def digest_of(kind: Json, arguments: Json) -> str:
    """Hex SHA-256 of the canonical JSON of {kind, arguments}; empty for what has no canonical JSON."""
    try:
        return sha256(canonical({"kind": kind, "arguments": arguments})).hexdigest()
    except (TypeError, ValueError, RecursionError):
        return ""


def _secrets(asked: Asked) -> list[str]:
    """The names before the first stroke of each placeholder (see `engine.secrets`), in whatever value it stands."""
    names: set[str] = set()
    waiting = [asked.arguments]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "⟦" in value:
                names.update(found.partition("/")[0] for found in PLACEHOLDER.findall(value))
        elif isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return sorted(text(name.replace("~2", "⟧").replace("~1", "/").replace("~0", "~")) for name in names)


@cache
def _readers_of(kind: str) -> Mapping[str, Callable[[Json], Json]]:
    return {each.attribute.name: each.read for each in ACTIONS[kind].arguments}


def _args(asked: Asked) -> Record:
    return Record(asked.arguments, _readers_of(asked.kind) if asked.kind in ACTIONS else {})


_RUN_READERS: Final[dict[str, Callable[[Asked], Json]]] = {
    "id": lambda asked: text(asked.run),
    "workflow": lambda asked: text(asked.workflow),
    "version": lambda asked: text(asked.version),
    "program": lambda asked: text(asked.program),
    "task": lambda asked: text(asked.task),
    "origin": lambda asked: text(asked.origin),
}

_READERS: Final[dict[str, Callable[[Asked], Json]]] = {
    "args": _args,
    "run": lambda asked: Record(asked, _RUN_READERS),
    "tenant": lambda asked: text(asked.tenant),
    "digest": lambda asked: digest_of(asked.kind, asked.arguments),
    "secrets": _secrets,
}

ATTRIBUTES: Final = frozenset(_READERS)
RUN_ATTRIBUTES: Final = frozenset(_RUN_READERS)
"""What every context has, and the record `run` in it."""
