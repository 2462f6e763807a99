"""Performs `container.run` through docker or podman (dsl-reference.md, Container Process)."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.effects import process
from reach_workbench.effects.arguments import choice, mapping, optional_text, revealed, text, word
from reach_workbench.effects.effect import Limits, Surroundings
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.commands import Command
from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

ENGINES: Final = ("docker", "podman")
_SETTINGS: Final = ("DOCKER_", "CONTAINER_", "PODMAN_", "XDG_")
"""Prefixes of the variables by which the engines' own commands find their engine."""

_PULL: Final = {"ifNotPresent": "missing", "always": "always", "never": "never"}
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_OWN_FAILURE: Final = 125
"""The exit code by which both engines tell that they, not the container, failed."""

_SHORT: Final = Limits(output_bytes=1024 * 1024, effect_seconds=10.0)
"""For the engine's own short commands."""

_FOLLOWED: Final = (
    'after=$1 engine=$2 name=$3; shift 3; "$@"; [ -z "$after" ] || { sleep "$after"; "$engine" rm --force "$name"; }'
)
"""Runs its other arguments and removes the container a while later, even if Reach has ended by then."""


class Containers:
    """Runs a container attached, with docker or podman, whichever is installed and answers.

    `command` is a shell command inside the container (`sh -c`), whose `arguments` are `$1`, …;
    without it they go to the image's own entry point. `ports` and `volumes` map the host's side
    to the container's; paths starting with a dot are relative to the workflow's folder. A container
    that ran is kept, removed at once, or removed after a while, as `lifetime` says; one whose
    task is cancelled is killed.

    A container without a name is called `{workflow}-{uuid}.{namespace}-{task}` as the reference
    recommends, if the command's arguments tell `workflow: {namespace, name}`.
    """

    kinds: tuple[str, ...] = ("container.run",)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._engine: str | None = None

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        scrubber = Scrubber(surroundings.secrets)
        try:
            arguments = revealed(command, surroundings)
            wanted = process.Wanted.of(arguments)
            container = process.described(arguments)
            name = optional_text(container, "name") or self._name(command, mapping(arguments, "workflow"))
            at_once, after = _lifetime(container)
            engine = await self._found(surroundings.base)
            launch = _launch(container, command, surroundings.base, [engine, "run", f"--name={name}"], at_once=at_once)
            follow = ("/bin/sh", "-c", _FOLLOWED, "sh", after, engine, name)
            if not wanted.wait:
                await process.detach(replace(launch, argv=(*follow, *launch.argv)))
                return None
            try:
                ended = await process.run(launch, surroundings.limits)
            except BaseException:
                await process.insist(process.run(replace(launch, argv=(engine, "kill", name), stdin=None), _SHORT))
                raise
            if ended.code == _OWN_FAILURE:
                raise process.failed(ended, scrubber, f"{Path(engine).name} could not run the container: it")
            if after:
                await process.detach(replace(launch, argv=(*follow, "true"), stdin=None))
            return process.result(ended, wanted, scrubber, launch.what)
        except Fault as fault:
            raise scrubber.fault(fault) from None

    def idempotent(self, command: Command) -> bool:
        return False

    async def close(self) -> None:
        """Every container ends with its command; one that is not awaited is its own master."""

    async def _found(self, folder: Path) -> str:
        """The engine's program: the first that is installed and answers."""
        if self._engine is not None:
            return self._engine
        variables = _variables()
        tried: list[str] = []
        for name in ENGINES:
            path = process.program(name, variables)
            if path is None:
                tried.append(f"{name} is not installed")
                continue
            try:
                ended = await process.run(process.Launch((path, "version"), variables, folder, name), _SHORT)
            except Fault as fault:
                tried.append(f"{name} is installed but unusable: {fault.detail}")
                continue
            if ended.code == 0:
                self._engine = path
                return path
            said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
            tried.append(f"{name} is installed but its engine does not answer{f': {said[-1]}' if said else ''}")
        raise Fault(
            "configuration",
            f"running a container needs docker or podman: {'; '.join(tried)}",
            code="no-container-engine",
        )

    def _name(self, command: Command, workflow: dict[str, Json]) -> str:
        unique = uuid.UUID(bytes=self._clock.entropy(16), version=4)
        task = command.task.rpartition("/")[2]
        name, namespace = workflow.get("name", "reach"), workflow.get("namespace", "default")
        return _ODD.sub("-", f"{name}-{unique}.{namespace}-{task}").lstrip("-._") or f"reach-{unique}"


def _launch(
    container: dict[str, Json], command: Command, folder: Path, argv: list[str], *, at_once: bool
) -> process.Launch:
    image = text(container, "image")
    if not image or image.startswith("-"):
        raise Fault("validation", f"`{image}` is not the name of an image", code="bad-argument")
    pull = choice(container, "pullPolicy", tuple(_PULL), "ifNotPresent")
    argv += [f"--pull={_PULL[pull]}", f"--label=reach.command={command.id}"]
    if at_once:
        argv.append("--rm")
    if container.get("stdin") is not None:
        argv.append("--interactive")
    variables = _variables()
    for name, value in process.environment(command, mapping(container, "environment")).items():
        if name in variables and variables[name] == value and name not in mapping(container, "environment"):
            continue  # of this machine, not meant for the container
        if name in variables:
            argv.append(f"--env={name}={value}")
        else:  # by name alone: other people of this machine can read our arguments
            variables[name] = value
            argv.append(f"--env={name}")
    for outside, inside in mapping(container, "ports").items():
        argv.append(f"--publish={outside}:{word(inside)}")
    for outside, inside in mapping(container, "volumes").items():
        source = str((folder / outside).resolve()) if outside.startswith(".") else outside
        argv.append(f"--volume={source}:{word(inside)}")
    argv.append(image)
    script = optional_text(container, "command")
    if script is not None:
        argv += ["sh", "-c", script, "sh"]
    return process.Launch(
        argv=(*argv, *process.words(container)),
        environment=variables,
        folder=folder,
        what=f"the container of {image}",
        stdin=process.stdin(container),
    )


def _lifetime(container: dict[str, Json]) -> tuple[bool, str]:
    """Whether the container is removed when it ends, and after how many seconds if later (empty for never)."""
    lifetime = mapping(container, "lifetime")
    cleanup = choice(lifetime, "cleanup", ("always", "never", "eventually"), "never", "lifetime.")
    if cleanup != "eventually":
        return cleanup == "always", ""
    return False, f"{milliseconds(lifetime.get('after')) / 1000:.3f}"


def _variables() -> dict[str, str]:
    """The environment of the engine's own command."""
    return process.inherited() | {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
