"""`make tamper`: tampers with capsules 10,000 times and counts what was found; `COUNT SEED` may follow."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.tamper.capsules import NODE, make
from tests.tamper.storm import Storm


def main() -> int:
    given = [int(each) for each in sys.argv[1:3]]
    count, seed = (*given, *(10_000, 1)[len(given) :])
    with tempfile.TemporaryDirectory(prefix="reach-tamper-") as scratch:
        folder = Path(scratch)
        storm = Storm(folder, asyncio.run(make(folder)), NODE, seed)
        began = time.monotonic()
        tally = storm.run(count)
    seconds = time.monotonic() - began
    print(f"{count:,} tamperings (seed {seed}) in {seconds:.0f} s: {sum(tally.found.values()):,} found and named")
    print("  by way: " + ", ".join(f"{way} {times}" for way, times in sorted(tally.found.items())))
    print("  named:  " + ", ".join(f"{name} {times}" for name, times in tally.named.most_common()))
    for each in tally.missed[:20]:
        print(f"  MISSED {each}")
    return 1 if tally.missed else 0


if __name__ == "__main__":
    sys.exit(main())
