"""Held actions are shown and decided about alike through every door."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.errors import ApprovalRefused, BadInput, GateClosed, NotFound, ReachError
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.gates import GateView, SignedVerdict, Verdict, signed_verdict
from reach_workbench.protocol.node_views import RunView

from .conftest import Meet, Prepare, Visit
from .doors import Place, through

GRACE, LIN = (SigningKey.from_seed(bytes([number]) * 32) for number in (2, 3))
KEYS = {"grace": GRACE, "lin": LIN}
HOLDS = """
@id("all") permit(principal, action, resource);
@id("shells") @gate("approval") %s @reason("shells can do anything")
forbid(principal, action == Action::"shell.run", resource);
"""
WRITES = "do: [{write: {run: {shell: {command: 'echo done >> target'}}}}, {end: {set: {n: 1}}}]"


def policy(annotations: str = "") -> Prepare:
    def prepare(place: Place) -> None:
        file = place.folder / "policy.cedar"
        file.write_text(HOLDS % annotations)
        place.variables |= {"REACH_POLICY_FILE": str(file), "REACH_KEYS_USER": "ada"}

    return prepare


def signed(gate: GateView, verdict: Verdict, name: str, reason: str | None = None) -> SignedVerdict:
    return signed_verdict(gate, verdict, name, KEYS[name], reason=reason)


async def held(visit: Visit) -> tuple[RunView, GateView]:
    for name, key in KEYS.items():
        await visit.node.add_reviewer(name, b64encode(key.public).decode(), ("finance",))
    run = await visit.run(WRITES)
    assert run.status == "waiting"
    (name,) = run.gates
    return run, await visit.node.gate(name)


def written(place: Place) -> int:
    target = place.files / "target"
    return target.read_text().count("done") if target.exists() else 0


def test_a_gate_is_listed_and_shown_whole(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        assert list(await visit.node.gates()) == [replace(gate, holding=())]
        assert list(await visit.node.gates(run=run.id, state="all")) == [replace(gate, holding=())]
        assert list(await visit.node.gates(state="closed")) == []
        assert list(await visit.node.gates(after=gate.id)) == []
        assert await visit.node.gate(gate.id[:8]) == gate
        assert (gate.kind, gate.requester, gate.task, gate.run) == ("shell.run", "ada", "/do/0/write", run.id)
        assert gate.arguments["process"]["command"] == "echo done >> target"
        assert [(each.id, each.reason) for each in gate.holding] == [("shells", "shells can do anything")]
        assert (gate.outcome, gate.missing) == (None, f"gate {gate.id} needs 1 approval and has 0")
        with pytest.raises(NotFound, match="no gate"):
            await visit.node.gate("0000")
        with pytest.raises(NotFound):
            await visit.node.decide("0000", signed(gate, "approve", "grace"))

    meet(body, policy('@expires("24h")'))


def test_an_approved_action_happens_once(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        assert written(visit.place) == 0
        decided = await visit.node.decide(gate.id, signed(gate, "approve", "grace", "as agreed"))
        assert (decided.outcome, [(each.reviewer, each.reason) for each in decided.verdicts]) == (
            "approved",
            [("grace", "as agreed")],
        )
        run = await visit.node.wait(run.id)
        assert (run.status, run.output, written(visit.place)) == ("completed", {"n": 1}, 1)
        with pytest.raises(GateClosed, match="approved"):
            await visit.node.decide(gate.id, signed(gate, "approve", "lin"))
        assert (await visit.node.verify(run.id)).ok

    meet(body, policy())


def test_a_denied_action_never_happens(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        decided = await visit.node.decide(gate.id, signed(gate, "deny", "grace", "not today"))
        assert (decided.outcome, decided.reason) == ("denied", "not today")
        run = await visit.node.wait(run.id)
        assert run.error is not None
        assert (run.status, run.error["detail"], written(visit.place)) == (
            "faulted",
            "denied by grace: not today",
            0,
        )

    meet(body, policy())


def test_what_does_not_count_is_refused_and_changes_nothing(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        _, gate = await held(visit)
        good = signed(gate, "approve", "grace")
        stranger = SigningKey.from_seed(bytes([9]) * 32)
        other = replace(gate, arguments={"process": {"command": "echo other"}})
        refused: list[tuple[SignedVerdict, str]] = [
            (signed(other, "approve", "grace"), "another action"),
            (signed_verdict(gate, "approve", "mallory", stranger), "no reviewer"),
            (signed_verdict(gate, "approve", "lin", GRACE), "another action"),
            (replace(good, signature=b64encode(bytes(64)).decode()), "not what its reviewer signed"),
            (replace(good, body=good.body.replace("grace", "lin00")), "not what its reviewer signed"),
        ]
        for verdict, words in refused:
            with pytest.raises(ApprovalRefused, match=words) as wrong:
                await visit.node.decide(gate.id, verdict)
            assert wrong.value.code == "approval-refused"
        assert await visit.node.gate(gate.id) == gate
        assert written(visit.place) == 0

    meet(body, policy())


def test_an_edited_action_gets_a_gate_of_its_own(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        changed: dict[str, Any] = {**gate.arguments, "process": {"command": "echo done done >> target"}}
        with pytest.raises(BadInput, match="nothing was changed"):
            await visit.node.edit_gate(gate.id, gate.arguments)
        newer = await visit.node.edit_gate(gate.id, changed, by="lin")
        assert newer is not None
        assert (newer.arguments, newer.outcome) == (changed, None)
        assert newer.digest != gate.digest and newer.nonce != gate.nonce
        before = await visit.node.gate(gate.id)
        assert (before.outcome, before.reason) == ("superseded", "edited by lin")
        with pytest.raises(ApprovalRefused, match="another action"):
            await visit.node.decide(newer.id, signed(gate, "approve", "grace"))
        with pytest.raises(GateClosed):
            await visit.node.edit_gate(gate.id, changed)
        await visit.node.decide(newer.id, signed(newer, "approve", "grace"))
        assert (await visit.node.wait(run.id)).status == "completed"
        assert written(visit.place) == 2

    meet(body, policy())


def test_two_reviewers_at_once_and_the_action_happens_once(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        answers = await asyncio.gather(
            visit.node.decide(gate.id, signed(gate, "approve", "grace")),
            visit.node.decide(gate.id, signed(gate, "approve", "lin")),
            visit.node.decide(gate.id, signed(gate, "approve", "grace")),
            return_exceptions=True,
        )
        assert all(isinstance(each, (GateView, GateClosed)) for each in answers), answers
        assert any(isinstance(each, GateView) for each in answers)
        assert (await visit.node.gate(gate.id)).outcome == "approved"
        assert (await visit.node.wait(run.id)).status == "completed"
        assert written(visit.place) == 1

    meet(body, policy())


def test_one_approves_while_another_denies_and_there_is_one_outcome(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run, gate = await held(visit)
        answers = await asyncio.gather(
            visit.node.decide(gate.id, signed(gate, "approve", "grace")),
            visit.node.decide(gate.id, signed(gate, "deny", "lin", "no")),
            return_exceptions=True,
        )
        wrong = [each for each in answers if isinstance(each, BaseException)]
        assert all(isinstance(each, ReachError) for each in wrong), wrong
        outcome = (await visit.node.gate(gate.id)).outcome
        run = await visit.node.wait(run.id)
        assert (outcome, run.status, written(visit.place)) in (("approved", "completed", 1), ("denied", "faulted", 0))

    meet(body, policy())


@pytest.mark.parametrize("door", ["local", "socket", "tcp", "cut"])
def test_a_gate_outlives_its_node(tmp_path: Path, door: str) -> None:
    async def body() -> None:
        async with asyncio.timeout(30):
            place = Place(tmp_path)
            policy('@quorum("2")')(place)
            async with through(door, place) as node:
                run, gate = await held(Visit(node, place, door))
                first = await node.decide(gate.id, signed(gate, "approve", "grace"))
                assert (first.outcome, first.missing) == (None, f"gate {gate.id} needs 2 approvals and has 1")
            async with through(door, place) as node:
                assert await node.gate(gate.id) == first
                await node.resume(run.id)
                with pytest.raises(GateClosed, match="before"):
                    await node.decide(gate.id, signed(gate, "approve", "grace"))
                assert (await node.decide(gate.id, signed(gate, "approve", "lin"))).outcome == "approved"
                assert (await node.wait(run.id)).status == "completed"
                assert written(place) == 1

    asyncio.run(body())
