"""Screen 1: writing a workflow, with the keys of the table, over a real node."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Input, TextArea

from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.authoring import TaskPlace
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.ui.flows.fields import fields, objection, value_of
from reach_workbench.ui.flows.filetree import Found, look
from reach_workbench.ui.flows.graph import draw
from reach_workbench.ui.flows.opened import read
from reach_workbench.ui.flows.prose import styled
from reach_workbench.ui.flows.screen import FlowsScreen
from reach_workbench.ui.flows.templates import templates
from tests.ui.conftest import Desk, Place
from tests.ui.performing import performs

Go = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

TEXT = """document:
  dsl: '1.0.3'
  namespace: tests
  name: two-steps
  version: '1.0.0'
input:
  schema:
    document:
      type: object
      properties:
        amount: { type: integer, default: 3, minimum: 1 }
do:
  - first:
      set: { x: '${ .amount }' }
  - second:
      set: { y: 2 }
"""


def flows(desk: Desk) -> FlowsScreen:
    return cast(FlowsScreen, desk.app.screen_stack[1])


def tree_rows(screen: FlowsScreen) -> list[str]:
    """The labels of the tree that are seen, from above."""
    tree = screen.files
    nodes = [tree.get_node_at_line(line) for line in range(tree.last_line + 1)]
    return [str(node.label) for node in nodes if node is not None]


@asynccontextmanager
async def writing(
    place: Place, node: LocalNode, text: str = TEXT, size: tuple[int, int] = (160, 45)
) -> AsyncIterator[tuple[Desk, FlowsScreen]]:
    """Sit down with that text open in the editor, compiled."""
    (place.workspace / "two.yaml").write_text(text, "utf-8")
    async with place.desk(node, "flows", size=size) as desk:
        screen = flows(desk)
        await desk.until(lambda: screen.files.files)
        rows = [str(label).strip("▸• ") for label in tree_rows(screen)]
        await desk.press(*["down"] * (rows.index("two.yaml") + 1), "enter")
        await desk.until(lambda: screen.compilation is not None)
        await desk.pilot.pause()
        yield desk, screen


def test_every_template_compiles_and_says_what_it_is_for(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            assert len(templates()) == 8
            for each in templates():
                found = await node.compile(each.filled("my-flow"), Path("my-flow.yaml"))
                assert not found.diagnostics, each.name
                assert found.workflow == "default/my-flow:0.1.0"
                assert each.sentence.endswith(".")

    go(body)


@performs("flows.next-problem")
def test_mistakes_are_marked_as_one_types_and_f10_goes_to_them(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            screen.editor.go_to(15, 5)
            await desk.press("x", "x", "end", "x")
            await desk.until(lambda: screen.compilation is not None and not screen.compilation.ok)
            await desk.until_shown("✗")
            screen.editor.go_to(1)
            await desk.press("f10")
            assert screen.compilation is not None
            assert screen.editor.line == screen.compilation.diagnostics[0].line

    go(body)


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


@performs("flows.save")
def test_saving_keeps_the_permissions(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            file = place.workspace / "two.yaml"
            file.chmod(0o640)
            await desk.press("#", "ctrl+s")
            await desk.until(lambda: not screen.unsaved)
            assert file.read_text("utf-8") == "#" + TEXT
            assert file.stat().st_mode & 0o777 == 0o640

    go(body)


@performs("flows.new")
def test_a_new_workflow_comes_from_a_template(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows", size=(80, 24)) as desk:
            await desk.press("ctrl+n")
            await desk.until_screen("ListDialog")
            await desk.press("l", "o", "o", "p", "enter")
            await desk.until_screen("AskText")
            await desk.press("enter")
            await desk.until(lambda: flows(desk).compilation is not None)
            assert flows(desk).compilation.workflow == "default/loop-over-a-list:0.1.0"  # type: ignore[union-attr]
            assert (place.workspace / "loop-over-a-list.yaml").is_file()

    go(body)


@performs("flows.complete")
def test_completion_is_offered_and_taken(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            screen.editor.go_to(14, 99)
            await desk.press("enter", "o", "u", "t")
            await desk.until(lambda: screen.popup.open)
            await desk.press("escape")
            assert not screen.popup.open
            await desk.press("f6")
            await desk.until(lambda: screen.popup.open)
            await desk.press("enter")
            await desk.until(lambda: "      output" in screen.editor.text)

    go(body)


@performs("flows.definition", "flows.rename", "flows.format")
def test_going_to_a_task_renaming_it_and_formatting(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            await desk.press("f7")
            await desk.until_screen("ListDialog")
            await desk.press("s", "e", "c", "enter")
            await desk.until(lambda: screen.editor.line == 15)
            await desk.press("f8")
            await desk.until_screen("AskText")
            await desk.press("ctrl+u", "l", "a", "s", "t", "enter")
            await desk.until(lambda: "- last:" in screen.editor.text)
            screen.editor.replace("set:    {", (15, 6), (15, 12))
            await desk.press("ctrl+t")
            await desk.until(lambda: "set:    {" not in screen.editor.text)

    go(body)


@performs("flows.breakpoint")
def test_a_breakpoint_is_the_nodes(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            screen.editor.go_to(16)
            await desk.press("f9")
            await desk.until_shown("● ")
            (found,) = await node.breakpoints()
            assert (found.task, found.workflow) == ("/do/1/second", "tests/two-steps")
            await desk.press("f9")
            await desk.until(lambda: not screen._stops)
            assert not await node.breakpoints()

    go(body)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 45)])
@performs("flows.graph")
def test_the_graph_follows_the_cursor_at_every_size(place: Place, go: Go, size: tuple[int, int]) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node, size=size) as (desk, screen):
            screen.editor.go_to(16)
            await desk.press("ctrl+g")
            await desk.until_shown("□ second")
            await desk.until(lambda: screen.graph.current == "/do/1/second")
            screen.graph.focus()
            await desk.press("up", "enter")
            await desk.until(lambda: screen.editor.has_focus and screen.editor.line == 13)

    go(body)


def test_the_drawing_of_the_flow_is_copied_whole(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            screen.action_view("graph")
            await desk.until(lambda: screen.graph.has_focus)
            await desk.press("y")
            await desk.until(lambda: "□ first" in desk.app.clipboard and "■ end" in desk.app.clipboard)

    go(body)


@performs("flows.edit-outside")
def test_another_editor_writes_the_file_and_nothing_is_lost(
    place: Place, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = place.folder / "my editor.py"
    program.write_text("import sys\nwith open(sys.argv[-1], 'a') as file:\n    file.write('# theirs\\n')\n", "utf-8")
    monkeypatch.setenv("EDITOR", shlex.join([sys.executable, str(program), "--wait"]))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)  # the pilot's terminal is one that can be lent

    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            screen.editor.go_to(15)
            await desk.press("#", "f4")
            mine = TEXT.replace("  - second", "#  - second")
            await desk.until(lambda: screen.editor.text == mine + "# theirs\n")
            assert (place.workspace / "two.yaml").read_text("utf-8") == screen.editor.text
            assert not screen.unsaved
            assert screen.editor.line == 15
            await desk.press("ctrl+z")
            assert screen.editor.text == mine

    go(body)


def test_an_editor_that_is_not_there_is_named(place: Place, go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor-anywhere")
    monkeypatch.delenv("VISUAL", raising=False)

    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            await desk.press("f4")
            await desk.until(lambda: any("there is no editor" in each.message for each in desk.app._notifications))

    go(body)


def test_changes_on_disk_come_in_and_unsaved_ones_are_asked_about(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            file = place.workspace / "two.yaml"
            file.write_text("# one\n" + TEXT, "utf-8")
            await desk.until(lambda: screen.editor.text.startswith("# one"))
            await desk.press("x")
            mine = screen.editor.text
            file.write_text("# other\n" + TEXT, "utf-8")
            await desk.until_screen("Choose")
            await desk.press("1")
            await desk.pilot.pause()
            assert screen.editor.text == mine
            assert file.read_text("utf-8").startswith("# other")
            file.write_text("# third\n" + TEXT, "utf-8")
            await desk.until_screen("Choose")
            await desk.pilot.pause(1.2)  # the file is looked at each second: a question that is open outlives it
            await desk.press("2")
            await desk.until(lambda: screen.editor.text.startswith("# third"))
            await desk.press("ctrl+z")
            assert screen.editor.text == mine

    go(body)


def test_unsaved_changes_are_there_again_after_the_screen_was_lost(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node:
            async with writing(place, node) as (desk, _):
                await desk.press("#", "#")
            async with writing(place, node) as (_, screen):
                assert screen.editor.text == "##" + TEXT
                assert screen.unsaved

    go(body)


def test_the_tree_leaves_out_what_is_no_workflow(tmp_path: Path) -> None:
    one = '{"document": {"dsl": "1.0.3"}}'
    for name, text in {
        ".git/a.yaml": one, ".venv/b.yaml": one, "node_modules/c.yml": one, "flows/deep/d.yml": one, "new.yaml": "",
        "e.yaml": "# an example\ndocument:\n  dsl: 1.0.3", "f.json": one, "g.json": "{}", "other.yaml": "services: {}",
        "flows/data.yaml": "a: 1", "charts/values.yaml": "a: 1", "workflows/z.yaml": one, "a/b/c/d/e/far.yaml": one,
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert look(tmp_path) == [
        Found(Path("e.yaml")), Found(Path("f.json")), Found(Path("new.yaml")), Found(Path("other.yaml"), False),
        Found(Path("workflows/z.yaml")), Found(Path("flows/data.yaml"), False), Found(Path("flows/deep/d.yml")),
    ]  # fmt: skip


def test_the_folder_of_workflows_is_first_and_open_and_others_open_for_their_file(place: Place, go: Go) -> None:
    for name in ("before/one.yaml", "workflows/two.yaml", "three.yaml"):
        (place.workspace / name).parent.mkdir(exist_ok=True)
        (place.workspace / name).write_text(TEXT, "utf-8")
    (place.workspace / "compose.yaml").write_text("services: {}\n", "utf-8")

    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows", size=(160, 45)) as desk:
            screen = flows(desk)
            await desk.until_shown("before/")
            rows = tree_rows(screen)
            assert rows == ["workflows/", "two.yaml", "∅ compose.yaml", "three.yaml", "before/"]
            await desk.press("down", "down", "down", "down", "down", "enter")
            await desk.until_shown("one.yaml")

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


def test_the_drawing_shows_loops_branches_catches_and_jumps() -> None:
    tasks = (
        TaskPlace("/do/0/a", "a", "switch", 1, 1, 2, leads_to=(("/do/2/c", "big"), ("end", "small"))),
        TaskPlace("/do/1/b", "b", "for", 3, 1, 5),
        TaskPlace("/do/1/b/do/0/x", "x", "set", 4, 1, 5, parent="/do/1/b", role="each"),
        TaskPlace("/do/2/c", "c", "try", 6, 1, 9, leads_to=(("/do/0/a", "then"),)),
        TaskPlace("/do/2/c/try/0/y", "y", "call", 7, 1, 7, parent="/do/2/c"),
        TaskPlace("/do/2/c/catch/do/0/z", "z", "set", 8, 1, 9, parent="/do/2/c", role="catch"),
    )
    assert [f"{row.lines}{row.text}" for row in draw(tasks)] == [
        "○ start", "│", "◇ a", "├─ big ─▸ c ↓", "├─ small ─▸ ■ end", "│", "↻ b", "│  │", "│  □ x", "│  ╰─▸ ↻ next", "│",
        "◎ c", "│  │", "│  □ y", "├─ catch", "│  │", "│  □ z", "├─ then ─▸ a ↑",
    ]  # fmt: skip


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


def test_enter_on_a_problem_goes_to_its_place(place: Place, go: Go) -> None:
    async def body() -> None:
        text = TEXT.replace("set: { y: 2 }", "sett: { y: 2 }")
        async with place.node() as node, writing(place, node, text) as (desk, screen):
            screen.action_view("problems")
            await desk.press("down", "enter")
            await desk.until(lambda: screen.editor.has_focus)
            assert screen.compilation is not None
            first = screen.compilation.diagnostics[0]
            assert (screen.editor.line, screen.editor.column) == (first.line, first.column)

    go(body)


@pytest.mark.parametrize(("key", "saved"), [("1", True), ("2", False), ("3", False)])
def test_leaving_with_unsaved_text_asks(place: Place, go: Go, key: str, saved: bool) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            await desk.press("#", "ctrl+q")
            await desk.until_screen("Choose")
            await desk.press("4")
            await desk.until_screen("FlowsScreen")
            assert desk.app.is_running
            await desk.press("ctrl+q")
            await desk.until_screen("Choose")
            await desk.press(key)
            await desk.until(lambda: not desk.app.is_running)
        file = place.workspace / "two.yaml"
        assert file.read_text("utf-8").startswith("#") is saved
        assert (screen.recovery.kept(file) is not None) is (key == "2")

    go(body)


def test_breakpoints_that_are_set_elsewhere_show_by_themselves(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, _):
            kept = await node.set_breakpoint(Breakpoint(task="/do/1/second", workflow="tests/two-steps"))
            await desk.until_shown("● ")
            await node.clear_breakpoint(kept.id)
            await desk.until(lambda: "● " not in desk.shown())

    go(body)


def test_a_completion_of_several_lines_stands_at_its_indentation(place: Place, go: Go) -> None:
    text = TEXT + "  - third:\n      do:\n        - "

    async def body() -> None:
        async with place.node() as node, writing(place, node, text) as (desk, screen):
            screen.editor.go_to(19, 99)
            screen.editor.focus()
            await desk.press("f6")
            await desk.until(lambda: screen.popup.open)
            offered = [each.label for each in screen.popup.offered]
            await desk.press(*["down"] * offered.index("task: try"), "enter")
            await desk.until(lambda: "try:" in screen.editor.text)
            assert screen.editor.text.endswith("      do:\n        - newTask:\n            try:\n              - ")

    go(body)


def test_what_is_explained_is_styled() -> None:
    shown = styled("## Head\nTakes **text**; `a_b*c*` and *one* or two.\n- first\n  1. second\n```\n**raw**\n```")
    assert shown.plain == "Head\nTakes text; a_b*c* and one or two.\n• first\n  1. second\n  **raw**"
    words = {shown.plain[span.start : span.end]: str(span.style) for span in shown.spans}
    assert words["text"] == "bold"
    assert words["one"] == "italic"
    assert "$text-accent" in words["a_b*c*"]


def test_a_file_that_can_not_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("before", "utf-8")
    opened = read(file)
    opened.write("after")
    assert file.read_text("utf-8") == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
    assert not opened.moved()
