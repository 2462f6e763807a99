"""A node that serves in a thread of the test's process, so that blocking clients can be let loose on it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from tests import unheld
from tests.conformance_node.doors import HEAD, TOKEN, served

Result = TypeVar("Result")


class Serving:
    """Where the node listens, and a way to ask it in its own thread."""

    def __init__(self, url: str, node: LocalNode, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.node = node
        self._loop = loop
        self.headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def run(self, tasks: str, **more: Any) -> str:
        """The id of a run that has ended, or is held."""

        async def work() -> str:
            view = await self.node.start(StartRun(HEAD + tasks, Path("example.yaml"), **more))
            if not more.get("hold"):
                await self.node.wait(view.id)
            return view.id

        return self.ask(work())


@contextmanager
def serving(home: Path, **settings: str) -> Iterator[Serving]:
    """A node on loopback with a token, for the time of the block."""
    from reach_workbench.api.server import listen_tcp

    ready: list[Serving] = []
    failed: list[BaseException] = []
    begun, over = threading.Event(), asyncio.Event()
    ending: list[Callable[[], object]] = []

    async def work() -> None:
        policy = home.with_name(f"{home.name}.cedar")  # a client may write it
        policy.write_text(Path(unheld.POLICY.file).read_text("utf-8"), "utf-8")
        node = await LocalNode.open(load(home, {"REACH_POLICY_FILE": str(policy)} | settings))
        try:
            listener = listen_tcp("127.0.0.1", 0)
            async with served(node, listener, TOKEN):
                loop = asyncio.get_running_loop()
                ending.append(lambda: loop.call_soon_threadsafe(over.set))
                ready.append(Serving(f"http://127.0.0.1:{listener.getsockname()[1]}", node, loop))
                begun.set()
                await over.wait()
        finally:
            await node.close()

    def thread() -> None:
        try:
            asyncio.run(work())
        except BaseException as wrong:
            failed.append(wrong)
        finally:
            begun.set()

    running = threading.Thread(target=thread, name="node")
    running.start()
    begun.wait()
    try:
        if ready:
            yield ready[0]
    finally:
        for end in ending:
            end()
        running.join(20)
    if failed:
        raise failed[0]
