"""The Python SDK: `connect` to a node, or `find_or_start` the one of a home; see docs/sdk.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from reach_workbench.client.blocking import BlockingNode
    from reach_workbench.client.connecting import connect
    from reach_workbench.client.finding import find_or_start
    from reach_workbench.client.remote import RemoteNode

__all__ = ["BlockingNode", "RemoteNode", "connect", "find_or_start"]

_PLACES: Final = {
    "BlockingNode": "blocking",
    "RemoteNode": "remote",
    "connect": "connecting",
    "find_or_start": "finding",
}
"""Where each is: a part of this package can be imported without all of it, which takes a tenth of a second."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
