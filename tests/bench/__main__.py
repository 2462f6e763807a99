"""`make bench`: Reach Workbench beside SQLite itself and its peers, all in one go.

Every figure comes from fresh processes on fresh databases, the contestants taking turns so that
a noisy moment hits all of them alike. A ratio is taken within each round; the median of the
rounds is printed, with the worst and the best. Figures of different goes don't compare.

RUNS (3) is the number of rounds. BENCH_WF, BENCH_STEPS, BENCH_LONG, BENCH_JOBS and BENCH_PURE
make a go shorter, and its verdicts meaningless.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import Any, Final

from tests.bench import peers
from tests.bench.chart import chart

Figures = dict[str, Any]

RUNS: Final = int(os.environ.get("RUNS", "3"))
_PATIENCE: Final = 600

PEER_TESTS: Final = (
    ("sqlite_raw", "g_full"),
    ("burr", "a_seq"),
    ("langgraph", "a_seq"),
    ("dbos", "a_seq"),
    ("burr", "a_conc"),
    ("langgraph", "a_conc"),
    ("dbos", "a_conc"),
    ("queue", "huey_direct"),
)
OUR_TESTS: Final = {"g_full": ("seq", "seq_for"), "a_conc": ("conc", "conc_for"), "huey_direct": ("jobs", "jobs_alone")}
"""Which of ours are run right after which test of a peer, to be held against it."""

TURNS: Final = 2
"""SQLite's own rate and ours are taken this many times a round: they are quick, and the disk is moody."""


