"""`make cold`: `reach run` on a workflow of one task, from process start to exit.

Prints the median of RUNS (10) on one warm home, and on a fresh home each. With IMPORTS=1 it
also lists what is slowest to import (`-X importtime`). Must be under 0.7 s.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

RUNS: Final = int(os.environ.get("RUNS", "10"))
LIMIT: Final = 0.7
REACH: Final = Path(sys.executable).parent / "reach"
WORKFLOW: Final = """\
document: {dsl: 1.0.3, namespace: bench, name: one-task, version: 1.0.0}
do:
  - greet: {set: {greeting: hello}}
"""


def timed(workflow: Path, home: Path) -> float:
    """Seconds from the start of the process until it was gone."""
    environment = os.environ | {"REACH_HOME": str(home)}
    began = time.perf_counter()
    subprocess.run([REACH, "run", workflow, "--json"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def slowest_imports(workflow: Path, home: Path, count: int = 15) -> list[str]:
    """The modules that take longest to import, themselves and with what they import, in milliseconds."""
    command = [sys.executable, "-X", "importtime", REACH, "run", workflow, "--json"]
    environment = os.environ | {"REACH_HOME": str(home)}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stderr
    found = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)$", said, re.M)
    rows = sorted(((int(whole), int(own), name) for own, whole, _, name in found), reverse=True)
    return [f"{whole / 1000:8.1f} {own / 1000:8.1f}  {name}" for whole, own, name in rows[:count]]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="reach-cold-") as name:
        folder = Path(name)
        workflow = folder / "one.yaml"
        workflow.write_text(WORKFLOW)
        timed(workflow, folder / "warm")
        warm = [timed(workflow, folder / "warm") for _ in range(RUNS)]
        fresh = [timed(workflow, folder / f"fresh{number}") for number in range(RUNS)]
        for title, taken in (("warm home", warm), ("fresh home", fresh)):
            print(
                f"reach run, {title:11} median {statistics.median(taken):.3f} s, "
                f"{min(taken):.3f} to {max(taken):.3f} (must be under {LIMIT})"
            )
        if os.environ.get("IMPORTS"):
            print("slowest imports, ms: with what they import, themselves")
            print("\n".join(slowest_imports(workflow, folder / "warm")))
    held = max(statistics.median(warm), statistics.median(fresh)) < LIMIT
    print("holds" if held else "does not hold")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
