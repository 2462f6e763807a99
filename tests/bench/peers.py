"""The peers: installed into a virtual environment of their own, run by the scripts kept beside the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = ROOT / "bench-results"
SCRIPTS: Final = Path(os.environ.get("BENCH_PEERS", ROOT.parent / "shared" / "bench" / "peers"))
PACKAGES: Final = {
    "dbos": ("dbos",),
    "langgraph": ("langgraph", "langgraph-checkpoint-sqlite"),
    "burr": ("apache-burr",),
    "queue": ("huey",),
}
"""What each peer's script needs; `sqlite_raw` needs nothing."""

_ENVIRONMENT: Final = RESULTS / "peers"
_PATIENCE: Final = 900


def install() -> dict[str, str]:
    """Install every peer that is missing. Returns why, for those that can't be installed."""
    RESULTS.mkdir(exist_ok=True)
    if not (_ENVIRONMENT / "bin" / "python").exists():
        print(f"making {_ENVIRONMENT.relative_to(ROOT)} for the peers", flush=True)
        venv.create(_ENVIRONMENT, with_pip=True)
    wanting: dict[str, str] = {}
    for peer, packages in PACKAGES.items():
        if not SCRIPTS.joinpath(f"bench_{peer}.py").is_file():
            wanting[peer] = f"there is no bench_{peer}.py in {SCRIPTS}"
            continue
        marker = _ENVIRONMENT / f".{peer}"
        if marker.exists():
            continue
        print(f"installing {' '.join(packages)}", flush=True)
        done = subprocess.run(
            [
                _ENVIRONMENT / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *packages,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            wanting[peer] = said[-1] if said else "pip failed"
        else:
            marker.touch()
    if not SCRIPTS.joinpath("bench_sqlite_raw.py").is_file():
        wanting["sqlite_raw"] = f"there is no bench_sqlite_raw.py in {SCRIPTS}"
    return wanting


def measure(peer: str, test: str, scratch: Path) -> dict[str, Any]:
    """One run of one test of a peer in a fresh process; `error` among the figures if it failed."""
    results = scratch / "results.jsonl"
    results.unlink(missing_ok=True)
    environment = os.environ | {"BENCH_RESULTS": str(results), "BENCH_SCRATCH": str(scratch)}
    python = sys.executable if peer == "sqlite_raw" else str(_ENVIRONMENT / "bin" / "python")
    command = [python, str(SCRIPTS / f"bench_{peer}.py"), "--tests", test, "--runs", "1", "--durability", "wal-full"]
    try:
        subprocess.run(
            command,
            env=environment,
            cwd=scratch,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
        written = json.loads(results.read_text().splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as wrong:
        return {"error": repr(wrong)}
    if written["errors"]:
        return {"error": str(written["errors"][0]).strip().splitlines()[-1]}
    with (RESULTS / "results.jsonl").open("a") as kept:
        kept.write(json.dumps(written) + "\n")
    return {
        name: figure["median"] if isinstance(figure, dict) and "median" in figure else figure
        for name, figure in written["metrics"].items()
    }
