"""Secrets at gates: the placeholder is held, edited, signed and recorded, and only the effect sees the value."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from reach_workbench.errors import BadInput
from tests.node.gated import ALL, HEAD

CANARY = "canary-7f3a9c"
OTHER = "canary-other-51d"
USES = "use: {secrets: [token]}\n"


def asks(gated, **more):
    request = gated.request('{a: {call: "gated:1.0.0@python", with: {t: "${ $secrets.token }"}}}', **more)
    return type(request)(
        HEAD % "example" + USES + request.source.split("\n", 1)[1], request.file, secrets=request.secrets
    )


async def everything(node) -> str:
    """Whatever a node records or shows of its gates and runs."""
    found = [await node.gates(state="all"), await node.runs(), await node.audit(limit=1_000)]
    for run in await node.runs():
        found += [[event async for event in node.events(run.id)], await node.state(run.id)]
    for gate in await node.gates(state="all"):
        found.append(await node.gate(gate.id))
    return repr(found)


def stored(gated) -> bytes:
    """Every byte of the home."""
    return b"".join(file.read_bytes() for file in sorted((gated.folder / "home").rglob("*")) if file.is_file())


def test_a_secret_stands_nowhere_when_its_action_is_held_edited_and_approved(gated, go, caplog):
    caplog.set_level(0)

    async def body():
        async with gated.node() as node:
            run = await node.wait((await node.start(asks(gated, secrets={"token": CANARY, "other": OTHER}))).id)
            [held] = await node.gates()
            assert held.arguments["arguments"] == {"t": "⟦secret:token⟧"}
            newer = await node.edit_gate(held.id, {**held.arguments, "arguments": {"t": "Bearer ⟦secret:token⟧"}})
            verdict = gated.sign(newer, "approve", "grace", "looks fine")
            assert CANARY not in verdict.body
            await node.decide(newer.id, verdict)
            run = await node.wait(run.id)
            assert gated.performed == [("gated", {"t": f"Bearer {CANARY}"})]
            assert run.output == {"t": "Bearer ⟦secret:token⟧"}
            assert (await node.verify(run.id)).ok
            assert CANARY not in await everything(node)
            assert "⟦secret:token⟧" in await everything(node)
        assert CANARY.encode() not in stored(gated)
        assert CANARY not in caplog.text

    go(body)


def test_a_secret_stands_nowhere_when_its_action_is_denied_or_fails(gated, go, caplog):
    caplog.set_level(0)

    def fails(given):
        raise RuntimeError(f"refused with {given['t']}")

    gated.functions.register("gated", "1.0.0", fails)

    async def body():
        async with gated.node() as node:
            for verdict in ("deny", "approve"):
                run = await node.wait((await node.start(asks(gated, secrets={"token": CANARY}))).id)
                [held] = await node.gates()
                await node.decide(held.id, gated.sign(held, verdict, "grace", "no"))
                assert (await node.wait(run.id)).status == "faulted"
            assert CANARY not in await everything(node)
        assert CANARY.encode() not in stored(gated)
        assert CANARY not in caplog.text

    go(body)


@pytest.mark.parametrize(
    "given",
    [
        {"t": "⟦secret:nobody⟧"},
        {"t": ["x ⟦secret:nobody⟧ y"]},
        {"⟦secret:nobody⟧": 1},
        {"t": "⟦secret:token/part⟧"},
        {"t": "⟦secret:⟧"},
    ],
)
def test_an_edit_names_no_secret_that_the_run_was_not_given(gated, go, given):
    async def body():
        async with gated.node() as node:
            await node.wait((await node.start(asks(gated, secrets={"token": CANARY}))).id)
            [held] = await node.gates()
            with pytest.raises(BadInput, match="a secret that its run was not given") as refused:
                await node.edit_gate(held.id, {**held.arguments, "arguments": given})
            assert CANARY not in json.dumps(refused.value.as_dict())
            assert (await node.gate(held.id)).outcome is None

    go(body)


FEIGNED = "see ⟦secret:token⟧"


@pytest.mark.parametrize("way", ["output", "text", "input", "event", "error"])
def test_what_comes_from_outside_is_given_no_secret_for_looking_like_a_placeholder(gated, go, way):
    """Else whoever writes a title, an answer or an event could have a run send its secrets on."""
    gated.policy(ALL)

    def fetch(given):
        if way == "error":
            raise ValueError(FEIGNED)
        return json.dumps({"title": FEIGNED}) if way == "text" else {"title": FEIGNED}

    gated.functions.register("fetch", "1.0.0", fetch)
    first = {
        "output": '{f: {call: "fetch:1.0.0@python", with: {}, output: {as: "${ .title }"}}}',
        "text": '{f: {call: "fetch:1.0.0@python", with: {}, output: {as: "${ fromjson | .title }"}}}',
        "input": '{f: {set: "${ $workflow.input }"}}',
        "event": '{f: {listen: {to: {one: {with: {type: a.b}}}}, output: {as: "${ .[0].title }"}}}',
        "error": '{f: {try: [{g: {call: "fetch:1.0.0@python", with: {}}}], catch: {as: e, do: '
        '[{h: {set: "${ $e.detail }"}}]}}}',
    }[way]
    sends = '{s: {call: "gated:1.0.0@python", with: {title: "${ . }", really: "${ $secrets.token }"}}}'

    async def body():
        async with gated.node() as node:
            request = gated.request(f"{first}, {sends}", secrets={"token": CANARY}, input=FEIGNED)
            source = request.source.replace("do:", USES + "do:", 1)
            run = (await node.start(replace(request, source=source))).id
            if way == "event":
                while not (await node.run(run)).waiting:
                    await asyncio.sleep(0.001)
                await node.publish({"type": "a.b", "data": {"title": FEIGNED}})
            view = await node.wait(run)
            assert view.status == "completed", view.error
            [(_, sent)] = [each for each in gated.performed if each[0] == "gated"]
            assert sent["really"] == CANARY
            assert CANARY not in sent["title"]
            assert "⟦ secret:token⟧" in sent["title"]
            assert (await node.verify(run)).ok

    go(body)
