"""Leases, attempts, backoff, dead letters: one sentence a test."""

from __future__ import annotations

import asyncio

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.errors import LeaseLost, NotFound
from reach_workbench.jobs.backoff import CAP, delay
from reach_workbench.jobs.queue import NewJob, Queue, Stats
from reach_workbench.storage.store import Store

pytestmark = pytest.mark.anyio


async def test_a_job_goes_from_queued_to_completed(queue: Queue, store: Store, clock: FixedClock) -> None:
    id = await queue.enqueue(NewJob("mail", {"to": "x"}, run="01run"))
    assert queue.stats() == Stats(queued=1, leased=0, completed=0, dead_letter=0, next_due=clock.now())
    (job,) = await queue.lease()
    assert (job.id, job.kind, job.payload, job.run, job.status, job.attempts) == (
        id, "mail", {"to": "x"}, "01run", "leased", 1,
    )  # fmt: skip
    assert job.token is not None
    assert job.token.startswith("node-a:")
    assert queue.stats() == Stats(queued=0, leased=1, completed=0, dead_letter=0, next_due=clock.now() + 30_000)
    clock.advance(5)
    await queue.complete(job)
    done = store.read.job(id)
    assert (done.status, done.completed_at, done.token, done.lease_until) == ("completed", clock.now(), None, None)
    assert queue.stats() == Stats(queued=0, leased=0, completed=1, dead_letter=0, next_due=None)
    assert await queue.lease() == ()
    assert store.read.jobs_of("01run") == (done,)
    assert store.read.jobs(status="completed") == (done,)


async def test_higher_priorities_go_first_then_those_due_longest(queue: Queue, clock: FixedClock) -> None:
    now = clock.now()
    clock.advance(100)
    await queue.enqueue_many(
        [
            NewJob("low", priority=-1, next_run_at=now),
            NewJob("late", next_run_at=now + 50),
            NewJob("early", next_run_at=now + 10),
            NewJob("not yet", priority=9, next_run_at=now + 101),
            NewJob("high", priority=5),
        ]
    )
    assert [job.kind for job in await queue.lease(3)] == ["high", "early", "late"]
    assert [job.kind for job in await queue.lease(3)] == ["low"]
    clock.advance(1)
    assert [job.kind for job in await queue.lease(3)] == ["not yet"]


async def test_equal_jobs_are_leased_in_the_order_they_came(queue: Queue, clock: FixedClock) -> None:
    ids = await queue.enqueue_many(NewJob("same") for _ in range(30))
    clock.advance(1)
    more = await queue.enqueue(NewJob("same"))
    assert [job.id for job in await queue.lease(100)] == [*ids, more]


async def test_two_workers_never_hold_the_same_job(queue: Queue, store: Store, clock: FixedClock) -> None:
    other = Queue(store, clock, "node-b")
    await queue.enqueue_many(NewJob("j") for _ in range(20))
    leased = await asyncio.gather(*(worker.lease(3) for worker in (queue, other) * 5))
    ids = [job.id for jobs in leased for job in jobs]
    assert len(ids) == len(set(ids)) == 20


async def test_a_lease_that_ran_out_is_given_to_another_and_the_first_is_refused(
    queue: Queue, store: Store, clock: FixedClock
) -> None:
    await queue.enqueue(NewJob("j"))
    (slow,) = await queue.lease()
    clock.advance(29_999)
    assert await queue.lease() == ()
    clock.advance(1)
    (quick,) = await Queue(store, clock, "node-b").lease()
    assert (quick.id, quick.attempts) == (slow.id, 2)
    for finish in (queue.complete(slow), queue.release(slow), queue.fail(slow, "x")):
        with pytest.raises(LeaseLost) as caught:
            await finish
        assert caught.value.hint
    assert await queue.heartbeat([slow]) == (slow,)
    assert await queue.heartbeat([quick]) == ()
    await queue.complete(quick)
    with pytest.raises(LeaseLost):
        await queue.complete(quick)


async def test_a_holder_that_is_late_may_still_finish_while_nobody_else_took_the_job(
    queue: Queue, clock: FixedClock
) -> None:
    await queue.enqueue(NewJob("j"))
    (job,) = await queue.lease()
    clock.advance(60_000)
    await queue.complete(job)
    assert await queue.lease() == ()


async def test_a_heartbeat_prolongs_the_lease(queue: Queue, clock: FixedClock) -> None:
    await queue.enqueue_many([NewJob("a"), NewJob("b")])
    beating, silent = await queue.lease(2)
    clock.advance(20_000)
    assert await queue.heartbeat([beating]) == ()
    clock.advance(20_000)
    assert [job.id for job in await queue.lease(2)] == [silent.id]


async def test_what_a_lost_job_caused_is_not_saved(queue: Queue, store: Store, clock: FixedClock) -> None:
    await queue.enqueue(NewJob("j"))
    (job,) = await queue.lease()
    clock.advance(60_000)
    await queue.lease()
    unit = store.unit()
    unit.audit("effect of the job", None, at=clock.now())
    queue.complete_in(unit, job)
    with pytest.raises(LeaseLost):
        await store.commit(unit)
    assert store.read.audit() == ()