def ours(test: str, scratch: Path) -> Figures:
    """One run of one of our measurements in a fresh process."""
    folder = Path(tempfile.mkdtemp(prefix=f"{test}-", dir=scratch))
    try:
        if test == "long":
            prepared = _child("long_prepare", folder)
            return prepared if "error" in prepared else _child("long_recover", folder)
        return _child(test, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _child(test: str, folder: Path) -> Figures:
    environment = os.environ | {"BENCH_T0": repr(time.monotonic()), "PYTHONPATH": str(peers.ROOT)}
    environment = {name: value for name, value in environment.items() if not name.startswith("REACH_")}
    command = [sys.executable, "-m", "tests.bench.ours", test, str(folder)]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    figures: Figures = json.loads(lines[-1].removeprefix("RESULT "))
    with (peers.RESULTS / "results.jsonl").open("a") as kept:
        kept.write(json.dumps({"peer": "reach", "test": test, "metrics": figures}) + "\n")
    return figures


class Go:
    """All figures of one go: by contestant and test, one a round."""

    def __init__(self, wanting: dict[str, str]) -> None:
        self.wanting = wanting
        self.figures: dict[tuple[str, str], list[Figures]] = {}

    def run(self, scratch: Path) -> None:
        """Let all contestants take turns, RUNS rounds."""
        for number in range(1, RUNS + 1):
            began = time.monotonic()
            for peer, test in PEER_TESTS:
                for _ in range(TURNS if test == "g_full" else 1):
                    if peer not in self.wanting:
                        self._note(peer, test, peers.measure(peer, test, scratch))
                    if test != "a_conc" or peer == "dbos":
                        for own in OUR_TESTS.get(test, ()):
                            self._note("reach", own, ours(own, scratch))
            self._note("reach", "long", ours("long", scratch))
            self._note("reach", "cold", ours("cold", scratch))
            print(f"round {number} of {RUNS}: {time.monotonic() - began:.0f} s", flush=True)
        self._note("reach", "pure", ours("pure", scratch))

    def _note(self, who: str, test: str, figures: Figures) -> None:
        if "error" in figures:
            print(f"{who} {test}: {figures['error']}", file=sys.stderr, flush=True)
        self.figures.setdefault((who, test), []).append(figures)

    def all(self, who: str, test: str, name: str) -> list[float]:
        """The figure of every round, nan where there is none."""
        return [figures.get(name, float("nan")) for figures in self.figures.get((who, test), [])]

    def median(self, who: str, test: str, name: str) -> float:
        found = [figure for figure in self.all(who, test, name) if not isnan(figure)]
        return statistics.median(found) if found else float("nan")


def ratios(mine: Iterable[float], theirs: Iterable[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(mine, theirs, strict=False) if not isnan(a / b)]


def spread(found: list[float], digits: int = 2) -> str:
    if not found:
        return "not measured"
    return f"{statistics.median(found):.{digits}f} ({min(found):.{digits}f} to {max(found):.{digits}f})"


def report(go: Go) -> bool:
    """Print the table and the verdicts; whether all that must hold does."""
    rows = [(peer, peer, "a_seq", "a_conc", "") for peer in ("burr", "langgraph", "dbos")]
    rows.append(("Reach Workbench, a list of tasks", "reach", "seq", "conc", "cold"))
    rows.append(("Reach Workbench, a loop", "reach", "seq_for", "conc_for", "cold"))
    print(f"\n{'':36} {'seq steps/s':>12} {'50 at once':>12} {'bytes/step':>12} {'cold s':>8}")
    print(f"{'SQLite itself, one row a commit':36} {_number(go.median('sqlite_raw', 'g_full', 'rows_s'))}")
    for title, who, seq, conc, cold in rows:
        figures = [
            go.median(who, seq, "seq_steps_s"),
            go.median(who, conc, "conc_steps_s"),
            go.median(who, seq, "bytes_step"),
        ]
        start = f"{go.median(who, cold, 'cold_s'):8.2f}" if cold else ""
        print(f"{title:36} {' '.join(map(_number, figures))} {start}")
    jobs = {test: go.median("reach", test, "jobs_s") for test in ("jobs", "jobs_alone")}
    huey = go.median("queue", "huey_direct", "jobs_s")
    print(f"jobs/s: ours {jobs['jobs']:,.0f} by 50 at once, {jobs['jobs_alone']:,.0f} one by one; huey {huey:,.0f}")
    for peer, reason in go.wanting.items():
        print(f"left out: {peer}: {reason}")
    return verdicts(go)


def verdicts(go: Go) -> bool:
    held = True

    def must(what: str, found: list[float], holds: bool, wanted: str, digits: int = 2) -> None:
        nonlocal held
        held = held and holds and bool(found)
        verdict = "holds" if holds and found else "FAILS"
        print(f"  {verdict}  {what}: {spread(found, digits)}, must be {wanted}")

    print("\nmust hold")
    raw = go.all("sqlite_raw", "g_full", "rows_s")
    for test, title in (("seq", "a list of tasks"), ("seq_for", "a loop")):
        found = ratios(go.all("reach", test, "seq_steps_s"), raw)
        must(f"one after another, {title}, of SQLite's own rate", found, _median(found) >= 0.5, "0.50 or more")
    rivals = [peer for peer in ("burr", "langgraph", "dbos") if peer not in go.wanting]
    best = [
        max((rate for rate in rates if not isnan(rate)), default=float("nan"))
        for rates in zip(*[go.all(peer, "a_conc", "conc_steps_s") for peer in rivals], strict=False)
    ]
    for test, title in (("conc", "a list of tasks"), ("conc_for", "a loop")):
        found = ratios(go.all("reach", test, "conc_steps_s"), best)
        must(f"50 at once, {title}, of the best peer's rate", found, _median(found) >= 3, "3.00 or more")
    size = go.all("reach", "seq", "bytes_step") + go.all("reach", "seq_for", "bytes_step")
    must("bytes a step, events and digests counted", size, max(size, default=9e9) <= 400, "400 or less", 0)
    recovered = go.all("reach", "long", "next_step_s")
    must(
        "next step of a run of 10,000 after a restart, s", recovered, max(recovered, default=9e9) < 0.5, "under 0.5", 3
    )
    forked = go.all("reach", "long", "fork_to_first_new_step_s")
    must("fork in its middle to the first new step, s", forked, max(forked, default=9e9) < 0.2, "under 0.2", 3)
    queued = ratios(go.all("reach", "jobs", "jobs_s"), go.all("queue", "huey_direct", "jobs_s"))
    must("20,000 jobs, of huey's rate", queued, _median(queued) >= 2, "2.00 or more")
    pure = go.all("reach", "pure", "pure_tasks_s")
    must("pure tasks a second in one engine", pure, _median(pure) >= 10_000, "10,000 or more", 0)
    growth = go.figures[("reach", "pure")][0].get("growth", {})
    if growth:
        print("\npure tasks (set, switch, for) a second, by how many a run has")
        print(chart({int(tasks): rate for tasks, rate in growth.items()}))
    return held


def _median(found: list[float]) -> float:
    return statistics.median(found) if found else float("nan")


def _number(figure: float) -> str:
    return f"{'-':>12}" if isnan(figure) else f"{figure:12,.0f}"


def main() -> int:
    began = time.monotonic()
    go = Go(peers.install())
    with tempfile.TemporaryDirectory(prefix="reach-bench-", dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        go.run(Path(scratch))
    held = report(go)
    print(f"\n{'all of it holds' if held else 'something does not hold'}; {time.monotonic() - began:.0f} s")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
