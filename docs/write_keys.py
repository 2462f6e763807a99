#!/usr/bin/env python3
"""Write `docs/keys.md` from the key table: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import SCREEN_NAMES, actions

PAGE = Path(__file__).with_name("keys.md")


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Keys"
    yield ""
    yield "<!-- Written by `make docs` from the key table: change that, not this page. -->"
    yield ""
    yield "Letters act wherever text is not being typed; `esc` leaves a field. `?` shows the keys of a screen, `:`"
    yield "finds an action by its name. Each can be given other keys in the file that `reach locate config` names:"
    yield ""
    yield "```toml"
    yield 'theme = "textual-light"'
    yield ""
    yield "[keys]"
    yield '"debug.over" = "n,f10"'
    yield "```"
    for scope, title in {"app": "Everywhere", **SCREEN_NAMES}.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| keys | action | id |"
        yield "|---|---|---|"
        for action in actions(scope):
            keys = " · ".join(f"`{shown(key)}`" for key in action.keys)
            yield f"| {keys} | {action.help} | `{action.id}` |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
