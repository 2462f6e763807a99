"""The terminal workbench. Not built yet."""
