"""What `run: shell` gives a process, what it takes from it, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Perform, appears

pytestmark = pytest.mark.anyio


def shell(command: str, result: str = "stdout", *, wait: bool = True, **members: Any) -> dict[str, Any]:
    return {"process": {"command": command, **members}, "await": wait, "return": result}


def alive(process: int) -> bool:
    """Whether the process runs; a zombie that nobody has reaped yet does not."""
    status = Path(f"/proc/{process}/stat")
    if status.parent.parent.joinpath("self").exists():
        try:
            return status.read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_example_of_the_reference(perform: Perform) -> None:
    command = 'input=$(cat)\necho "STDIN was: $input"\necho "ARGS are $1 $2"\n'
    output = await perform("shell.run", shell(command, stdin="Hello World", arguments=["Foo", "Bar"]))
    assert output == "STDIN was: Hello World\nARGS are Foo Bar\n"


async def test_standard_output_is_kept_exactly(perform: Perform) -> None:
    assert await perform("shell.run", shell(r"printf '\n a\r\n\n'")) == "\n a\r\n\n"
    assert await perform("shell.run", shell(r"printf 'a\377b'")) == "a\ufffdb"


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        ("stdout", "out\n"),
        ("stderr", "err\n"),
        ("code", 0),
        ("all", {"code": 0, "stdout": "out\n", "stderr": "err\n"}),
        ("none", None),
    ],
)
async def test_what_is_returned(perform: Perform, result: str, wanted: Any) -> None:
    assert await perform("shell.run", shell("echo out; echo err >&2", result)) == wanted


@pytest.mark.parametrize("result", ["stdout", "stderr", "none"])
async def test_a_failure_that_would_not_show_is_an_error(perform: Perform, result: str) -> None:
    with pytest.raises(Fault, match="code 3: boom") as caught:
        await perform("shell.run", shell("echo boom >&2; exit 3", result))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "runtime", "process-failed")


async def test_a_failure_that_shows_is_the_output(perform: Perform) -> None:
    assert await perform("shell.run", shell("exit 3", "code")) == 3
    assert await perform("shell.run", shell("echo a; exit 3", "all")) == {"code": 3, "stdout": "a\n", "stderr": ""}
    assert await perform("shell.run", shell("kill -9 $$", "code")) == 137
    with pytest.raises(Fault, match=r"code 137 \(SIGKILL\)"):
        await perform("shell.run", shell("kill -9 $$"))


async def test_only_the_last_lines_of_standard_error_are_told(perform: Perform) -> None:
    with pytest.raises(Fault) as caught:
        await perform("shell.run", shell("seq 1000 >&2; exit 1"))
    assert caught.value.detail.endswith("\n1000")
    assert len(caught.value.detail) < 1_200


async def test_arguments_that_are_not_strings_are_written_as_json(perform: Perform) -> None:
    output = await perform("shell.run", shell("printf '<%s>' \"$@\"", arguments=[1, True, None, {"a": [1.5]}, "x y"]))
    assert output == '<1><true><><{"a":[1.5]}><x y>'


async def test_the_environment_is_small(perform: Perform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    output = await perform("shell.run", shell("env; pwd", environment={"foo": "b=r", "n": 1}))
    lines = output.splitlines()
    assert "AWS_SECRET_ACCESS_KEY" not in output
    assert {"foo=b=r", "n=1", "REACH_RUN=run1", "REACH_COMMAND=run1:7"} <= set(lines)
    assert f"PATH={os.environ['PATH']}" in lines
    assert Path(lines[-1]).samefile(tmp_path)


async def test_without_stdin_there_is_nothing_to_read(perform: Perform) -> None:
    assert await perform("shell.run", shell("cat; echo end")) == "end\n"


async def test_much_input_and_output_pass_at_the_same_time(perform: Perform) -> None:
    text = "x" * 900_000
    assert await perform("shell.run", shell("cat", stdin=text)) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"command": 5},
        {"arguments": "a"},
        {"arguments": ["a\0b"]},
        {"environment": {"a=b": "c"}},
        {"environment": ["a"]},
    ],
)
async def test_what_cannot_be_started_is_a_validation_error(perform: Perform, changes: dict[str, Any]) -> None:
    with pytest.raises(Fault) as caught:
        await perform("shell.run", shell("true") | {"process": {"command": "true", **changes}})
    assert caught.value.type == STANDARD_TYPES + "validation"


async def test_a_folder_that_is_gone_is_a_configuration_error(perform: Perform, tmp_path: Path) -> None:
    tmp_path.rmdir()
    with pytest.raises(Fault, match="can't be started") as caught:
        await perform("shell.run", shell("true"))
    assert caught.value.type == STANDARD_TYPES + "configuration"


async def test_endless_output_is_cut_and_its_whole_group_killed(perform: Perform, tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"limits\.output_bytes") as caught:
        await perform("shell.run", shell("echo $$ > pid; yes | cat"), limits=Limits(output_bytes=100_000))
    assert caught.value.code == "limit"
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_both_outputs_count_together(perform: Perform) -> None:
    command = "head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2"
    with pytest.raises(Fault, match=r"limits\.output_bytes"):
        await perform("shell.run", shell(command), limits=Limits(output_bytes=100_000))


async def test_taking_too_long_is_a_timeout_and_ends_the_group(perform: Perform, tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"limits\.effect_seconds") as caught:
        await perform("shell.run", shell("sleep 60 & echo $! > pid; wait"), limits=Limits(effect_seconds=0.3))
    assert caught.value.type == STANDARD_TYPES + "timeout"
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_a_child_that_keeps_the_output_open_is_named_as_the_reason(perform: Perform) -> None:
    with pytest.raises(Fault, match="something it started"):
        await perform("shell.run", shell("sleep 60 & echo started"), limits=Limits(effect_seconds=0.3))


async def test_cancelling_lets_the_group_tidy_up_first(perform: Perform, tmp_path: Path) -> None:
    command = "(trap 'sleep 0.2; echo done > tidied; exit' TERM; echo $$ > pid; while :; do sleep 0.05; done)"
    task = asyncio.ensure_future(perform("shell.run", shell(command)))
    process = int(await appears(tmp_path / "pid"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "tidied").read_text() == "done\n"
    assert not alive(process)


async def test_cancelling_at_any_moment_leaves_nothing(perform: Perform, tmp_path: Path) -> None:
    for pause in range(30):
        task = asyncio.ensure_future(perform("shell.run", shell("(echo $$ >> pids; sleep 30) & wait")))
        for _ in range(pause):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
    pids = tmp_path / "pids"
    groups = {int(line) for line in pids.read_text().split()} if pids.exists() else set()
    for group in groups:
        members = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
        assert not [line for line in members.splitlines() if line.split()[0] == str(group) and "Z" not in line]


async def test_cancelling_kills_what_will_not_end_even_if_cancelled_twice(perform: Perform, tmp_path: Path) -> None:
    command = "trap '' TERM; (trap '' TERM; sleep 60) & echo $! $$ > pid; while :; do sleep 60; done"
    task = asyncio.ensure_future(perform("shell.run", shell(command)))
    processes = [int(word) for word in (await appears(tmp_path / "pid")).split()]
    started = time.monotonic()
    task.cancel()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1.5 < time.monotonic() - started < 6
    assert not any(map(alive, processes))


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")
async def test_a_child_that_left_the_group_does_not_hold_us_up(perform: Perform, tmp_path: Path) -> None:
    command = "setsid sh -c 'echo $$ > pid; exec sleep 30' & wait"
    task = asyncio.ensure_future(perform("shell.run", shell(command)))
    process = int(await appears(tmp_path / "pid"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    os.kill(process, signal.SIGKILL)


async def test_no_zombie_is_left(perform: Perform) -> None:
    before = _zombies()  # other tests start processes of their own
    with pytest.raises(Fault):
        await perform("shell.run", shell("sleep 60"), limits=Limits(effect_seconds=0.1))
    await perform("shell.run", shell("true"))
    assert [each for each in _zombies() if each not in before] == []


async def test_a_process_that_is_not_awaited_goes_on_by_itself(perform: Perform, tmp_path: Path) -> None:
    command = "echo $$ > pid; cat > said; while [ ! -e stop ]; do sleep 0.02; done; echo 1 > stopped"
    started = time.monotonic()
    assert await perform("shell.run", shell(command, wait=False, stdin="hello\n")) is None
    assert time.monotonic() - started < 2
    process = int(await appears(tmp_path / "pid"))
    assert os.getsid(process) != os.getsid(0)
    assert await appears(tmp_path / "said") == "hello\n"
    (tmp_path / "stop").touch()
    await appears(tmp_path / "stopped")


async def test_secrets_reach_the_process_and_come_back_as_placeholders(perform: Perform) -> None:
    secrets = {"vault": {"key": "s3cr3t-key"}}
    process = shell(
        'echo "$1 $KEY"; cat; echo "$KEY" >&2',
        "all",
        arguments=["⟦secret:vault/key⟧"],
        environment={"KEY": "⟦secret:vault/key⟧"},
        stdin="<⟦secret:vault/key⟧>",
    )
    output = await perform("shell.run", process, secrets=secrets)
    assert output["stdout"] == "⟦secret:vault/key⟧ ⟦secret:vault/key⟧\n<⟦secret:vault/key⟧>"
    assert output["stderr"] == "⟦secret:vault/key⟧\n"
    length = await perform("shell.run", shell('printf %s "${#1}"', arguments=["⟦secret:vault/key⟧"]), secrets=secrets)
    assert length == "10"
    with pytest.raises(Fault) as caught:
        await perform("shell.run", shell("echo s3cr3t-key >&2; exit 1"), secrets=secrets)
    assert "s3cr3t" not in caught.value.detail


async def test_many_processes_run_at_once(perform: Perform) -> None:
    outputs = await asyncio.gather(*(perform("shell.run", shell("echo $1", arguments=[n])) for n in range(30)))
    assert outputs == [f"{n}\n" for n in range(30)]


def test_a_shell_command_is_not_repeated_unless_declared() -> None:
    command = Command(1, "r:1", "shell.run", "/do/0/x", 1, shell("true"), None)
    assert Adapters().idempotent(command) is False
    assert Adapters().idempotent(command._replace(idempotent=True)) is True


@pytest.mark.skipif(sys.platform != "linux", reason="lists open files as Linux does")
async def test_no_file_stays_open(perform: Perform) -> None:
    await perform("shell.run", shell("cat", stdin="x"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        await perform("shell.run", shell("cat", stdin="x"))
        with pytest.raises(Fault):
            await perform("shell.run", shell("yes"), limits=Limits(output_bytes=1000))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def _zombies() -> list[str]:
    """Children of this process that have ended and that nobody has asked about."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        state, parent, *_ = rest.split()
        if state == "Z" and int(parent) == os.getpid():
            found.append(name)  # its id and its name
    return found
