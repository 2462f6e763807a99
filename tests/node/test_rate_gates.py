"""Rate gates: no window ever has more starts than it may, and who waits goes on once there is room."""

from __future__ import annotations

import random

from reach_workbench.policy.terms import RateTerms
from reach_workbench.runner.rates import Rates
from reach_workbench.settings import Settings
from reach_workbench.storage.gates import put_rate
from reach_workbench.storage.store import Store
from tests.node.gated import ALL, SetClock, call, gate

TWICE = '@limit("2/10s")'


def loop(count: int, name: str = "paced") -> str:
    return f"{{loop: {{for: {{each: i, in: '${{ [range({count})] }}'}}, do: [{{one: {call(name)}}}]}}}}"


def test_no_window_has_more_starts_than_its_limit_over_restarts_and_clocks_that_are_set(tmp_path):
    draw = random.Random(4)
    for trial in range(40):
        terms = RateTerms(draw.randint(1, 3), draw.choice((100, 1_000)))
        clock, settings, true = SetClock(), Settings(home=tmp_path / str(trial)), 0
        starts: list[int] = []
        store = Store.open(settings, write=True, clock=clock)
        rates = Rates(store, clock)
        for number in range(200):
            match draw.choice(("ask", "ask", "ask", "wait", "wait", "back", "ahead", "restart")):
                case "ask":
                    if rates.ask(number, [("c", terms)]) is None:
                        unit = store.unit()
                        for id, times in rates.take(number, [("c", terms)]):
                            put_rate(unit, id, times)
                        store.commit_now(unit)
                        starts.append(true)
                    rates.leave(number)
                case "wait":
                    clock.wait(passed := draw.randint(1, terms.window_ms))
                    true += passed
                case "back":
                    clock.set(-draw.choice((10, 5_000, 86_400_000)))
                case "ahead":  # for all that anybody knows, that time has passed
                    clock.set(passed := draw.choice((10, 5_000)))
                    true += passed
                case "restart":
                    store.close()
                    store = Store.open(settings, write=True, clock=clock)
                    rates = Rates(store, clock)
        store.close()
        assert len(starts) > 5
        for first, last in zip(starts, starts[terms.limit :], strict=False):
            assert last - first >= terms.window_ms


def test_counts_whose_windows_are_over_are_deleted_and_the_limit_still_holds(tmp_path):
    clock, settings, terms = SetClock(), Settings(home=tmp_path / "home"), RateTerms(2, 1_000)
    counted = [("shared", terms)]

    def start(rates: Rates, store: Store, number: int) -> None:
        unit = store.unit()
        for id, times in rates.take(number, [*counted, (f"run={number}", terms)]):
            put_rate(unit, id, times)
        store.commit_now(unit)

    started: list[int] = []
    for life in range(3):  # of the node
        with Store.open(settings, write=True, clock=clock) as store:
            rates = Rates(store, clock)
            for number in range(100):
                while (until := rates.ask(number, counted)) is not None:
                    clock.wait(until - clock.now())
                start(rates, store, life * 100 + number)
                started.append(clock.now())
                assert len(store.read.rates(since=0)) <= 4 + 3 * life  # those of the last moment of each life are kept
    assert all(later - earlier >= 1_000 for earlier, later in zip(started, started[2:], strict=False))
    clock.wait(32 * 24 * 3600 * 1000)
    with Store.open(settings, write=True, clock=clock) as store:
        start(Rates(store, clock), store, 1_000)
        assert set(store.read.rates(since=0)) == {"shared", "run=1000"}


def test_a_clock_that_was_set_back_makes_nothing_wait_for_longer_than_the_window(tmp_path):
    clock = SetClock()
    with Store.open(Settings(home=tmp_path / "home"), write=True, clock=clock) as store:
        rates, counted = Rates(store, clock), [("c", RateTerms(1, 1_000))]
        assert rates.ask("a", counted) is None
        rates.take("a", counted)
        clock.set(-86_400_000)
        assert rates.ask("b", counted) == clock.now() + 1_000
        clock.wait(1_000)
        assert rates.ask("b", counted) is None


