"""Who is told of runs: that one has changed, and what each commit has recorded."""

from __future__ import annotations

from collections.abc import Callable

from reach_workbench.engine.events import Event
from reach_workbench.engine.state import State

Observer = Callable[[State, list[Event]], None]


class Followers:
    """Listeners hear that a run has changed, observers what was committed."""

    def __init__(self) -> None:
        self._listeners: dict[str | None, list[Callable[[str], None]]] = {}
        self._observers: list[Observer] = []

    def subscribe(self, listener: Callable[[str], None], run: str | None = None) -> Callable[[], None]:
        """Call `listener` with a run's id after each change of that run, or of any; returns how to stop that."""
        self._listeners.setdefault(run, []).append(listener)

        def forget() -> None:
            self._listeners[run].remove(listener)
            if not self._listeners[run]:
                del self._listeners[run]

        return forget

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with the events of each commit; returns how to stop that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def announce(self, run: str) -> None:
        """Something about the run has changed."""
        for listener in (*self._listeners.get(run, ()), *self._listeners.get(None, ())):
            listener(run)

    def committed(self, state: State, events: list[Event]) -> None:
        """A run has committed `events`, which led to `state`."""
        for observer in self._observers:
            observer(state, events)
