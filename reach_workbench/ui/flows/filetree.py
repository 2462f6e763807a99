"""The workflows of the workspace as a tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

ENDINGS: Final = frozenset({".yaml", ".yml", ".json"})

LEFT_OUT: Final = frozenset({"node_modules", "__pycache__", "venv", "env", "build", "dist", "target", "site-packages"})
"""Folders, besides the hidden ones, that hold no workflow of a person."""

FIRST: Final = "workflows"
"""The folder of the workspace that comes first and is open: where a project keeps them."""

_FILES: Final = 2000
_DEPTH: Final = 4
_PEEK: Final = 4096

_OTHER: Final = "∅"
"""Before the name of a file that is no workflow."""

_SPEAKS: Final = re.compile(rb"""^\s*\{?\s*["']?(?:document|dsl)["']?\s*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A file, relative to the workspace. `workflow` is False when its beginning says that it is something else."""

    path: Path
    workflow: bool = True


def look(workspace: Path) -> list[Found]:
    """The files under a folder that may be workflows, at most 2,000, four folders deep.

    A folder that holds no workflow is left out with all its files. JSON is used for much else: of it, only workflows
    are given. An empty file may become one.
    """
    found: list[Found] = []
    for path in _walk(workspace, 0):
        workflow = _may_be_one(path)
        if workflow or path.suffix.lower() != ".json":
            found.append(Found(path.relative_to(workspace), workflow))
        if len(found) >= _FILES:
            break
    holding = {parent for each in found if each.workflow for parent in each.path.parents} | {Path()}
    return [each for each in found if each.path.parent in holding]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name.lower())
    except OSError:
        return
    folders = []
    for entry in entries:
        with suppress(OSError):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in LEFT_OUT and not (Path(entry.path) / "pyvenv.cfg").exists():
                    folders.append(Path(entry.path))
            elif Path(entry.name).suffix.lower() in ENDINGS and entry.is_file():
                yield Path(entry.path)
    if depth < _DEPTH:
        for inner in sorted(folders, key=lambda inner: depth > 0 or inner.name != FIRST):
            yield from _walk(inner, depth + 1)


def _may_be_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            begin = file.read(_PEEK)
    except OSError:
        return False
    if path.suffix.lower() == ".json":
        return b'"dsl"' in begin
    return not begin.strip() or _SPEAKS.search(begin) is not None


def _order(path: Path) -> tuple[bool, list[str], str]:
    """The folder `workflows`, then the files of the workspace, then its other folders."""
    return (
        path.parts[0] != FIRST or len(path.parts) == 1,
        [part.lower() for part in path.parent.parts],
        path.name.lower(),
    )


class FileTree(Tree[Path]):
    """Enter opens a file. A file with unsaved changes has a dot before its name, the open one a triangle.

    The sign has a place of its own: a name never moves when one comes or goes.
    """

    DEFAULT_CSS = "FileTree { padding: 0; scrollbar-size: 1 1; background: $background; }"

    class Opened(Message):
        """A file is wanted in the editor."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, workspace: Path, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(workspace.name or str(workspace), id=id, classes=classes)
        self.workspace = workspace
        self.files: Sequence[Found] = ()
        self.show_root = False
        self.guide_depth = 2
        self._leaves: dict[Path, TreeNode[Path]] = {}
        self._folders: dict[Path, TreeNode[Path]] = {}
        self._others: frozenset[Path] = frozenset()
        self._current: Path | None = None
        self._unsaved = False

    def show_files(self, files: Sequence[Found]) -> None:
        """Show these files. Folders stay as they were opened or closed."""
        if list(files) == list(self.files):
            return
        were = {node.data: node.is_expanded for node in self._under(self.root) if node.allow_expand}
        here = self.cursor_node.data if self.cursor_node is not None else None
        self.files = files
        self.clear()
        self._leaves, self._folders = {}, {Path(): self.root}
        self._others = frozenset(each.path for each in files if not each.workflow)
        for path in sorted((each.path for each in files), key=_order):
            for folder in reversed(path.parents):
                if folder not in self._folders:
                    expand = were.get(folder, folder == Path(FIRST))
                    above = self._folders[folder.parent]
                    self._folders[folder] = above.add(f"{folder.name}/", folder, expand=expand)
            self._leaves[path] = self._folders[path.parent].add_leaf(self._words(path), path)
        self._reveal(self._current)
        if here in self._leaves:
            self.move_cursor(self._leaves[here])
        else:
            self.call_after_refresh(self._stand_somewhere)

    def _stand_somewhere(self) -> None:
        """On the first row until another is chosen: Enter has to open something from the start."""
        if self.cursor_line < 0 and self.root.children:
            self.cursor_line = 0

    def show_current(self, path: Path | None, *, unsaved: bool) -> None:
        """Which file is in the editor, and whether it has unsaved changes."""
        inside = path.relative_to(self.workspace) if path is not None and path.is_relative_to(self.workspace) else None
        before = self._current
        if (inside, unsaved) == (before, self._unsaved):
            return  # asked at each key that is typed
        self._current, self._unsaved = inside, unsaved
        self._label(before)
        self._label(inside)
        if inside is not None and inside != before and inside in self._leaves:
            self._reveal(inside)
            self.call_after_refresh(self._stand_on, inside)

    def _stand_on(self, path: Path) -> None:
        if path in self._leaves:
            self.move_cursor(self._leaves[path])

    def _label(self, path: Path | None) -> None:
        if path is not None and path in self._leaves:
            self._leaves[path].set_label(self._words(path))

    def _words(self, path: Path) -> Text:
        """What is open has a sign; what is no workflow has another, and is dim."""
        if path == self._current:
            return Text(f"{'•' if self._unsaved else '▸'} {path.name}")
        return Text(f"{_OTHER} {path.name}", "dim") if path in self._others else Text(f"  {path.name}")

    def _reveal(self, path: Path | None) -> None:
        """Open the folders around a file."""
        for folder in path.parents if path is not None and path in self._leaves else ():
            self._folders[folder].expand()

    def _under(self, node: TreeNode[Path]) -> Iterator[TreeNode[Path]]:
        for child in node.children:
            yield child
            yield from self._under(child)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Path]) -> None:
        event.stop()
        if event.node.data is not None and not event.node.allow_expand:
            self.post_message(self.Opened(self.workspace / event.node.data))
