"""Held actions: what a policy holds runs when those who may have approved exactly that, and at no other time."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from reach_workbench.errors import ApprovalRefused, BadInput, GateClosed
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.gates import GateView, SignedVerdict, signed_verdict

HEAD = "document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}\n"

ADA, GRACE, LIN = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
KEYS = {"ada": ADA, "grace": GRACE, "lin": LIN}

WRITES = "do: [{write: {run: {shell: {command: 'echo done >> %s'}}}}]"

HOLDS = """
@id("all") permit(principal, action, resource);
@id("shells") @gate("approval") %s @reason("shells can do anything")
forbid(principal, action == Action::"shell.run", resource);
"""


def signed(gate: GateView, verdict: str, name: str, reason: str | None = None, answer=None) -> SignedVerdict:
    return signed_verdict(gate, verdict, name, KEYS[name], reason=reason, answer=answer)


@pytest.fixture
def held(home, tmp_path):
    """Sets the policy of the home, and runs a workflow that it holds."""
    policy = tmp_path / "policy.cedar"
    home.environment["REACH_POLICY_FILE"] = str(policy)
    home.environment["REACH_KEYS_USER"] = "ada"

    class Held:
        target = tmp_path / "target.txt"

        def policy(self, annotations: str = "") -> None:
            policy.write_text(HOLDS % annotations)

        async def run(self, node, text: str | None = None):
            for name, groups in (("ada", ()), ("grace", ("finance",)), ("lin", ("finance", "legal"))):
                await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), groups)
            run = await node.wait((await node.start(home.request(text or WRITES % self.target))).id)
            return run, await node.gates()

        @property
        def written(self) -> int:
            return self.target.read_text().count("done") if self.target.exists() else 0

    made = Held()
    made.policy()
    return made


def test_a_held_action_runs_once_approved(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
            assert (run.status, run.gates, held.written) == ("waiting", (gate.id,), 0)
            assert "a decision at gate" in run.waiting
            assert gate.arguments["process"]["command"].startswith("echo done")
            whole = await node.gate(gate.id[:6])
            assert [policy.reason for policy in whole.holding] == ["shells can do anything"]
            assert "forbid" in whole.holding[0].text
            decided = await node.decide(gate.id, signed(gate, "approve", "grace"))
            assert decided.outcome == "approved"
            run = await node.wait(run.id)
            assert (run.status, held.written) == ("completed", 1)
            types = [event.type async for event in node.events(run.id)]
            assert [each for each in types if each.startswith(("policy", "gate"))] == [
                "policy.decided",
                "gate.opened",
                "gate.closed",
            ]
            assert (await node.verify(run.id)).ok
            with pytest.raises(GateClosed, match="approved"):
                await node.decide(gate.id, signed(gate, "approve", "lin"))

    go(body)


def test_nobody_approves_an_action_of_their_own_unless_the_policy_says_so(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            _, [gate] = await held.run(node)
            with pytest.raises(ApprovalRefused, match="their own"):
                await node.decide(gate.id, signed(gate, "approve", "ada"))
            held.policy('@self("allowed")')
        home.files = home.folder / "more"
        home.files.mkdir()
        async with home.node() as node:
            run, gates = await held.run(node)
            await node.decide(gates[-1].id, signed(gates[-1], "approve", "ada"))
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_denial_faults_the_task_with_its_reason(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
            decided = await node.decide(gate.id, signed(gate, "deny", "grace", "not today"))
            assert (decided.outcome, decided.reason) == ("denied", "not today")
            run = await node.wait(run.id)
            assert (run.status, held.written) == ("faulted", 0)
            assert run.error["code"] == "gate-denied"
            assert run.error["status"] == 403
            assert run.error["detail"] == "denied by grace: not today"

    go(body)


def test_a_quorum_and_each_group_are_needed(home, go, held) -> None:
    async def body() -> None:
        held.policy('@quorum("2") @from("finance,legal")')
        async with home.node() as node:
            run, [gate] = await held.run(node)
            after = await node.decide(gate.id, signed(gate, "approve", "grace"))
            assert (after.outcome, held.written) == (None, 0)
            assert "2 approvals and has 1" in after.missing
            with pytest.raises(GateClosed, match="decided about this gate before"):
                await node.decide(gate.id, signed(gate, "approve", "grace"))
            with pytest.raises(ApprovalRefused, match="their own"):
                await node.decide(gate.id, signed(gate, "approve", "ada"))
            await node.decide(gate.id, signed(gate, "approve", "lin"))
            assert (await node.wait(run.id)).status == "completed"
            assert held.written == 1

    go(body)


def test_a_verdict_about_anything_else_is_refused(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            _, [gate] = await held.run(node)
            import dataclasses

            others = {
                "arguments": {**gate.arguments, "process": {"command": "echo other"}},
                "nonce": "0" * 32,
                "run": "other",
                "policy": "0" * 64,
                "requester": "grace",
                "expires_at": 1,
                "command": 1,
            }
            for name, value in others.items():
                other = dataclasses.replace(gate, **{name: value})
                with pytest.raises(ApprovalRefused, match="another action"):
                    await node.decide(gate.id, signed(other, "approve", "grace"))
            good = signed(gate, "approve", "grace")
            with pytest.raises(ApprovalRefused, match="not what its reviewer signed"):
                await node.decide(gate.id, dataclasses.replace(good, signature=b64encode(bytes(64)).decode()))
            respelled = good.signature[:-3] + chr(ord(good.signature[-3]) + 1) + "=="  # the same bytes, were it taken
            with pytest.raises(ApprovalRefused, match="not what its reviewer signed"):
                await node.decide(gate.id, dataclasses.replace(good, signature=respelled))
            with pytest.raises(ApprovalRefused, match="no reviewer"):
                await node.decide(gate.id, dataclasses.replace(good, key="0" * 16))
            assert (await node.gate(gate.id)).outcome is None

    go(body)


def test_a_gate_expires_and_that_is_neither_a_yes_nor_a_no(home, go, held) -> None:
    async def body() -> None:
        held.policy('@expires("50ms")')
        async with home.node() as node:
            run, [gate] = await held.run(node)
            while (run := await node.run(run.id)).status == "waiting":
                await asyncio.sleep(0.01)
            assert (run.status, run.error["code"], run.error["status"]) == ("faulted", "gate-expired", 408)
            assert (await node.gate(gate.id)).outcome == "expired"
            with pytest.raises(GateClosed, match="expired"):
                await node.decide(gate.id, signed(gate, "approve", "grace"))

    go(body)


def test_a_gate_of_a_cancelled_run_is_cancelled(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
            await node.cancel(run.id)
            assert (await node.gate(gate.id)).outcome == "cancelled"
            assert await node.gates() == []

    go(body)


def test_an_edited_action_is_decided_about_from_the_start(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
            process = {**gate.arguments["process"], "command": f"echo done done > {held.target}"}
            other = {**gate.arguments, "process": process}
            newer = await node.edit_gate(gate.id, other, by="lin")
            assert newer.id != gate.id
            assert newer.arguments == other
            assert ((await node.gate(gate.id)).outcome, newer.outcome) == ("superseded", None)
            with pytest.raises(ApprovalRefused, match="another action"):
                await node.decide(newer.id, signed(gate, "approve", "grace"))
            await node.decide(newer.id, signed(newer, "approve", "grace"))
            run = await node.wait(run.id)
            assert (run.status, held.written) == ("completed", 2)
            assert (await node.verify(run.id)).ok

    go(body)


def test_other_policies_supersede_a_gate(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
            held.policy('@risk("high")')
            await asyncio.sleep(1.1)  # the files are looked at once a second
            with pytest.raises(GateClosed, match="policies changed"):
                await node.decide(gate.id, signed(gate, "approve", "grace"))
            [newer] = await node.gates()
            assert ((await node.gate(gate.id)).outcome, newer.terms.risk) == ("superseded", "high")
            await node.decide(newer.id, signed(newer, "approve", "grace"))
            assert (await node.wait(run.id)).status == "completed"

    go(body)


def test_a_gate_outlives_its_node_and_the_action_still_runs_once(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            run, [gate] = await held.run(node)
        async with home.node() as node:
            await node.decide(gate.id, signed(gate, "approve", "grace"))
            assert held.written == 0
            await node.resume(run.id)
            assert (await node.wait(run.id)).status == "completed"
            assert held.written == 1

    go(body)


def test_a_forbidden_action_faults_and_is_never_performed(home, go, held, tmp_path: Path) -> None:
    async def body() -> None:
        (tmp_path / "policy.cedar").write_text(
            '@id("all") permit(principal, action, resource);\n'
            '@id("never") forbid(principal, action == Action::"shell.run", resource);\n'
        )
        async with home.node() as node:
            run, gates = await held.run(node)
            assert (run.status, gates, held.written) == ("faulted", [], 0)
            assert (run.error["code"], run.error["detail"]) == ("policy-denied", "denied by policy never")

    go(body)


def test_a_rate_gate_lets_so_many_go_and_the_next_when_there_is_room(home, go, held, tmp_path: Path) -> None:
    text = f"""
