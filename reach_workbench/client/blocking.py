"""`BlockingNode`: the same requests for programs that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from reach_workbench.client.connecting import connect
from reach_workbench.client.remote import PATIENCE, RemoteNode
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import EventView, RunView, StartRun

Result = TypeVar("Result")


class BlockingNode:
    """A node whose every method of `protocol.Node` waits for its answer, and whose streams are iterators.

    A context manager. The requests are made by an event loop in a thread of its own, so several
    threads may use one BlockingNode.
    """

    def __init__(
        self,
        *,
        home: Path | str | None = None,
        url: str | None = None,
        token: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reach-client", daemon=True)
        self._thread.start()
        try:
            self._node: RemoteNode = self._do(connect(home=home, url=url, token=token, patience=patience))
        except BaseException:
            self._end()
            raise

    def start(self, source: str, *, file: Path | str = "workflow.yaml", **more: Any) -> RunView:
        """Start a run of a workflow's text; `more` is what `StartRun` takes."""
        return self._do(self._node.start(StartRun(source, Path(file), **more)))

    def run_to_end(self, source: str, *, input: Json = None, **more: Any) -> RunView:
        """Start a run and wait for its end, or for what holds it."""
        return self._do(self._node.wait(self.start(source, input=input, **more).id))

    def events(self, run: str, *, after: int = 0, follow: bool = False) -> Iterator[EventView]:
        """Events of a run, in order; with `follow` until it has ended."""
        return self._iterate(self._node.events(run, after=after, follow=follow))

    def activity(self) -> Iterator[RunView]:
        """Views of runs as they change, without end."""
        return self._iterate(self._node.activity())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Every other method of the node, waiting for its answer."""
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._node, name)

        @wraps(method)
        def wait(*given: Any, **named: Any) -> Any:
            return self._do(method(*given, **named))

        return wait

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _iterate(self, source: AsyncIterator[Result]) -> Iterator[Result]:
        async def following() -> Result:
            return await anext(source)

        async def close() -> None:
            await source.aclose()  # type: ignore[attr-defined]

        try:
            while True:
                try:
                    yield self._do(following())
                except StopAsyncIteration:
                    return
        finally:
            self._do(close())

    def close(self) -> None:
        """Leave the node; it goes on."""
        if self._thread.is_alive():
            self._do(self._node.close())
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> BlockingNode:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
