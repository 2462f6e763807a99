"""What was allowed once and is begun later, elsewhere, or a second time is only begun if that is still so."""

from __future__ import annotations

import asyncio
import sqlite3
from base64 import b64encode
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.functions import Functions
from reach_workbench.errors import ApprovalRefused, GateClosed
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import steering
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.runner import permits
from reach_workbench.runner.child import child_id

from .gated import ALL, HEAD, KEYS, Gated, call, gate

FORBIDDEN = ALL + '@id("no") forbid(principal, action == Action::"function.call", resource);\n'
HOUR = 3_600_000
STRANGER = SigningKey.from_seed(bytes([99]) * 32)


@pytest.fixture
def cut_off(gated: Gated) -> Any:
    """`gated` never comes back the first time that it is called: its node ends meanwhile."""
    gated.functions = Functions()

    async def perform(given: Any) -> Any:
        gated.performed.append(("gated", given))
        if len(gated.performed) == 1:
            await asyncio.Event().wait()
        return given

    gated.functions.register("gated", "1.0.0", perform)

    async def begun(node: LocalNode, tasks: str, name: str | None = None) -> str:
        """The run that was begun when the node is closed."""
        run = await node.start(gated.request(tasks))
        if name is not None:
            held = (await node.wait(run.id), (await node.gates())[0])[1]
            await node.decide(held.id, gated.sign(held, "approve", name))
        while not gated.performed:
            await asyncio.sleep(0.001)
        return run.id

    return begun


def tasks(**more: Any) -> str:
    metadata = f", metadata: {more}".replace("'", "").replace("True", "true") if more else ""
    return f'{{a: {{call: "gated:1.0.0@python", with: {{n: 1}}{metadata}}}}}'


async def carried(gated: Gated, run: str, home: str) -> Path:
    """The capsule of a run of that home, whose node has ended."""
    file = gated.folder / "carried.reach"
    async with gated.node(home) as node:
        await node.export(run, file, unsigned=True)
    return file


# ------------------------------------------------------------ later


def test_an_approval_does_not_outlast_the_policies_that_asked_for_it(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, tasks())
            [held] = await node.gates()
            await node.suspend(run.id)
            await gated.approve(node, "grace", held)
            assert (await node.gate(held.id)).outcome == "approved"
            gated.policy(FORBIDDEN)
            await node.resume(run.id)
            view = await node.wait(run.id)
            assert (view.status, view.error["code"]) == ("faulted", "policy-denied")
            assert gated.performed == []
            assert (await node.verify(run.id)).ok

    go(body)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_approval_that_still_counts_is_used_when_the_run_goes_on(gated, go, restarted):
    gated.policy(ALL + gate("gated", '@expires("1h")'))

    async def body():
        async with gated.node() as node:
            run = (await gated.run(node, tasks())).id
            await node.suspend(run)
            await gated.approve(node, "grace")
            if not restarted:
                await node.resume(run)
                assert (await node.wait(run)).status == "completed"
        async with gated.node() as node:
            if restarted:
                await node.resume(run)
                assert (await node.wait(run)).status == "completed"
            assert len(gated.performed) == 1

    go(body)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE gates SET expires_at = expires_at + 100000000",
        "DELETE FROM approvals",
        "UPDATE approvals SET reviewer = 'lin'",
        "UPDATE approvals SET public_key = zeroblob(32)",
        "UPDATE gates SET terms = NULL, arguments = NULL",
    ],
)
def test_what_was_signed_counts_and_not_what_the_database_says_of_it(gated, go, change):
    gated.policy(ALL + gate("gated", '@expires("1h")'))

    async def body():
        async with gated.node() as node:
            run = (await gated.run(node, tasks())).id
            await node.suspend(run)
            await gated.approve(node, "grace")
        with closing(sqlite3.connect(gated.folder / "home" / "reach.db")) as database:
            with suppress(sqlite3.IntegrityError):
                database.execute(change)
            database.commit()
        async with gated.node() as node:
            if "expires_at" in change:
                gated.clock.wait(HOUR + 1)
            await node.resume(run)
            view = await node.wait(run)
            honest = "reviewer =" in change or "NULL" in change
            assert (view.status, len(gated.performed)) == (("completed", 1) if honest else ("waiting", 0))

    go(body)


# ------------------------------------------------------------ twice


