"""`make frames`: how soon the workbench paints its first frame and is ready, beside posting and harlequin.

Each program is started on a pseudo-terminal of 120 x 36, in turn, ROUNDS times (5) after one that warms
the caches. The first frame is 60 letters on the alternate screen; ready is the workbench with its node,
which is started afresh each time. The peers get virtual environments of their own.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from tests.bench.peers import RESULTS
from tests.bench.pseudoterminal import Pseudoterminal

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
FIRST: Final = 0.6
READY: Final = 1.5
PEERS: Final = {"posting": ("posting", "tree-sitter<0.26"), "harlequin": ("harlequin",)}
"""What to install for each; posting's highlighting crashes the process with tree-sitter 0.26."""

REACH: Final = Path(sys.executable).parent / "reach"
READY_SIGN: Final = r" · local\b"
"""The tenant, which the header shows once the node has answered."""


def install(peer: str) -> Path:
    """The peer's program, installed when it is missing. Raises CalledProcessError."""
    folder = RESULTS / peer
    program = folder / "bin" / peer
    if not program.exists():
        print(f"installing {peer}", flush=True)
        venv.create(folder, with_pip=True)
        pip = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PEERS[peer],
        ]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return program


def of_peer(program: Path, scratch: Path) -> float:
    environment = environment_of(scratch)
    with Pseudoterminal([program], environment, folder=scratch) as terminal:
        return terminal.first_frame(30)


def of_workbench(scratch: Path) -> tuple[float, float]:
    """Seconds to the first frame, and to the node's name in the header."""
    home = scratch / "home"
    environment = environment_of(scratch) | {"REACH_HOME": str(home)}
    with Pseudoterminal([REACH], environment, folder=scratch) as terminal:
        try:
            return terminal.first_frame(30), terminal.until(READY_SIGN, 30)
        finally:
            _stop_node(home)


def _stop_node(home: Path) -> None:
    lock = home / "node.lock"
    if lock.is_file() and (pid := lock.read_text().strip()).isdigit():
        os.kill(int(pid), signal.SIGTERM)


def environment_of(scratch: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(scratch), "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def main() -> int:
    RESULTS.mkdir(exist_ok=True)
    programs = {peer: install(peer) for peer in PEERS}
    firsts: dict[str, list[float]] = {peer: [] for peer in PEERS}
    own: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="reach-frames-") as name:
        for number in range(ROUNDS + 1):
            for peer, program in programs.items():
                folder = Path(name, peer)
                folder.mkdir(exist_ok=True)
                taken = of_peer(program, folder)
                if number:
                    firsts[peer].append(taken)
            folder = Path(name, f"reach{number}")
            folder.mkdir()
            both = of_workbench(folder)
            if number:
                own.append(both)
    first = statistics.median(taken for taken, _ in own)
    ready = statistics.median(taken for _, taken in own)
    best = {peer: statistics.median(taken) for peer, taken in firsts.items()}
    print(
        f"first frame, median of {ROUNDS}: workbench {first:.2f} s, "
        + ", ".join(f"{p} {s:.2f} s" for p, s in best.items())
    )
    print(f"ready with a node started afresh: {ready:.2f} s")
    held = first <= FIRST and ready <= READY and first < min(best.values())
    print(
        f"must be: first frame {FIRST} s or less and ahead of both, ready {READY} s or less: "
        f"{'holds' if held else 'does not hold'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
