"""Adapters that touch the world; see `adapters.Adapters`."""