def test_an_approval_is_for_one_time_and_a_repetition_of_what_is_in_doubt_needs_another(gated, go, cut_off):
    async def body():
        async with gated.node() as node:
            run = await cut_off(node, tasks(), "grace")
        async with gated.node() as node:
            await node.recover()
            [doubtful] = (await node.wait(run)).in_doubt
            await node.resolve(run, doubtful, "repeat")
            await node.wait(run)
            assert len(gated.performed) == 1
            await gated.approve(node, "lin")
            assert (await node.wait(run)).status == "completed"
            assert len(gated.performed) == 2
            assert (await node.verify(run)).ok

    go(body)


def test_what_is_forbidden_by_now_is_not_repeated(gated, go, cut_off):
    gated.policy(ALL)

    async def body():
        async with gated.node() as node:
            run = await cut_off(node, tasks())
        gated.policy(FORBIDDEN)
        async with gated.node() as node:
            await node.recover()
            [doubtful] = (await node.wait(run)).in_doubt
            await node.resolve(run, doubtful, "repeat")
            assert (await node.wait(run)).error["code"] == "policy-denied"
            assert len(gated.performed) == 1

    go(body)


# ------------------------------------------------------------ elsewhere


@pytest.mark.parametrize("idempotent", [False, True])
def test_what_was_allowed_elsewhere_is_not_allowed_here(gated, go, cut_off, idempotent):
    gated.policy(ALL)

    async def body():
        async with gated.node("elsewhere") as node:
            run = await cut_off(node, tasks(idempotent=True) if idempotent else tasks())
        file = await carried(gated, run, "elsewhere")
        gated.policy(FORBIDDEN)
        async with gated.node() as node:
            await node.import_(file)
            await node.resume(run)
            view = await node.wait(run)
            if not idempotent:
                await node.resolve(run, view.in_doubt[0], "repeat")
                view = await node.wait(run)
            assert view.error["code"] == "policy-denied"
            assert len(gated.performed) == 1

    go(body)


def test_what_strangers_approved_elsewhere_is_held_here(gated, go, cut_off):
    """The policies are the very same, and the signatures are good: of people whom this node does not know."""

    async def body():
        async with gated.node("elsewhere") as node:
            await node.add_reviewer("mallory", b64encode(STRANGER.public).decode())
            run = (await node.wait((await node.start(gated.request(tasks(idempotent=True)))).id)).id
            [held] = await node.gates()
            await node.decide(held.id, signed_verdict(held, "approve", "mallory", STRANGER))
            while not gated.performed:
                await asyncio.sleep(0.001)
        file = await carried(gated, run, "elsewhere")
        async with gated.node() as node:
            await node.import_(file)
            await node.resume(run)
            await node.wait(run)
            assert len(gated.performed) == 1
            [anew] = await node.gates()
            assert anew.id != held.id
            await gated.approve(node, "grace", anew)
            assert (await node.wait(run)).status == "completed"

    go(body)


def test_a_gate_that_came_along_counts_only_those_who_may_decide_here(gated, go):
    gated.policy(ALL + gate("gated", '@quorum("2")'))

    async def body():
        async with gated.node("elsewhere") as node:
            await node.add_reviewer("mallory", b64encode(STRANGER.public).decode())
            run = (await gated.run(node, tasks())).id
            [held] = await node.gates()
            await node.decide(held.id, signed_verdict(held, "approve", "mallory", STRANGER))
        file = await carried(gated, run, "elsewhere")
        async with gated.node() as node:
            await node.import_(file)
            await node.resume(run)
            after = await gated.approve(node, "grace")
            assert (after.outcome, after.missing) == (None, f"gate {held.id} needs 2 approvals and has 1")
            assert gated.performed == []
            await gated.approve(node, "lin")
            assert (await node.wait(run)).status == "completed"

    go(body)


def test_a_gate_that_asks_for_less_than_the_policies_is_superseded(gated, go, monkeypatch):
    gated.policy(ALL + gate("gated", '@quorum("2") @from("finance")'))
    lax = {"quorum": 1, "groups": [], "self": True, "otherwise": "fault", "risk": "normal"}

    async def body():
        with monkeypatch.context() as forging:
            forging.setattr(permits, "written_terms", lambda _: lax)
            async with gated.node("elsewhere") as node:
                run = (await gated.run(node, tasks())).id
        file = await carried(gated, run, "elsewhere")
        async with gated.node() as node:
            await node.import_(file)
            await node.resume(run)
            with pytest.raises(GateClosed, match="asks for something else"):
                await gated.approve(node, "ada")
            await node.wait(run)
            assert gated.performed == []
            [anew] = await node.gates()
            assert (anew.terms.quorum, anew.terms.groups) == (2, ("finance",))

    go(body)


# ------------------------------------------------------------ by whom


