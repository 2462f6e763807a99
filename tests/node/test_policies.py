"""What a node makes of policies over time: warnings, edited actions, forks, trials that nobody waits for."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from reach_workbench.errors import CompileError
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.protocol.policies import TryPolicies
from tests.node.gated import KEYS, call

GRACE = SigningKey.from_seed(bytes([2]) * 32)
ALL = '@id("all") permit (principal, action, resource);\n'
HELD = ALL + '@id("look") @gate("approval") forbid (principal, action == Action::"shell.run", resource);\n'
WARNED = ALL + '@id("soon") @mode("warn") forbid (principal, action == Action::"shell.run", resource);\n'
NO_TRUE = ALL + '@id("no-true") forbid (principal, action, resource == Program::"true");\n'
ECHO = "do: [{one: {run: {shell: {command: 'echo one'}}}}]"


@pytest.fixture
def policy(home, tmp_path: Path):
    """Writes the policy file of the home."""
    file = tmp_path / "policy.cedar"
    home.environment["REACH_POLICY_FILE"] = str(file)
    home.environment["REACH_KEYS_USER"] = "ada"

    def write(text: str) -> Path:
        file.write_text(text, "utf-8")
        return file

    return write


def test_a_warning_stands_in_the_decision_and_in_the_audit_log(home, go, policy) -> None:
    async def body() -> None:
        policy(WARNED)
        async with home.node() as node:
            run = await home.run(node, ECHO)
            assert run.status == "completed"
            [decided] = [event async for event in node.events(run.id) if event.type == "policy.decided"]
            assert decided.data["warnings"] == ["soon"]
            assert "decision" not in decided.data  # it is allowed
            [record] = await node.audit(run.id, type="policy.warned")
            assert (record.data["warnings"], record.data["kind"]) == (["soon"], "shell.run")
            [ruling] = await node.explain_policy(run.id)
            assert [(each.id, each.mode) for each in ruling.then.warnings] == [("soon", "warn")]

    go(body)


def test_an_edited_action_is_tried_as_it_was_and_as_it_became(home, go, policy) -> None:
    async def body() -> None:
        policy(HELD)
        async with home.node() as node:
            await node.add_reviewer("grace", b64encode(GRACE.public).decode())
            run = await home.run(node, ECHO)
            [gate] = await node.gates()
            edited = {**gate.arguments, "process": {**gate.arguments["process"], "command": "true"}}
            again = await node.edit_gate(gate.id, edited, by="lin")
            await node.decide(again.id, signed_verdict(again, "approve", "grace", GRACE))
            assert (await node.wait(run.id)).status == "completed"
            report = await node.try_policies(TryPolicies({"new.cedar": NO_TRUE}))
            assert report.actions == 2
            assert [(each.before, each.after, each.resource) for each in report.changes] == [
                ("hold", "allow", "echo"),
                ("hold", "deny", "true"),
            ]
            [ruling] = await node.explain_policy(run.id)
            assert ruling.arguments == edited
            assert ruling.request.resource == "true"
            assert [(note.outcome, note.edited) for note in ruling.gates] == [("superseded", True), ("approved", False)]
            assert ruling.gates[-1].by == ("grace",)
            assert [each.verdict for each in ruling.decisions] == ["hold", "hold"]

    go(body)


def test_a_fork_is_judged_by_what_it_adds_alone(home, go, policy) -> None:
    two = "do: [{one: {run: {shell: {command: 'echo one'}}}}, {two: {run: {shell: {command: 'true'}}}}]"

    async def body() -> None:
        policy(ALL)
        async with home.node() as node:
            run = await home.run(node, two)
            events = [event async for event in node.events(run.id)]
            first = next(event for event in events if event.type == "task.completed")
            fork = await node.wait((await node.fork(run.id, first.seq)).id)
            assert fork.status == "completed"
            report = await node.try_policies(TryPolicies({"new.cedar": NO_TRUE}))
            assert (report.runs, report.actions, report.changed) == (2, 3, 2)
            one, other = await node.explain_policy(fork.id)
            assert one.request.context["run"]["id"] == run.id
            assert other.request.context["run"]["id"] == fork.id
            assert other.request.principal == "ada"

    go(body)


def test_a_trial_that_nobody_waits_for_ends(home, go, policy) -> None:
    async def body() -> None:
        policy(ALL)
        async with home.node() as node:
            await home.run(node, ECHO)
            loop = asyncio.get_running_loop()
            begun, goes_on = asyncio.Event(), asyncio.Event()
            told = []

            def progress(done: int, total: int) -> None:
                told.append(done)
                loop.call_soon_threadsafe(begun.set)
                asyncio.run_coroutine_threadsafe(goes_on.wait(), loop).result(10)

            trial = asyncio.ensure_future(node.try_policies(TryPolicies({"new.cedar": NO_TRUE}), progress=progress))
            await begun.wait()
            trial.cancel()
            goes_on.set()
            with pytest.raises(asyncio.CancelledError):
                await trial
            assert len(told) == 1
            assert (await node.try_policies(TryPolicies({"new.cedar": NO_TRUE}))).actions == 1

    go(body)


def test_a_change_between_two_lives_of_a_node_is_audited(home, go, policy) -> None:
    async def body() -> None:
        policy(ALL)
        async with home.node() as node:
            await home.run(node, ECHO)
            before = (await node.policies()).digest
            assert list(await node.audit(type="policy.changed")) == []
        policy(WARNED)
        async with home.node() as node:
            await home.run(node, ECHO)
            [record] = await node.audit(type="policy.changed")
            assert (record.data["before"], record.data["after"]) == (before, (await node.policies()).digest)
        async with home.node() as node:
            await home.run(node, ECHO)
            assert len(await node.audit(type="policy.changed")) == 1

    go(body)


def test_a_home_that_only_reads_leaves_saving_to_its_owner(home, go, policy) -> None:
    async def body() -> None:
        file = policy(ALL)
        async with home.node() as node, home.node(write=False) as reader:
            with pytest.raises(CompileError):
                await reader.save_policy("permit")
            saved = await reader.save_policy(WARNED, by="lin")
            assert (saved.text, file.read_text("utf-8")) == (WARNED, WARNED)
            assert [each.data["by"] for each in await node.audit(type="policy.changed")] == ["lin"]

    go(body)


def test_what_was_decided_is_explained_by_the_groups_of_then(gated, go) -> None:
    finance = 'permit(principal in Group::"finance", action, resource);'
    gated.environment["REACH_KEYS_USER"] = "grace"

    async def body() -> None:
        gated.policy('@id("finance") ' + finance)
        async with gated.node() as node:
            run = await gated.run(node, f"{{a: {call('plain')}}}, {{b: {call('plain', 2)}}}")
            assert run.status == "completed"
            decided = [event.data async for event in node.events(run.id) if event.type == "policy.decided"]
            assert [data.get("groups") for data in decided] == [["finance"], None]
            await node.add_reviewer("grace", b64encode(KEYS["grace"].public).decode(), [])
            for ruling in await node.explain_policy(run.id):
                assert ruling.request.groups == ("finance",)
                assert (ruling.then.verdict, ruling.now.verdict) == ("allow", "deny")
            assert (await gated.run(node, f"{{a: {call('plain')}}}")).error["code"] == "policy-denied"
            report = await node.try_policies(TryPolicies({"new.cedar": '@id("new") ' + finance}))
            assert (report.actions, report.changed) == (3, 0)
            fork = await node.wait((await node.fork(run.id, 2)).id)
            assert fork.error["code"] == "policy-denied"
            assert (await node.verify(run.id)).ok

    go(body)
