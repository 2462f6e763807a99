"""Child processes: started in a group of their own, bounded in time and output, never left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from reach_workbench.effects.arguments import choice, flag, mapping, word, wrong
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.effect import Limits
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

RETURNS: Final = ("stdout", "stderr", "code", "all", "none")
GRACE: Final = 2.0
"""Seconds between asking a process group to end and killing it."""

_SIGNALS: Final = {number.value: number.name for number in signal.Signals}
_POLL: Final = 0.02
_PROCESSES: Final = Path("/proc")
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "USER", "SHELL")
_CHUNK: Final = 65_536
_TAIL_LINES: Final = 10
_TAIL: Final = 1_000  # characters of standard error in a fault

_DETACH: Final = 'exec 3<&0; folder=$1; shift; ( "$@"; [ -z "$folder" ] || rm -rf -- "$folder" ) <&3 3<&- &'
"""Starts its arguments in the background and ends; they go to the system's first process, which reaps them."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. `stdin` None means none (the null device); `what` names it in messages."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    what: str
    stdin: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. `code` is 128 plus the signal's number if a signal ended it, as a shell tells it."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a `run` task wants of its process: to wait for it, and what to output (dsl-reference.md, Run)."""

    wait: bool
    result: str

    @classmethod
    def of(cls, arguments: dict[str, Json]) -> Wanted:
        return cls(flag(arguments, "await", True), choice(arguments, "return", RETURNS, "stdout"))


async def run(launch: Launch, limits: Limits) -> Ended:
    """Runs to the end and returns what it printed, byte for byte.

    When the caller is cancelled, the time is up or the output too large, the whole process group
    is asked to end and killed after `GRACE` seconds. Raises Fault `timeout` and `runtime` with
    code `limit`, both naming the setting, and `configuration` or `validation` when it can't start.
    """
    process = await _start(launch, PIPE)
    try:
        async with deadline(limits, launch.what):
            stdout, stderr = await _collect(process, launch, limits)
            code = await process.wait()
    except BaseException as reason:
        lingering = process.returncode is not None
        await insist(_end(process))
        if lingering and isinstance(reason, Fault) and reason.status == 408:
            raise Fault(
                "timeout",
                f"{reason.detail}: it ended by itself, but something it started keeps its output open",
                code=reason.code,
            ) from None
        raise
    return Ended(code if code >= 0 else 128 - code, stdout, stderr)


async def detach(launch: Launch, scratch: Path | None = None) -> None:
    """Starts a process that goes on by itself, its output discarded; `scratch` is removed when it ends."""
    argv = ("/bin/sh", "-c", _DETACH, "sh", str(scratch or ""), *launch.argv)
    process = await _start(Launch(argv, launch.environment, launch.folder, launch.what, launch.stdin), DEVNULL)
    await asyncio.shield(process.wait())


async def insist(work: Awaitable[object]) -> None:
    """Waits until `work` is done even if the caller is cancelled (again) meanwhile; its failure is nobody's concern."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    if not task.cancelled():
        task.exception()


def result(ended: Ended, wanted: Wanted, scrubber: Scrubber, what: str) -> Json:
    """The task's output. Raises Fault `runtime` with code `process-failed` for a failure that it would not show."""
    if ended.code and wanted.result not in ("code", "all"):
        raise failed(ended, scrubber, what)
    if wanted.result == "none":
        return None
    if wanted.result == "code":
        return ended.code
    stdout, stderr = _printed(ended.stdout, scrubber), _printed(ended.stderr, scrubber)
    if wanted.result == "all":
        return {"code": ended.code, "stdout": stdout, "stderr": stderr}
    return stderr if wanted.result == "stderr" else stdout


def failed(ended: Ended, scrubber: Scrubber, what: str) -> Fault:
    """The fault for a process that ended with a code other than 0, with the last lines of its standard error."""
    detail = f"{what} ended with code {ended.code}"
    if ended.code > 128 and ended.code - 128 in _SIGNALS:
        detail += f" ({_SIGNALS[ended.code - 128]})"
    lines = _printed(ended.stderr, scrubber).strip().splitlines()[-_TAIL_LINES:]
    if lines:
        detail += ": " + "\n".join(lines)[-_TAIL:]
    return Fault("runtime", detail, code="process-failed")


def environment(command: Command, given: dict[str, Json]) -> dict[str, str]:
    """The variables of a process: a few of ours, those of the task, and the ids of the run and the command."""
    variables = inherited()
    for name, value in given.items():
        if not name or "=" in name or "\0" in name:
            raise Fault("validation", f"{name!r} can't be the name of an environment variable", code="bad-argument")
        variables[name] = word(value)
    variables["REACH_RUN"] = command.id.rpartition(":")[0]
    variables["REACH_COMMAND"] = command.id
    return variables


def inherited() -> dict[str, str]:
    """The variables every process gets from ours; all others stay here, for they may hold credentials."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def words(process: dict[str, Json]) -> tuple[str, ...]:
    """The task's `arguments` as argv."""
    given = process.get("arguments")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise wrong("arguments", "an array", given)
    return tuple(map(word, given))


