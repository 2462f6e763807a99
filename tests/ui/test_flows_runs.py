"""Starting a run from the flows screen: its form, its JSON, its secrets."""

from __future__ import annotations

import pytest
from textual.widgets import Input, TextArea

from reach_workbench.ui.flows.fields import fields, objection, value_of
from tests.ui.conftest import Place
from tests.ui.performing import performs
from tests.ui.writing import TEXT, Go, writing


@performs("flows.run")
def test_a_run_starts_from_the_form_with_its_defaults(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            await desk.press("ctrl+r")
            await desk.until_screen("RunForm")
            assert "✓ the input fits" in desk.shown()
            await desk.press("backspace", "0")
            await desk.until_shown("✗ amount")
            await desk.press("backspace", "7", "ctrl+r")
            await desk.until(lambda: desk.app.run_id)
            run = await node.wait(desk.app.run_id or "")
            assert run.status == "completed"
            assert (await node.state(run.id, 1)).input == {"amount": 7}
            assert next(iter(desk.app.session.get("inputs").values()))["input"] == {"amount": 7}

    go(body)


@performs("flows.json")
def test_the_input_can_be_given_as_json(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            await desk.press("ctrl+r")
            await desk.until_screen("RunForm")
            assert "[ ] hold at the first task" in desk.shown()
            await desk.press("backspace", "8", "ctrl+l")
            await desk.until_shown('"amount": 8')
            await desk.press("ctrl+l")
            await desk.until(lambda: getattr(desk.app.focused, "id", "") == "field-0")
            await desk.press("escape")
            await desk.until_screen("FlowsScreen")
            await desk.press("ctrl+l")
            await desk.until_screen("RunForm")
            json = desk.app.screen.query_one("#json", TextArea)
            assert json.has_focus
            json.load_text('{"amount": 0}')
            await desk.until_shown("✗ amount")
            json.load_text('{"amount": 9}')
            await desk.until_shown("✓ the input fits")
            await desk.press("tab", "space")
            await desk.until_shown("[x] hold at the first task")
            await desk.press("ctrl+r")
            await desk.until(lambda: desk.app.run_id)
            run = await node.run(desk.app.run_id or "")
            assert (await node.state(run.id, 1)).input == {"amount": 9}
            assert run.status != "completed"

    go(body)


def test_secrets_are_masked_and_kept_nowhere(place: Place, go: Go) -> None:
    text = TEXT.replace("do:\n", "use: { secrets: [token] }\ndo:\n", 1)

    async def body() -> None:
        async with place.node() as node:
            async with writing(place, node, text) as (desk, _):
                await desk.press("ctrl+r")
                await desk.until_screen("RunForm")
                await desk.press("tab", *"hunter2")
                assert desk.app.screen.query_one("#secret-0", Input).value == "hunter2"
                assert "•••••••" in desk.shown()
                assert "hunter2" not in desk.shown()
                await desk.press("ctrl+r")
                await desk.until(lambda: desk.app.run_id)
                await node.wait(desk.app.run_id or "")
            assert "hunter2" not in desk.app.session.file.read_text("utf-8")

    go(body)


def test_a_form_is_read_from_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "s": {"type": "string"}, "deep": {"type": "object"}},
        "required": ["n"],
    }
    form = fields(schema)
    assert form is not None
    assert value_of(form, {"n": "3", "s": "3", "deep": '{"a": 1}'}) == {"n": 3, "s": "3", "deep": {"a": 1}}
    with pytest.raises(ValueError, match="n: a whole number"):
        value_of(form, {"n": "3.5"})
    with pytest.raises(ValueError, match="n: is required"):
        value_of(form, {})
    assert "required" in (objection(schema, {}) or "")
