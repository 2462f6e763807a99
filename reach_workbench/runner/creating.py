"""New runs and forks: their rows, their first facts, and the drivers that record them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reach_workbench import __version__
from reach_workbench.clock import Clock
from reach_workbench.engine.events import Fact
from reach_workbench.engine.program import Program
from reach_workbench.engine.secrets import shape
from reach_workbench.engine.state import BEHAVIOUR, State
from reach_workbench.engine.values import Json
from reach_workbench.runner.debug import Debug
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.drivers import Drivers
from reach_workbench.runner.given_secrets import GivenSecrets
from reach_workbench.runner.leases import Leases
from reach_workbench.runner.loading import base_of
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store
from reach_workbench.storage.unit import Unit


class NewRun(NamedTuple):
    """A run to create.

    `parent` are the run and the command that start it. `requester` is whoever asks for the run, `may` are the
    capabilities that it is given: all of them with None.
    """

    run: str
    program: Program
    input: Json
    file: Path | None
    base: Path
    secrets: Mapping[str, Json]
    breakpoints: tuple[str, ...] = ()
    hold: bool = False
    parent: tuple[str, int] | None = None
    requester: str | None = None
    may: Sequence[str] | None = None


class NewFork(NamedTuple):
    """A run to create that shares the first `at` events of `source`; `state` is the one after them.

    It is `requester` who asks for it, whoever asked for the other.
    `outcome` is what it is told of a command that is pending there.
    """

    run: str
    source: RunRecord
    at: int
    state: State
    program: Program
    edits: Mapping[str, Json]
    file: str | None
    secrets: Mapping[str, Json]
    hold: bool
    outcome: Fact | None = None
    requester: str | None = None


class Created(NamedTuple):
    """The driver of a run that exists once `unit` is committed together with its first fact."""

    driver: Driver
    first: Fact
    unit: Unit


class Creating:
    """Puts together what a run begins with. Nothing is stored yet."""

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, secrets: GivenSecrets, leases: Leases, drivers: Drivers
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._secrets = secrets
        self._leases = leases
        self._drivers = drivers

    def run(self, new: NewRun, unit: Unit) -> Created:
        """A run that begins with its workflow."""
        now = self._clock.now()
        key = self._store.new_run_key()
        program, file, parent = new.program, str(new.file) if new.file is not None else None, new.parent
        _add_program(unit, program, file, now)
        unit.create_run(
            key=key,
            id=new.run,
            program=program.digest,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
            file=file,
            base=new.base,
            parent=parent[0] if parent is not None else None,
            parent_command=parent[1] if parent is not None else None,
            breakpoints=new.breakpoints,
            secrets=tuple(new.secrets),
            capabilities=tuple(new.may or ()),
        )
        data: dict[str, Json] = {
            "run": new.run,
            "program": program.digest,
            "workflow": {"namespace": program.namespace, "name": program.name, "version": program.version},
            "input": new.input,
            "seed": self._clock.entropy(8).hex(),
            "secrets": {name: shape(name, value) for name, value in new.secrets.items()},
            "limits": self._recorded_limits(),
            "runtime": {"name": "reach", "version": __version__},
            "behaviour": BEHAVIOUR,
        }
        if new.requester is not None:
            data["requester"] = new.requester
        if new.may is not None:
            data["may"] = list(new.may)
        if parent is not None:
            data["parent"] = {"run": parent[0], "command": parent[1]}
        self._secrets.give(new.run, new.secrets)
        driver = self._drivers.make(
            key,
            new.run,
            State(program),
            base=new.base,
            parent=parent[0] if parent is not None else None,
            debug=Debug(frozenset(new.breakpoints), hold_first=new.hold),
            token=self._leases.employ(unit, new.run, now),
        )
        return Created(driver, Fact("workflow.created", now, data), unit)

    def fork(self, new: NewFork) -> Created:
        """A run that goes on from an event of another. Raises SecretsMissing."""
        now = self._clock.now()
        source, state, program = new.source, new.state, new.program
        given = self._secrets.complete(source, new.secrets, "be forked")
        key = self._store.new_run_key()
        unit = Unit()
        _add_program(unit, program, new.file, now)
        unit.create_run(
            key=key,
            id=new.run,
            program=program.digest,
            namespace=program.namespace,
            name=program.name,
            version=program.version,
            created_at=now,
            file=new.file,
            base=source.base,
            forked_from=source.key,
            forked_at=new.at,
            secrets=tuple(given),
        )
        # Its timers take as long from now on as they still had to at that event.
        data: dict[str, Json] = {"run": new.run, "of": source.id, "at": new.at, "program": program.digest}
        if state.timers:
            data["later"] = max(now - state.at, 0)
        if new.edits:
            data["edits"] = dict(new.edits)
        created: dict[str, Json] = {"requester": new.requester} if new.requester is not None else {}
        created["behaviour"] = BEHAVIOUR  # what an older run could do without being decided about, its fork can't
        if changed := {name: said for name, said in created.items() if state.created.get(name) != said}:
            data["created"] = changed
        self._secrets.give(new.run, given)
        driver = self._drivers.make(
            key,
            new.run,
            state,
            base=base_of(source),
            debug=Debug(hold_first=new.hold),
            token=self._leases.employ(unit, new.run, now),
        )
        if new.outcome is not None:
            driver.tell(new.outcome)
        return Created(driver, Fact("workflow.forked", now, data), unit)

    def _recorded_limits(self) -> dict[str, Json]:
        """The limits that decide what a run records; replaying it must meet the same ones."""
        limits = self._settings.limits
        return {
            "value_bytes": limits.value_bytes,
            "pure_tasks": limits.pure_tasks,
            "events": limits.events,
            "task_depth": limits.task_depth,
        }


def _add_program(unit: Unit, program: Program, file: str | None, now: int) -> None:
    unit.add_program(
        digest=program.digest,
        source=program.source,
        file=file,
        namespace=program.namespace,
        name=program.name,
        version=program.version,
        created_at=now,
    )
