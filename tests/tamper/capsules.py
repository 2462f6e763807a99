"""Capsules to tamper with, made as users make them: pure runs, effects, forks, and gates with all their outcomes."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load

NODE = SigningKey.from_seed(bytes(range(32)))
PEOPLE = {
    "ada": (SigningKey.from_seed(b"\1" * 32), ()),
    "grace": (SigningKey.from_seed(b"\2" * 32), ("finance",)),
    "lin": (SigningKey.from_seed(b"\3" * 32), ("finance", "legal")),
}
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}\n"
PURE = "do: [{a: {set: {n: 1}}}, {loop: {for: {in: '${ [1, 2, 3] }'}, do: [{b: {set: {n: '${ .n + $item }'}}}]}}]"
HELD = (
    "do: [{one: {run: {shell: {command: 'echo held'}}}}, {two: {run: {script: {language: python, code: 'print(2)'}}}}]"
)
ASKED = """
do:
- ask:
    call: approve:1.0.0@default
    with:
      title: Pay?
      groups: [finance]
      self: true
      form: {type: object, properties: {amount: {type: integer}}, required: [amount]}
"""
POLICY = """
@id("all") permit(principal, action, resource);
@id("shells") @gate("approval") @quorum("2") @from("finance,legal")
forbid(principal, action == Action::"shell.run", resource);
"""


async def make(folder: Path) -> list[Path]:
    """Export each kind of run; the files."""
    policy = folder / "policy.cedar"
    policy.write_text(POLICY)
    variables = {"REACH_POLICY_FILE": str(policy), "REACH_KEYS_USER": "ada", "REACH_RUNNER_POLL_SECONDS": "0.02"}
    node = await LocalNode.open(load(folder / "home", variables), signer=lambda: NODE)
    try:
        for name, (key, groups) in PEOPLE.items():
            await node.add_reviewer(name, b64encode(key.public).decode(), groups)
        pure = await _run(node, folder, PURE)
        fork = (await node.wait((await node.fork(pure, 8, edits={"/data/n": 10})).id)).id
        runs = {"pure": pure, "forked": fork}
        runs["approved"] = await _decided(node, folder, ("grace", "approve"), ("lin", "approve"))
        runs["denied"] = await _decided(node, folder, ("grace", "approve"), ("lin", "deny"))
        runs["asked"] = await _asked(node, folder)
        runs["open"] = await _decided(node, folder, ("grace", "approve"))
        runs["edited"] = await _edited(node, folder)
        files = []
        for name, run in runs.items():
            files.append(folder / f"{name}.reach")
            await node.export(run, files[-1])
        return files
    finally:
        await node.close()


async def _run(node: LocalNode, folder: Path, body: str) -> str:
    return (await node.wait((await node.start(StartRun(HEAD + body, folder / "example.yaml"))).id)).id


async def _decided(node: LocalNode, folder: Path, *verdicts: tuple[str, str]) -> str:
    run = await _run(node, folder, HELD)
    (gate,) = await node.gates(run=run)
    for name, verdict in verdicts:
        reason = "not today" if verdict == "deny" else None
        await node.decide(gate.id, signed_verdict(gate, verdict, name, PEOPLE[name][0], reason=reason))  # type: ignore[arg-type]
    await asyncio.wait_for(node.wait(run), 30)
    return run


async def _asked(node: LocalNode, folder: Path) -> str:
    """A step that asks for an approval with a form; one reviewer hands the decision over to another."""
    run = await _run(node, folder, ASKED)
    (gate,) = await node.gates(run=run)
    for name, verdict, answer in (("grace", "delegate", {"to": "ada"}), ("ada", "approve", {"amount": 7})):
        await node.decide(gate.id, signed_verdict(gate, verdict, name, PEOPLE[name][0], answer=answer))  # type: ignore[arg-type]
    await asyncio.wait_for(node.wait(run), 30)
    return run


async def _edited(node: LocalNode, folder: Path) -> str:
    run = await _run(node, folder, HELD)
    (gate,) = await node.gates(run=run)
    process = {**gate.arguments["process"], "command": "echo edited"}
    newer = await node.edit_gate(gate.id, {**gate.arguments, "process": process}, by="max")
    assert newer is not None
    for name in ("grace", "lin"):
        await node.decide(newer.id, signed_verdict(newer, "approve", name, PEOPLE[name][0]))
    await asyncio.wait_for(node.wait(run), 30)
    return run
