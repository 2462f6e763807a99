"""Markdown of a few lines as styled text: what the node explains, without a parser of the whole language.

Strong and emphasised words, code in backticks, lists, headings and fenced code. Anything else stays as it is written.
"""

from __future__ import annotations

import re
from typing import Final

from textual.content import Content

_SPAN: Final = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*|(?<![\w*])[*_]([^*_\s](?:[^*_\n]*[^*_\s])?)[*_](?![\w*])")
_ITEM: Final = re.compile(r"^(\s*)(?:[-*+]|(\d+\.))\s+(.*)$")
_HEADING: Final = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")

_CODE: Final = "bold $text-accent"


def styled(markdown: str) -> Content:
    """The text as it is to be read; code keeps its characters."""
    lines: list[Content] = []
    fenced = False
    for line in markdown.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            lines.append(Content.styled(f"  {line}", _CODE))
        else:
            lines.append(_line(line))
    return Content("\n").join(lines)


def _line(line: str) -> Content:
    if heading := _HEADING.match(line):
        return Content.styled(heading[1], "bold underline")
    if item := _ITEM.match(line):
        return Content.assemble(f"{item[1]}{item[2] or '•'} ", _spans(item[3]))
    return _spans(line)


def _spans(line: str) -> Content:
    parts: list[str | tuple[str, str]] = []
    done = 0
    for found in _SPAN.finditer(line):
        parts.append(line[done : found.start()])
        code, strong, stressed = found.groups()
        parts.append((code, _CODE) if code else (strong, "bold") if strong else (stressed, "italic"))
        done = found.end()
    return Content.assemble(*parts, line[done:])
