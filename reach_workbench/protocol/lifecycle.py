"""A run's history told as the specification's lifecycle CloudEvents (dsl-reference.md, Lifecycle Events).

Everything a lifecycle event says is in the recorded history, so they are made from it whenever
somebody wants them, for a run that is going on as for one of last year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from reach_workbench.engine.times import iso8601
from reach_workbench.engine.values import Json

PREFIX: Final = "io.serverlessworkflow"
"""The specification kept this prefix of its event types when it was renamed."""

_WORKFLOW: Final = {
    "workflow.suspended": ("suspended", "suspendedAt", "suspended"),
    "workflow.resumed": ("resumed", "resumedAt", "running"),
    "workflow.cancelled": ("cancelled", "cancelledAt", "cancelled"),
    "workflow.faulted": ("faulted", "faultedAt", "faulted"),
    "workflow.completed": ("completed", "completedAt", "completed"),
}
_TASK: Final = {
    "task.retried": ("retried", "retriedAt", "running"),
    "task.cancelled": ("cancelled", "cancelledAt", "cancelled"),
    "task.faulted": ("faulted", "faultedAt", "faulted"),
    "task.completed": ("completed", "completedAt", "completed"),
}
_MOMENTS: Final = {
    "workflow": ("started", "suspended", "resumed", "correlation-started", "correlation-completed"),
    "task": ("created", "started", "suspended", "resumed", "retried"),
}
_ENDINGS: Final = ("cancelled", "faulted", "completed", "status-changed")

TYPES: Final = tuple(
    f"{PREFIX}.{what}.{moment}.v1" for what, moments in _MOMENTS.items() for moment in (*moments, *_ENDINGS)
)
"""Every type of lifecycle event."""

_ENDS: Final = frozenset({"task.cancelled", "task.faulted", "task.completed"})


class Identified(Protocol):
    """What names a run: its id and its workflow."""

    @property
    def id(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


class Recorded(Protocol):
    """A recorded event, as the engine or a node shows it."""

    @property
    def seq(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def task(self) -> str | None: ...
    @property
    def frame(self) -> int: ...
    @property
    def data(self) -> dict[str, Json] | None: ...


class Lifecycle:
    """Turns the events of one run, handed over in order, into lifecycle CloudEvents.

    A skipped task is neither created nor started. When a run is suspended or resumed, so are the
    tasks it is in. `source` is the workflow's identity, `subject` the run's id, `id` the number
    of the recorded event and the moment's name. To begin in the middle of a history, give the
    `tasks` the run is in (frame to reference) and what its listeners correlate (frame to keys).
    """

    def __init__(
        self,
        run: Identified,
        tasks: Mapping[int, str] | None = None,
        correlating: Mapping[int, dict[str, Json]] | None = None,
    ) -> None:
        self._run = run
        self._name = f"{run.name}-{run.id}.{run.namespace}"
        self._tasks = dict(tasks or {})
        self._correlating = {frame: dict(keys) for frame, keys in (correlating or {}).items()}

    def tell(self, event: Recorded) -> Iterator[dict[str, Json]]:
        """The CloudEvents that a recorded event stands for: none, one or several."""
        if event.task is None:
            yield from self._of_workflow(event)
        else:
            yield from self._of_task(event, event.task)

    def _of_workflow(self, event: Recorded) -> Iterator[dict[str, Json]]:
        if event.type == "workflow.started":
            run = self._run
            definition = {"namespace": run.namespace, "name": run.name, "version": run.version}
            yield self._workflow(event, "started", "startedAt", definition=definition)
            yield self._workflow_status(event, "running")
        elif event.type in _WORKFLOW:
            word, moment, status = _WORKFLOW[event.type]
            more = {"error": event.data["error"]} if event.type == "workflow.faulted" and event.data else {}
            yield self._workflow(event, word, moment, **more)
            yield self._workflow_status(event, status)
            if word in ("suspended", "resumed"):
                for frame, task in self._tasks.items():
                    yield self._task(event, task, word, moment, f"-{frame}")
                    yield self._task_status(event, task, status, f"-{frame}")

    def _of_task(self, event: Recorded, task: str) -> Iterator[dict[str, Json]]:
        if event.type == "task.started":
            self._tasks[event.seq] = task
            yield self._task(event, task, "created", "createdAt")
            yield self._task(event, task, "started", "startedAt")
            yield self._task_status(event, task, "running")
        elif event.type == "event.awaited":
            self._correlating[event.frame] = {}
            yield self._workflow(event, "correlation-started", "startedAt")
            yield self._task_status(event, task, "waiting")
        elif event.type == "timer.started" and event.data and event.data["purpose"] == "wait":
            yield self._task_status(event, task, "waiting")
        elif event.type == "event.consumed" and event.frame in self._correlating:
            self._correlating[event.frame] |= (event.data or {}).get("correlations") or {}
        elif event.type in _TASK:
            word, moment, status = _TASK[event.type]
            keys = self._correlating.pop(event.frame, None)
            if keys is not None and event.type == "task.completed":
                more = {"correlationKeys": keys} if keys else {}
                yield self._workflow(event, "correlation-completed", "completedAt", **more)
            if event.type in _ENDS:
                self._tasks.pop(event.frame, None)
            error = {"error": event.data["error"]} if event.type == "task.faulted" and event.data else {}
            yield self._task(event, task, word, moment, **error)
            yield self._task_status(event, task, status)

    def _workflow(self, event: Recorded, word: str, moment: str, **more: Json) -> dict[str, Json]:
        return self._event(event, f"workflow.{word}", "", {"name": self._name, moment: iso8601(event.at), **more})

    def _workflow_status(self, event: Recorded, status: str) -> dict[str, Json]:
        data = {"name": self._name, "updatedAt": iso8601(event.at), "status": status}
        return self._event(event, "workflow.status-changed", "", data)

    def _task(self, event: Recorded, task: str, word: str, moment: str, of: str = "", **more: Json) -> dict[str, Json]:
        data = {"workflow": self._name, "task": task, moment: iso8601(event.at), **more}
        return self._event(event, f"task.{word}", of, data)

    def _task_status(self, event: Recorded, task: str, status: str, of: str = "") -> dict[str, Json]:
        data = {"workflow": self._name, "task": task, "updatedAt": iso8601(event.at), "status": status}
        return self._event(event, "task.status-changed", of, data)

    def _event(self, event: Recorded, name: str, of: str, data: dict[str, Json]) -> dict[str, Json]:
        run = self._run
        return {
            "specversion": "1.0",
            "id": f"{run.id}:{event.seq}{of}-{name}",
            "source": f"/{run.namespace}/{run.name}/{run.version}",
            "type": f"{PREFIX}.{name}.v1",
            "subject": run.id,
            "time": iso8601(event.at),
            "datacontenttype": "application/json",
            "data": data,
        }
