"""What the screens are for when something has gone wrong: doubt, dead letters, differences, a node that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from reach_workbench.client import connect, find_or_start
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from reach_workbench.storage.home import holder
from reach_workbench.ui.app import Workbench
from reach_workbench.ui.debug.desk import Desk as Panes
from tests import unheld
from tests.ui.conftest import HEAD, LISTENING, Desk, Place
from tests.ui.performing import performs

Go = Callable[[Any], None]

SLOW = "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}, {after: {set: {x: 2}}}]"
COUNTS = "do: [{each: {for: {in: '${ [range(120)] }'}, do: [{nap: {wait: {milliseconds: 20}}}]}}]"


@performs("inbox.open", "inbox.resolve")
@pytest.mark.parametrize(("digit", "status"), [("2", "completed"), ("3", "faulted")])
def test_an_effect_in_doubt_is_read_whole_and_decided(place: Place, go: Go, digit: str, status: str) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await node.start(StartRun(HEAD.format(name="slow") + SLOW, place.workspace / "slow.yaml"))
            while not (place.workspace / "marks").exists():
                await asyncio.sleep(0.01)
        async with place.node() as node:
            await node.recover()
            await node.wait(run.id)
            async with place.desk(node, "inbox") as desk:
                await desk.until_shown("/do/0/slow")
                await desk.press("enter")
                await desk.until_screen("Tell")
                await desk.until_shown("sleep 30")
                await desk.press("escape")
                await desk.until_screen("InboxScreen")
                await desk.press("r")
                await desk.until_screen("Choose")
                await desk.press(digit)
                await desk.until_screen("AskText")
                desk.app.screen.query_one(Input).value = '{"as": "if"}'
                await desk.press("enter")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_shown("Nothing waits for you.")
                assert (await node.wait(run.id)).status == status
                assert (place.workspace / "marks").read_text() == "begun\n"

    go(body)


class Broken:
    """An evaluator that breaks until it is mended: jobs end as dead letters."""

    mended = False

    def evaluate(self, expression: str, data: Json, variables: dict[str, Json]) -> Any:
        if not self.mended:
            raise RuntimeError("out of order")
        return {"n": 3}


@performs("system.requeue", "system.drop")
def test_a_dead_letter_is_tried_again_and_another_deleted(place: Place, go: Go) -> None:
    async def body() -> None:
        evaluator = Broken()
        variables = {"REACH_RUNNER_POLL_SECONDS": "0.02", "REACH_RUNNER_JOB_ATTEMPTS": "1", **unheld.VARIABLES}
        settings = load(place.folder / "home", variables)
        node = await LocalNode.open(settings, evaluator=evaluator)
        try:
            runs = []
            for name in ("one", "two"):
                text = (
                    HEAD.format(name=name)
                    + "do: [{nap: {wait: {milliseconds: 1}}}, {ask: {set: '${ { n: [limit(3; repeat(1))] } }'}}]"
                )
                runs.append((await node.start(StartRun(text, place.workspace / f"{name}.yaml"))).id)
            while len(await node.jobs(status="dead_letter")) < 2:
                await asyncio.sleep(0.02)
            async with place.desk(node, "system") as desk:
                await desk.until_shown("2, dead letters 2")
                evaluator.mended = True
                wanted = desk.app.screen.current.run
                await desk.press("r")
                await desk.until_screen("Confirm")
                await desk.until_shown("out of order")
                await desk.press("y")
                await desk.until_shown("1, dead letters 1")
                assert (await node.wait(wanted)).output == {"n": 3}
                await desk.press("x")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_shown("The queue is empty")
                assert not await node.jobs(status="dead_letter")
                (other,) = {*runs} - {wanted}
                assert (await node.run(other)).status != "completed"
        finally:
            await node.close()

    go(body)


@performs("runs.compare")
def test_comparing_lands_on_the_first_difference_even_in_the_run_that_is_open(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            one = await place.run(node, "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}, {third: {set: {z: 3}}}]")
            fork = await node.fork(one.id, one.seq - 4, edits={"/data": {"x": 5}})
            fork = await node.wait(fork.id)
            found = await node.compare(fork.id, one.id)
            assert not found.same
            first = found.common + 1
            assert first < one.seq
            async with place.desk(node) as desk:
                await desk.until(lambda: len(desk.app.screen.table.rows) == 2)
                for run, digit in ((fork, "1"), (one, "2"), (one, "2")):
                    await desk.press("3")
                    await desk.until_screen("RunsScreen")
                    await desk.press("g", "c", "down", "c")
                    await desk.until_screen("Compared")
                    await desk.press(digit)
                    await desk.until_screen("DebugScreen")
                    await desk.until_shown(f"{first:,}/{run.seq:,}")
                    await desk.until_shown("PAST")
                    assert run.id[-4:] in desk.shown().partition("\n")[0]
                    await desk.press("g")
                    await desk.until_shown(f"1/{run.seq:,}")

    go(body)


def test_the_header_is_of_the_run_that_was_opened_last(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            old = await place.run(node, name="old")
            held = await place.run(node, name="held", hold=True)
            async with place.desk(node) as desk:
                desk.app.open_run(old.id)
                await desk.until_shown("LIVE")
                await desk.press("[")
                await desk.until(lambda: desk.app.header.mode.startswith("PAST"))
                desk.app.open_run(held.id)
                assert held.id[-4:] in (desk.app.header.run or "")
                assert desk.app.header.mode == ""
                await desk.until_shown("PAUSED")
                assert old.id[-4:] not in (desk.app.header.run or "")
                assert desk.app.screen.query_one(Panes).dressed == ""
                await desk.press("3")
                await desk.until_screen("RunsScreen")
                assert "PAUSED" in desk.shown()

    go(body)


def test_run_cursor_and_watches_are_there_again_after_a_restart(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            run = await place.run(node)
            async with place.desk(node, size=(160, 45)) as desk:
                desk.app.open_run(run.id)
                await desk.until_shown("LIVE")
                await desk.press("[", "[", "w")
                await desk.until_screen("AskText")
                desk.app.screen.query_one(Input).value = ".x + 41"
                await desk.press("enter")
                await desk.until(lambda: desk.app.session.get("watches"))
                place_before = desk.app.header.place

            async def line() -> LocalNode:
                return node

            app = Workbench(line, workspace=place.workspace, config=place.config)
            async with app.run_test(size=(120, 36)) as pilot:
                desk = Desk(node, app, pilot, place.folder)
                await desk.until_screen("DebugScreen")
                await desk.until_shown("PAST")
                assert desk.app.screen.watches == [".x + 41"]
                assert app.run_id == run.id
                assert app.header.place == place_before

    go(body)


async def _serve(home: Path) -> asyncio.subprocess.Process:
    """A node in a process of its own, that answers."""
    program = Path(sys.executable).with_name("reach")
    served = await asyncio.create_subprocess_exec(
        program, "--home", home, "serve", "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(15):
        while True:
            try:
                node = await connect(home=home, patience=0.0)
                if (await node.info()).pid == served.pid:
                    await node.close()
                    return served
                await node.close()
            except ReachError:
                pass
            await asyncio.sleep(0.02)


async def _end(served: asyncio.subprocess.Process) -> None:
    if served.returncode is None:
        served.kill()
        await served.wait()


def test_a_node_killed_under_the_screen_is_said_and_found_again_with_every_event(place: Place, go: Go) -> None:
    home = place.folder / "home"

    async def body() -> None:
        served = await _serve(home)
        try:
            asking = await connect(home=home)
            run = await asking.start(StartRun(HEAD.format(name="counts") + COUNTS, place.workspace / "counts.yaml"))
            place.remember(screen="debug", run=run.id)
            lines: list[Any] = []

            async def line() -> Any:
                lines.append(await connect(home=home, patience=0.0))
                return lines[-1]

            app = Workbench(line, workspace=place.workspace, config=place.config)
            async with app.run_test(size=(120, 36)) as pilot:
                desk: Any = Desk(asking, app, pilot, place.folder)  # type: ignore[arg-type]
                await desk.until_screen("DebugScreen")
                await desk.until(lambda: (app.header.total or 0) > 20)
                served.send_signal(signal.SIGKILL)
                await served.wait()
                await desk.until_shown("NODE LOST")
                seen = app.header.total
                served = await _serve(home)
                await desk.until(lambda: app.connected)
                assert "NODE LOST" not in desk.shown()
                await desk.until(lambda: (app.header.total or 0) > seen + 20)
                after = await connect(home=home)
                view = await after.wait(run.id)
                await desk.until(lambda: app.header.total == view.seq)
                assert [each.seq async for each in after.events(run.id)] == list(range(1, view.seq + 1))
                assert view.status == "completed"
                await desk.until_shown("completed")
                await after.close()
            for each in (asking, *lines):
                await each.close()
        finally:
            await _end(served)

    go(body)


def test_leaving_with_the_screen_killed_lets_the_runs_go_on(place: Place, go: Go) -> None:
    """The screen is a process on a terminal; its node is another one, that outlives it."""
    import pty

    home = place.folder / "home"
    environment = os.environ | {"REACH_HOME": str(home), "HOME": str(place.folder), "TERM": "xterm-256color"}

    async def body() -> None:
        ours, theirs = pty.openpty()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: os.read(ours, 65536))  # a terminal that takes what is drawn
        screen = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("reach"), stdin=theirs, stdout=theirs, stderr=theirs,
            env=environment, start_new_session=True, cwd=place.workspace,
        )  # fmt: skip
        try:
            node = await _found(home)
            run = await node.start(StartRun(HEAD.format(name="counts") + COUNTS, place.workspace / "counts.yaml"))
            screen.kill()
            await screen.wait()
            view = await node.wait(run.id)
            assert view.status == "completed"
            await node.close()
        finally:
            loop.remove_reader(ours)
            os.close(ours)
            os.close(theirs)
            if screen.returncode is None:
                screen.kill()
                await screen.wait()
            await _terminate(home)

    go(body)


async def _found(home: Path) -> Any:
    async with asyncio.timeout(15):
        while True:
            try:
                return await connect(home=home)
            except ReachError:
                await asyncio.sleep(0.02)


async def _terminate(home: Path) -> None:
    pid = holder(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        async with asyncio.timeout(15):
            while holder(home) is not None:
                await asyncio.sleep(0.02)


@performs("app.quit")
def test_leaving_can_end_the_process_of_the_node(place: Place, go: Go) -> None:
    from reach_workbench.cli.opening import _stop

    home = place.folder / "home"

    async def body() -> None:
        node = await find_or_start(home)
        try:
            pid = (await node.info()).pid
            run = await node.start(StartRun(HEAD.format(name="quiet") + LISTENING, place.workspace / "quiet.yaml"))
            place.remember(screen="runs")

            async def line() -> Any:
                return node

            app = Workbench(line, workspace=place.workspace, config=place.config, stop=lambda: _stop(str(home)))
            async with app.run_test(size=(100, 30)) as pilot:
                desk: Any = Desk(node, app, pilot, place.folder)  # type: ignore[arg-type]
                await desk.until_shown("◷ waiting")
                assert holder(home) == pid
                await desk.press("q")
                await desk.until_shown("1 run is active:")
                await desk.press("2")
                await desk.until(lambda: holder(home) is None)
            await node.close()
            node = await find_or_start(home)
            assert (await node.run(run.id)).status == "waiting"
        finally:
            await node.close()
            await _terminate(home)

    go(body)
