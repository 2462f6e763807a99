"""`make audit`: what the audit log costs and proves.

Prints what a record costs where one is written with each unit of work, alone and 50 at once; how long a million records
take to verify, with a checkpoint for every thousand; how long the evidence about a run takes out of those; and, of
10,000 tamperings with a log, its tree and its checkpoints, how many were found and named. RECORDS (1,000,000), UNITS
(5,000) and TAMPERINGS (10,000) change the sizes. The exit code is 1 when a tampering was not found, or a limit missed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import auditlog
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, pin
from reach_workbench.storage.store import Store
from tests.audit.logs import Log
from tests.audit.tampering import storm

RECORDS: Final = int(os.environ.get("RECORDS", "1000000"))
UNITS: Final = int(os.environ.get("UNITS", "5000"))
TAMPERINGS: Final = int(os.environ.get("TAMPERINGS", "10000"))

SECONDS: Final = 5.0
"""How long verifying a million records may take."""

KEY: Final = SigningKey.from_seed(bytes(32))
PAYLOAD: Final = {
    "seq": 12,
    "command": 11,
    "kind": "http.call",
    "task": "/do/0/getPet",
    "digest": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
    "policies": ["default.http"],
}
SHAPES: Final = ((3, 16, 37, 64), (1, 2, 3, 5), (50, 100, 149), (128, 129, 300))
"""Sizes at which the logs that are tampered with have their checkpoints."""


async def _units(folder: Path, at_once: int, *, audited: bool) -> float:
    """Seconds for one unit of work that keeps a little, with or without a record."""
    with Store.open(Settings(home=folder), write=True) as store:

        async def work(number: int) -> None:
            for step in range(UNITS // at_once):
                unit = store.unit()
                unit.put_snapshot(number + 1, step, b"x" * 200)
                if audited:
                    unit.audit("effect.performed", PAYLOAD, at=1_700_000_000_000, run=f"01kb{number:016}")
                await store.commit(unit)

        began = time.perf_counter()
        await asyncio.gather(*map(work, range(at_once)))
        return (time.perf_counter() - began) / (UNITS // at_once * at_once)


def cost(folder: Path) -> None:
    for at_once in (1, 50):
        pairs = []
        for turn in range(3):
            without = asyncio.run(_units(folder / f"without-{at_once}-{turn}", at_once, audited=False))
            with_one = asyncio.run(_units(folder / f"with-{at_once}-{turn}", at_once, audited=True))
            pairs.append((with_one - without, without, with_one))
        more, without, with_one = sorted(pairs)[1]
        print(
            f"a unit of work, {at_once:>2} at once   {1e6 * without:8.1f} µs without a record, "
            f"{1e6 * with_one:8.1f} µs with one: a record costs {1e6 * more:.1f} µs",
            flush=True,
        )


def million(folder: Path) -> bool:
    settings = Settings(home=folder)
    with Store.open(settings, write=True) as store:
        began, pinning = time.perf_counter(), 0.0
        for first in range(0, RECORDS, 1000):
            unit = store.unit()
            for number in range(first, min(first + 1000, RECORDS)):
                payload = {**PAYLOAD, "seq": number}
                unit.audit("effect.performed", payload, at=1_700_000_000_000 + number, run=f"01kb{number // 40:016}")
            store.commit_now(unit)
            start = time.perf_counter()
            head = store.read.audit_head()
            unit = store.unit()
            unit.pin_audit(pins=pin(file_of(settings), KEY, head, 1_700_000_000_000 + first), size=head.tree.size)
            store.commit_now(unit)
            pinning += time.perf_counter() - start
        written = time.perf_counter() - began
        print(
            f"{RECORDS:,} records          written in {written - pinning:.1f} s, a thousand in a unit; "
            f"a checkpoint takes {1000 * pinning / max(1, RECORDS // 1000):.1f} ms",
            flush=True,
        )
    ok = True
    with Store.open(settings, write=False) as store:
        taken, worked = [], []
        for _ in range(3):
            began, work = time.perf_counter(), _processor_seconds()
            found = store.check_audit(KEY.public)
            taken.append(time.perf_counter() - began)
            worked.append(_processor_seconds() - work)
            ok &= found.ok and found.records == RECORDS
        best = min(taken)
        print(
            f"verified                   {best:.2f} s, {RECORDS / best:,.0f} records a second; three times: "
            f"{', '.join(f'{each:.2f}' for each in taken)} s, of two processors {min(worked):.2f} s: {found.summary}"
        )
        began = time.perf_counter()
        evidence = auditlog.prove(store, settings, f"01kb{RECORDS // 80:016}")
        print(f"evidence about a run       {time.perf_counter() - began:.2f} s for {len(evidence.records)} records")
    return ok and best * 1_000_000 / RECORDS < SECONDS


def _processor_seconds() -> float:
    """Of this process and those that it started: what is left of the time when others need the machine too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _storm(number: int) -> tuple[dict[str, int], list[str]]:
    """In a process of its own."""
    sizes = SHAPES[number % len(SHAPES)]
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder) / "home").grow(*sizes)
        if number % 2:
            log.add(7)
        return storm(log, sizes, TAMPERINGS // 8, seed=number)


def tamperings() -> bool:
    began = time.perf_counter()
    done: dict[str, int] = {}
    wrong: list[str] = []
    with ProcessPoolExecutor(2) as pool:
        for ways, verdicts in pool.map(_storm, range(8)):
            wrong += verdicts
            for way, count in ways.items():
                done[way] = done.get(way, 0) + count
    total = sum(done.values())
    print(
        f"tamperings                 {total - len(wrong):,} of {total:,} found and named, in {len(done)} ways, "
        f"in {time.perf_counter() - began:.0f} s"
    )
    for verdict in wrong[:20]:
        print(f"  {verdict}")
    return not wrong


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        cost(Path(folder))
        quick = million(Path(folder) / "million")
    return 0 if tamperings() and quick else 1


if __name__ == "__main__":
    sys.exit(main())
