"""How containers are run, through a stand-in for docker that records what it is asked."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.effect import Limits
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Perform, appears

pytestmark = pytest.mark.anyio

ENGINE = """\
#!/bin/sh
printf '%s\\0' "$@" >> "$LOG.args"; printf '\\n' >> "$LOG.args"
case "$1" in
version) exit "${VERSION_CODE:-0}";;
kill|rm) echo "$1 $2 $3" >> "$LOG.calls"; exit 0;;
run)
  for word do
    case "$word" in
    --env=*=*) ;;
    --env=*) name=${word#--env=}; eval "printf '%s=%s\\n' $name \\"\\$$name\\"" >> "$LOG.env";;
    esac
  done
  case " $* " in
  *" fails "*) echo "no such image" >&2; exit 125;;
  *" exits "*) echo "wrong" >&2; exit 4;;
  *" hangs "*) echo $$ > "$LOG.pid"; exec sleep 60;;
  *--interactive*) exec cat;;
  *) echo hello;;
  esac;;
esac
"""


class Engine:
    """The stand-in, alone on the PATH apart from the system's own folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def install(self, name: str) -> None:
        file = self.folder / name
        file.write_text(ENGINE.replace("$LOG", str(self.log)))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def asked(self) -> list[list[str]]:
        lines = Path(f"{self.log}.args").read_text().split("\0\n")
        return [line.split("\0") for line in lines if line]

    @property
    def run(self) -> list[str]:
        return next(words for words in self.asked() if words[0] == "run")

    def calls(self) -> str:
        file = Path(f"{self.log}.calls")
        return file.read_text() if file.exists() else ""


@pytest.fixture
def engine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("engine")
    tools = tmp_path_factory.mktemp("tools")
    for tool in ("sleep", "cat", "sh", "true"):
        found = next(Path(place, tool) for place in ("/bin", "/usr/bin") if Path(place, tool).exists())
        (tools / tool).symlink_to(found)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{tools}")
    yield Engine(folder)


def container(image: str = "alpine", result: str = "stdout", *, wait: bool = True, **members: Any) -> dict[str, Any]:
    return {"process": {"image": image, **members}, "await": wait, "return": result}


@pytest.mark.parametrize("name", ["docker", "podman"])
async def test_either_engine_runs_an_image(engine: Engine, perform: Perform, name: str) -> None:
    engine.install(name)
    assert await perform("container.run", container("hello-world")) == "hello\n"
    assert engine.run[-1] == "hello-world"
    assert "--pull=missing" in engine.run
    assert "--rm" not in engine.run


async def test_without_an_engine_the_error_names_both(engine: Engine, perform: Perform) -> None:
    with pytest.raises(Fault, match="docker is not installed; podman is not installed") as caught:
        await perform("container.run", container())
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "configuration", "no-container-engine")


