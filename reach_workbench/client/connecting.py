"""`connect`: a node by its home or by its URL."""

from __future__ import annotations

from pathlib import Path

from reach_workbench.client.connection import Connection
from reach_workbench.client.remote import PATIENCE, RemoteNode


async def connect(
    *,
    home: Path | str | None = None,
    url: str | None = None,
    token: str | None = None,
    patience: float = PATIENCE,
    requester: str | None = None,
) -> RemoteNode:
    """The node that serves a home of this machine, or the one at a URL, which asks for its token.

    Raises NodeUnreachable when nobody answers, Unauthorized, ProtocolMismatch. `patience` is for how
    many seconds streams that are cut look for the node again; `requester` in whose name runs are asked for.
    """
    folder = Path(home).expanduser() if home is not None else None
    node = RemoteNode(Connection(home=folder, url=url, token=token), patience=patience, requester=requester)
    try:
        await node.ready()
    except BaseException:
        await node.close()
        raise
    return node
