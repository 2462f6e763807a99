"""The Policies screen by its keys: read, edit, test, try, save."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.policies import PolicyStatus, TryPolicies, TryReport
from tests.ui.conftest import Desk, Place
from tests.ui.debugging import Ticking
from tests.ui.performing import performs

Go = Callable[[Any], None]

ALL = '@id("all")\n@reason("Nothing speaks against it.")\npermit (principal, action, resource);\n'
SHELLS = '@id("shells")\n@reason("not here")\nforbid (principal, action == Action::"shell.run", resource);\n'
SOON = '@id("soon")\n@mode("warn")\nforbid (principal, action == Action::"http.call", resource);\n'
BROKEN = 'forbid (principal, action == Action::"shell.rn", resource);\n'
ECHO = "do: [{one: {run: {shell: {command: 'echo one'}}}}]"

CASES = """\
cases:
  - {name: no shells, action: shell.run, arguments: {process: {command: ls}}, expect: deny}
  - {name: calls, action: http.call, expect: allow}
"""


@pytest.fixture
def policy(place: Place) -> Path:
    """The policy file of the home."""
    folder = place.folder / "home" / "policies"
    folder.mkdir(parents=True)
    file = folder / "local.cedar"
    file.write_text(ALL, "utf-8")
    place.variables.pop("REACH_POLICY_FILE", None)
    return file


def text_of(desk: Desk) -> str:
    return str(desk.app.screen.query_one("#text").text)


async def write(desk: Desk, text: str) -> None:
    """Put the text at the end of the editor, as a paste does."""
    editor: Any = desk.app.screen.query_one("#text")
    editor.focus()
    editor.move_cursor(editor.document.end)
    editor.insert(text)
    await desk.pilot.pause()


@performs("app.policies", "policies.open", "policies.refresh")
def test_the_policies_in_force_are_listed_and_lead_to_their_text(place: Place, go: Go, policy: Path) -> None:
    policy.write_text(ALL + SHELLS + SOON, "utf-8")

    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_screen("PoliciesScreen")
            await desk.until_shown("Nothing speaks against it.")
            assert "forbid" in desk.shown() and "warns" in desk.shown()
            await desk.press("down")
            await desk.until_shown("not here")
            await desk.press("enter")
            editor: Any = desk.app.screen.query_one("#text")
            await desk.until(lambda: desk.app.screen.focused is editor)
            assert editor.line == 4
            await desk.press("escape")
            policy.write_text(ALL, "utf-8")
            await desk.press("r")
            await desk.until(lambda: text_of(desk) == ALL)
            assert [row.key for row in desk.app.screen.query_one("#policies").rows] == ["all"]

    go(body)


@performs("policies.next-problem")
def test_a_slip_is_marked_as_one_types_with_its_place_and_what_to_do(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("No problem in the text.")
            await write(desk, BROKEN)
            await desk.until_shown("did you mean shell.run?")
            assert "4:38" in desk.shown() and "✗ error" in desk.shown()
            editor: Any = desk.app.screen.query_one("#text")
            await desk.press("ctrl+home", "f10")
            assert (editor.line, editor.column) == (4, 38)
            await desk.press("i")
            await desk.until_shown("shell.rn")
            assert policy.read_text("utf-8") == ALL

    go(body)


@performs("policies.save")
def test_saving_asks_and_puts_the_text_in_force(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            await write(desk, SHELLS)
            await desk.until_shown("local.cedar, not saved")
            await desk.press("ctrl+s")
            await desk.until_screen("Confirm")
            await desk.press("escape")
            assert policy.read_text("utf-8") == ALL
            await desk.press("ctrl+s")
            await desk.until_screen("Confirm")
            await desk.press("y")
            await desk.until(lambda: policy.read_text("utf-8") == ALL + SHELLS)
            await desk.until(lambda: len(desk.app.screen.query_one("#policies").rows) == 2)
            assert policy.with_name("local.cedar.before").read_text("utf-8") == ALL
            [record] = await node.audit(type="policy.changed")
            assert record.data["files"] == ["local.cedar"]
            run = await place.run(node, ECHO)
            assert "denied by policy shells" in run.error["detail"]

    go(body)


def test_a_text_with_an_error_is_not_saved(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            await write(desk, BROKEN)
            await desk.press("ctrl+s")
            await desk.until(lambda: any("has errors" in each.message for each in desk.app._notifications))
            assert type(desk.app.screen).__name__ == "PoliciesScreen"
            assert policy.read_text("utf-8") == ALL
            assert text_of(desk) == ALL + BROKEN

    go(body)


def test_a_broken_file_is_told_and_the_policies_before_stay(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            policy.write_text("permit (principal", "utf-8")
            await desk.press("r")
            await desk.until_shown("the policies before stay in force")
            assert [row.key for row in desk.app.screen.query_one("#policies").rows] == ["all"]

    go(body)


@performs("policies.test")
def test_the_cases_are_decided_by_the_text_in_the_editor(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            await desk.press("f6")
            await desk.until_shown("No file with `cases` lies in")
            policy.with_name("cases.yaml").write_text(CASES, "utf-8")
            await desk.press("f6")
            await desk.until_shown("1 of 2 passed")
            assert "no shells: allow by all, expected deny" in desk.shown()
            await write(desk, SHELLS)
            await desk.press("f6")
            await desk.until_shown("2 of 2 passed")
            assert policy.read_text("utf-8") == ALL

    go(body)


@performs("policies.try")
def test_a_trial_lists_changed_verdicts_and_leads_to_the_run(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            run = await place.run(node, ECHO)
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            await desk.press("f5")
            await desk.until_shown("None of 1 recorded actions would be decided otherwise.")
            await write(desk, SHELLS + SOON.replace("http.call", "shell.run"))
            await desk.press("f5")
            await desk.until_shown("1 of 1 recorded actions would change")
            assert "✓ allow → deny" in desk.shown()
            assert "1 × shell.run at echo by shells" in desk.shown()
            assert "! would warn" in desk.shown()
            await desk.press("enter")
            await desk.until_screen("DebugScreen")
            assert desk.app.run_id == run.id

    go(body)


def test_leaving_with_a_changed_text_asks(place: Place, go: Go, policy: Path) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            await desk.press("P")
            await desk.until_shown("Nothing speaks against it.")
            await write(desk, SHELLS)
            await desk.press("escape", "q")
            await desk.until_screen("Confirm")
            await desk.until_shown("Leave without saving?")
            await desk.press("escape")
            await desk.until_screen("PoliciesScreen")
            assert text_of(desk) == ALL + SHELLS

    go(body)


# ------------------------------------------------------------ how it looks


class Portrait:
    """A real node whose file has no machine's path."""

    def __init__(self, node: LocalNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def info(self) -> Any:
        return replace(await self._node.info(), name="node")

    async def policies(self) -> PolicyStatus:
        return replace(await self._node.policies(), file="/home/ada/reach/policies/local.cedar")

    async def try_policies(self, asked: TryPolicies, **more: Any) -> TryReport:
        found = await self._node.try_policies(asked, **more)
        return replace(found, changes=tuple(replace(each, run="01hf7yat000000example") for each in found.changes))


STATES = ("in-force", "problem", "trial")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])
@pytest.mark.parametrize("state", STATES)
def test_looks_as_before(place: Place, go: Go, snapshot: Any, policy: Path, state: str, size: tuple[int, int]) -> None:
    policy.write_text(ALL + SOON, "utf-8")
    shown = ""

    async def body() -> None:
        nonlocal shown
        async with place.node(Ticking()) as node:
            await place.run(node, ECHO)
            portrait: Any = Portrait(node)
            async with place.desk(portrait, size=size) as desk:
                await desk.press("P")
                await desk.until_shown("No problem in the text.")
                if state == "problem":
                    await write(desk, BROKEN)
                    await desk.until_shown("✗ error")
                elif state == "trial":
                    await write(desk, SHELLS)
                    await desk.press("f5")
                    await desk.until_shown("1 × shell.run at echo")
                await desk.pilot.pause()
                desk.app.clear_notifications()
                await desk.pilot.pause()
                shown = "\n".join(line.rstrip() for line in desk.shown().split("\n"))

    go(body)
    assert shown == snapshot