def test_those_that_wait_go_on_in_the_order_in_which_they_came(tmp_path):
    clock = SetClock()
    with Store.open(Settings(home=tmp_path / "home"), write=True, clock=clock) as store:
        rates, counted = Rates(store, clock), [("c", RateTerms(1, 1_000))]
        rates.take("a", counted)
        assert [rates.ask(who, counted) for who in ("b", "c", "d")] == [clock.now() + at for at in (1000, 2000, 3000)]
        clock.wait(1_000)
        assert rates.ask("newcomer", counted) == clock.now() + 3_000
        assert rates.ask("b", counted) is None
        rates.leave("c")
        rates.take("b", counted)
        assert rates.ask("d", counted) == clock.now() + 1_000
        clock.wait(20_000)  # d never asks again
        assert rates.ask("late", counted) is None


def test_approved_actions_wait_for_the_rate_gate_too(gated, go):
    gated.policy(ALL + gate("paced", '@self("allowed")') + gate("paced", TWICE, "rate"))

    async def body():
        async with gated.node() as node:
            runs = [await gated.run(node, f"{{a: {call('paced')}}}") for _ in range(3)]
            for held in await node.gates():
                await gated.approve(node, "grace", held)
            await gated.pass_time(node, 0)
            assert len(gated.performed) == 2
            view = await node.run(runs[2].id)
            assert "a free place at a rate gate" in view.waiting
            await gated.pass_time(node, 10_000)
            assert (await node.wait(runs[2].id)).status == "completed"
            assert len(gated.performed) == 3

    go(body)


def test_an_approved_action_that_waits_for_room_is_begun_after_a_restart_without_doubt(gated, go):
    gated.policy(ALL + gate("paced") + gate("paced", TWICE, "rate"))

    async def body():
        async with gated.node() as node:
            runs = [await gated.run(node, f"{{a: {call('paced')}}}") for _ in range(3)]
            for held in await node.gates():
                await gated.approve(node, "grace", held)
        async with gated.node() as node:
            await node.recover()
            await gated.pass_time(node, 0)
            assert len(gated.performed) == 2
            await gated.pass_time(node, 10_000)
            assert (await node.wait(runs[2].id)).status == "completed"

    go(body)


def test_a_command_that_waits_for_room_opens_a_gate_when_the_policies_ask_for_one(gated, go):
    gated.policy(ALL + gate("paced", TWICE, "rate"))

    async def body():
        async with gated.node() as node:
            run = await node.start(gated.request(loop(3)))
            await gated.pass_time(node, 0)
            assert "a free place at a rate gate" in (await node.run(run.id)).waiting
            gated.policy(ALL + gate("paced"))
            await gated.pass_time(node, 10_000)
            await gated.approve(node, "grace")
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_run_that_waits_for_room_can_be_suspended_once_there_is_some(gated, go):
    gated.policy(ALL + gate("paced", TWICE, "rate"))

    async def body():
        async with gated.node() as node:
            run = await node.start(gated.request(loop(3)))
            await gated.pass_time(node, 0)
            gated.clock.wait(10_000)
            assert (await node.suspend(run.id)).status == "suspended"
            assert len(gated.performed) == 2
            await node.resume(run.id)
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_busy_run_does_not_keep_another_from_its_turn(gated, go):
    gated.policy(ALL + gate("paced", '@limit("1/1s")', "rate"))

    async def body():
        async with gated.node() as node:
            await node.start(gated.request(loop(50)))
            await gated.pass_time(node, 0)
            other = await node.start(gated.request(f"{{a: {call('paced', 99)}}}"))
            await gated.pass_time(node, 0)
            for _ in range(3):
                await gated.pass_time(node, 1_000)
            assert (await node.run(other.id)).status == "completed"

    go(body)
