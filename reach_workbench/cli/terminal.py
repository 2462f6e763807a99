"""Where output goes: results to standard output, everything else to standard error.

Text that comes from documents and data is made harmless here: control characters, which could
move the cursor or retitle the window, are shown instead of sent. Colour is added on a terminal
only (and not with NO_COLOR, https://no-color.org), and never says anything that words do not.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TextIO

import orjson

from reach_workbench.clock import Clock, SystemClock
from reach_workbench.engine.values import Json

Style = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

_CODES: Final[dict[Style, str]] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What acts on a terminal, turns the direction of text, or shows nothing and joins nothing."""
_STILL: Final = 0.05
"""Seconds for which a line stands before it is written over: a loop may have a million rounds."""

_PLAIN: Final = str.maketrans({"✓": "+", "✗": "x", "↻": "~", "…": "...", "⊘": "/", "▸": ">", "·": "-", "–": "-"})


class Painted(NamedTuple):
    """A text with a style, for `Terminal.say` and `Terminal.show`."""

    text: str
    style: Style


Part = str | Painted


class Terminal:
    """The two output streams of a command. `json` says that standard output is for one JSON object."""

    def __init__(
        self,
        output: TextIO | None = None,
        errors: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        json: bool = False,
        clock: Clock | None = None,
    ) -> None:
        variables = os.environ if environment is None else environment
        self._output = output if output is not None else sys.stdout
        self._errors = errors if errors is not None else sys.stderr
        self._colourful = not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"
        self._transient = False
        self._clock = clock or SystemClock()
        self._hinted = -_STILL
        self.json = json
        self.closed = False
        """Whether nobody reads standard output any more."""

    @property
    def live(self) -> bool:
        """Whether standard error is a terminal, so that a line may be written over."""
        return self._errors.isatty()

    @property
    def columns(self) -> int | None:
        """How wide the terminal is that lines are read on; None when there is none."""
        return _columns() if self._output.isatty() or self._errors.isatty() else None

    def show(self, *parts: Part) -> None:
        """A line of the result, on standard output."""
        self._write(self._output, self._line(self._output, parts) + "\n")

    def print_json(self, value: Json, *, indent: bool = False) -> None:
        """A JSON value on standard output; `indent` is for people."""
        self._write(self._output, json_text(value, indent=indent) + "\n")

    def say(self, *parts: Part) -> None:
        """A line about what happens, on standard error."""
        self._clear()
        self._write(self._errors, self._line(self._errors, parts) + "\n")

    def ask(self, *parts: Part) -> None:
        """The beginning of a line on standard error that a person is to end."""
        self._clear()
        self._write(self._errors, self._line(self._errors, parts))

    def hint_at(self, text: str) -> None:
        """Replace the last line that is being written over; does nothing when standard error is no terminal."""
        now = self._clock.elapsed()
        if not self.live or now - self._hinted < _STILL:
            return
        self._hinted = now
        width = max(20, _columns() - 1)
        shown = self._line(self._errors, [clean(text)[:width]])
        self._write(self._errors, f"\r\x1b[2K{shown}")
        self._transient = True

    def done(self) -> None:
        """Take away the line that is being written over."""
        self._clear()

    def _clear(self) -> None:
        if self._transient:
            self._write(self._errors, "\r\x1b[2K")
            self._transient = False

    def _line(self, stream: TextIO, parts: tuple[Part, ...] | list[str]) -> str:
        paint = self._colourful and stream.isatty()
        line = "".join(
            f"\x1b[{_CODES[part.style]}m{clean(part.text)}\x1b[0m"
            if isinstance(part, Painted) and paint
            else clean(part.text if isinstance(part, Painted) else part)
            for part in parts
        )
        try:
            line.encode(stream.encoding or "utf-8")
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            line = line.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
        return line

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            self._write(stream, text.encode(encoding, "backslashreplace").decode(encoding))
        except BrokenPipeError:
            if stream is self._output:
                self.closed = True
            _silence(stream)


def clean(text: str) -> str:
    """The text with its control characters made visible, as JSON escapes them; tabs and ends of line stay."""
    return _CONTROL.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def json_text(value: Json, *, indent: bool = False) -> str:
    """A JSON value as text. Characters that would act on a terminal are escaped, which JSON allows."""
    return clean(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode())


def brief(value: Json, most: int = 100) -> str:
    """A JSON value on one line, cut when it is long."""
    text = json_text(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _silence(stream: TextIO) -> None:
    """Nobody reads the stream: what is written from now on, and at exit, goes nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
