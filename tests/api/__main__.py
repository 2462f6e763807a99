"""`make fuzz`: ten thousand requests made up from the API's description; exit code 1 when an answer breaks it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .fuzz import Fuzz
from .serving import serving

CASES = 10_000
ROUND = 30


def main(wanted: int) -> int:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home") as node:
        fuzz = Fuzz(node)
        number = 0
        while fuzz.cases < wanted and not fuzz.broken:
            fuzz.run(ROUND, number)
            number += 1
            print(f"{fuzz.cases:,} of {wanted:,}", file=sys.stderr)
        print(fuzz.report())
        return 1 if fuzz.broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES))
