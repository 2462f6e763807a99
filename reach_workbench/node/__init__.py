"""A node in this process: the store, the runner and the adapters, wired behind `protocol.Node`."""