@pytest.mark.parametrize("suspended", [False, True])
def test_who_edits_an_action_does_not_approve_it(gated, go, suspended):
    async def body():
        async with gated.node() as node:
            run = (await gated.run(node, tasks())).id
            [held] = await node.gates()
            if suspended:
                await node.suspend(run)
            await node.edit_gate(held.id, {**held.arguments, "arguments": {"n": 666}}, by="grace")
        async with gated.node() as node:
            await node.recover()
            if suspended:
                await node.resume(run)
            await node.wait(run)
            [anew] = await node.gates()
            assert anew.terms.editors == ("grace",)
            for name in ("ada", "grace"):
                with pytest.raises(ApprovalRefused, match="their own"):
                    await gated.approve(node, name, anew)
            with pytest.raises(ApprovalRefused, match="grace edited"):
                delegated = signed_verdict(anew, "delegate", "max", KEYS["max"], answer={"to": "grace"})
                await node.decide(anew.id, delegated)
            assert gated.performed == []
            await gated.approve(node, "lin", anew)
            assert (await node.wait(run)).status == "completed"
            assert gated.performed == [("gated", {"n": 666})]
            assert (await node.verify(run)).ok

    go(body)


def test_who_may_approve_what_they_asked_for_may_approve_what_they_edited(gated, go):
    gated.policy(ALL + gate("gated", '@self("allowed")'))

    async def body():
        async with gated.node() as node:
            run = (await gated.run(node, tasks())).id
            [held] = await node.gates()
            newer = await node.edit_gate(held.id, {**held.arguments, "arguments": {"n": 2}}, by="ada")
            assert newer is not None
            await gated.approve(node, "ada", newer)
            assert (await node.wait(run)).status == "completed"

    go(body)


def test_who_has_left_a_group_since_no_longer_approves_for_it(gated, go):
    gated.policy(ALL + gate("gated", '@quorum("2") @from("finance")'))

    async def body():
        async with gated.node() as node:
            run = (await gated.run(node, tasks())).id
            await node.add_reviewer("max", b64encode(KEYS["max"].public).decode(), ("finance", "legal"))
            await gated.approve(node, "max")
            await node.add_reviewer("max", b64encode(KEYS["max"].public).decode(), ("legal",))
            await node.add_reviewer("lin", b64encode(KEYS["lin"].public).decode(), ("audit", "finance"))
            await gated.approve(node, "lin")
            assert (await node.wait(run)).status == "completed"  # lin is of finance, and max is still known

    go(body)


def test_the_groups_of_a_verdict_are_those_of_now(gated, go):
    gated.policy(ALL + gate("gated", '@quorum("2") @from("finance, legal")'))

    async def body():
        async with gated.node() as node:
            await gated.run(node, tasks())
            await gated.approve(node, "grace")
            await node.add_reviewer("grace", b64encode(KEYS["grace"].public).decode(), ())
            after = await gated.approve(node, "max")
            assert after.outcome is None
            assert "the group finance" in str(after.missing)
            assert gated.performed == []

    go(body)


def test_a_run_that_came_along_is_not_taken_for_a_sub_workflow(gated, go, monkeypatch):
    """Its id is that of the child whose place it wants: the caller would get the output that it claims."""
    gated.policy(ALL)

    async def body():
        async with gated.node() as node:
            await node.add(HEAD % "child" + "do: [{s: {set: {v: real}}}]", gated.folder / "child.yaml")
            child = "run: {workflow: {namespace: tests, name: child, version: 1.0.0}}"
            run = await node.start(gated.request(f"{{w: {{wait: {{hours: 1}}}}}}, {{c: {{{child}}}}}"))
            wanted = child_id(f"{run.id}:8")
        with monkeypatch.context() as forging:
            forging.setattr(steering, "new_run_id", lambda _: wanted)
            async with gated.node("elsewhere") as node:
                await gated.run(node, "{s: {set: {v: forged}}}")
        file = await carried(gated, wanted, "elsewhere")
        async with gated.node() as node:
            await node.recover()
            await node.import_(file)
            await gated.pass_time(node, HOUR + 1)
            view = await node.wait(run.id)
            assert [event.seq async for event in node.events(run.id) if event.type == "command.issued"] == [8]
            assert (view.status, view.error["code"]) == ("faulted", "sub-workflow-foreign")

    go(body)


def test_a_call_is_performed(gated, go):
    """The functions of these tests do what is asked, where nothing is in the way."""

    async def body():
        gated.policy(ALL)
        async with gated.node() as node:
            assert (await gated.run(node, f"{{a: {call('gated')}}}")).status == "completed"
            assert gated.performed == [("gated", {"n": 1})]

    go(body)
