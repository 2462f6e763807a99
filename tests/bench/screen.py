"""`make screen`: the debugger on a run of a million events, over a real pseudo-terminal of 160 x 45.

Prints how long it takes until such a run stands there, then for PageDown, steps back, and leaps to
the first and the last event how long from the key to the repaint of what belongs to it, and the
memory of the screen's process.
EVENTS (1,000,000) and KEYS (100) change the size.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bench.frames import REACH, environment_of
from tests.bench.pseudoterminal import _CONTROL, Pseudoterminal
from tests.bench.seek import EVENTS, _child

KEYS: Final = int(os.environ.get("KEYS", "100"))


def _pressed(terminal: Pseudoterminal, key: bytes, pattern: str) -> float:
    """Milliseconds from the key until the pattern is painted. Raises TimeoutError."""
    terminal.painted = b""
    wanted = re.compile(pattern)
    began = time.perf_counter()
    terminal.send(key)
    while not wanted.search(_CONTROL.sub(b"", terminal.painted).decode("utf-8", "replace")):
        if time.perf_counter() - began > 5:
            raise TimeoutError(f"{pattern!r} was not painted after {key!r}")
        terminal.read(0.05)
    return (time.perf_counter() - began) * 1000


def _say(name: str, taken: list[float], most: float) -> bool:
    taken.sort()
    p95 = taken[int(len(taken) * 0.95)]
    print(f"{name:<10} median {taken[len(taken) // 2]:.1f} ms, p95 {p95:.1f} ms (must be {most:.0f} or less)")
    return p95 <= most


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="reach-screen-") as name:
        folder = Path(name)
        total = int(_child("record", folder)["events"])
        environment = environment_of(folder) | {"REACH_HOME": str(folder / "home")}
        state = folder / ".local" / "state" / "reach"
        state.mkdir(parents=True)
        (state / "session.json").write_text(json.dumps({"screen": "debug", "run": "last"}))
        try:
            with Pseudoterminal([REACH], environment, columns=160, rows=45, folder=folder) as terminal:
                opened = terminal.until(f"{total:,}/{total:,}", 30)
                terminal.until(f"after {total:,}", 30)
                print(f"open       {opened:.2f} s with its node started afresh (must be under 2)")
                back = [_pressed(terminal, b"[", f"after {total - step:,}") for step in range(1, KEYS + 1)]
                _pressed(terminal, b"g", "after 1 ")
                while terminal.read(0.3):
                    pass
                down = []
                for _ in range(KEYS):
                    began = time.perf_counter()
                    terminal.painted = b""
                    terminal.send(b"\x1b[6~")
                    found = None
                    while found is None:
                        terminal.read(0.05)
                        text = _CONTROL.sub(b"", terminal.painted).decode("utf-8", "replace")
                        found = re.search(r"▶\D*([\d,]+) \d\d:\d\d:\d\d", text)
                        if time.perf_counter() - began > 5:
                            raise TimeoutError("no page")
                    down.append((time.perf_counter() - began) * 1000)
                    while terminal.read(0.1):
                        pass  # a person reads a page before the next: what is painted late is not the next one's
                edges = []
                for _ in range(max(1, KEYS // 10)):
                    edges.append(_pressed(terminal, b"G", f"after {total:,}"))
                    edges.append(_pressed(terminal, b"g", "after 1 "))
                status = Path(f"/proc/{terminal.pid}/status").read_text()
                memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
        finally:
            lock = folder / "home" / "node.lock"
            if lock.is_file() and (pid := lock.read_text().strip()).isdigit():
                os.kill(int(pid), signal.SIGTERM)
                time.sleep(1)
        held = [
            opened < 2,
            _say("PageDown", down, 20),
            _say("step back", back, 50),
            _say("g and G", edges, 50),
            memory <= 120,
        ]
        print(f"memory     {memory:.0f} MB (must be 120 or less)")
    print(f"{EVENTS:,} events: {'all of it holds' if all(held) else 'something does not hold'}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
