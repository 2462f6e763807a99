"""The Inbox with what waits in it, and the dialogs of a reviewer, as they look."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ui.debugging import Ticking
from tests.ui.gating import Court, court
from tests.ui.test_reviewing import PAYS
from tests.ui.test_snapshots import still

Go = Callable[[Any], None]

__all__ = ["court", "still"]

SMALL, MIDDLE, WIDE = (80, 24), (120, 36), (160, 45)

SCRIPT = """\
do: [{publish: {run: {shell: {command: "cd site &&\\n  make all\\nrsync -a --delete public/ $1",
  arguments: ['web:/srv site'], environment: {MODE: live}}}}}]"""
DECEPTIVE = 'do: [{clean: {run: {shell: {command: "ls /tmp/gp\\u202ej.exe; rm -rf \\u200b/srv/p\\u0430ges"}}}}]'
CALL = """\
do: [{pay: {call: http, with: {method: post, endpoint: 'https://bank.example/v1/payments',
  headers: {X-Reference: 'R-4711'}, body: {amount: 120, to: ACME}}}}]"""

POLICY = """\
@id("all") permit(principal, action, resource);

@id("hold-shell") @gate("approval") @expires("24h")
@reason("A shell command can do on this machine whatever you can.")
forbid(principal, action == Action::"shell.run", resource);

@id("hold-payments") @gate("approval") @quorum("2") @from("finance") @risk("high") @expires("2h") @otherwise("cancel")
@reason("Money leaves the house.")
forbid(principal, action == Action::"http.call", resource == Host::"bank.example");
"""

CASES: dict[str, tuple[Sequence[str], str]] = {
    "list": ((), "make all"),
    "deceptive": (("down",), "rm -rf ‹U+200B›"),
    "high": (("down", "down"), "POST https://bank.example"),
    "shown": (("enter",), "a  approve"),
    "approve": (("a",), "y signs for exactly this"),
    "approve-high": (("down", "down", "a"), "type the name of its task"),
    "deny": (("x",), "fails with your reason"),
    "edit": (("E",), "^s  save"),
}
"""Keys, and words by which it can be told that all is there."""


@pytest.mark.parametrize("size", [SMALL, MIDDLE, WIDE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", CASES)
def test_looks_as_before(court: Court, go: Go, snapshot: Any, still: None, name: str, size: tuple[int, int]) -> None:
    keys, sign = CASES[name]
    if size == WIDE and name not in ("list", "approve"):
        pytest.skip("a dialog has one size there")
    shown = ""

    async def body() -> None:
        nonlocal shown
        court.policy_file.write_text(POLICY)
        async with court.node(Ticking()) as node:
            for task, text in (("site", SCRIPT), ("tidy", DECEPTIVE), ("bills", CALL)):
                await court.run(node, text, task)
            async with court.desk(node, size, notify_terminal=False) as desk:
                desk.app.header = _named(desk.app.header)
                await desk.until_shown("node · local ◆ 3")
                await desk.press(*keys)
                await desk.until_shown(sign)
                await desk.pilot.pause(0.2)
                desk.app.clear_notifications()
                await desk.pilot.pause(0.05)
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))
                _picture(desk.app, f"inbox-{name}-{size[0]}x{size[1]}")

    go(body)
    assert shown == snapshot


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_form_of_an_approval_step_looks_as_before(
    court: Court, go: Go, snapshot: Any, still: None, size: tuple[int, int]
) -> None:
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with court.node(Ticking()) as node:
            await court.run(node, PAYS, "bills")
            async with court.desk(node, size, notify_terminal=False) as desk:
                desk.app.header = _named(desk.app.header)
                await desk.until_shown("Pay the bill?")
                await desk.press("a")
                await desk.until_shown("form or JSON")
                await desk.pilot.pause(0.1)
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))
                _picture(desk.app, f"inbox-answer-{size[0]}x{size[1]}")

    go(body)
    assert shown == snapshot


DECIDING: dict[str, tuple[Sequence[str], str]] = {
    "delegate": (("D",), "lin  legal"),
    "key": (("a", "y"), "Make a key?"),
    "passphrase": (("a", "y", "m"), "Choose its passphrase"),
}


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", DECIDING)
def test_handing_over_and_unlocking_look_as_before(
    court: Court, go: Go, snapshot: Any, still: None, name: str, size: tuple[int, int]
) -> None:
    keys, sign = DECIDING[name]
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with court.node(Ticking()) as node:
            await court.run(node, SCRIPT, "site")
            await court.add(node, "lin", "legal")
            if name == "passphrase":
                court.passphrase(None)
            async with court.desk(node, size, notify_terminal=False) as desk:
                desk.app.header = _named(desk.app.header)
                await desk.until_shown("node · local ◆ 1")
                for key in keys:
                    await desk.press(key)
                    if key == "a":
                        await desk.until_shown("y signs for exactly this")
                    if key == "y":
                        await desk.until_shown("Make a key?")
                await desk.until_shown(sign)
                desk.app.clear_notifications()
                await desk.pilot.pause(0.1)
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))
                _picture(desk.app, f"inbox-{name}-{size[0]}x{size[1]}")
                await desk.press("escape")

    go(body)
    assert shown == snapshot


def _named(header: Any) -> Any:
    from dataclasses import replace

    return replace(header, node="node")


def _picture(app: Any, name: str) -> None:
    """To be looked at, where PICTURES names a folder."""
    if "PICTURES" in os.environ:
        app.save_screenshot(str(Path(os.environ["PICTURES"]) / f"{name}.svg"))
