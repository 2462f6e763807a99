"""The commands of one run that are recorded and not under way: which, and when to ask for them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reach_workbench.engine.commands import Command
from reach_workbench.engine.events import Event
from reach_workbench.engine.recorder import command_of
from reach_workbench.engine.state import ROOT, State
from reach_workbench.runner.loading import recorded_event
from reach_workbench.storage.store import Store


class Intents:
    """`due` are to be performed in the next turn that performs anything.

    `unbegun` nobody has begun: they can be performed later without any doubt.
    """

    def __init__(self, store: Store, key: int, state: State, unbegun: Iterable[int]) -> None:
        self._store = store
        self._key = key
        self._state = state
        self._edited: dict[int, Event] = {}
        self.due: list[int] = []
        self.unbegun = set(unbegun)

    def event(self, seq: int) -> Event:
        """One of the run's recorded events."""
        return recorded_event(self._store, self._key, seq)

    def command(self, number: int) -> Command:
        """A command that is pending, or has just ended, read back from the event that recorded its intent."""
        event = self.event(number)
        data = event.data or {}
        if (edited := self._state.edited.get(number)) is not None:
            data = {**data, "arguments": (self.edit(edited).data or {})["arguments"]}
        return command_of(self._state, number, event.task or "", self._state.commands.get(number, ROOT), data)

    def edit(self, seq: int) -> Event:
        """The event that changed the arguments of a command."""
        return self._edited.get(seq) or self.event(seq)

    def edited(self, event: Event) -> None:
        """A command has other arguments since that event, which is not in the store yet."""
        self._edited[event.seq] = event

    def committed(self) -> None:
        """Everything is in the store."""
        self._edited.clear()

    # ------------------------------------------------------------ when

    def set_aside(self, numbers: Iterable[int]) -> None:
        """These are to be performed some other time."""
        self.unbegun.update(numbers)

    def set_aside_due(self) -> None:
        """Nothing is performed now."""
        self.unbegun.update(self.due)
        self.due = []

    def bring_back(self) -> None:
        """What was set aside is due."""
        if self.unbegun:
            self.due += sorted(self.unbegun)
            self.unbegun.clear()

    def prune(self) -> None:
        """Forget those that the run no longer waits for."""
        if self.unbegun:
            self.unbegun &= self._state.commands.keys()

    def take(self, under_way: Collection[int]) -> list[Command]:
        """The commands that are due, but for those that are under way or that the run no longer waits for."""
        numbers, self.due = dict.fromkeys(self.due), []
        return [
            self.command(number) for number in numbers if number in self._state.commands and number not in under_way
        ]
