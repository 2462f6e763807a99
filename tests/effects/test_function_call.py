"""Python functions registered with a node."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits, Surroundings
from reach_workbench.effects.functions import Functions
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault
from reach_workbench.errors import UsageError

from .conftest import Perform

pytestmark = pytest.mark.anyio


def call(name: str, arguments: Any = None) -> dict[str, Any]:
    return {"function": name, "arguments": arguments}


async def test_a_plain_function_gets_the_arguments(perform: Perform, adapters: Adapters) -> None:
    adapters.functions.register("double", "1.0.0", lambda given: {"twice": given["n"] * 2})
    assert await perform("function.call", call("double:1.0.0", {"n": 4})) == {"twice": 8}


async def test_versions_stand_side_by_side(perform: Perform, adapters: Adapters) -> None:
    for version in ("1.0.0", "2.0.0"):
        adapters.functions.register("f", version, lambda _, version=version: version)
    assert await perform("function.call", call("f:1.0.0")) == "1.0.0"
    assert adapters.functions.names() == ("f:1.0.0", "f:2.0.0")


async def test_a_coroutine_is_awaited(perform: Perform, adapters: Adapters) -> None:
    async def slow(given: Any) -> Any:
        await asyncio.sleep(0)
        return [given]

    class Callable:
        async def __call__(self, given: Any, *, command_id: str) -> Any:
            return command_id

    adapters.functions.register("slow", "1.0.0", slow)
    adapters.functions.register("object", "1.0.0", Callable())
    assert await perform("function.call", call("slow:1.0.0", 1)) == [1]
    assert await perform("function.call", call("object:1.0.0", 1)) == "run1:7"


async def test_a_blocking_function_has_its_own_thread(perform: Perform, adapters: Adapters) -> None:
    adapters.functions.register("thread", "1.0.0", lambda _: threading.get_ident(), blocking=True)
    adapters.functions.register("inline", "1.0.0", lambda _: threading.get_ident())
    assert await perform("function.call", call("thread:1.0.0")) != threading.get_ident()
    assert await perform("function.call", call("inline:1.0.0")) == threading.get_ident()


async def test_the_command_id_is_given_to_who_takes_it(perform: Perform, adapters: Adapters) -> None:
    def named(given: Any, command_id: str) -> str:
        return command_id

    def keywords(given: Any, **more: Any) -> Any:
        return more

    adapters.functions.register("named", "1", named)
    adapters.functions.register("keywords", "1", keywords, blocking=True)
    assert await perform("function.call", call("named:1")) == "run1:7"
    assert await perform("function.call", call("keywords:1")) == {"command_id": "run1:7"}


async def test_an_exception_is_a_runtime_error(perform: Perform, adapters: Adapters) -> None:
    adapters.functions.register("divide", "1", lambda given: 1 / given)
    with pytest.raises(Fault, match="divide:1 raised ZeroDivisionError: division by zero") as caught:
        await perform("function.call", call("divide:1", 0))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "runtime", "function-failed")


async def test_a_fault_passes_as_it_is(perform: Perform, adapters: Adapters) -> None:
    def refuse(_: Any) -> None:
        raise Fault("authorization", "not you", status=403)

    adapters.functions.register("refuse", "1", refuse)
    with pytest.raises(Fault, match="not you") as caught:
        await perform("function.call", call("refuse:1"))
    assert caught.value.status == 403


HOLDS_ITSELF: list[Any] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "result is a object"),
        ((1, 2), "result is a tuple"),
        ({"a": [1, {"b": datetime.date(2026, 1, 1)}]}, r"result\.a\[1\]\.b is a date"),
        ({1: 2}, "key of type int"),
        (float("nan"), "nan"),
        ([float("inf")], r"result\[0\] is inf"),
        (HOLDS_ITSELF, "holds itself"),
        (b"x", "bytes"),
    ],
)
async def test_what_json_cannot_carry_is_an_error(perform: Perform, adapters: Adapters, value: Any, told: str) -> None:
    adapters.functions.register("f", "1", lambda _: value)
    with pytest.raises(Fault, match=told) as caught:
        await perform("function.call", call("f:1"))
    assert caught.value.code == "not-json"
    assert "f:1" in caught.value.detail


async def test_an_unregistered_function_is_a_configuration_error(perform: Perform, adapters: Adapters) -> None:
    adapters.functions.register("f", "1", lambda _: None)
    with pytest.raises(Fault, match=r"g:1.*registered are: f:1") as caught:
        await perform("function.call", call("g:1"))
    assert caught.value.code == "unknown-function"


@pytest.mark.parametrize("unfit", [lambda: None, lambda a, b: None, lambda *, a: None, 5])
def test_what_cannot_be_called_with_one_argument_is_not_registered(unfit: Any) -> None:
    with pytest.raises(UsageError, match="f:1"):
        Functions().register("f", "1", unfit)


async def test_a_coroutine_that_takes_too_long_is_a_timeout(perform: Perform, adapters: Adapters) -> None:
    async def forever(_: Any) -> None:
        await asyncio.Event().wait()

    adapters.functions.register("forever", "1", forever)
    with pytest.raises(Fault, match=r"limits\.effect_seconds"):
        await perform("function.call", call("forever:1"), limits=Limits(effect_seconds=0.05))


async def test_a_timeout_of_its_own_is_its_failure(perform: Perform, adapters: Adapters) -> None:
    async def impatient(_: Any) -> None:
        raise TimeoutError("mine")

    adapters.functions.register("impatient", "1", impatient)
    with pytest.raises(Fault, match="raised TimeoutError: mine"):
        await perform("function.call", call("impatient:1"))


async def test_secrets_go_in_and_do_not_come_out(perform: Perform, adapters: Adapters) -> None:
    def fails(given: Any) -> None:
        raise ValueError(given)

    adapters.functions.register("echo", "1", lambda given: {"got": given, "length": len(given)})
    adapters.functions.register("fails", "1", fails)
    secrets = {"k": "s3cr3t-key"}
    assert await perform("function.call", call("echo:1", "⟦secret:k⟧"), secrets=secrets) == {
        "got": "⟦secret:k⟧",
        "length": 10,
    }
    with pytest.raises(Fault, match="ValueError: ⟦secret:k⟧"):
        await perform("function.call", call("fails:1", "⟦secret:k⟧"), secrets=secrets)


def test_whether_it_may_be_repeated_is_declared() -> None:
    functions = Functions()
    functions.register("yes", "1", lambda _: None, idempotent=True)
    functions.register("no", "1", lambda _: None)
    adapters = Adapters(functions=functions)
    for name, wanted in (("yes:1", True), ("no:1", False), ("unknown:1", False)):
        command = Command(1, "r:1", "function.call", "/do/0/x", 1, call(name), None)
        assert adapters.idempotent(command) is wanted


async def test_a_no_op_costs_less_than_ten_microseconds(adapters: Adapters, tmp_path: Path) -> None:
    adapters.functions.register("noop", "1.0.0", lambda _: None)
    command = Command(1, "r:1", "function.call", "/do/0/x", 1, call("noop:1.0.0", {"n": 1}), None)
    surroundings = Surroundings(tmp_path)

    async def microseconds(times: int = 2_000) -> float:
        started = time.perf_counter()
        for _ in range(times):
            await adapters.perform(command, surroundings)
        return (time.perf_counter() - started) / times * 1e6

    best = min([await microseconds() for _ in range(10)])  # the others had to share the machine
    assert best < 10
