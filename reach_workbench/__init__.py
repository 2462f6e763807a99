"""Reach Workbench: write, run, step, gate and prove AI workflows from a terminal."""

__version__ = "0.1.0"
