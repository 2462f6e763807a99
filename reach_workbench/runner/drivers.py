"""Makes the drivers of a node's runs, and gets those of stored runs back to where the runs stand."""

from __future__ import annotations

from pathlib import Path

from reach_workbench.effects.effect import Limits as EffectLimits
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.origins import Origins
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.runner.debug import Debug, Mode, continuing
from reach_workbench.runner.driver import Driver
from reach_workbench.runner.given_secrets import GivenSecrets
from reach_workbench.runner.host import Host
from reach_workbench.runner.loading import base_of, load_state
from reach_workbench.runner.row import GOING_ON
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord


class Drivers:
    """Each driver gets the secrets that its run was given, and the limits of the settings."""

    def __init__(self, host: Host, secrets: GivenSecrets) -> None:
        self._host = host
        self._secrets = secrets

    def make(
        self,
        key: int,
        run: str,
        state: State,
        *,
        base: Path,
        parent: str | None = None,
        debug: Debug | None = None,
        token: str | None = None,
        status: str = "pending",
        unbegun: tuple[int, ...] = (),
        origins: Origins | None = None,
    ) -> Driver:
        return Driver(
            self._host,
            key,
            run,
            state,
            base=base,
            surroundings=surroundings_of(self._host.settings, base, self._secrets.of(run)),
            parent=parent,
            debug=debug,
            token=token,
            status=status,
            unbegun=unbegun,
            origins=origins,
        )

    def stored(
        self,
        record: RunRecord,
        breakpoints: frozenset[str] | None = None,
        mode: Mode | None = None,
        until: str | None = None,
        hear: bool = True,
    ) -> Driver:
        """A driver for a stored run; `hear`: it is offered the events it missed."""
        origins = Origins()
        state = load_state(self._host.store, record, origins=origins)
        points = frozenset(record.breakpoints) if breakpoints is None else breakpoints
        debug = continuing(state, points, mode, until)
        if mode is None and record.status in GOING_ON and (record.waiting or {}).get("pausing"):
            debug = Debug(points, mode="into")
        driver = self.make(
            record.key,
            record.id,
            state,
            base=base_of(record),
            parent=record.parent,
            debug=debug,
            status=record.status,
            unbegun=tuple((record.waiting or {}).get("unbegun", ())),
            origins=origins,
        )
        if hear and state.listeners and record.status in GOING_ON:
            for event in self._missed(record, state):
                driver.offer(event, self._host.clock.now())
        return driver

    def _missed(self, record: RunRecord, state: State) -> list[dict[str, Json]]:
        """What runs have emitted since this one began to listen, and it has not consumed.

        A crash may have come between the commit that emitted an event and the one that consumed it.
        """
        read = self._host.store.read
        listening = [state.frames[number] for number in state.listeners]
        consumed = [
            event.data["event"]
            for chunk in read.chunks(record.key, min(frame.id for frame in listening))
            for event in chunk.events
            if event.type == "event.consumed" and event.data is not None
        ]
        known = {(event["source"], event["id"]) for event in consumed}
        emitted = read.emitted(min(frame.started_at for frame in listening))
        return [event for event in emitted if (event["source"], event["id"]) not in known]


def surroundings_of(settings: Settings, base: Path, secrets: dict[str, Json]) -> Surroundings:
    """What effects are performed in: beside the documents in `base`, within the limits of the settings."""
    limits = settings.limits
    return Surroundings(
        base=base,
        secrets=secrets,
        limits=EffectLimits(output_bytes=limits.output_bytes, effect_seconds=limits.effect_seconds),
        catalog=settings.home / "catalog",
    )
