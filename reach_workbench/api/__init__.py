"""The HTTP API over a node. Not built yet."""
