"""The policy of tests that are about something else: nothing is held. Users have the built-in one, which holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from reach_workbench.settings import Policy

VARIABLES: Final = {
    "REACH_POLICY_FILE": str(Path(__file__).parent / "data" / "open.cedar"),
    "REACH_KEYS_USER": "tess",  # whoever asks for a run stands in its history: no test depends on who runs it
}
"""For settings that are loaded with an environment of the test's own."""

POLICY: Final = Policy(file=VARIABLES["REACH_POLICY_FILE"])
"""For settings that are made in place."""


def as_users_have_it() -> dict[str, str]:
    """The environment of a process in which the built-in policy is in force."""
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}
