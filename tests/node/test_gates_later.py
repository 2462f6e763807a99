"""Gates over time: nodes that die, clocks that are set, homes that are restored, runs that nobody drives."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from base64 import b64encode
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import ApprovalRefused, GateClosed, NotFound
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import archive
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateView, SignedVerdict, signed_verdict
from reach_workbench.protocol.node_views import RunView
from reach_workbench.settings import load
from reach_workbench.telemetry.crashpoints import VARIABLE
from tests.node.gated import ALL, call, gate

from .test_clock import DAY, ShiftedClock

GRACE = SigningKey.from_seed(bytes([2]) * 32)
WRITES = "do: [{write: {run: {shell: {command: 'echo done >> %s'}}}}]"
HOLDS = """
@id("all") permit(principal, action, resource);
@id("shells") @gate("approval") %s forbid(principal, action == Action::"shell.run", resource);
"""
DECIDES = """
import asyncio, sys
from pathlib import Path
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import SignedVerdict
from reach_workbench.settings import load

async def main(home, gate, *verdict):
    node = await LocalNode.open(load(Path(home)))
    await node.decide(gate, SignedVerdict(*verdict))

asyncio.run(main(*sys.argv[1:]))
"""


class Held:
    """A home whose policy holds shell commands, and a file that they write to."""

    def __init__(self, home, tmp_path: Path) -> None:
        self.home = home
        self.file = tmp_path / "policy.cedar"
        self.target = tmp_path / "target.txt"
        home.environment["REACH_POLICY_FILE"] = str(self.file)
        self.policy()

    def policy(self, annotations: str = '@self("allowed") @expires("24h")') -> None:
        self.file.write_text(HOLDS % annotations)

    async def open(self, shift: int = 0) -> LocalNode:
        settings = load(self.home.folder / "home", self.home.environment)
        return await LocalNode.open(settings, clock=ShiftedClock(shift))

    async def run(self, node: LocalNode, **more: bool) -> tuple[RunView, GateView | None]:
        await node.add_reviewer("grace", b64encode(GRACE.public).decode())
        run = await node.wait((await node.start(self.home.request(WRITES % self.target, **more))).id)
        gates = await node.gates(run=run.id)
        return run, gates[0] if gates else None

    @property
    def written(self) -> int:
        return self.target.read_text().count("done") if self.target.exists() else 0


@pytest.fixture
def held(home, tmp_path: Path) -> Held:
    return Held(home, tmp_path)


def approval(gate: GateView) -> SignedVerdict:
    return signed_verdict(gate, "approve", "grace", GRACE)


def test_a_node_that_died_between_the_approval_and_the_close_closes_the_gate_when_it_starts(home, go, held) -> None:
    async def body() -> None:
        node = await held.open()
        run, gate = await held.run(node)
        await node.close()
        verdict = approval(gate)
        words = [str(home.folder / "home"), gate.id, verdict.body, verdict.key, verdict.signature]
        variables = {**os.environ, **home.environment, VARIABLE: "gating.before-close"}
        died = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", DECIDES, *words], env=variables, timeout=60, check=False
        )
        assert died.returncode == -signal.SIGKILL
        reading = await LocalNode.open(load(home.folder / "home", home.environment), write=False)
        left = await reading.gate(gate.id)
        assert (left.outcome, len(left.verdicts)) == (None, 1)
        await reading.close()
        node = await held.open()
        assert (await node.gate(gate.id)).outcome == "approved"
        assert held.written == 0
        assert await node.recover() == [run.id]
        assert (await node.wait(run.id)).status == "completed"
        assert held.written == 1
        assert (await node.verify(run.id)).ok
        await node.close()

    go(body)


def test_approvals_that_were_enough_do_not_count_once_the_gate_has_expired(home, go, held) -> None:
    async def body() -> None:
        node = await held.open()
        run, gate = await held.run(node)
        await node.close()
        verdict = approval(gate)
        words = [str(home.folder / "home"), gate.id, verdict.body, verdict.key, verdict.signature]
        variables = {**os.environ, **home.environment, VARIABLE: "gating.before-close"}
        await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", DECIDES, *words], env=variables, timeout=60, check=False
        )
        node = await held.open(2 * DAY)
        await node.recover()
        run = await node.wait(run.id)
        assert (run.status, run.error["code"], held.written) == ("faulted", "gate-expired", 0)
        assert (await node.gate(gate.id)).outcome == "expired"
        await node.close()

    go(body)


def test_a_gate_that_expired_while_nobody_drove_its_run_says_so_and_is_closed_as_such(go, held) -> None:
    async def body() -> None:
        node = await held.open()
        run, gate = await held.run(node)
        await node.close()
        node = await held.open(2 * DAY)
        with pytest.raises(GateClosed, match="has expired"):
            await node.decide(gate.id, approval(gate))
        assert held.written == 0
        await node.resume(run.id)
        run = await node.wait(run.id)
        assert (run.status, run.error["code"]) == ("faulted", "gate-expired")
        closed = await node.gate(gate.id)
        assert (closed.outcome, closed.verdicts) == ("expired", ())
        with pytest.raises(GateClosed, match="expired"):
            await node.decide(gate.id, approval(gate))
        await node.close()

    go(body)


def test_a_clock_that_is_set_back_neither_opens_an_expired_gate_nor_loses_an_open_one(go, held) -> None:
    async def body() -> None:
        node = await held.open()
        run, gate = await held.run(node)
        await node.close()
        node = await held.open(-7 * DAY)
        assert (await node.decide(gate.id, approval(gate))).outcome == "approved"
        await node.resume(run.id)
        assert (await node.wait(run.id)).status == "completed"
        assert (await node.verify(run.id)).ok
        _, second = await held.run(node)
        await node.close()
        node = await held.open(2 * DAY)
        await node.recover()
        await node.wait(second.run)
        await node.close()
        node = await held.open()
        assert (await node.gate(second.id)).outcome == "expired"
        with pytest.raises(GateClosed, match="expired"):
            await node.decide(second.id, approval(second))
        assert held.written == 1
        await node.close()

    go(body)


def test_an_approval_for_a_home_that_was_restored_from_an_older_copy_is_refused_with_a_reason(home, go, held) -> None:
    async def body() -> None:
        folder, copy = home.folder / "home", home.folder / "copy"
        node = await held.open()
        run, none = await held.run(node, hold=True)
        assert none is None
        await node.close()
        shutil.copytree(folder, copy)
        node = await held.open()
        await node.resume(run.id)
        await node.wait(run.id)
        [gate] = await node.gates(run=run.id)
        await node.close()
        shutil.rmtree(folder)
        copy.rename(folder)
        node = await held.open()
        with pytest.raises(NotFound, match="there is no gate") as unknown:
            await node.decide(gate.id, approval(gate))
        assert "reach gates" in str(unknown.value.hint)
        await node.resume(run.id)
        await node.wait(run.id)
        [other] = await node.gates(run=run.id)
        assert (other.id, other.nonce) != (gate.id, gate.nonce)
        assert other.digest == gate.digest
        with pytest.raises(ApprovalRefused, match="another action than the one at this gate") as refused:
            await node.decide(other.id, approval(gate))
        assert "opened anew" in str(refused.value.hint)
        assert (await node.gate(other.id)).outcome is None
        assert held.written == 0
        await node.close()

    go(body)


@pytest.mark.parametrize(("verdict", "record"), [("approve", "effect.completed"), ("deny", "effect.faulted")])
def test_what_became_of_an_approval_step_is_audited_whole_after_a_restart(gated, go, verdict, record) -> None:
    async def body() -> None:
        async with gated.node() as node:
            run = await gated.run(node, "{ask: {call: 'approve:1.0.0@default', with: {title: Go on?}}}")
            [gate] = await node.gates()
        async with gated.node() as node:
            await node.decide(gate.id, gated.sign(gate, verdict, "grace", "no" if verdict == "deny" else None))
            await node.recover()
            await node.wait(run.id)
            [found] = await node.audit(run.id, type="effect.")
            assert (found.type, found.data["kind"], found.data["task"]) == (record, "human.approve", "/do/0/ask")

    go(body)


HOUR = 3_600_000


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_an_approval_does_not_outlast_its_gate_while_the_run_is_suspended(gated, go, tmp_path, restarts, late) -> None:
    gated.policy(ALL + gate("gated", '@expires("1h")'))

    async def body() -> None:
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(gated.node())
            run = await gated.run(node, f"{{a: {call('gated')}}}")
            await node.suspend(run.id)
            held = await gated.approve(node, "grace")
            assert held.outcome == "approved"
            if restarts:
                await stack.aclose()
                node = await stack.enter_async_context(gated.node())
            gated.clock.wait(2 * HOUR if late else HOUR // 2)
            await node.resume(run.id)
            run = await node.wait(run.id)
            after = await node.gate(held.id)
            assert after.outcome == "approved"
            if not late:
                assert (run.status, len(gated.performed)) == ("completed", 1)
                return
            assert (run.status, gated.performed) == ("waiting", [])
            [again] = await node.gates()
            assert (again.id != held.id, again.digest, again.verdicts) == (True, held.digest, ())
            with pytest.raises(GateClosed):
                await gated.approve(node, "grace", held)
            await gated.approve(node, "grace", again)
            assert ((await node.wait(run.id)).status, len(gated.performed)) == ("completed", 1)
            assert (await node.verify(run.id)).ok
            assert [each.type for each in await node.audit(run.id, type="gate.")] == [
                "gate.approved", "gate.verdict", "gate.opened", "gate.approved", "gate.verdict", "gate.opened",
            ]  # fmt: skip
            await node.export(run.id, tmp_path / "run.reach", unsigned=True)
        found = archive.verify(tmp_path / "run.reach", InProcess(), gated.clock)
        assert found.ok, found

    go(body)


def test_an_approval_that_expires_while_a_rate_gate_holds_its_action_is_not_used(gated, go) -> None:
    gated.policy(ALL + gate("gated", '@expires("1m")') + gate("gated", '@limit("1/1h")', "rate"))

    async def body() -> None:
        async with gated.node() as node:
            runs = [await gated.run(node, f"{{a: {call('gated')}}}") for _ in range(2)]
            for held in await node.gates():
                await gated.approve(node, "grace", held)
            await gated.pass_time(node, HOUR + 1)
            runs = [await node.wait(run.id) for run in runs]
            assert [run.status for run in runs] == ["completed", "waiting"]
            assert len(gated.performed) == 1
            [again] = await node.gates()
            assert again.run == runs[1].id

    go(body)
