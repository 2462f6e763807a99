"""How keys are written for people: Textual's names as one would say them."""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "colon": ":",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "slash": "/",
    "asterisk": "*",
    "plus": "+",
    "underscore": "_",
    "escape": "esc",
}


def shown(key: str) -> str:
    """`ctrl+p` as `^p`, `shift+f10` as `⇧F10`, `colon` as `:`."""
    *held, name = key.split("+")
    name = _NAMES.get(name, name)
    if len(name) > 1 and name[0] == "f" and name[1:].isdecimal():
        name = name.upper()
    return "".join({"ctrl": "^", "shift": "⇧", "alt": "alt-"}.get(each, f"{each}-") for each in held) + name
