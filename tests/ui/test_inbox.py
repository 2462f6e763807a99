"""The Inbox as a reviewer uses it: a held action is shown whole, approved, denied, edited, and nothing else runs."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.widgets import Input, Static, TextArea

from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.gates.reading import Reading
from reach_workbench.ui.table import Table
from reach_workbench.ui.words import zoned
from tests.ui.conftest import HEAD, Desk
from tests.ui.gating import LIN, Court, court, know
from tests.ui.performing import performs

Go = Callable[[Callable[[], Any]], None]

__all__ = ["court"]


def says(desk: Desk) -> str:
    return str(desk.app.screen.query_one("#says", Static).render())


async def notified(desk: Desk, words: str) -> None:
    await desk.until(lambda: any(words in note.message for note in desk.app._notifications))


@performs("inbox.approve")
def test_a_held_action_is_shown_whole_and_runs_once_approved(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("◆ gate")
                await desk.until_shown("Held by policy shells")
                assert "◆ 1" in desk.shown().split("\n")[0]
                await desk.press("a")
                await desk.until_screen("VerdictDialog")
                await desk.until_shown("echo done >> ")
                assert court.written == 0
                await desk.press("a", "enter")  # neither is the key that confirms
                assert (await node.run(run.id)).gates
                await desk.press("y")
                await know(desk)
                await desk.until_screen("InboxScreen")
                assert (await node.wait(run.id)).status == "completed"
                assert court.written == 1
                await desk.until_shown("Nothing waits for you")
                assert "◆ 1" not in desk.shown().split("\n")[0]
                [reviewer] = await node.reviewers()
                assert reviewer.name == "grace"

    go(body)


@performs("inbox.deny")
def test_a_denial_asks_for_its_reason_and_the_task_fails_with_it(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("◆ gate")
                await desk.press("x")
                await desk.until_screen("VerdictDialog")
                await desk.press("enter")
                await desk.until(lambda: "Say why" in says(desk))
                await desk.press(*"not now", "enter")
                await know(desk)
                await desk.until_screen("InboxScreen")
                run = await node.wait(run.id)
                assert run.error is not None
                assert (run.status, run.error["detail"]) == ("faulted", "denied by grace: not now")
                assert court.written == 0

    go(body)


@performs("inbox.delegate")
def test_a_decision_is_handed_over_to_a_reviewer_that_the_node_knows(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("◆ gate")
                await desk.press("D")
                await notified(desk, "no other reviewer")
                await node.add_reviewer("lin", b64encode(SigningKey.from_seed(bytes(32)).public).decode(), ["legal"])
                await desk.press("D")
                await desk.until_screen("Choose")
                await desk.until_shown("lin  legal")
                await desk.press("enter")
                await know(desk)
                await notified(desk, "lin decides now")
                [gate] = await node.gates()
                assert [(each.reviewer, each.to) for each in gate.verdicts] == [("grace", "lin")]
                assert (gate.outcome, court.written) == (None, 0)

    go(body)


@performs("inbox.edit")
def test_an_edited_action_is_gated_anew_and_only_that_is_performed(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            run = await court.hold(node)
            [gate] = await node.gates()
            async with court.desk(node) as desk:
                await desk.until_shown("◆ gate")
                await desk.press("E")
                await desk.until_screen("EditDialog")
                await desk.press("ctrl+s")
                await desk.until(lambda: "Nothing was changed" in says(desk))
                area = desk.app.screen.query_one(TextArea)
                area.text = "{"
                await desk.press("ctrl+s")
                await desk.until(lambda: "not JSON" in says(desk))
                assert (await node.gate(gate.id)).outcome is None
                area.text = f'{{"process": {{"command": "echo done done > {court.target}"}}, "await": true}}'
                await desk.press("ctrl+s")
                await desk.until_screen("InboxScreen")
                await desk.until_shown("echo done done")
                newer = await node.gate((await node.gates())[0].id)
                assert newer.id != gate.id
                assert (await node.gate(gate.id)).reason == "edited by grace"
                assert newer.terms.editors == ("grace",)
                await node.add_reviewer("lin", b64encode(LIN.public).decode())
                await node.decide(newer.id, signed_verdict(newer, "approve", "lin", LIN))
                assert (await node.wait(run.id)).status == "completed"
                assert court.written == 2

    go(body)


def test_what_the_policies_allow_once_edited_is_said(court: Court, go: Go) -> None:
    async def body() -> None:
        court.policy_file.write_text(
            '@id("all") permit(principal, action, resource);\n'
            '@id("rm") @gate("approval") forbid(principal, action == Action::"shell.run", resource == Program::"rm");\n'
            '@id("never") forbid(principal, action == Action::"shell.run", resource == Program::"dd");\n'
        )
        async with court.node() as node:
            for program, words, status in (
                ("true", "allowed by all", "completed"),
                ("dd", "denied by never", "faulted"),
            ):
                run = await court.hold(node, "rm -rf nothing")
                async with court.desk(node) as desk:
                    await desk.until_shown("◆ gate")
                    await desk.press("E")
                    await desk.until_screen("EditDialog")
                    area = desk.app.screen.query_one(TextArea)
                    area.text = area.text.replace("rm -rf nothing", program)
                    await desk.press("ctrl+s")
                    await desk.until_screen("Tell")
                    await desk.until_shown(words)
                    await desk.press("escape")
                    await desk.until_shown("Nothing waits for you")
                assert (await node.wait(run.id)).status == status

    go(body)


@performs("inbox.open")
def test_enter_shows_the_action_whole_and_leads_on(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node, "echo " + "x" * 4000 + " THE-END")
            async with court.desk(node, (80, 24)) as desk:
                await desk.until_shown("◆ gate")
                await desk.press("enter")
                await desk.until_screen("Shown")
                text = desk.app.screen.query_one(Reading).text
                assert "x" * 4000 + " THE-END" in text
                for _ in range(8):
                    if "THE-END" not in desk.shown():
                        await desk.press("pagedown")
                        await desk.pilot.pause()
                assert "THE-END" in desk.shown()
                await desk.press("a")
                await desk.until_screen("VerdictDialog")
                await desk.until(lambda: "more of the action below" in says(desk))
                await desk.press("y")
                await desk.pilot.pause()
                assert type(desk.app.screen).__name__ == "VerdictDialog", "approved without having been seen"
                await desk.press("end")
                await desk.until(lambda: "whole action" in says(desk))
                await desk.press("escape")
                await desk.until_screen("InboxScreen")
                assert len(await node.gates()) == 1

    go(body)


def test_a_high_risk_wants_the_name_of_the_task(court: Court, go: Go) -> None:
    async def body() -> None:
        court.holds('@risk("high")')
        async with court.node() as node:
            run = await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("high")
                await desk.press("a")
                await desk.until_screen("VerdictDialog")
                await desk.until(lambda: "risk is high" in says(desk))
                await desk.press("y", "enter")
                await desk.until(lambda: "not the name" in says(desk))
                assert court.written == 0
                desk.app.screen.query_one(Input).value = ""
                await desk.press(*"write", "enter")
                await know(desk)
                await desk.until_screen("InboxScreen")
                assert (await node.wait(run.id)).status == "completed"

    go(body)


@performs("inbox.mark")
def test_like_actions_are_marked_and_shown_one_by_one(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            runs = [await court.hold(node, f"echo done {n} >> {court.target}") for n in range(3)]
            other = await court.hold(node, name="other")
            async with court.desk(node) as desk:
                await desk.until(lambda: len(desk.app.screen.query_one(Table).rows) == 4)
                await desk.press("space", "space")
                await desk.until_shown("2 marked · 4")
                await desk.press("end", "space")
                await notified(desk, "Only like actions")
                await desk.press("a")
                for place in ("1 of 2", "2 of 2"):
                    await desk.until_screen("VerdictDialog")
                    await desk.until_shown(place)
                    await desk.until(lambda: "whole action" in says(desk))
                    await desk.press("y")
                    if place == "1 of 2":
                        await know(desk)
                await desk.until_screen("InboxScreen")
                for run in runs[:2]:
                    assert (await node.wait(run.id)).status == "completed"
                for run in (runs[2], other):
                    assert (await node.run(run.id)).gates
                assert court.written == 2

    go(body)


@performs("inbox.run")
def test_the_run_of_a_gate_is_opened_and_4_leads_back_to_its_gate(court: Court, go: Go) -> None:
    async def body() -> None:
        async with court.node() as node:
            await court.hold(node, name="first")
            run = await court.hold(node, name="second")
            async with court.desk(node, (220, 45)) as desk:
                await desk.until(lambda: len(desk.app.screen.query_one(Table).rows) == 2)
                await desk.press("down", "o")
                await desk.until_screen("DebugScreen")
                assert desk.app.run_id == run.id
                await desk.until_shown("◆ 4 decides")
                await desk.until_shown("waits for 1 approval")
                await desk.until_shown("hold by shells")
                [line] = [line for line in desk.shown().split("\n") if "write: {run" in line]
                assert "◆" in line.partition("write")[0]
                await desk.press("3")
                await desk.until_shown("◆ at a gate")
                await desk.press("4", "home", "2")
                await desk.until_screen("DebugScreen")
                await desk.press("4")
                await desk.until_screen("InboxScreen")
                await desk.until(lambda: desk.app.screen.query_one(Table).key == run.gates[0])

    go(body)


@performs("inbox.resolve")
def test_effects_in_doubt_stand_beside_the_gates_and_have_their_own_key(court: Court, go: Go) -> None:
    async def body() -> None:
        marks = court.place.workspace / "marks"
        text = HEAD.format(name="slow") + "do: [{slow: {run: {shell: {command: 'echo begun >> marks; sleep 30'}}}}]"
        court.policy_file.write_text('@id("all") permit(principal, action, resource);')
        async with court.node() as node:
            run = await node.start(StartRun(text, Path(marks.parent / "slow.yaml")))
            while not marks.exists():
                await asyncio.sleep(0.01)
        court.holds()
        async with court.node() as node:
            await node.recover()
            await node.wait(run.id)
            await court.hold(node)
            async with court.desk(node) as desk:
                await desk.until_shown("? doubt")
                await desk.until_shown("◆ gate")
                assert "◆ 1 ? 1" in desk.shown().split("\n")[0]
                assert [row.cells[1] for row in desk.app.screen.query_one(Table).rows] == ["? doubt", "◆ gate"]
                await desk.press("a")
                await notified(desk, "an effect in doubt")
                await desk.press("down", "r")
                await notified(desk, "a approves it")
                await desk.press("up", "r")
                await desk.until_screen("Choose")
                await desk.until_shown("sleep 30")
                await desk.press("3")
                await desk.until_screen("AskText")
                await desk.press(*"lost", "enter")
                await desk.until_screen("Confirm")
                await desk.press("y")
                await desk.until_screen("InboxScreen")
                await desk.until(lambda: len(desk.app.screen.query_one(Table).rows) == 1)
                assert (await node.wait(run.id)).status == "faulted"

    go(body)


def test_an_effect_in_doubt_that_a_gate_held_started_when_it_was_approved(court: Court, go: Go) -> None:
    async def body() -> None:
        marks = court.place.workspace / "marks"
        async with court.node() as node:
            run = await court.hold(node, "echo begun >> marks; sleep 30")
            await court.add(node, "lin")
            await asyncio.sleep(1.1)
            [gate] = await node.gates()
            await node.decide(gate.id, court.signed(gate, "approve", "lin"))
            while not marks.exists():
                await asyncio.sleep(0.01)
        async with court.node() as node:
            await node.recover()
            run = await node.wait(run.id)
            events = [event async for event in node.events(run.id)]
            issued, closed = (
                next(event.at for event in events if event.type == type) for type in ("command.issued", "gate.closed")
            )
            assert closed - issued >= 1_000
            async with court.desk(node) as desk:
                await desk.until_shown("? doubt")
                await desk.press("enter")
                await desk.until_screen("Tell")
                await desk.until_shown(f"started    {zoned(closed)}")

    go(body)
