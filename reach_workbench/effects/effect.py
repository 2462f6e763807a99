"""The one interface between the runner and the adapters that touch the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reach_workbench.engine.commands import Command
from reach_workbench.engine.values import Json


@dataclass(frozen=True, slots=True)
class Limits:
    """What one effect may cost. Errors name the setting: `limits.` and the field's name."""

    output_bytes: int = 16 * 1024 * 1024
    effect_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an adapter may know besides the command.

    `base` is the folder of the workflow's file: relative paths and URIs start there.
    `secrets` maps a secret's name to its value, for `reveal` (see `engine.secrets`).
    `catalog` is the folder of the node's default catalog.
    """

    base: Path
    secrets: dict[str, Json] = field(default_factory=dict)
    limits: Limits = Limits()
    catalog: Path | None = None


class Adapter(Protocol):
    """Performs commands of the kinds it lists.

    `perform` returns the task's raw output, a JSON value, or raises `engine.faults.Fault`.
    It must stop promptly and leave nothing behind when its asyncio task is cancelled.
    `idempotent` tells whether repeating this very command after a crash is safe.
    """

    kinds: tuple[str, ...]

    async def perform(self, command: Command, surroundings: Surroundings) -> Json: ...

    def idempotent(self, command: Command) -> bool: ...

    async def close(self) -> None: ...
