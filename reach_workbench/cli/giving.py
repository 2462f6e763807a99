"""The secrets that a run is given: those of the command line, then the environment's, then those that are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from reach_workbench.cli.declared import given_to
from reach_workbench.cli.reading import has_secret_variables, read_secrets
from reach_workbench.cli.session import Session
from reach_workbench.engine.values import Json
from reach_workbench.errors import SecretsMissing

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node

Result = TypeVar("Result")

FILES: Final = ("keys.sealed", "keys.names")
"""What a home has once it keeps anything; a test holds it against the key store's, which few commands need."""


def are_kept(session: Session) -> bool:
    """Whether this home may keep a secret. Without any this costs two looks at a file."""
    return any((session.settings.home / file).exists() for file in FILES)


def secrets_for(session: Session, given: Sequence[str], declared: Callable[[], Collection[str]]) -> dict[str, Json]:
    """Secrets by name for a new run: `given` are NAME=VALUE words, `declared` tells what the document declares.

    Raises UsageError, and what the key store raises when it has one of them and can't be unlocked.
    """
    if not has_secret_variables() and not are_kept(session):
        return read_secrets(given)
    names = declared()
    secrets = read_secrets(given, names)
    return secrets | kept(session, [name for name in names if name not in secrets])


def kept(session: Session, names: Collection[str]) -> dict[str, Json]:
    """Those of the names that are kept, unlocked."""
    if not names or not are_kept(session):
        return {}
    from reach_workbench.cli.unlocking import key_store

    store = key_store(session)
    return {name: store.secret(name) for name in store.secret_names() if name in names}


async def with_secrets(
    session: Session,
    node: Node,
    run: str,
    given: Sequence[str],
    ask: Callable[[dict[str, Json]], Awaitable[Result]],
) -> Result:
    """What `ask` gives with the secrets of a run that exists.

    Kept ones are only looked up when the node says that it lacks some: one that has them already need not make
    anybody unlock them for every step.
    """
    secrets = read_secrets(given, await given_to(node, run) if has_secret_variables() else ())
    try:
        return await ask(secrets)
    except SecretsMissing:
        more = kept(session, [name for name in await given_to(node, run) if name not in secrets])
        if not more:
            raise
        return await ask(secrets | more)
