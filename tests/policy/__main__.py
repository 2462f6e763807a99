"""`make policy`: random policies and requests, thousands of them, and the same with something broken.

REQUESTS (100,000) requests are decided three ways: sliced and remembered, by plain Cedar over
all policies, and by an oracle in Python; then BROKEN (10,000) texts and contexts with something
wrong in them must never be allowed on an error. SEED (0) is the first seed.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from tests.policy.agreeing import agree, agree_on_broken, never_allow_broken

REQUESTS: Final = int(os.environ.get("REQUESTS", "100000"))
BROKEN: Final = int(os.environ.get("BROKEN", "10000"))
SEED: Final = int(os.environ.get("SEED", "0"))
_A_SET: Final = 40


def repeated(test: Callable[[Random, int], Counter[str]], count: int, each: int) -> tuple[str, float]:
    """What was found, and the seconds it took. Says the seed before an assertion goes up."""
    began = time.monotonic()
    found: Counter[str] = Counter()
    for seed in range(SEED, SEED + count // each):
        try:
            found += test(Random(seed), each)
        except AssertionError:
            print(f"seed {seed} differs")
            raise
    return ", ".join(f"{number:,} {what}" for what, number in sorted(found.items())), time.monotonic() - began


def main() -> int:
    for name, test, count, each in (
        ("requests", agree, REQUESTS, _A_SET),
        ("broken contexts", agree_on_broken, BROKEN // 2, 10),
        ("broken texts", never_allow_broken, BROKEN // 2, 10),
    ):
        found, seconds = repeated(test, count, each)
        print(f"{count:,} {name}: all agree ({found}) in {seconds:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
