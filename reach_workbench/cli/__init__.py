"""The command line: requests to a node, and what comes back as text or JSON. See `docs/cli.md`."""
