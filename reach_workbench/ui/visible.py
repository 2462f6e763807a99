"""Text that a person decides by, written so that every character of it can be seen, and none acts on the terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

Json = Any

_NAMES: Final = {0x00: "NUL", 0x08: "BS", 0x09: "TAB", 0x0A: "LF", 0x0D: "CR", 0x1B: "ESC", 0x7F: "DEL", 0xA0: "NBSP"}

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Me"})
"""Categories of Unicode that show nothing, turn the direction, or lie upon other characters."""

_BLANK: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
     *range(0xE0100, 0xE01F0)}
)  # fmt: skip
"""Letters and marks that take part in text and show as nothing."""

_OPENING: Final = 0x2039
"""‹ itself: what stands for a character must not be mistaken for what was written so."""

_SCRIPTS: Final = re.compile(r"GREEK|CYRILLIC|ARMENIAN|CHEROKEE|COPTIC|LISU|FULLWIDTH|MATHEMATICAL")
_WORD: Final = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*")
_MOST: Final = 5
"""Words named as mixed; more of them say nothing more."""


def hidden(code: int) -> bool:
    """Whether the character with that code would not be seen for what it is."""
    char = chr(code)
    kind = unicodedata.category(char)
    return kind in _HIDDEN or code in _BLANK or (kind == "Zs" and char != " ")


class _Shown(dict[int, str]):
    """`‹U+202E›` for what does not show, made when it is first met."""

    def __missing__(self, code: int) -> str:
        shown = f"‹{_NAMES.get(code) or f'U+{code:04X}'}›" if code == _OPENING or hidden(code) else chr(code)
        self[code] = shown
        return shown


class _Escaped(dict[int, str]):
    """The same inside a JSON string, in JSON's own way."""

    def __missing__(self, code: int) -> str:
        shown = json.dumps(chr(code))[1:-1] if hidden(code) else chr(code)
        if code == 0x7F:
            shown = "\\u007f"  # JSON lets it stand
        self[code] = shown
        return shown


_SHOWN: Final = _Shown()
_ESCAPED: Final = _Escaped()


def visible(text: str) -> str:
    """One line of it. Two texts that differ never look the same but for letters that are alike."""
    return text if text.isascii() and text.isprintable() else text.translate(_SHOWN)


def visible_json(value: Json) -> list[str]:
    """The value as lines of JSON that says exactly what it is: what does not show is escaped."""
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    return [line if line.isascii() and line.isprintable() else line.translate(_ESCAPED) for line in lines]


def remarks(text: str) -> list[str]:
    """What a reader should know about the characters of a text before trusting what it looks like."""
    if text.isascii():
        unseen = sum(not char.isprintable() for char in text if char not in "\n\t")
    else:
        unseen = sum(char not in "\n\t" and hidden(ord(char)) for char in text)
    found = []
    if unseen:
        found.append(f"{unseen:,} character{'s' if unseen > 1 else ''} that would not show: written as ‹…› here")
    mixed = list(dict.fromkeys(word for word in _WORD.findall(text) if _mixed(word)))
    found += [f"letters of several alphabets in {visible(word)!r}" for word in mixed[:_MOST]]
    return found


def _mixed(word: str) -> bool:
    names = [unicodedata.name(char, "") for char in word]
    latin = any(name.startswith("LATIN") for name in names)
    return latin and any(_SCRIPTS.match(name) for name in names)
