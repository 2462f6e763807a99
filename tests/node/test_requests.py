"""The mailbox: what other processes ask is answered side by side, in time, or not at all."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.errors import HomeInUse, StoreFull
from reach_workbench.node import bell, mailbox
from reach_workbench.node.bell import BELL, ring
from reach_workbench.node.local import LocalNode
from reach_workbench.settings import load
from reach_workbench.storage.store import Store

LISTENS = "do: [{hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"


def test_a_slow_request_keeps_no_other_waiting(home, go):
    release = threading.Event()
    home.functions.register("hold", "1.0.0", lambda _: release.wait(20), blocking=True)
    body_ = 'do: [{slow: {call: "hold:1.0.0@python"}}, {end: {set: {n: 1}}}]'

    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            held = (await home.run(owner, body_, hold=True)).id
            other = (await owner.start(home.request(LISTENS))).id
            step = asyncio.create_task(reader.step(held))
            while (await reader.run(held)).status == "held":
                await asyncio.sleep(0.005)
            assert (await reader.cancel(other)).status == "cancelled"
            assert not step.done()
            release.set()
            assert (await step).position == "/do/1/end"

    go(body)


def test_the_owner_hears_the_bell_and_need_not_look(home, go):
    home.environment["REACH_RUNNER_POLL_SECONDS"] = "1000"

    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            owner.hang_bell()
            await asyncio.sleep(0)  # its first look comes before anything is asked
            for _ in range(3):
                run = (await owner.start(home.request(LISTENS))).id
                async with asyncio.timeout(5):
                    assert (await reader.cancel(run)).status == "cancelled"

    go(body)
    assert not (home.folder / "home" / BELL).exists()


def test_where_another_file_has_the_name_of_the_bell_the_owner_looks_and_leaves_it_alone(home, go):
    file = home.folder / "home" / BELL
    file.parent.mkdir(parents=True)
    file.write_text("mine", "utf-8")

    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            owner.hang_bell()
            run = (await owner.start(home.request(LISTENS))).id
            assert (await reader.cancel(run)).status == "cancelled"

    go(body)
    assert file.read_text("utf-8") == "mine"


def test_a_bell_that_nobody_hears_may_be_rung(tmp_path):
    ring(tmp_path)
    os.mkfifo(tmp_path / BELL)
    ring(tmp_path)  # as after the owner was killed
    reader = os.open(tmp_path / BELL, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for _ in range(70_000):  # more than a pipe holds
            ring(tmp_path)
    finally:
        os.close(reader)


@pytest.mark.parametrize("passes", range(5))
def test_a_node_that_is_rung_as_it_stops_stops(home, go, passes):
    async def body():
        async with home.node() as owner:
            owner.hang_bell()
            await asyncio.sleep(0.05)  # it rests by now
            ring(home.folder / "home")
            for _ in range(passes):
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await owner._mailbox.stop()

    go(body)


def test_a_bell_that_is_taken_down_while_it_is_rung_keeps_no_answer_back(home, go, monkeypatch):
    opened = bell._opened

    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            owner.hang_bell()
            run = (await owner.start(home.request(LISTENS))).id

            def late(folder, how):
                descriptor = opened(folder, how)
                owner._mailbox._bell.close()
                owner._mailbox._bell = None
                return descriptor

            monkeypatch.setattr(bell, "_opened", late)
            assert (await reader.cancel(run)).status == "cancelled"

    go(body)


def test_a_bell_that_something_else_has_replaced_does_not_keep_the_node_from_ending(home, go):
    async def body():
        async with home.node() as owner:
            owner.hang_bell()
            (home.folder / "home" / BELL).unlink()
            (home.folder / "home" / BELL).mkdir()

    go(body)


def test_a_request_that_nobody_took_up_in_time_is_not_carried_out_later(home, go):
    async def body():
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
        settings = load(home.folder / "home", home.environment)
        clock = FixedClock(1_000)
        with Store.open(settings, write=False, clock=clock) as store:
            number = store.post_request("cancel", {"run": run, "reason": None})
        async with home.node() as node:
            while (answer := node.store.read.request(number)).answered_at is None:
                await asyncio.sleep(0.005)
            assert answer.answer["error"]["code"] == "home-in-use"
            assert (await node.run(run)).status == "waiting"

    go(body)


def test_whoever_asks_learns_that_the_owner_has_ended(home, go):
    async def body():
        async with home.node() as owner:
            run = (await owner.start(home.request(LISTENS))).id
            reader = await LocalNode.open(load(home.folder / "home", home.environment), write=False)
            await owner._mailbox.stop()
            asked = asyncio.create_task(reader.cancel(run))
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            with pytest.raises(HomeInUse, match="ended before it took up"):
                await asked
        await reader.close()

    go(body)


@pytest.mark.parametrize("why", ["ended", "is slow", "was given up"])
def test_what_was_said_to_have_failed_is_not_carried_out_by_the_next_owner(home, go, monkeypatch, why):
    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            run = (await owner.start(home.request(LISTENS))).id
            await owner._mailbox.stop()
            if why == "is slow":
                monkeypatch.setattr(mailbox, "_PATIENCE", 0.2)
            asked = asyncio.create_task(reader.cancel(run))
            await asyncio.sleep(0.1)
            if why == "was given up":
                asked.cancel()
            if why == "ended":
                await owner.close()
            with pytest.raises(asyncio.CancelledError if why == "was given up" else HomeInUse):
                await asked
            assert reader.store.read.requests() == ()
            await owner.close()
        async with home.node() as node:
            await asyncio.sleep(0.1)
            assert (await node.run(run)).status == "waiting"

    go(body)


def test_what_was_taken_up_is_waited_for_and_not_done_again(home, go):
    release = threading.Event()
    home.functions.register("hold", "1.0.0", lambda _: release.wait(20), blocking=True)

    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            held = (
                await home.run(owner, 'do: [{slow: {call: "hold:1.0.0@python"}}, {end: {set: {n: 1}}}]', hold=True)
            ).id
            step = asyncio.create_task(reader.step(held))
            while (await reader.run(held)).status == "held":
                await asyncio.sleep(0.005)
            number = 1
            assert not reader.store.withdraw_request(number)
            assert reader.store.read.request(number).taken
            assert reader.store.read.requests() == ()
            await owner._mailbox.stop()
            release.set()
            await owner.close()
            with pytest.raises(HomeInUse, match="is not known"):
                await step

    go(body)


def test_a_store_without_room_does_not_end_the_answering(home, go, monkeypatch):
    async def body():
        async with home.node() as owner, home.node(write=False) as reader:
            run = (await owner.start(home.request(LISTENS))).id
            read, failed = owner.store.read.requests, []

            def full():
                if not failed:
                    failed.append(1)
                    raise StoreFull("no room")
                return read()

            monkeypatch.setattr(owner.store.read, "requests", full)
            assert (await reader.cancel(run)).status == "cancelled"
            assert failed

    go(body)