async def test_a_job_and_what_it_causes_are_saved_together(queue: Queue, store: Store, clock: FixedClock) -> None:
    await queue.enqueue(NewJob("j"))
    (job,) = await queue.lease()
    unit = store.unit()
    unit.audit("effect of the job", None, at=clock.now())
    queue.complete_in(unit, job)
    queue.enqueue_in(unit, [NewJob("next")])
    await store.commit(unit)
    assert [record.type for record in store.read.audit()] == ["effect of the job"]
    assert [job.kind for job in await queue.lease(9)] == ["next"]


async def test_a_released_job_has_not_used_an_attempt(queue: Queue, clock: FixedClock) -> None:
    await queue.enqueue(NewJob("j", max_attempts=1))
    (job,) = await queue.lease()
    await queue.release(job, clock.now() + 500)
    assert await queue.lease() == ()
    clock.advance(500)
    (job,) = await queue.lease()
    assert job.attempts == 1
    await queue.release(job)
    assert len(await queue.lease()) == 1


async def test_a_job_that_fails_waits_longer_each_time_and_ends_among_the_dead(
    queue: Queue, store: Store, clock: FixedClock
) -> None:
    id = await queue.enqueue(NewJob("j", max_attempts=4))
    waits = []
    for _ in range(3):
        (job,) = await queue.lease()
        due = await queue.fail(job, "no luck")
        assert due is not None
        waits.append(due - clock.now())
        clock.advance(waits[-1] - 1)
        assert await queue.lease() == ()
        clock.advance(1)
    assert waits == [1_000, 2_000, 4_000]
    (job,) = await queue.lease()
    assert await queue.fail(job, "the end") is None
    clock.advance(10 * CAP)
    assert await queue.lease() == ()
    dead = store.read.job(id)
    assert (dead.status, dead.error, dead.attempts, dead.token) == ("dead_letter", "the end", 4, None)
    assert queue.stats().dead_letter == 1


def test_the_wait_between_attempts_is_capped() -> None:
    assert [delay(attempts) for attempts in (1, 2, 9, 10, 1000)] == [1_000, 2_000, 256_000, CAP, CAP]


async def test_a_job_that_kills_its_holders_ends_among_the_dead(queue: Queue, store: Store, clock: FixedClock) -> None:
    id = await queue.enqueue(NewJob("poison", max_attempts=3))
    for _ in range(3):
        assert len(await queue.lease()) == 1
        clock.advance(30_000)
    assert await queue.lease() == ()
    assert store.read.job(id).status == "dead_letter"
    assert "expired" in str(store.read.job(id).error)


async def test_dead_letters_can_be_tried_again_or_dropped(queue: Queue, store: Store) -> None:
    ids = await queue.enqueue_many([NewJob("a", max_attempts=1), NewJob("b", max_attempts=1)])
    for job in await queue.lease(2):
        await queue.fail(job, "x")
    await queue.requeue(ids[0])
    await queue.drop(ids[1])
    (job,) = await queue.lease(5)
    assert (job.id, job.attempts) == (ids[0], 1)
    with pytest.raises(NotFound):
        store.read.job(ids[1])
    for again in (queue.requeue(ids[0]), queue.drop(ids[0]), queue.drop("none")):
        with pytest.raises(NotFound, match="dead letters"):
            await again


async def test_a_node_that_starts_takes_back_what_a_dead_one_held(
    queue: Queue, store: Store, clock: FixedClock
) -> None:
    await queue.enqueue_many([NewJob("a"), NewJob("b")])
    held = await queue.lease(2)
    await queue.complete(held[0])
    clock.advance(-1_000_000)  # what was leased was due, whatever the clock says now
    following = Queue(store, clock, "node-b")
    await following.take_back()
    (job,) = await following.lease(5)
    assert (job.id, job.attempts) == (held[1].id, 2)
    with pytest.raises(LeaseLost):
        await queue.complete(held[1])


async def test_a_node_keeps_its_own_leases_when_it_takes_back_others(queue: Queue) -> None:
    await queue.enqueue(NewJob("a"))
    (job,) = await queue.lease()
    await queue.take_back()
    assert await queue.lease() == ()
    await queue.complete(job)


async def test_old_completed_jobs_can_be_forgotten(queue: Queue, store: Store, clock: FixedClock) -> None:
    await queue.enqueue_many([NewJob("a"), NewJob("b")])
    first, second = await queue.lease(2)
    await queue.complete(first)
    clock.advance(10)
    await queue.complete(second)
    await queue.forget(clock.now())
    assert [job.id for job in store.read.jobs()] == [second.id]


async def test_a_queued_job_can_be_brought_forward(queue: Queue, store: Store, clock: FixedClock) -> None:
    id = await queue.enqueue(NewJob("later", next_run_at=clock.now() + 1_000_000))
    assert await queue.lease() == ()
    for due in (clock.now(), clock.now() + 5):
        unit = store.unit()
        unit.hurry_job(id, next_run_at=due)
        await store.commit(unit)
    assert len(await queue.lease()) == 1


async def test_a_job_that_was_never_leased_has_no_one_to_finish_it(queue: Queue, store: Store) -> None:
    id = await queue.enqueue(NewJob("j"))
    with pytest.raises(LeaseLost, match="not leased"):
        await queue.complete(store.read.job(id))
    with pytest.raises(NotFound):
        store.read.job("none")


async def test_many_jobs_are_all_put_in_or_none(queue: Queue, store: Store) -> None:
    with pytest.raises(TypeError):
        await queue.enqueue_many([NewJob("good"), NewJob("bad", object())])
    assert store.read.jobs() == ()
