"""A program on a real pseudo-terminal: what it paints and when, and keys sent to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

_CONTROL: Final = re.compile(
    rb"\x1b\[[0-9;:?<=>$ ]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP.*?\x1b\\|\x1b[@-Z\\-_()].?", re.S
)
_QUESTION: Final = re.compile(rb"\x1b\[6n|\x1b\[c|\x1b\[0c")
_ANSWERS: Final = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?1;2c", b"\x1b[0c": b"\x1b[?1;2c"}
"""What programs ask a terminal for, and what one that knows little more answers."""


class Pseudoterminal:
    """Starts the program at once; the clock begins just before. Ends it, and what it started, on leaving."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        columns: int = 120,
        rows: int = 36,
        folder: Path | None = None,
    ) -> None:
        self.painted = b""
        self.began = time.perf_counter()
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            if folder is not None:
                os.chdir(folder)
            os.execvpe(str(command[0]), [str(word) for word in command], dict(environment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self._descriptor)
        os.waitpid(self.pid, 0)

    def read(self, seconds: float) -> bytes:
        """What it paints next, b"" when that is nothing within the time or the program has ended."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:
            return b""
        self.painted += data
        for question in _QUESTION.findall(data):
            os.write(self._descriptor, _ANSWERS[question])
        return data

    def send(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    @property
    def text(self) -> str:
        """All that was painted so far, without control sequences."""
        return _CONTROL.sub(b" ", self.painted).decode("utf-8", "replace")

    def until(self, pattern: str, seconds: float) -> float:
        """Seconds from the start until the pattern had been painted. Raises TimeoutError with the last words."""
        wanted = re.compile(pattern)
        end = time.perf_counter() + seconds
        while not wanted.search(self.text):
            if time.perf_counter() > end:
                raise TimeoutError(f"{pattern!r} was not painted within {seconds} s; last: {self.text[-400:]!r}")
            self.read(0.05)
        return time.perf_counter() - self.began

    def first_frame(self, seconds: float, *, letters: int = 60) -> float:
        """Seconds from the start until so many letters stood on the alternate screen."""
        end = time.perf_counter() + seconds
        while True:
            _, entered, after = self.painted.partition(b"\x1b[?1049h")
            if entered and len(re.sub(rb"[^A-Za-z0-9]", b"", _CONTROL.sub(b" ", after))) >= letters:
                return time.perf_counter() - self.began
            if time.perf_counter() > end:
                raise TimeoutError(f"no first frame within {seconds} s; last: {self.text[-400:]!r}")
            self.read(0.05)
