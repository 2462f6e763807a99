"""Emitted events are actions: what a policy holds is delivered once approved, exactly that event, and once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import BadInput
from reach_workbench.node import archive
from reach_workbench.protocol.debugging import Breakpoint
from tests.node.gated import ALL, HEAD, rouse

PAYMENT = "com.example.payment"
PAY = f"{{pay: {{emit: {{event: {{with: {{type: {PAYMENT}, data: {{amount: 40}}}}}}}}}}}}"
ABOUT = f'action == Action::"event.emit", resource == EventType::"{PAYMENT}"'
HELD = ALL + f'@id("payments") @gate("approval") @expires("1h") forbid(principal, {ABOUT});\n'
PACED = ALL + f'@id("paced") @gate("rate") @limit("2/10s") forbid(principal, {ABOUT});\n'
FORBIDDEN = ALL + f'@id("never") forbid(principal, {ABOUT}) when {{ context.args.data like "*40*" }};\n'


def delivered(node, type=PAYMENT):
    """The events of that type which the node has delivered."""
    found = [each.payload for each in node.store.read.cloudevents(limit=1000)]
    return [event for event in found if event["type"] == type]


async def types(node, run):
    return [event.type async for event in node.events(run)]


async def audited(node, run):
    return [(each.type, each.data.get("kind")) for each in await node.audit(run=run, limit=100)]


def test_an_event_that_nothing_is_against_is_delivered_once_and_is_the_output(gated, go):
    gated.policy(ALL)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            assert run.status == "completed"
            assert delivered(node) == [run.output]
            assert run.output["data"] == {"amount": 40}
            assert run.output["id"] == f"{run.id}:4"
            assert await types(node, run.id) == [
                "workflow.created", "workflow.started", "task.started",
                "command.issued", "policy.decided", "command.completed",
                "task.completed", "workflow.completed",
            ]  # fmt: skip
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_held_event_is_shown_whole_and_delivered_once_approved(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            hearing = await node.start(
                gated.request(f"{{hear: {{listen: {{to: {{one: {{with: {{type: {PAYMENT}}}}}}}}}}}}}", "hearer")
            )
            run = await gated.run(node, PAY)
            [gate] = await node.gates()
            assert (run.status, gate.kind, delivered(node)) == ("waiting", "event.emit", [])
            assert gate.arguments == {
                "specversion": "1.0",
                "id": f"{run.id}:{gate.command}",
                "source": "/tests/example/1.0.0",
                "time": gate.arguments["time"],
                "type": PAYMENT,
                "datacontenttype": "application/json",
                "data": {"amount": 40},
            }
        async with gated.node() as node:  # waiting outlives the node
            await node.recover()
            await gated.approve(node, "grace", gate)
            run = await node.wait(run.id)
            assert (run.status, run.output) == ("completed", gate.arguments)
            assert delivered(node) == [gate.arguments]
            heard = await node.wait(hearing.id)
            assert (heard.status, heard.output) == ("completed", [{"amount": 40}])
            assert (await node.verify(run.id)).ok
            assert [kind for type, kind in await audited(node, run.id) if type == "effect.completed"] == ["event.emit"]

    go(body)


def test_an_edited_event_is_decided_about_afresh_and_delivered_as_edited(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            [gate] = await node.gates()
            for nonsense in ({"type": PAYMENT}, {**gate.arguments, "type": ""}, {**gate.arguments, "id": 5}):
                with pytest.raises(BadInput, match="does not say"):
                    await node.edit_gate(gate.id, nonsense)
            edited = {**gate.arguments, "data": {"amount": 4}}
            newer = await node.edit_gate(gate.id, edited, by="ada")
            assert (newer.arguments, delivered(node)) == (edited, [])
            await gated.approve(node, "grace", newer)
            run = await node.wait(run.id)
            assert (run.output, delivered(node)) == (edited, [edited])
            origin = await node.origin(run.id, run.seq, "/output/data/amount")
            assert origin.type == "gate.closed"
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_denied_event_faults_its_task_and_is_not_delivered(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            [gate] = await node.gates()
            await node.decide(gate.id, gated.sign(gate, "deny", "grace", "not today"))
            run = await node.wait(run.id)
            assert (run.status, run.error["code"], delivered(node)) == ("faulted", "gate-denied", [])

    go(body)


def test_a_policy_can_refuse_an_event_for_what_it_says(gated, go):
    gated.policy(FORBIDDEN)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            assert (run.status, run.error["code"], delivered(node)) == ("faulted", "policy-denied", [])
            run = await gated.run(node, PAY.replace("40", "41"))
            assert (run.status, delivered(node)) == ("completed", [run.output])
            [ruling] = await node.explain_policy(run.id)
            assert (ruling.kind, ruling.request.resource, ruling.now.verdict) == ("event.emit", PAYMENT, "allow")

    go(body)


def test_a_capability_for_something_else_does_not_cover_an_event(gated, go):
    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY, may=("http.call",))
            assert run.error["detail"] == f"the run was not given the capability event.emit:{PAYMENT}"
            run = await gated.run(node, PAY, may=(f"event.emit:{PAYMENT}",))
            assert (run.status, len(delivered(node))) == ("completed", 1)

    go(body)


def test_events_wait_for_a_rate_gate(gated, go):
    gated.policy(PACED)
    loop = f"{{all: {{for: {{each: i, in: '${{ [range(5)] }}'}}, do: [{PAY}]}}}}"

    async def body():
        async with gated.node() as node:
            run = await node.start(gated.request(loop))
            await rouse(node)
            counts = [len(delivered(node))]
            for _ in range(2):
                await gated.pass_time(node, 10_001)
                await rouse(node)
                counts.append(len(delivered(node)))
            assert counts == [2, 4, 5]
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_suspended_run_delivers_what_was_approved_once_it_goes_on(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            [gate] = await node.gates()
            await node.suspend(run.id)
            await gated.approve(node, "grace", gate)
            assert delivered(node) == []
            await node.resume(run.id)
            run = await node.wait(run.id)
            assert (run.status, delivered(node)) == ("completed", [gate.arguments])

    go(body)


def test_a_loop_of_events_has_an_end(gated, go):
    gated.policy(ALL)
    gated.environment["REACH_LIMITS_PURE_TASKS"] = "50"
    again = "[{round: {do: [{say: {emit: {event: {with: {type: t}}}}}], then: round}}]"

    async def body():
        async with gated.node() as node:
            run = await node.wait((await node.start(gated.request(again[1:-1]))).id)
            assert (run.status, run.error["code"]) == ("faulted", "limit")
            assert len(delivered(node, "t")) in range(20, 30)

    go(body)


@pytest.mark.parametrize("point", ["driver.before-commit:1", "driver.after-commit:1", "driver.before-commit:2"])
def test_a_process_that_dies_delivers_once_all_the_same(home, go, point):
    """The first commit is the run and its first step, the second the event: it is there with its outcome or not."""
    home.request("")
    file = home.files / "example.yaml"
    file.write_text(HEAD % "example" + f"do: [{{nap: {{wait: {{milliseconds: 1}}}}}}, {PAY}]")
    asked = [str(Path(sys.executable).with_name("reach")), "run", str(file)]
    environment = os.environ | home.environment | {"REACH_HOME": str(home.folder / "home"), "REACH_CRASH_AT": point}
    assert subprocess.run(asked, check=False, env=environment, capture_output=True, timeout=25).returncode == -9

    async def body():
        async with home.node() as node:
            for run in await node.recover():
                assert (await node.wait(run)).status == "completed"
                assert (await node.verify(run)).ok
            runs = await node.runs()
            assert len(delivered(node)) == len(runs) == (point != "driver.before-commit:1")

    go(body)


def test_a_run_of_before_keeps_to_what_it_did_and_its_fork_does_not(gated, go, monkeypatch):
    monkeypatch.setattr("reach_workbench.runner.creating.BEHAVIOUR", 0)  # as the version before recorded none
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, "{a: {set: {x: 1}}}, " + PAY)
            assert (run.status, len(delivered(node))) == ("completed", 1)
            assert "event.emitted" in await types(node, run.id)
            monkeypatch.undo()
            fork = await node.wait((await node.fork(run.id, 4)).id)
            assert (fork.status, len(fork.gates), len(delivered(node))) == ("waiting", 1, 1)
            assert (await node.verify(fork.id)).ok

    go(body)


def test_what_a_capsule_says_of_an_event_can_be_verified(gated, go, tmp_path):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            await gated.approve(node, "grace")
            run = await node.wait(run.id)
            await node.export(run.id, tmp_path / "run.capsule", unsigned=True)
        found = archive.verify(tmp_path / "run.capsule", InProcess(), SystemClock())
        assert found.ok, found
        steps = {step.name: (step.status, step.message) for step in found.steps}
        assert steps["approvals"][0] == steps["decisions"][0] == "held", steps

    go(body)


def test_a_fork_asks_for_the_event_that_is_held_and_whoever_hears_both_can_tell(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            run = await gated.run(node, PAY)
            fork = await node.wait((await node.fork(run.id, run.seq)).id)
            [one, other] = await node.gates()
            assert (one.run, other.run) == (run.id, fork.id)
            assert one.arguments == other.arguments
            await gated.approve(node, "grace", other)
            assert (await node.wait(fork.id)).output == one.arguments
            assert (delivered(node), (await node.gate(one.id)).outcome) == ([one.arguments], None)
            assert (await node.verify(fork.id)).ok

    go(body)


def test_a_breakpoint_holds_an_event_before_it_is_decided_about(gated, go):
    gated.policy(HELD)

    async def body():
        async with gated.node() as node:
            await node.set_breakpoint(Breakpoint(on="command", command="event.emit"))
            run = await gated.run(node, PAY)
            assert (run.status, await node.gates(), delivered(node)) == ("held", [], [])
            await node.resume(run.id)
            await node.wait(run.id)
            await gated.approve(node, "grace")
            assert (await node.wait(run.id)).status == "completed"
            assert len(delivered(node)) == 1

    go(body)