async def test_an_engine_that_does_not_answer_is_passed_over(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    docker = engine.folder / "docker"
    docker.write_text(docker.read_text().replace('exit "${VERSION_CODE:-0}"', 'echo "no daemon" >&2; exit 1'))
    with pytest.raises(Fault, match="its engine does not answer: no daemon"):
        await perform("container.run", container())
    engine.install("podman")
    assert await perform("container.run", container()) == "hello\n"


async def test_a_command_gets_its_arguments(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    await perform("container.run", container(command="echo $1", arguments=["Foo", 2]))
    assert engine.run[-7:] == ["alpine", "sh", "-c", "echo $1", "sh", "Foo", "2"]


async def test_without_a_command_arguments_go_to_the_image(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    await perform("container.run", container(arguments=["Foo"]))
    assert engine.run[-2:] == ["alpine", "Foo"]


async def test_standard_input(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    assert await perform("container.run", container(stdin="Hello World")) == "Hello World"


async def test_ports_volumes_and_pull_policy(engine: Engine, perform: Perform, tmp_path: Path) -> None:
    engine.install("docker")
    await perform(
        "container.run",
        container(ports={"8080": 80}, volumes={"./data": "/data", "named": "/cache"}, pullPolicy="always"),
    )
    expected = {"--publish=8080:80", f"--volume={tmp_path / 'data'}:/data", "--volume=named:/cache", "--pull=always"}
    assert expected <= set(engine.run)


async def test_variables_are_not_shown_to_the_rest_of_the_machine(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    secrets = {"vault": {"key": "s3cr3t-key"}}
    environment = {"KEY": "⟦secret:vault/key⟧", "HOME": "/root"}
    await perform("container.run", container(environment=environment), secrets=secrets)
    assert "--env=KEY" in engine.run
    assert "--env=HOME=/root" in engine.run
    assert "s3cr3t" not in " ".join(engine.run)
    given = Path(f"{engine.log}.env").read_text().splitlines()
    assert {"KEY=s3cr3t-key", "REACH_RUN=run1", "REACH_COMMAND=run1:7"} == set(given)


async def test_the_name_follows_the_convention_of_the_reference(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    workflow = {"namespace": "my team", "name": "demo"}
    await perform("container.run", container() | {"workflow": workflow}, task="/do/0/runContainer")
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"--name=demo-{uuid}\.my-team-runContainer", engine.run[1])


async def test_a_name_can_be_given(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    await perform("container.run", container(name="mine"))
    assert engine.run[1] == "--name=mine"


async def test_cleanup_always_removes_it_at_once(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    await perform("container.run", container(lifetime={"cleanup": "always"}))
    assert "--rm" in engine.run


async def test_cleanup_eventually_removes_it_a_while_after_it_ran(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    lifetime = {"cleanup": "eventually", "after": {"milliseconds": 150}}
    await perform("container.run", container(name="mine", lifetime=lifetime))
    assert "--rm" not in engine.run
    assert engine.calls() == ""
    assert await appears(Path(f"{engine.log}.calls")) == "rm --force mine\n"


async def test_cleanup_eventually_needs_a_duration(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    with pytest.raises(Fault, match="duration") as caught:
        await perform("container.run", container(lifetime={"cleanup": "eventually"}))
    assert caught.value.type == STANDARD_TYPES + "validation"


async def test_a_container_that_is_not_awaited_is_cleaned_up_too(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    lifetime = {"cleanup": "eventually", "after": "PT0.1S"}
    assert await perform("container.run", container(name="mine", lifetime=lifetime, wait=False)) is None
    assert await appears(Path(f"{engine.log}.calls")) == "rm --force mine\n"


async def test_a_failure_of_the_container(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    with pytest.raises(Fault, match="code 4: wrong") as caught:
        await perform("container.run", container("exits"))
    assert caught.value.type == STANDARD_TYPES + "runtime"
    assert await perform("container.run", container("exits", "code")) == 4


async def test_a_failure_of_the_engine_is_an_error_whatever_is_returned(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    for result in ("stdout", "all", "code"):
        with pytest.raises(Fault, match=r"docker could not run the container.*no such image"):
            await perform("container.run", container("fails", result))


async def test_a_cancelled_container_is_killed(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    task = asyncio.ensure_future(perform("container.run", container("hangs", name="mine", arguments=["x"])))
    await appears(Path(f"{engine.log}.pid"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.calls() == "kill mine \n"


async def test_a_container_that_takes_too_long_is_killed(engine: Engine, perform: Perform) -> None:
    engine.install("docker")
    with pytest.raises(Fault, match=r"limits\.effect_seconds"):
        await perform(
            "container.run", container("hangs", name="mine", arguments=["x"]), limits=Limits(effect_seconds=0.5)
        )
    assert engine.calls() == "kill mine \n"


@pytest.mark.parametrize(
    "changes", [{"image": "--privileged"}, {"image": None}, {"pullPolicy": "sometimes"}, {"lifetime": {"cleanup": 1}}]
)
async def test_what_makes_no_sense_is_refused(engine: Engine, perform: Perform, changes: dict[str, Any]) -> None:
    engine.install("docker")
    with pytest.raises(Fault) as caught:
        await perform("container.run", {"process": {"image": "alpine", **changes}})
    assert caught.value.type == STANDARD_TYPES + "validation"
