"""Crash points for tests; logs, metrics and traces are not built yet."""
