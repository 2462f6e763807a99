"""Who is at the machine."""

from __future__ import annotations

import getpass

from reach_workbench.settings import Settings


def person(settings: Settings) -> str:
    """Who is at the machine, by the setting `keys.user` or the login name."""
    if settings.keys.user:
        return settings.keys.user
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such entry, as in some containers
        return "local"
