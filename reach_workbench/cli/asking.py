"""Questions on the terminal while a node goes on working: the answer, unless something else comes first."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from reach_workbench.cli.session import Interruption, give_up
from reach_workbench.cli.terminal import Painted, Terminal

_LOOK: Final = 0.5
"""Seconds between two looks at whether the question is still one."""


def can_ask(terminal: Terminal) -> bool:
    """Whether a person sits here: a script's standard input must never answer for one."""
    if terminal.json or sys.stdin is None or not sys.stdin.isatty():
        return False
    from reach_workbench.cli.unlocking import on_terminal  # keys come with it, which few runs need

    return on_terminal()


async def ask_line(
    terminal: Terminal,
    question: str,
    *,
    interruption: Interruption | None = None,
    moot: Callable[[], Awaitable[bool]] | None = None,
) -> str | None:
    """What is typed, without its end of line. None at Ctrl-D, when interrupted, or once the question is `moot`.

    Unlike `input`, it lets the event loop go on: what else the node does must not wait for a person.
    """
    terminal.ask(Painted(question, "bold"))
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    typed: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        if not typed.done():
            typed.set_result(os.read(descriptor, 4096))

    loop.add_reader(descriptor, read)
    others: list[asyncio.Future[Any]] = []
    if interruption is not None:
        others.append(asyncio.ensure_future(interruption.asked.wait()))
    if moot is not None:
        others.append(asyncio.ensure_future(_until(moot)))
    try:
        await asyncio.wait([typed, *others], return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(descriptor)
        for other in others:
            await give_up(other)
    if not typed.done() or not typed.result():
        terminal.say("")  # the line of the question is ended by nobody else
        return None
    return typed.result().decode("utf-8", "replace").strip()


async def _until(moot: Callable[[], Awaitable[bool]]) -> None:
    while not await moot():
        await asyncio.sleep(_LOOK)
