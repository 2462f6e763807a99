"""What a node counts while it works, and the text in which Prometheus asks for it.

Counting is an addition to a number: nothing is formatted, and no library loaded, until somebody
asks (`render`). One `Figures` belongs to each store; the runner and the HTTP API share it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Metric

QUICK: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds in seconds of the classes of commits and requests."""

_RECENT: Final = 0.05
"""Weight of the newest value in the moving mean."""


class Spread:
    """How durations, in seconds, are spread: the counts of a Prometheus histogram, and their moving mean."""

    __slots__ = ("bounds", "counts", "mean", "sum")

    def __init__(self, bounds: tuple[float, ...] = QUICK) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.mean = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.mean = self.mean + _RECENT * (seconds - self.mean) if self.sum else seconds
        self.sum += seconds


class Figures:
    """Counters since the process began. `steps` are events committed, `failures` those of the node itself."""

    __slots__ = ("commits", "failures", "faulted", "leases_lost", "refused", "request_mean", "requests", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.faulted = 0
        self.failures = 0
        self.refused = 0
        self.leases_lost = 0
        self.commits = Spread()
        self.requests: dict[tuple[str, str, int], Spread] = {}
        self.request_mean = Spread()

    @property
    def errors(self) -> int:
        return self.faulted + self.failures

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """The HTTP API has answered. `route` is the pattern, never the path: paths are without number."""
        key = (method, route, status)
        spread = self.requests.get(key)
        if spread is None:
            spread = self.requests[key] = Spread()
        spread.add(seconds)
        self.request_mean.add(seconds)


def render(figures: Figures, gauges: Mapping[str, Mapping[str, float]]) -> str:
    """The figures in the Prometheus text format, version 0.0.4.

    `gauges` are figures of this moment: those of `runs` by status, of `jobs` by status, and `process` by name.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(figures, gauges))
    return generate_latest(registry).decode()


class _Snapshot:
    """A collector (of the client library) that hands out what was counted elsewhere."""

    def __init__(self, figures: Figures, gauges: Mapping[str, Mapping[str, float]]) -> None:
        self._figures = figures
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        figures = self._figures
        for name, value, help in (
            ("reach_steps", figures.steps, "Events committed."),
            ("reach_runs_faulted", figures.faulted, "Runs that ended in a fault."),
            ("reach_node_failures", figures.failures, "Failures of the node itself while it drove a run."),
            ("reach_commits_refused", figures.refused, "Units of work that the store refused."),
            ("reach_leases_lost", figures.leases_lost, "Leases of jobs that ran out before the work was done."),
        ):
            yield CounterMetricFamily(name, help, value=value)
        commits = HistogramMetricFamily("reach_commit_seconds", "Time the store takes for a commit.")
        commits.add_metric([], _classes(figures.commits), figures.commits.sum)
        yield commits
        requests = HistogramMetricFamily(
            "reach_request_seconds", "Time until a request was answered.", labels=("method", "route", "status")
        )
        for (method, route, code), spread in sorted(figures.requests.items()):
            requests.add_metric([method, route, str(code)], _classes(spread), spread.sum)
        yield requests
        for group, help in (("runs", "Runs by status."), ("jobs", "Jobs of the queue by status.")):
            family = GaugeMetricFamily(f"reach_{group}", help, labels=("status",))
            for status, amount in sorted(self._gauges.get(group, {}).items()):
                family.add_metric([status], amount)
            yield family
        for name, amount in sorted(self._gauges.get("process", {}).items()):
            yield GaugeMetricFamily(f"reach_{name}", f"{name.replace('_', ' ').capitalize()}.", value=amount)


def _classes(spread: Spread) -> list[tuple[str, float]]:
    """The cumulative counts that the format wants, up to each bound."""
    total = 0
    classes: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, spread.bounds), "+Inf"), spread.counts, strict=True):
        total += count
        classes.append((bound, total))
    return classes
