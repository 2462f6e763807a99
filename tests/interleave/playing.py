"""Plays interleavings by their seeds, in one process."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final, NoReturn

from tests.interleave.interleaving import Interleaving
from tests.interleave.judge import Broken

_MEMORY: Final = Path("/dev/shm")
"""A file system without a disk, where there is one: nothing here is about the disk."""


_LONGEST: Final = 60
"""Seconds that one may take on a busy machine."""


def _hangs(*_: object) -> NoReturn:
    raise Broken("it hangs")


def play(seeds: tuple[int, int], steps: int = 24) -> tuple[Counter[str], list[str]]:
    """The seeds from the first on and before the second: what was done, and what broke."""
    done: Counter[str] = Counter()
    broken: list[str] = []
    logged, alarm = logging.root.manager.disable, signal.signal(signal.SIGALRM, _hangs)
    logging.disable()
    try:
        with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
            for seed in range(*seeds):
                _play_one(Interleaving(Path(folder) / str(seed), seed, steps), done, broken)
    finally:
        logging.disable(logged)
        signal.signal(signal.SIGALRM, alarm)
    return done, broken


def _play_one(one: Interleaving, done: Counter[str], broken: list[str]) -> None:
    signal.setitimer(signal.ITIMER_REAL, _LONGEST)
    try:
        one.go()
    except Broken as wrong:
        broken.append(str(wrong))
    except Exception as wrong:
        broken.append(f"seed {one.seed}: {wrong!r}\n" + "\n".join(one.told[-60:]))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    done += one.done
    done["interleavings"] += 1
    done["crashes"] += one.judge.crashes
    done["performed"] += len(one.outside.performed)
    done.update(f"gate {outcome}" for outcome in one.judge.outcomes.values())
