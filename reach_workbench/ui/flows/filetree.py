"""The workflows of the workspace as a tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

ENDINGS: Final = frozenset({".yaml", ".yml", ".json"})

LEFT_OUT: Final = frozenset({"node_modules", "__pycache__", "venv", "env", "build", "dist", "target", "site-packages"})
"""Folders, besides the hidden ones, that hold no workflow of a person."""

_FILES: Final = 2000
_DEPTH: Final = 8
_PEEK: Final = 4096


def workflows(workspace: Path) -> list[Path]:
    """The files under a folder that may be workflows, relative to it, in order: at most 2,000, eight folders deep.

    JSON is used for much else: such a file counts only when its beginning speaks of a `dsl`.
    """
    found = []
    for path in _walk(workspace, 0):
        if path.suffix != ".json" or _names_dsl(path):
            found.append(path.relative_to(workspace))
        if len(found) >= _FILES:
            break
    return found


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
        for inner in folders:
            yield from _walk(inner, depth + 1)


def _names_dsl(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"dsl"' in file.read(_PEEK)
    except OSError:
        return False


class FileTree(Tree[Path]):
    """Enter opens a file. A file with unsaved changes has a dot before its name."""

    DEFAULT_CSS = "FileTree { padding: 0; scrollbar-size: 1 1; background: $background; }"

    class Opened(Message):
        """A file is wanted in the editor."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, workspace: Path, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(workspace.name or str(workspace), id=id, classes=classes)
        self.workspace = workspace
        self.files: Sequence[Path] = ()
        self.show_root = False
        self.guide_depth = 2
        self._leaves: dict[Path, TreeNode[Path]] = {}
        self._current: Path | None = None
        self._unsaved = False

    def show_files(self, files: Sequence[Path]) -> None:
        """Show these files, given relative to the workspace. Folders stay as they were opened."""
        if list(files) == list(self.files):
            return
        closed = {str(node.data) for node in self._under(self.root) if node.allow_expand and not node.is_expanded}
        here = self.cursor_node.data if self.cursor_node is not None else None
        self.files = files
        self.clear()
        self._leaves = {}
        folders: dict[Path, TreeNode[Path]] = {Path(): self.root}
        for path in sorted(files, key=lambda path: ([part.lower() for part in path.parent.parts], path.name.lower())):
            for folder in reversed(path.parents):
                if folder not in folders:
                    parent = folders[folder.parent]
                    folders[folder] = parent.add(f"{folder.name}/", folder, expand=str(folder) not in closed)
            self._leaves[path] = folders[path.parent].add_leaf(path.name, path)
        self._label(self._current)
        if here in self._leaves:
            self.move_cursor(self._leaves[here])

    def show_current(self, path: Path | None, *, unsaved: bool) -> None:
        """Which file is in the editor, and whether it has unsaved changes."""
        inside = path.relative_to(self.workspace) if path is not None and path.is_relative_to(self.workspace) else None
        before, self._current, self._unsaved = self._current, inside, unsaved
        self._label(before)
        self._label(inside)
        if inside != before and inside in self._leaves:
            self.move_cursor(self._leaves[inside])

    def _label(self, path: Path | None) -> None:
        if path is not None and path in self._leaves:
            sign = ("• " if self._unsaved else "▸ ") if path == self._current else ""
            self._leaves[path].set_label(f"{sign}{path.name}")

    def _under(self, node: TreeNode[Path]) -> Iterator[TreeNode[Path]]:
        for child in node.children:
            yield child
            yield from self._under(child)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Path]) -> None:
        event.stop()
        if event.node.data is not None and not event.node.allow_expand:
            self.post_message(self.Opened(self.workspace / event.node.data))
