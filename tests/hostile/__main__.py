"""`make hostile`: each hostile case costs its own run an error within 20 seconds, and nothing else.

CASE picks cases by a part of their name. The columns: seconds until the error, the longest
that a neighbour in the same process waited between two of its effects, the memory of the
process, the store's size, and the error's code with what it says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.hostile.cases import CASES, Case

LIMIT: Final = 20.0
PATIENCE: Final = 40.0
STALL: Final = 3.0
"""Seconds for which a neighbour may be held up: one large value being written, at most."""

ROOT: Final = Path(__file__).resolve().parents[2]


def attempt(name: str) -> dict[str, Any]:
    """One case in a fresh process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REACH_")}
    command = [sys.executable, "-m", "tests.hostile.trial", name, str(PATIENCE)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return {"status": "hung", "code": "", "said": "the process was stopped after 120 s", "seconds": 120.0}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"status": "died", "code": "", "said": f"exit code {done.returncode}: {last}", "seconds": 0.0}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def flaw(case: Case, found: dict[str, Any]) -> str:
    """What is wrong with how the case ended; empty if nothing is."""
    if found["status"] == "completed" and case.completes:
        return ""
    if found["status"] not in ("faulted", "refused") and found["code"] != "waits":
        return f"it is {found['status']}"
    if found["code"] not in case.codes:
        return f"code {found['code']!r}"
    if case.setting not in found["said"]:
        return f"it does not name {case.setting}"
    if found["seconds"] > LIMIT:
        return f"it took more than {LIMIT:.0f} s"
    if found["stall"] > STALL:
        return f"its neighbour waited {found['stall']:.1f} s"
    return ""


def main() -> int:
    wanted = os.environ.get("CASE", "")
    failed = 0
    print(f"{'':9} {'case':40} {'s':>6} {'stall':>6} {'MB':>6} {'store':>6}  code")
    for name, case in CASES.items():
        if wanted not in name:
            continue
        found = attempt(name)
        wrong = flaw(case, found)
        failed += bool(wrong)
        print(
            f"{'FAILS' if wrong else 'holds':9} {name:40} {found['seconds']:6.1f} {found.get('stall', 0):6.2f} "
            f"{found.get('megabytes', 0):6.0f} {found.get('store_megabytes', 0):6.1f}  "
            f"{found['code'] or found['status']}: {found['said'][:110]}" + (f"\n{'':9} {wrong}" if wrong else ""),
            flush=True,
        )
    print("all of it holds" if not failed else f"{failed} cases fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