do:
- loop:
    for: {{each: i, in: '${{ [range(4)] }}'}}
    do: [{{write: {{run: {{shell: {{command: 'echo done >> {tmp_path}/target.txt'}}}}}}}}]
"""

    async def body() -> None:
        (tmp_path / "policy.cedar").write_text(
            '@id("all") permit(principal, action, resource);\n'
            '@id("slow") @gate("rate") @limit("2/400ms") forbid(principal, action == Action::"shell.run", resource);\n'
        )
        async with home.node() as node:
            run, _ = await held.run(node, text)
            assert (run.status, held.written) == ("completed", 4)
            events = [event async for event in node.events(run.id)]
            decided = [event for event in events if event.type == "policy.decided"]
            said = [event.data.get("decision", "allow") for event in decided]
            assert said[:4] == ["allow", "allow", "hold", "allow"]  # the fourth may have to wait, too
            assert said.count("allow") == 4
            started = [event.at for event in decided if "decision" not in event.data]
            assert started[2] - started[0] >= 400

    go(body)


def test_a_capability_that_was_not_given_is_refused_before_policy_is_asked(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            request = home.request(WRITES % held.target, may=("http.call", "shell.run:git"))
            run = await node.wait((await node.start(request)).id)
            assert (run.status, held.written, await node.gates()) == ("faulted", 0, [])
            assert "capability shell.run:echo" in run.error["detail"]

    go(body)


STEP = """
do:
- ask:
    call: approve:1.0.0@default
    with:
      title: '${ "Pay " + (.amount | tostring) + "?" }'
      details: {to: ACME}
      groups: [finance]
      expires: PT1H
      form: {type: object, properties: {reference: {type: string}}, required: [reference]}
