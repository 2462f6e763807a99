"""`make interleave`: N (20,000) random interleavings of everything that can happen to held actions.

SEED is the first seed, JOBS the number of processes. A seed that breaks is told with what was done.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections import Counter
from typing import Final

from tests.interleave.playing import play

N: Final = int(os.environ.get("N", "20000"))
SEED: Final = int(os.environ.get("SEED", "0"))
JOBS: Final = int(os.environ.get("JOBS", str(os.cpu_count() or 1)))
_PORTION: Final = 10


def main() -> int:
    began = time.monotonic()
    done: Counter[str] = Counter()
    broken: list[str] = []
    portions = [(first, min(first + _PORTION, SEED + N)) for first in range(SEED, SEED + N, _PORTION)]
    with multiprocessing.get_context("spawn").Pool(JOBS) as pool:
        for counts, wrong in pool.imap_unordered(play, portions):
            done += counts
            print(f"\r{done['interleavings']:,}", end="", file=sys.stderr, flush=True)
            broken += wrong
            for each in wrong:
                print(each, flush=True)
    for name, count in sorted(done.items()):
        print(f"{count:>9,}  {name}")
    print(f"{len(broken)} of {done['interleavings']:,} interleavings broke; {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
