"""The audit log of a node: what is written into it, who vouches for it, and what it proves about a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.errors import KeysLocked, ReachError
from reach_workbench.evidence.checkpoint import read_checkpoint
from reach_workbench.evidence.merkle import includes, leaf_hash
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.node.refusals import QUIET, Refusals
from reach_workbench.protocol.audit import AuditVerification
from reach_workbench.settings import Audit, load
from reach_workbench.storage.checkpoint_file import is_signed_by, read_pins
from reach_workbench.storage.store import Store

KEY = SigningKey.from_seed(bytes(range(32)))
TWO = "do: [{first: {set: {x: 1}}}, {second: {set: {y: 2}}}]"
LISTENING = "do: [{wait: {listen: {to: {one: {with: {type: go}}}}}}]"


@asynccontextmanager
async def signing(home, signer=lambda: KEY, **audit) -> AsyncIterator[LocalNode]:
    settings = replace(load(home.folder / "home", home.environment), audit=Audit(**audit))
    node = await LocalNode.open(settings, functions=home.functions, signer=signer)
    try:
        yield node
    finally:
        await node.close()


def sizes(home) -> list[int]:
    pins = read_pins(home.folder / "home" / "checkpoints") or ()
    assert all(pin.signed is not None and is_signed_by(pin.signed, KEY.public) for pin in pins)
    return [pin.signed.checkpoint.size for pin in pins if pin.signed is not None]


async def until(holds) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


def note(node, count=1):
    unit = node.store.unit()
    for number in range(count):
        unit.audit("test.noted", {"number": number}, at=1)
    return node.store.commit(unit)


def test_a_checkpoint_is_made_after_so_many_records(home, go):
    async def body():
        async with signing(home, checkpoint_records=5, checkpoint_seconds=3600) as node:
            await note(node, 4)
            assert sizes(home) == []
            await note(node, 3)
            await until(lambda: sizes(home) == [7])
            await until(lambda: node.store.read.audit_head().pins == 1)
            await asyncio.gather(*(note(node) for _ in range(40)))
            await until(lambda: sizes(home)[-1] == 47)
            found = await node.audit_verify()
            assert (found.ok, found.records) == (True, 47)

    go(body)


def test_a_checkpoint_is_made_after_a_while(home, go):
    async def body():
        async with signing(home, checkpoint_records=1000, checkpoint_seconds=0.05) as node:
            await note(node, 2)
            await until(lambda: sizes(home) == [2])
            await until(lambda: node.store.read.audit_head().pinned == 2)
            await note(node, 1)
            await until(lambda: sizes(home) == [2, 3])

    go(body)


def test_a_checkpoint_is_made_when_the_node_closes_and_only_of_something_new(home, go):
    async def body():
        async with signing(home, checkpoint_seconds=3600) as node:
            await note(node, 3)
        assert sizes(home) == [3]
        async with signing(home, checkpoint_seconds=3600) as node:
            found = await node.audit_verify()
            assert (found.ok, found.checkpoints, found.covered) == (True, 1, 3)
        assert sizes(home) == [3]

    go(body)


def test_what_an_earlier_node_left_is_vouched_for_by_the_next(home, go):
    async def body():
        async with home.node() as node:
            await note(node, 3)
        assert sizes(home) == []
        async with signing(home, checkpoint_seconds=0.05):
            await until(lambda: sizes(home) == [3])

    go(body)


def test_the_file_of_checkpoints_can_stand_elsewhere(home, go):
    async def body():
        elsewhere = home.folder / "vault"
        elsewhere.mkdir()
        async with signing(home, checkpoint_file=str(elsewhere / "notes")) as node:
            await note(node, 3)
        assert len(read_pins(elsewhere / "notes") or ()) == 1
        assert not (home.folder / "home" / "checkpoints").exists()
        async with signing(home, checkpoint_file=str(elsewhere / "other")) as node:
            found = await node.audit_verify()
            assert [problem.code for problem in found.problems] == ["checkpoint-missing"]

    go(body)


def test_a_key_that_is_locked_keeps_no_run_waiting_and_is_told_plainly(home, go):
    def locked() -> SigningKey:
        raise KeysLocked("the keys of this home are sealed, and there is no passphrase", hint="set REACH_PASSPHRASE")

    async def body():
        async with signing(home, locked, checkpoint_records=1) as node:
            assert (await home.run(node, TWO)).status == "completed"
            await until(lambda: node._pinning.problem is not None)
            (check,) = [each for each in await node.doctor() if each.name == "audit"]
            assert not check.ok
            assert "no checkpoint can be made: the keys of this home are sealed" in check.message
            found = await node.audit_verify()
            assert found.ok and found.key is None
            assert "no checkpoint vouches" in found.summary
        async with home.node() as node:
            (check,) = [each for each in await node.doctor() if each.name == "audit"]
            assert check.ok and "for which no checkpoint vouches" in check.message

    go(body)


def test_a_file_that_cannot_be_written_is_told_and_tried_again(home, go):
    async def body():
        folder = home.folder / "gone"
        async with signing(
            home, checkpoint_records=1, checkpoint_seconds=0.05, checkpoint_file=str(folder / "notes")
        ) as node:
            await note(node)
            await until(lambda: node._pinning.problem is not None)
            folder.mkdir()
            await until(lambda: node._pinning.problem is None)
            assert len(read_pins(folder / "notes") or ()) == 1

    go(body)


def test_the_life_of_a_run_is_audited(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, TWO)
            await node.fork(run.id, 2)
            waiting = await node.start(home.request(LISTENING))
            await node.cancel(waiting.id, "not wanted")
            file = home.folder / "run.reach"
            await node.export(run.id, file, unsigned=True)
            records = {record.type: record for record in await node.audit()}
            events = [event async for event in node.events(run.id)]
        assert set(records) == {"run.started", "run.forked", "run.cancelled", "run.exported"}
        assert records["run.started"].run == records["run.exported"].run == run.id
        assert records["run.forked"].data["of"] == run.id
        assert records["run.cancelled"].data["reason"] == "not wanted"
        assert records["run.exported"].data == {"events": run.seq, "digest": events[-1].digest}
        async with node_at(home.folder / "other") as other:
            await other.import_(file)
            (record,) = await other.audit()
            assert (record.type, record.run, record.data) == (
                "run.imported",
                run.id,
                {"events": run.seq, "digest": events[-1].digest},
            )

    go(body)


@asynccontextmanager
async def node_at(folder: Path) -> AsyncIterator[LocalNode]:
    node = await LocalNode.open(load(folder, {}))
    try:
        yield node
    finally:
        await node.close()


def test_a_started_run_is_audited_with_the_digest_of_its_first_event(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, TWO)
            (record,) = await node.audit(run.id, type="run.")
            first = next(iter([event async for event in node.events(run.id)]))
        assert record.data["digest"] == first.digest
        assert record.data["workflow"] == "tests/example:1.0.0"

    go(body)


def test_an_export_that_another_process_makes_is_audited_by_the_owner(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, TWO)
            async with home.node(write=False) as other:
                await other.export(run.id, home.folder / "run.reach", unsigned=True)
            (record,) = await node.audit(type="run.exported")
            assert (record.run, record.data["events"]) == (run.id, run.seq)

    go(body)


def test_filters_narrow_the_log_and_pages_follow_each_other(home, go, monkeypatch):
    monkeypatch.setattr("reach_workbench.node.auditlog._WINDOW", 7)  # so that several are looked through

    async def body():
        async with home.node() as node:
            unit = node.store.unit()
            for number in range(50):
                kind = "gate.denied" if number % 10 == 3 else "effect.performed"
                unit.audit(kind, {"by": "Ada" if number % 2 else "Bob 100%"}, at=1000 + number)
            await node.store.commit(unit)
            everything = await node.audit(limit=1000)
            assert [record.seq for record in everything] == list(range(50, 0, -1))
            first = await node.audit(limit=20)
            second = await node.audit(limit=40, before=first[-1].seq)
            assert [*first, *second] == everything
            assert [record.seq for record in await node.audit(type="gate.")] == [44, 34, 24, 14, 4]
            assert [record.seq for record in await node.audit(type="gate.", limit=2)] == [44, 34]
            assert await node.audit(type="gate.d%") == []
            assert len(await node.audit(text="ADA")) == 25
            assert len(await node.audit(text="100%")) == 25
            assert len(await node.audit(text="1_0%")) == 0
            assert [record.seq for record in await node.audit(since=1010, until=1012)] == [13, 12, 11]
            assert [record.seq for record in await node.audit(after=45, text="ada")] == [50, 48, 46]

    go(body)


def test_verification_tells_how_far_it_is_and_ends_when_it_is_given_up(home, go):
    async def body():
        async with signing(home) as node:
            for _ in range(6):
                await note(node, 10_000)
            told = []
            assert (await node.audit_verify(progress=lambda *each: told.append(each))).records == 60_000
            assert told[-1] == (60_000, 60_000)
            assert len(told) >= 2
            begun = asyncio.Event()
            loop = asyncio.get_running_loop()
            work = asyncio.ensure_future(node.audit_verify(progress=lambda *_: loop.call_soon_threadsafe(begun.set)))
            await begun.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    go(body)


def test_a_log_that_grows_while_it_is_verified_holds(home, go):
    async def body():
        async with signing(home, checkpoint_records=20) as node:
            await note(node, 30)
            ended = False

            async def write() -> None:
                while not ended:
                    await note(node, 7)
                    await asyncio.sleep(0)

            writing = asyncio.ensure_future(write())
            found: list[AuditVerification] = []
            while len(found) < 30 or found[-1].checkpoints < 3:  # however long a checkpoint takes to reach the disk
                found.append(await node.audit_verify())
            ended = True
            await writing
            assert {each.problems for each in found} == {()}
            assert found[-1].records > found[0].records

    go(body)


def test_a_run_is_proved_to_be_in_the_log_of_a_signed_checkpoint(home, go):
    async def body():
        async with signing(home, checkpoint_seconds=3600) as node:
            await note(node, 13)
            run = await home.run(node, TWO)
            await note(node, 20)
            other = await home.run(node, TWO)
            evidence = await node.audit_evidence(run.id)
            unseen = await node.audit_evidence(other.id)
            records = await node.audit(run.id)
        signed = read_checkpoint(evidence.note)
        assert is_signed_by(signed, KEY.public)
        assert (signed.checkpoint.size, signed.checkpoint.root) == (evidence.size, evidence.root)
        assert [json.loads(each.record)["id"] for each in evidence.records] == [each.seq for each in records[::-1]]
        for each in (*evidence.records, *unseen.records):
            assert includes(evidence.root, evidence.size, leaf_hash(each.record), each.seq - 1, each.proof)
        assert not includes(
            evidence.root,
            evidence.size,
            leaf_hash(evidence.records[0].record.replace(b"tests", b"tasks")),
            evidence.records[0].seq - 1,
            evidence.records[0].proof,
        )

    go(body)


def test_without_a_key_the_evidence_says_that_nobody_vouches(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, TWO)
            evidence = await node.audit_evidence(run.id)
            assert evidence.note is None
            (record,) = evidence.records
            assert includes(evidence.root, evidence.size, leaf_hash(record.record), record.seq - 1, record.proof)

    go(body)


def test_no_evidence_comes_from_a_log_that_was_changed(home, go):
    async def body():
        async with signing(home) as node:
            run = await home.run(node, TWO)
            unit = node.store.unit()
            unit.add("DROP TRIGGER audit_no_update", {})
            unit.add("UPDATE audit SET leaf = zeroblob(32) WHERE id = 1", {})
            await node.store.commit(unit)
            with pytest.raises(ReachError, match="does not give the root of its tree"):
                await node.audit_evidence(run.id)

    go(body)


def test_refusals_are_audited_without_flooding_the_log(home, go):
    async def body():
        clock = FixedClock()
        with Store.open(load(home.folder / "refused", {}), write=True, clock=clock) as store:
            refusals = Refusals(store, clock)
            for _ in range(500):
                refusals.refused("unauthorized", "10.0.0.1", "/v1/runs")
            refusals.refused("unauthorized", "10.0.0.2", "/v1/audit")
            clock.advance(QUIET)
            refusals._sum_up()
            for number in range(2000):
                refusals.refused("unauthorized", f"10.1.{number}", "/")
            refusals.close()
            await asyncio.sleep(0)
            records = store.read.audit(limit=5000)
        told = [(record.payload["client"], record.payload.get("count")) for record in records]
        assert told[:3] == [("10.0.0.1", None), ("10.0.0.2", None), ("10.0.0.1", 499)]
        assert len(told) < 1010
        assert sum(count or 1 for _, count in told) == 2501

    go(body)
