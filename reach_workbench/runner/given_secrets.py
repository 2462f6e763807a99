"""The secrets that runs were given: kept for as long as the process drives them, and stored nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reach_workbench.engine.values import Json
from reach_workbench.errors import SecretsMissing
from reach_workbench.storage.records import RunRecord


class GivenSecrets:
    """By the runs' ids. Whoever must never show a secret is told of each."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, Json]] = {}
        self._learners: list[Callable[[Json], None]] = []

    def __contains__(self, run: str) -> bool:
        return run in self._given

    def give(self, run: str, secrets: Mapping[str, Json]) -> None:
        """From now on the run has these and no others."""
        given = self._given[run] = dict(secrets)
        for learn in self._learners:
            learn(given)

    def of(self, run: str) -> dict[str, Json]:
        return self._given.get(run, {})

    def complete(self, record: RunRecord, secrets: Mapping[str, Json], what: str) -> dict[str, Json]:
        """The run's secrets: given now, or before in this process. Raises SecretsMissing: it can't `what` without."""
        given = {**self.of(record.id), **secrets}
        missing = [name for name in record.secrets if name not in given]
        if missing:
            raise SecretsMissing(
                f"run {record.id} can't {what} without its secrets: {', '.join(missing)}",
                hint="runs never store them; give them again with "
                + " ".join(f"--secret {n}=@FILE" for n in missing)
                + ", or keep them with `reach secret set`",
            )
        return given

    def forget(self, run: str) -> None:
        """The run has ended."""
        self._given.pop(run, None)

    def teach(self, learn: Callable[[Json], None]) -> Callable[[], None]:
        """Call `learn` with the secrets of each run, now and from now on; returns how to stop that."""
        for secrets in self._given.values():
            learn(secrets)
        self._learners.append(learn)
        return lambda: self._learners.remove(learn)
