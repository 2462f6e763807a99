"""Which run came from which: forks under what they were forked from, sub-workflows under what started them."""

from __future__ import annotations

from collections.abc import Iterable

from reach_workbench.protocol.node_views import RunView


def family(runs: Iterable[RunView], of: str) -> list[tuple[str, RunView]]:
    """The tree that a run belongs to, as (drawn branch, run), the oldest forefather first."""
    known = {run.id: run for run in runs}
    if of not in known:
        return []
    root = known[of]
    seen = {root.id}
    while (above := _above(root)) in known and above not in seen:
        seen.add(str(above))
        root = known[str(above)]
    under: dict[str, list[RunView]] = {}
    for run in sorted(known.values(), key=lambda each: (each.created_at, each.id)):
        if (above := _above(run)) is not None:
            under.setdefault(above, []).append(run)
    return list(_branches(root, under, "", "", set()))


def _above(run: RunView) -> str | None:
    return run.forked_from or run.parent


def _branches(
    run: RunView, under: dict[str, list[RunView]], branch: str, below: str, seen: set[str]
) -> Iterable[tuple[str, RunView]]:
    if run.id in seen:
        return
    seen.add(run.id)
    yield branch, run
    children = under.get(run.id, [])
    for place, child in enumerate(children, start=1):
        last = place == len(children)
        yield from _branches(child, under, below + ("└ " if last else "├ "), below + ("  " if last else "│ "), seen)