def stdin(process: dict[str, Json]) -> str | None:
    given = process.get("stdin")
    return None if given is None else word(given)


def described(arguments: dict[str, Json]) -> dict[str, Json]:
    """The process object of a command's arguments."""
    process = mapping(arguments, "process")
    if not process:
        raise wrong("process", "an object", arguments.get("process"))
    return process


def program(name: str, variables: dict[str, str]) -> str | None:
    """Where a program is found on the PATH that the process will have."""
    return shutil.which(name, path=variables.get("PATH", os.defpath))


async def _start(launch: Launch, output: int) -> Process:
    """Starts the process. A cancellation that comes meanwhile is heeded once there is something to end.

    Left to itself, asyncio would kill the first process only, and wait for pipes that others hold.
    """
    starting = asyncio.ensure_future(_spawn(launch, output))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await insist(starting)
        if starting.exception() is None:
            await insist(_end(starting.result()))
        raise


async def _spawn(launch: Launch, output: int) -> Process:
    given = _stdin(launch.stdin)
    try:
        return await asyncio.create_subprocess_exec(
            *launch.argv,
            stdin=DEVNULL if given is None else given,
            stdout=output,
            stderr=output,
            cwd=launch.folder,
            env=launch.environment,
            start_new_session=True,
        )
    except ValueError as wrong_text:  # a null character, or text that is not Unicode
        raise Fault("validation", f"{launch.what} can't be started: {wrong_text}", code="bad-argument") from None
    except OSError as refused:
        raise Fault(
            "configuration",
            f"{launch.what} can't be started: {refused.strerror or refused}",
            code="process-unstartable",
        ) from None
    finally:
        if given is not None:
            given.close()


def _stdin(written: str | None) -> IO[bytes] | None:
    """Standard input as an open file: some programs read a pipe or socket less well, and nobody has to feed it.

    It lives in memory where the system can do that, for it may hold secrets.
    """
    if written is None:
        return None
    memory: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    file: IO[bytes] = (
        tempfile.TemporaryFile()  # noqa: SIM115 - handed to the process, closed by who started it
        if memory is None
        else os.fdopen(memory("stdin"), "w+b")
    )
    file.write(written.encode("utf-8", "surrogatepass"))
    file.seek(0)
    return file


async def _collect(process: Process, launch: Launch, limits: Limits) -> tuple[bytes, bytes]:
    """Both outputs, read at the same time until both are closed."""
    held = 0
    parts: tuple[bytearray, bytearray] = (bytearray(), bytearray())

    async def pump(stream: asyncio.StreamReader | None, part: bytearray) -> None:
        nonlocal held
        while stream is not None and (chunk := await stream.read(_CHUNK)):
            held += len(chunk)
            if held > limits.output_bytes:
                raise Fault(
                    "runtime",
                    f"{launch.what} printed more than {limits.output_bytes} bytes, the setting `limits.output_bytes`",
                    code="limit",
                )
            part += chunk

    readers = [
        asyncio.ensure_future(pump(process.stdout, parts[0])),
        asyncio.ensure_future(pump(process.stderr, parts[1])),
    ]
    try:
        await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return bytes(parts[0]), bytes(parts[1])


async def _end(process: Process) -> None:
    # What is still printed is read and dropped: a full pipe would keep the process from ending.
    drains = [asyncio.ensure_future(_drain(stream)) for stream in (process.stdout, process.stderr) if stream]
    try:
        async with asyncio.timeout(GRACE):
            _signal(process, signal.SIGTERM)
            await process.wait()
            await _vacated(process)  # what the process started may still be tidying up
    except TimeoutError:
        _signal(process, signal.SIGKILL)
    for number in (1, 2):  # a process that left the group may keep the pipes open; there is no public way
        pipe = process._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
        if pipe is not None:
            pipe.close()
    await process.wait()
    for drain in drains:
        drain.cancel()
    await asyncio.gather(*drains, return_exceptions=True)
    try:
        await asyncio.wait_for(_vacated(process), GRACE)
    except TimeoutError:  # killed, but held up in the system itself: it can do no more
        return


async def _vacated(process: Process) -> None:
    while _populated(process.pid):
        await asyncio.sleep(_POLL)


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK):
        pass


def _signal(process: Process, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or nothing but zombies where that is told so
        return


def _populated(group: int) -> bool:
    """Whether a process of the group still runs. Zombies don't, though they wait to be reaped by somebody else."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not _PROCESSES.is_dir():
        return True
    for entry in _PROCESSES.glob("[0-9]*/stat"):
        try:
            state, _, member = entry.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):  # ended while we looked
            continue
        if int(member) == group and state not in ("Z", "X"):
            return True
    return False


def _printed(data: bytes, scrubber: Scrubber) -> str:
    return scrubber.text(data.decode("utf-8", "replace"))
