"""The heartbeat of a node: drives runs, performs their commands, recovers them; see `runner.Runner`."""
