"""Held actions on the screen: shown whole, approved, denied and edited."""
