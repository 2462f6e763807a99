"""A line chart in text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

HEIGHT: Final = 10
WIDTH: Final = 60


def chart(points: Mapping[int, float]) -> str:
    """Rates by size: the size on a logarithmic axis, the rate on a linear one from 0; the values beneath."""
    top = max(points.values()) * 1.05
    sizes = sorted(points)
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])
    grid = [[" "] * (WIDTH + 1) for _ in range(HEIGHT + 1)]
    for column in range(WIDTH + 1):
        grid[HEIGHT - round(_between(points, 10 ** (low + (high - low) * column / WIDTH)) / top * HEIGHT)][column] = "·"
    for size in sizes:
        column = round((math.log10(size) - low) / (high - low) * WIDTH) if high > low else 0
        grid[HEIGHT - round(points[size] / top * HEIGHT)][column] = "●"
    lines = []
    for row, cells in enumerate(grid):
        label = f"{top * (HEIGHT - row) / HEIGHT:10,.0f}" if row % 5 == 0 else " " * 10
        lines.append(f"{label} ┤{''.join(cells).rstrip()}")
    lines.append(" " * 11 + "└" + "─" * (WIDTH + 1))
    lines += [f"{size:>12,} tasks {points[size]:>12,.0f} a second" for size in sizes]
    return "\n".join(lines)


def _between(points: Mapping[int, float], size: float) -> float:
    """The rate at `size` on the straight lines between the measured ones."""
    sizes = sorted(points)
    for below, above in pairwise(sizes):
        if size <= above:
            share = (math.log10(size) - math.log10(below)) / (math.log10(above) - math.log10(below))
            return points[below] + share * (points[above] - points[below])
    return points[sizes[-1]]
