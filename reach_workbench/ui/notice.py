"""Notices of the terminal itself, for a person who looks elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reach_workbench.protocol.gates import GateView
from reach_workbench.ui.visible import visible

_BELL: Final = "\a"
_MOST: Final = 200


def notice(title: str, text: str, *, multiplexed: bool = False) -> str:
    """What a terminal is told: OSC 9 (iTerm2, Windows Terminal, …) and OSC 777 (urxvt, foot, …).

    `multiplexed` hands both through tmux, which passes them on where `allow-passthrough` is on.
    """
    title, text = _safe(title), _safe(text)
    sequences = [f"\x1b]9;{title}: {text}{_BELL}", f"\x1b]777;notify;{title};{text}{_BELL}"]
    if multiplexed:
        sequences = ["\x1bPtmux;" + each.replace("\x1b", "\x1b\x1b") + "\x1b\\" for each in sequences]
    return "".join(sequences)


def announced(gates: Sequence[GateView]) -> tuple[str, str]:
    """A title and a line that tell of actions which have come to wait."""
    first = gates[0]
    what = f"{visible(first.kind)} of {visible(first.workflow)}"
    if len(gates) > 1:
        return f"{len(gates):,} actions wait for approval", f"The first: {what}"
    risk = ", its risk is high" if first.terms.risk == "high" else ""
    return "An action waits for approval", f"{what}, asked for by {visible(first.requester)}{risk}"


def _safe(text: str) -> str:
    """Nothing in it ends the sequence, begins another field or acts on the terminal."""
    return "".join(char if char.isprintable() and char != ";" else " " for char in text)[:_MOST]