- paid: {set: {reference: '${ .reference }'}}
"""


def test_an_approval_is_a_step_of_a_workflow_and_its_form_the_output(home, go, held) -> None:
    async def body() -> None:
        async with home.node() as node:
            for name, groups in (("grace", ("finance",)), ("lin", ())):
                await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), groups)
            run = await node.wait((await node.start(home.request(STEP, input={"amount": 12}))).id)
            [gate] = await node.gates()
            assert (gate.kind, gate.arguments["title"]) == ("human.approve", "Pay 12?")
            assert gate.expires_at == gate.opened_at + 3_600_000
            with pytest.raises(ApprovalRefused, match="none of the groups"):
                await node.decide(gate.id, signed(gate, "approve", "lin", answer={"reference": "a"}))
            with pytest.raises(BadInput, match="does not fit its schema"):
                await node.decide(gate.id, signed(gate, "approve", "grace", answer={"other": 1}))
            await node.decide(gate.id, signed(gate, "approve", "grace", answer={"reference": "4711"}))
            run = await node.wait(run.id)
            assert (run.status, run.output) == ("completed", {"reference": "4711"})
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_step_without_a_form_says_who_approved_and_one_that_is_denied_can_be_caught(home, go, held) -> None:
    text = """
do:
- careful:
    try: [{ask: {call: 'approve:1.0.0@default', with: {title: Go on?}}}]
    catch:
      errors: {with: {status: 403}}
      do: [{stop: {set: {stopped: true}}}]
