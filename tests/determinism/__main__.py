"""`make determinism`: the same program and facts give the same digests, and no changed byte goes unnoticed.

N (1,000) generated workflows are each run in two processes under different hash seeds, with a
virtual clock and scripted effects, and verified by replaying. Then FLIPS (400) single bytes are
flipped in stored histories and exported archives: each must be found, and its event named.
SEED is the first seed.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

from tests.determinism.flips import Flips

N: Final = int(os.environ.get("N", "1000"))
FLIPS: Final = int(os.environ.get("FLIPS", "400"))
SEED: Final = int(os.environ.get("SEED", "0"))
HASH_SEEDS: Final = ("1", "4242")
ROOT: Final = Path(__file__).resolve().parents[2]


def both(first: int, count: int) -> tuple[list[str], list[str]]:
    """What each of the two processes says of the seeds, a line a seed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.determinism.process", str(first), str(count)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in HASH_SEEDS
    ]
    said = [process.communicate()[0].splitlines() for process in processes]
    return said[0], said[1]


def compare(first: int, count: int) -> tuple[Counter[str], int, list[str]]:
    """How the runs ended, how many events they have, and what is wrong."""
    one, other = both(first, count)
    statuses: Counter[str] = Counter()
    events, wrong = 0, []
    for place in range(count):
        a = one[place] if place < len(one) else "no run"
        b = other[place] if place < len(other) else "no run"
        if a != b:
            wrong.append(f"seed {first + place} differs:\n  {a}\n  {b}")
        elif not a.endswith(" verified"):
            wrong.append(f"seed {first + place}: {a}")
        else:
            _, status, seq, *_ = a.split()
            statuses[status] += 1
            events += int(seq)
    return statuses, events, wrong


def main() -> int:
    began = time.monotonic()
    statuses, events, wrong = compare(SEED, N)
    for line in wrong[:20]:
        print(line)
    ended = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    print(
        f"{N:,} workflows in two processes: {N - len(wrong):,} with the same digests and verified "
        f"({ended}; {events:,} events) in {time.monotonic() - began:.0f} s"
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reach-flips-") as place:
        with contextlib.redirect_stdout(io.StringIO()):
            flips = Flips(Path(place), SEED)
        flips.in_store(FLIPS * 3 // 4)
        flips.in_archives(FLIPS - FLIPS * 3 // 4)
    for line in flips.tally.missed[:20]:
        print(line)
    print(
        f"{FLIPS:,} flipped bits: {flips.tally.found:,} found and named, {len(flips.tally.missed)} missed, "
        f"{flips.tally.counts['harmless']} without any meaning, in {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong or flips.tally.missed else 0


if __name__ == "__main__":
    sys.exit(main())
