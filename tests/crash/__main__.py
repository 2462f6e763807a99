"""`make crash`: N (2,000) SIGKILLs of a working process, at random instants and at the named crash points.

Several homes are stormed at the same time (AT_ONCE, by default one a processor); each process
drives several runs whose effects leave marks outside. Afterwards every run must have ended with
its right output, every effect recorded as done must have its mark, none that may not be
repeated must have two without having been flagged, and all digests must verify. SEED repeats a
storm's random choices.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.crash.storm import Storm, Verdict

KILLS: Final = int(os.environ.get("N", "2000"))
AT_ONCE: Final = int(os.environ.get("AT_ONCE", str(min(os.cpu_count() or 1, 8))))
SEED: Final = int(os.environ.get("SEED", "1"))
PER_HOME: Final = 100
"""Kills in one home: many small histories are judged quicker than few long ones."""


def storm(number: int, kills: int, folder: Path) -> Verdict:
    home = folder / str(number)
    home.mkdir()
    each = Storm(home, SEED * 100_003 + number)
    each.rage(kills)
    done = sum(each.verdict.kills.values())
    print(f"home {number}: {done} kills, {sum(each.verdict.runs.values())} runs", file=sys.stderr, flush=True)
    return each.verdict


def report(verdict: Verdict, seconds: float) -> None:
    for kind, count in sorted(verdict.kills.items()):
        print(f"{count:6}  {kind}")
    for title in ("lost", "repeated", "unproved", "wrong"):
        for line in getattr(verdict, title)[:20]:
            print(f"{title}: {line}")
    runs = sum(verdict.runs.values())
    print(
        f"{sum(verdict.kills.values()):,} kills in {seconds:.0f} s; {runs:,} runs, "
        f"{runs - verdict.runs['completed']} not ended; {verdict.effects:,} effects, {len(verdict.lost)} lost, "
        f"{len(verdict.repeated)} repeated without a flag, {verdict.flagged:,} flagged as in doubt, "
        f"{verdict.repeated_by_key:,} repeated under their key; {len(verdict.unproved)} not verified"
    )


def main() -> int:
    began = time.monotonic()
    portions = [PER_HOME] * (KILLS // PER_HOME) + ([KILLS % PER_HOME] if KILLS % PER_HOME else [])
    whole = Verdict()
    folder = Path(tempfile.mkdtemp(prefix="reach-crash-"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for verdict in pool.map(lambda item: storm(*item, folder), enumerate(portions)):
            whole.add(verdict)
    report(whole, time.monotonic() - began)
    if whole.held:
        shutil.rmtree(folder)
    else:
        print(f"the homes are kept in {folder}")
    return 0 if whole.held else 1


if __name__ == "__main__":
    sys.exit(main())