"""

    async def body() -> None:
        async with home.node() as node:
            for verdict, output in (("approve", {"approved": True, "by": ["grace"]}), ("deny", {"stopped": True})):
                run, gates = await held.run(node, text)
                await node.decide(gates[-1].id, signed(gates[-1], verdict, "grace"))
                run = await node.wait(run.id)
                assert (run.status, run.output) == ("completed", output)

    go(body)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("{}", "missing-property"),
        ("{title: ''}", "wrong-value"),
        ("{title: a, qourum: 2}", "unknown-property"),
        ("{title: a, quorum: 0}", "wrong-value"),
        ("{title: a, expires: soon}", "wrong-value"),
        ("{title: a, groups: finance}", "wrong-value"),
        ("{title: a, risk: some}", "wrong-value"),
    ],
)
def test_what_an_approval_asks_for_is_checked_before_anything_runs(home, go, given: str, code: str) -> None:
    async def body() -> None:
        async with home.node() as node:
            text = HEAD + f"do: [{{ask: {{call: 'approve:1.0.0@default', with: {given}}}}}]"
            found = await node.compile(text, Path("a.yaml"))
            assert [each.code for each in found.diagnostics] == [code]

    go(body)


@pytest.mark.parametrize("copies", [False, True])
def test_every_effect_is_audited_with_what_covers_its_input_and_output(home, go, held, copies: bool) -> None:
    text = """
do:
- print: {run: {shell: {command: 'printf "%s" "$WORD"', environment: {WORD: visible, Token: hidden}}}}
"""

    async def body() -> None:
        home.environment |= {"REACH_AUDIT_COPY_VALUES": str(copies), "REACH_AUDIT_REDACT": "token, other"}
        async with home.node() as node:
            run, [gate] = await held.run(node, text)
            await node.decide(gate.id, signed(gate, "approve", "grace"))
            run = await node.wait(run.id)
            records = [record for record in await node.audit(run.id) if record.type.startswith("effect.")]
            [record] = records
            events = [event async for event in node.events(run.id) if event.type == "command.completed"]
            (outcome,) = events
            assert (record.type, record.data["seq"], record.data["digest"]) == (
                "effect.completed",
                outcome.seq,
                outcome.digest,
            )
            assert (record.data["kind"], record.data["task"]) == ("shell.run", "/do/0/print")
            written = str(record.data)
            assert ("visible" in written, "hidden" in written) == (copies, False)
            assert ("[redacted]" in written) == copies
            assert (await node.audit_verify()).ok

    go(body)


def test_a_decision_can_be_handed_over_to_another_reviewer(home, go, held) -> None:
    async def body() -> None:
        held.policy('@from("legal")')
        async with home.node() as node:
            run, [gate] = await held.run(node)
            with pytest.raises(ApprovalRefused, match="none of the groups"):
                await node.decide(gate.id, signed(gate, "approve", "grace"))
            for to, error in (("nobody", "no reviewer"), ("lin", "yours already"), ("ada", "may not decide")):
                with pytest.raises((BadInput, ApprovalRefused), match=error):
                    await node.decide(gate.id, signed(gate, "delegate", "lin", answer={"to": to}))
            after = await node.decide(gate.id, signed(gate, "delegate", "lin", answer={"to": "grace"}))
            assert (after.outcome, held.written) == (None, 0)
            assert [(each.reviewer, each.verdict, each.to) for each in after.verdicts] == [("lin", "delegate", "grace")]
            await node.decide(gate.id, signed(gate, "approve", "grace"))
            assert ((await node.wait(run.id)).status, held.written) == ("completed", 1)
            assert (await node.verify(run.id)).ok

    go(body)


def test_a_policy_knows_who_is_in_which_group(home, go, held, tmp_path: Path) -> None:
    (tmp_path / "policy.cedar").write_text(
        '@id("all") permit(principal, action, resource);\n'
        '@id("ops") forbid(principal, action == Action::"shell.run", resource) unless { principal in Group::"ops" };\n'
    )

    async def body() -> None:
        async with home.node() as node:
            run, _ = await held.run(node)
            assert (run.status, run.error["code"]) == ("faulted", "policy-denied")
            ada = await node.add_reviewer("ada", b64encode(ADA.public).decode(), ["ops"])
            run = await node.wait((await node.start(home.request(WRITES % held.target))).id)
            assert (run.status, held.written) == ("completed", 1)
            await node.revoke_reviewer(ada.key_id)
            run = await node.wait((await node.start(home.request(WRITES % held.target))).id)
            assert (run.status, held.written) == ("faulted", 1)

    go(body)
