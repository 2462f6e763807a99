"""The registry of adapters, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Perform, Server

pytestmark = pytest.mark.anyio


async def test_an_unknown_kind_is_unsupported(perform: Perform, adapters: Adapters) -> None:
    with pytest.raises(Fault, match=r"no adapter performs grpc\.call") as caught:
        await perform("grpc.call", {})
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "configuration", "unsupported")
    assert adapters.idempotent(Command(1, "r:1", "grpc.call", "/x", 1, {}, None)) is False


@pytest.mark.parametrize("kind", ["http.call", "openapi.call", "resource.get", "shell.run", "script.run"])
@pytest.mark.parametrize("arguments", [None, [], {}, "text", {"process": 1}, {"endpoint": []}])
async def test_arguments_of_the_wrong_shape_are_validation_errors(
    perform: Perform, kind: str, arguments: object
) -> None:
    with pytest.raises(Fault) as caught:
        await perform(kind, arguments)
    assert caught.value.type == STANDARD_TYPES + "validation"


async def test_closed_adapters_can_be_used_again(server: Server, surroundings: Surroundings) -> None:
    adapters = Adapters()
    command = Command(1, "r:1", "http.call", "/x", 1, {"method": "get", "endpoint": server.url}, None)
    for _ in range(2):
        await adapters.perform(command, surroundings)
        await adapters.close()
        await adapters.close()


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("", ["httpx", "ssl", "asyncio.subprocess", "joserfc", "ruamel", "reach_workbench.effects.web"]),
        ("import reach_workbench.effects.shell", ["httpx", "joserfc", "ruamel"]),
        ("import reach_workbench.effects.http, reach_workbench.effects.openapi", ["httpx", "joserfc", "ruamel"]),
        ("import reach_workbench.effects.script, reach_workbench.effects.container", ["httpx", "joserfc", "ruamel"]),
    ],
)
def test_what_is_heavy_is_loaded_when_it_is_needed(code: str, heavy: list[str]) -> None:
    script = f"import sys, reach_workbench.effects.adapters\n{code}\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
