"""Themes: dark, light, and those that use the terminal's own colours first; then the rest of Textual's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_FIRST: Final = {
    "textual-dark": "dark",
    "textual-light": "light",
    "ansi-dark": "the terminal's own colours, dark",
    "ansi-light": "the terminal's own colours, light",
}


def choices(now: str, available: Iterable[str]) -> list[tuple[str, str]]:
    """(name, label) pairs for the dialog; the theme in force is marked."""
    names = [*_FIRST, *sorted(set(available) - {*_FIRST, "textual-ansi"})]
    return [(name, f"{_FIRST.get(name, name)}{'  (now)' if name == now else ''}") for name in names]
