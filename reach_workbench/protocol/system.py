"""What a node says about itself: who it is, how it fares, what is queued and scheduled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PROTOCOL: Final = 1
"""Version of what nodes and clients say to each other. A change that an older side would misread raises it."""

OLDEST: Final = 1
"""The oldest version that this side still speaks."""

JobState = Literal["queued", "leased", "completed", "dead_letter"]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Who answers. `protocol` is the newest version it speaks, `oldest` the oldest; times in ms since 1970."""

    id: str
    name: str
    version: str
    protocol: int
    oldest: int
    tenant: str
    home: str
    pid: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counters since the node started (`steps` are events committed) and figures of this moment.

    `commit_ms` and `request_ms` are the mean over the last moments; `errors` counts faulted runs and
    failures of the node itself.
    """

    at: int
    active: int
    held: int
    waiting: int
    queued: int
    leased: int
    dead: int
    steps: int
    commits: int
    errors: int
    leases_lost: int
    commit_ms: float
    request_ms: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class JobView:
    """A job of the queue; `next_run_at` is None when nothing but a person brings it on."""

    id: str
    run: str | None
    kind: str
    status: JobState
    priority: int
    attempts: int
    max_attempts: int
    next_run_at: int | None
    created_at: int
    completed_at: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A workflow that starts by itself: `kind` is every, cron, after or on; `rule` as written."""

    id: str
    workflow: str
    kind: Literal["every", "cron", "after", "on"]
    rule: str
    enabled: bool
    next_at: int | None
    last_at: int | None
    last_run: str | None
    started: int
    skipped: int
