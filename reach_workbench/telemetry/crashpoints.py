"""Named places where a test may kill the process, to prove that nothing is lost there.

`REACH_CRASH_AT=name` kills at the first passage of that point, `name:3` at the third. Without
the variable a point is an empty function. The kill is SIGKILL: no handler, no flush, no exit hook.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "REACH_CRASH_AT"


def _passed(_name: str) -> None:
    """What every point is when none is armed."""


def _armed(order: str) -> Callable[[str], None]:
    wanted, _, count = order.partition(":")
    left = int(count or 1)

    def pass_or_die(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_or_die


crash_point: Final[Callable[[str], None]] = _armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else _passed
"""Call it with the name of the point. The variable is read once, when this module is imported."""
