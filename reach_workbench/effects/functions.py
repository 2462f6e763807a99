"""Performs `function.call`: Python functions registered with the node."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from reach_workbench.effects.arguments import wrong
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.secrets import reveal
from reach_workbench.engine.values import Json
from reach_workbench.errors import UsageError

_SCALARS = frozenset({str, int, bool, type(None)})


class _Function(NamedTuple):
    callable: Callable[..., Any]
    idempotent: bool
    blocking: bool
    coroutine: bool
    takes_id: bool


class Functions:
    """The Python functions that workflows of a node may call, by `name:version`."""

    kinds: tuple[str, ...] = ("function.call",)

    def __init__(self) -> None:
        self._functions: dict[str, _Function] = {}

    def register(
        self, name: str, version: str, callable: Callable[..., Any], *, idempotent: bool = False, blocking: bool = False
    ) -> None:
        """Makes `callable` known as `name:version`; a second one of that name and version replaces the first.

        It is called with one positional argument, the call's `with` value, and, if its signature
        accepts the keyword, with `command_id`, the key by which it can tell a repeated call. What it
        returns must be a JSON value. A plain function runs in the event loop, so it must be quick;
        `blocking` gives it a thread, which nothing can interrupt; a coroutine function is awaited.
        `idempotent` says that a call may be repeated after a crash. Raises UsageError when it does
        not take one argument.
        """
        try:
            signature = inspect.signature(callable)
            takes_id = _takes_id(signature)
            signature.bind(None, **({"command_id": ""} if takes_id else {}))
        except (TypeError, ValueError) as unfit:
            raise UsageError(
                f"the function {name}:{version} can't be registered: {unfit}",
                hint="it must take one positional argument, and may take the keyword command_id",
            ) from None
        coroutine = inspect.iscoroutinefunction(callable) or inspect.iscoroutinefunction(
            getattr(callable, "__call__", None)  # noqa: B004 - an object whose __call__ is async
        )
        self._functions[f"{name}:{version}"] = _Function(callable, idempotent, blocking, coroutine, takes_id)

    def names(self) -> tuple[str, ...]:
        """The registered `name:version` pairs, sorted."""
        return tuple(sorted(self._functions))

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        """Raises Fault `runtime` with code `function-failed` when it raised, `not-json` for what JSON can't carry."""
        name = command.arguments["function"]
        function = self._functions.get(name)
        if function is None:
            raise self._unknown(name)
        given = command.arguments.get("arguments")
        scrubber = None
        if surroundings.secrets:
            scrubber = Scrubber(surroundings.secrets)
            given = _revealed(given, surroundings)
        try:
            if function.coroutine or function.blocking:
                async with deadline(surroundings.limits, f"the function {name}"):
                    result = await _wait(function, given, command.id)
            elif function.takes_id:
                result = function.callable(given, command_id=command.id)
            else:
                result = function.callable(given)
            if type(result) not in _SCALARS and (flaw := _flaw(result)):
                raise Fault("runtime", f"the function {name} returned what JSON can't carry: {flaw}", code="not-json")
        except Fault as fault:
            raise (scrubber.fault(fault) if scrubber else fault) from None
        except Exception as error:
            detail = f"the function {name} raised {type(error).__name__}: {error}"
            raise Fault("runtime", scrubber.text(detail) if scrubber else detail, code="function-failed") from error
        return scrubber.value(result) if scrubber else result

    def waits(self, command: Command) -> bool:
        """Whether performing the command may wait: for a thread, or for what a coroutine awaits."""
        function = self._functions.get(command.arguments.get("function"))
        return function is not None and (function.blocking or function.coroutine)

    def idempotent(self, command: Command) -> bool:
        function = self._functions.get(command.arguments.get("function"))
        return function is not None and function.idempotent

    async def close(self) -> None:
        """Functions hold nothing open."""

    def _unknown(self, name: Json) -> Fault:
        if not isinstance(name, str):
            return wrong("function", "a string", name)
        known = f"registered are: {', '.join(self.names())}" if self._functions else "none is registered"
        return Fault(
            "configuration", f"no Python function {name} is registered with this node; {known}", code="unknown-function"
        )


async def _wait(function: _Function, given: Json, command_id: str) -> Json:
    keywords = {"command_id": command_id} if function.takes_id else {}
    if function.coroutine:
        return await function.callable(given, **keywords)
    return await _in_thread(lambda: function.callable(given, **keywords))


async def _in_thread(call: Callable[[], Json]) -> Json:
    """Call it in a thread of its own: a pool would make calls wait for others, and the program for its end."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Json] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Json, error: BaseException | None) -> None:
        if outcome.done():  # nobody waits for it any more
            return
        if error is None:
            outcome.set_result(result)
        else:
            outcome.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def work() -> None:
        result: Json = None
        error: BaseException | None = None
        try:
            result = context.run(call)
        except StopIteration as wrong:  # no future takes that one
            error = RuntimeError(repr(wrong))
        except BaseException as wrong:
            error = wrong
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="reach-function", daemon=True).start()
    return await outcome


def _takes_id(signature: inspect.Signature) -> bool:
    parameters = signature.parameters
    named = parameters.get("command_id")
    if named is not None:
        return (
            named.kind in (named.KEYWORD_ONLY, named.POSITIONAL_OR_KEYWORD) and next(iter(parameters)) != "command_id"
        )
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def _revealed(given: Json, surroundings: Surroundings) -> Json:
    try:
        return reveal(given, surroundings.secrets)
    except (KeyError, IndexError, TypeError, ValueError) as missing:
        raise Fault(
            "configuration", f"the secret {missing} is used here but was not given to this run", code="secret-missing"
        ) from None


def _flaw(value: Any, path: str = "result", depth: int = 0) -> str | None:
    """What keeps `value` from being a JSON value, in words; None if nothing does."""
    kind = type(value)
    if kind in _SCALARS:
        return None
    if kind is float:
        return None if math.isfinite(value) else f"{path} is {value}"
    if depth > 500:
        return "it is nested more than 500 deep, or holds itself"
    if kind is dict:
        for key, part in value.items():
            if type(key) is not str:
                return f"{path} has a key of type {type(key).__name__}"
            if flaw := _flaw(part, f"{path}.{key}", depth + 1):
                return flaw
        return None
    if kind is list:
        for place, part in enumerate(value):
            if flaw := _flaw(part, f"{path}[{place}]", depth + 1):
                return flaw
        return None
    return f"{path} is a {kind.__name__}"
