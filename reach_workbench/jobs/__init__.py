"""Leased work: leases, retries, dead letters; see `queue.Queue`."""
