"""The file of the flows screen: found, opened, saved, changed by others, and never lost."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Input

from reach_workbench.errors import BadInput
from reach_workbench.node.local import LocalNode
from reach_workbench.ui.app import Workbench
from reach_workbench.ui.flows.filetree import FileTree, Found, look
from reach_workbench.ui.flows.opened import read
from tests.ui.conftest import Desk, Place
from tests.ui.performing import performs
from tests.ui.writing import TEXT, Go, flows, tree_rows, writing


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


def test_enter_opens_the_first_file_without_any_other_key(place: Place, go: Go) -> None:
    (place.workspace / "only.yaml").write_text(TEXT, "utf-8")

    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows", size=(80, 24)) as desk:
            await desk.until_shown("only.yaml")
            await desk.pilot.pause()
            await desk.press("enter")
            await desk.until(lambda: flows(desk).opened is not None)

    go(body)


@performs("app.new")
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


def test_a_name_that_is_refused_can_be_corrected_where_it_was_typed(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows") as desk:
            (place.workspace / "there.yaml").write_text(TEXT, "utf-8")
            await desk.press("ctrl+n")
            await desk.until_screen("ListDialog")
            await desk.press("enter")
            await desk.until_screen("AskText")
            field = desk.app.screen.query_one(Input)
            for name, refused in (("My flow", "✗ 'My flow' is no name for a workflow"), ("there", "is there already")):
                field.value = name
                await desk.press("enter")
                await desk.until_shown(refused)
                assert (type(desk.app.screen).__name__, field.value) == ("AskText", name)
            await desk.press("end", "s")
            await desk.until(lambda: "is there already" not in desk.shown())
            await desk.press("enter")
            await desk.until(lambda: flows(desk).opened is not None)
            assert (place.workspace / "theres.yaml").is_file()

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


def test_a_file_that_is_gone_from_disk_is_told_and_asked_about(place: Place, go: Go) -> None:
    async def body() -> None:
        (place.workspace / "other.yaml").write_text(TEXT, "utf-8")
        async with place.node() as node, writing(place, node) as (desk, screen):
            file = place.workspace / "two.yaml"
            file.rename(file.with_suffix(".bak"))
            await desk.until_shown("two.yaml •  gone from disk")
            assert any("two.yaml is gone from disk" in each.title for each in desk.app._notifications)
            await desk.press("ctrl+s")
            await desk.until(file.exists)
            assert file.read_text("utf-8") == TEXT
            await desk.until(lambda: "gone from disk" not in desk.shown().split("\n")[1])

            file.unlink()
            screen.post_message(FileTree.Opened(place.workspace / "other.yaml"))
            await desk.until_screen("Choose")  # at once, and not only once the disk was looked at
            await desk.press("3")
            await desk.until_screen("FlowsScreen")
            assert screen.opened is not None and screen.opened.path == file
            file.write_text("# back\n" + TEXT, "utf-8")
            await desk.until(lambda: screen.editor.text.startswith("# back"))
            assert not screen.unsaved

            file.unlink()
            screen.post_message(FileTree.Opened(place.workspace / "other.yaml"))
            await desk.until_screen("Choose")
            await desk.press("2")
            await desk.until(lambda: screen.opened is not None and screen.opened.path.name == "other.yaml")
            assert screen.recovery.kept(file) is None

    go(body)


def test_the_text_of_a_file_that_was_gone_is_there_again_after_the_screen_was_lost(place: Place, go: Go) -> None:
    async def body() -> None:
        file = place.workspace / "two.yaml"
        async with place.node() as node:
            async with writing(place, node) as (desk, _):
                file.unlink()
                await desk.until_shown("gone from disk")

            async def connect() -> LocalNode:
                return node

            app = Workbench(connect, workspace=place.workspace, config=place.config)
            async with app.run_test(size=(120, 36)) as pilot:
                desk = Desk(node, app, pilot, place.folder)
                await desk.until_shown("two.yaml •  gone from disk")
                assert flows(desk).editor.text == TEXT

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
            assert rows == ["workflows/", "  two.yaml", "∅ compose.yaml", "  three.yaml", "before/"]
            await desk.press("down", "down", "down", "down", "down", "enter")
            await desk.until_shown("one.yaml")

    go(body)


def test_a_written_file_is_all_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("before", "utf-8")
    opened = read(file)
    opened.write("after")
    assert file.read_text("utf-8") == "after"
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
    assert not opened.moved()


def test_a_file_that_can_not_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / f"{'a' * 250}.yaml"  # there is no room for the longer name of a file beside it
    file.write_text("before", "utf-8")
    opened = read(file)
    with pytest.raises(BadInput, match="can't be written"):
        opened.write("after")
    assert file.read_text("utf-8") == "before"
    assert opened.saved == "before"
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert not opened.moved()


def test_another_folder_begins_with_its_own_files(place: Place, go: Go) -> None:
    """Opened where it was left it would show a workflow of the folder before, or all runs."""
    other = place.folder / "other"
    other.mkdir()
    (other / "theirs.yaml").write_text(TEXT, "utf-8")

    async def body() -> None:
        async with place.node() as node:

            async def connect() -> LocalNode:
                return node

            place.remember(screen="runs", workspace=str(other), **{"flows.file": str(other / "theirs.yaml")})
            for folder, shown in ((place.workspace, "No file is open."), (other, "─ theirs.yaml ─")):
                app = Workbench(connect, workspace=folder, config=place.config)
                async with app.run_test(size=(120, 36)) as pilot:
                    desk = Desk(node, app, pilot, place.folder)
                    await desk.until_shown(shown)

    go(body)


def test_a_copy_is_kept_while_the_person_goes_on_typing(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, writing(place, node) as (desk, screen):
            file = place.workspace / "two.yaml"
            until = time.monotonic() + 5
            while screen.recovery.kept(file) is None and time.monotonic() < until:
                await desk.press("#")
            assert (screen.recovery.kept(file) or "").startswith("#")

    go(body)


@pytest.mark.parametrize(
    ("size", "words"), [((120, 36), "ctrl+n  a new one from a template"), ((80, 24), "none yet: ctrl+n")]
)
def test_an_empty_folder_says_how_to_begin_and_offers_no_file_to_open(
    place: Place, go: Go, size: tuple[int, int], words: str
) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "flows", size=size) as desk:
            await desk.until_shown(words)
            assert "enter" not in desk.shown()
            await desk.press("ctrl+n")
            await desk.until_shown("Transform data")

    go(body)
