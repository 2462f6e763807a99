"""The Python SDK: `connect` to a node, or `find_or_start` the one of a home; see docs/sdk.md."""

from reach_workbench.client.blocking import BlockingNode
from reach_workbench.client.connecting import connect
from reach_workbench.client.finding import find_or_start
from reach_workbench.client.remote import RemoteNode

__all__ = ["BlockingNode", "RemoteNode", "connect", "find_or_start"]
