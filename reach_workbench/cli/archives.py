"""A word that names a run or the file of an exported one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reach_workbench.cli.session import Session
from reach_workbench.errors import NotFound

if TYPE_CHECKING:
    from reach_workbench.protocol.node import Node


def is_file(word: str) -> bool:
    """Whether a word means a file rather than a run: it is the name of one, with a dot or a slash."""
    return ("." in word or "/" in word) and Path(word).is_file()


def missing_file(word: str) -> NotFound | None:
    """The error for a word that names neither a run nor a file, when it looks like a file's name."""
    if "/" in word or "." in word:
        return NotFound(f"there is no file {word}", hint="check the name")
    return None


@asynccontextmanager
async def run_or_archive(session: Session, word: str) -> AsyncIterator[tuple[Node, str, bool]]:
    """A node that can look at it, its name there, and whether it is an archive.

    A file's name with a dot or a slash is that of an archive; any other is a run's first. An
    archive is read without the home, so that one from elsewhere can be proved anywhere.
    """
    if is_file(word):
        async with _archive(session, word) as found:
            yield found
        return
    async with session.reading() as node:
        try:
            await node.run(word)
        except NotFound as missing:
            if not Path(word).is_file():
                raise missing_file(word) or missing from None
        else:
            yield node, word, False
            return
    async with _archive(session, word) as found:
        yield found


@asynccontextmanager
async def _archive(session: Session, word: str) -> AsyncIterator[tuple[Node, str, bool]]:
    from reach_workbench.node.local import LocalNode

    with TemporaryDirectory(prefix="reach-") as nowhere:
        node = await LocalNode.open(replace(session.settings, home=Path(nowhere)), write=False)
        try:
            yield node, str(Path(word).resolve()), True
        finally:
            await node.close()
