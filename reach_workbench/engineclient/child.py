"""One child process that evaluates expressions, and what can go wrong with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence

from reach_workbench.clock import Clock

_KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_CHUNK = 1 << 20


class ChildLate(Exception):
    """The child did not answer in time."""


class ChildLost(Exception):
    """The child is gone: `reason` says how, `memory` whether for want of memory."""

    def __init__(self, reason: str, memory: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.memory = memory


class Child:
    """A running child. Used by one thread at a time, but `kill` may come from any.

    It has a session of its own, so that Ctrl-C does not reach it, and an environment without
    time zone, language or secrets. It ends when its standard input does; while it evaluates
    it can't notice that, so it also sets itself an alarm (`serve`, `--seconds`).
    """

    def __init__(self, arguments: Sequence[str], clock: Clock) -> None:
        environment = {
            name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PYTHON")
        } | {"TZ": "UTC", "LC_ALL": "C.UTF-8"}
        self._clock = clock
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reach_workbench.engineclient.serve", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._input = self._process.stdin
        self._output = self._process.stdout
        self._errors = self._process.stderr
        os.set_blocking(self._input.fileno(), False)
        self._writable = select.poll()
        self._writable.register(self._input, select.POLLOUT)
        self._readable = select.poll()
        self._readable.register(self._output, select.POLLIN)
        self.exchanged = 0
        """Bytes that went to and fro."""
        self.answered = 0
        """Requests answered."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: bytes, seconds: float) -> bytes:
        """The answer to a request. Raises ChildLate after `seconds`, and ChildLost."""
        due = self._clock.elapsed() + seconds
        try:
            rest = memoryview(line)
            while rest:
                self._wait(self._writable, due)
                try:
                    rest = rest[os.write(self._input.fileno(), rest[:_CHUNK]) :]
                except BlockingIOError:
                    continue
            answer = bytearray()
            while not answer.endswith(b"\n"):
                self._wait(self._readable, due)
                part = os.read(self._output.fileno(), _CHUNK)
                if not part:
                    raise self._lost()
                answer += part
        except OSError:  # a broken pipe, or a file closed by `kill`
            raise self._lost() from None
        self.exchanged += len(line) + len(answer)
        self.answered += 1
        return bytes(answer)

    def _wait(self, what: select.poll, due: float) -> None:
        left = due - self._clock.elapsed()
        if left <= 0 or not what.poll(left * 1000):
            raise ChildLate

    def _lost(self) -> ChildLost:
        self._process.kill()
        code = self._process.wait()
        said = os.read(self._errors.fileno(), 4096).decode(errors="replace").strip()
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if code == -signal.SIGALRM:
            raise ChildLate
        memory = "cannot allocate" in said or "MemoryError" in said
        return ChildLost(f"{reason}: {said.splitlines()[-1]}" if said else reason, memory)

    def kill(self) -> None:
        """End the child at once; a thread that waits for its answer gets ChildLost."""
        self._process.kill()

    def close(self) -> None:
        """End the child and let go of its pipes. No thread may be waiting for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self._output, self._errors):
            pipe.close()
