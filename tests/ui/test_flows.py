"""Screen 1: writing a workflow, with the keys of the table, over a real node."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.protocol.authoring import TaskPlace
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.ui.flows.graph import draw
from reach_workbench.ui.flows.prose import styled
from reach_workbench.ui.flows.templates import templates
from tests.ui.conftest import Place
from tests.ui.performing import performs
from tests.ui.writing import TEXT, Go, writing


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
            await desk.press("ctrl+u", *"first", "enter")
            await desk.until_shown("✗")  # another task has that name
            await desk.press("ctrl+u", *"last", "enter")
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
