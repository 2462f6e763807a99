"""Every adapter of a node, by the kind of command it performs; none is made before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from reach_workbench.clock import Clock, SystemClock
from reach_workbench.effects.effect import Adapter, Surroundings
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

if TYPE_CHECKING:
    from reach_workbench.effects.functions import Functions
    from reach_workbench.effects.web import Web


class Adapters:
    """Performs commands. One for a node; belongs to the event loop that first performs one.

    `functions` are the node's Python functions. Adapters, and what they import, are loaded when
    the first command of their kind comes.
    """

    def __init__(self, clock: Clock | None = None, functions: Functions | None = None) -> None:
        self._clock = clock or SystemClock()
        self._functions = functions
        self._adapters: dict[str, Adapter] = {}

    @property
    def functions(self) -> Functions:
        """The registry of Python functions, to register more."""
        if self._functions is None:
            from reach_workbench.effects.functions import Functions

            self._functions = Functions()
        return self._functions

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        """The raw output of the task. Raises Fault, of code `unsupported` for a kind no adapter performs."""
        adapter = self._adapters.get(command.kind) or self._adapter(command.kind)
        return await adapter.perform(command, surroundings)

    def idempotent(self, command: Command) -> bool:
        """Whether the command may be repeated after a crash: as its author declared, else as its adapter knows."""
        if command.idempotent is not None:
            return command.idempotent
        if command.kind not in _MAKERS:
            return False
        return self._adapter(command.kind).idempotent(command)

    async def close(self) -> None:
        """Closes connections and forgets tokens. Safe to call twice."""
        for adapter in self._adapters.values():
            await adapter.close()
        self._adapters.clear()
        if "web" in self.__dict__:
            await self.web.close()
            del self.web

    @cached_property
    def web(self) -> Web:
        """Connections and tokens that the adapters share."""
        from reach_workbench.effects.web import Web

        return Web(self._clock)

    @property
    def clock(self) -> Clock:
        return self._clock

    def _adapter(self, kind: str) -> Adapter:
        if kind not in self._adapters:
            maker = _MAKERS.get(kind)
            if maker is None:
                raise Fault(
                    "configuration",
                    f"no adapter performs {kind}; this version performs: {', '.join(sorted(_MAKERS))}",
                    code="unsupported",
                )
            self._adapters[kind] = maker(self)
        return self._adapters[kind]


def _http(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.http import HttpCalls

    return HttpCalls(adapters.web)


def _openapi(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.openapi import OpenApiCalls

    return OpenApiCalls(adapters.web)


def _resource(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.resource import Resources

    return Resources(adapters.web)


def _shell(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.shell import Shells

    return Shells()


def _script(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.script import Scripts

    return Scripts(adapters.web)


def _container(adapters: Adapters) -> Adapter:
    from reach_workbench.effects.container import Containers

    return Containers(adapters.clock)


def _function(adapters: Adapters) -> Adapter:
    return adapters.functions


_MAKERS: Final[dict[str, Callable[[Adapters], Adapter]]] = {
    "http.call": _http,
    "openapi.call": _openapi,
    "resource.get": _resource,
    "shell.run": _shell,
    "script.run": _script,
    "container.run": _container,
    "function.call": _function,
}
