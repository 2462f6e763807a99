"""The file that is open: chosen, followed on disk, saved, and kept against loss while it is not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

from textual import on, work
from textual.widgets import TextArea

from reach_workbench.errors import BadInput, NotFound, ReachError
from reach_workbench.ui.flows.assisting import AssistingScreen
from reach_workbench.ui.flows.filetree import FileTree, look
from reach_workbench.ui.flows.opened import Opened, Recovery, read
from reach_workbench.ui.flows.outside import edit_outside

_LOOK: Final = 1.0
"""Seconds between two looks at the file on disk."""

_NONE: Final = "No file is open.\n\nctrl+n  a new one from a template"
_ANY: Final = "No file is open.\n\nenter  opens the one under the cursor\nctrl+n  a new one from a template"

_NAME: Final = re.compile(r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$")


class FilingScreen(AssistingScreen):
    """One file at a time. Another one, or the end of the workbench, never takes unsaved text with it unasked."""

    def __init__(self) -> None:
        super().__init__()
        self._copy_due = False

    def on_mount(self) -> None:
        self.recovery = Recovery(self.workbench.session.file.parent / "recovery")
        self._begin()
        self.set_interval(_LOOK, self._look_at_disk, name="disk")

    def on_unmount(self) -> None:
        """Leaving within the moment before the copy is due loses nothing either."""
        if self.opened is not None and self.unsaved:
            self.recovery.keep(self.opened.path, self.editor.text)

    def look_again(self) -> None:
        super().look_again()
        self._list_files()

    @property
    def unsaved(self) -> bool:
        return self.opened is not None and (self.opened.gone or self.editor.text != self.opened.saved)

    # ------------------------------------------------------------ opening

    @work(group="begin", exclusive=True)
    async def _begin(self) -> None:
        """The file of the last time, if it is one of this folder."""
        await self._scan()
        kept = self.workbench.session.get("flows.file", "")
        path = Path(kept)
        inside = kept and path.is_relative_to(self.workbench.workspace)
        if inside and (path.is_file() or self.recovery.kept(path) is not None):
            await self._open(path)
            self.editor.go_to(self.workbench.session.get("flows.line", 1))
        else:
            self.action_view("files")

    @work(group="files", exclusive=True)
    async def _list_files(self) -> None:
        await self._scan()

    async def _scan(self) -> None:
        found = await asyncio.to_thread(look, self.workbench.workspace)
        self.files.show_files(found)
        self.nothing.update(_ANY if found else _NONE)
        self.files.border_subtitle = None if found else "none yet: ctrl+n"
        self._show_name()

    @work(group="open", exclusive=True)
    async def on_file_tree_opened(self, event: FileTree.Opened) -> None:
        if self.opened is not None and event.path == self.opened.path:
            self.action_view("editor")
        elif await self.may_leave():
            await self._open(event.path)

    async def may_leave(self) -> bool:
        """Ask about unsaved changes before another file takes their place, or the workbench ends."""
        self._look_for_it()
        if self.opened is None or not self.unsaved:
            return True
        path = self.opened.path
        if self.opened.gone:
            title = f"{path.name} is gone from disk"
            options = [("save", "save it: the file is made again"), ("drop", "throw the text away")]
        else:
            title = f"{path.name} has unsaved changes"
            options = [("save", "save it"), ("keep", "leave it unsaved; it comes back when the file is opened")]
            options += [("drop", "throw the changes away")]
        chosen = await self.workbench.choose(title, [*options, ("stay", "stay here")])
        if chosen == "save":
            return await self._save()
        if chosen == "keep":
            self.recovery.keep(path, self.editor.text)
        elif chosen == "drop":
            self.recovery.forget(path)
            self.opened.gone = False
            self.editor.change_text(self.opened.saved)
        return chosen in ("keep", "drop")

    async def _open(self, path: Path) -> None:
        kept = self.recovery.kept(path)
        try:
            opened = await asyncio.to_thread(read, path)
        except ReachError as wrong:
            if not isinstance(wrong, NotFound) or kept is None:
                self.report(wrong)
                return
            opened = Opened(path, "", None, gone=True)
        self.opened = opened
        self.compilation = None
        self._problem = -1
        self.nothing.display = False
        self.editor.display = True
        self.editor.show_text(opened.saved, "json" if path.suffix == ".json" else "yaml")
        if kept is not None and kept != opened.saved:
            self.editor.change_text(kept)
            self.notify(
                "They are in the editor again, not saved. ctrl+z takes them back, ctrl+s saves them.",
                title="Unsaved changes from before",
                timeout=8,
            )
        self.workbench.session.put("flows.file", str(path))
        self.action_view("editor")
        self._show_name()
        self._compile()

    def _show_name(self) -> None:
        pane = self.editor_pane
        if self.opened is None:
            pane.border_title = "Editor"
            return
        path, base = self.opened.path, self.workbench.workspace
        name = path.relative_to(base) if path.is_relative_to(base) else path
        state = " •  gone from disk" if self.opened.gone else " •  unsaved" if self.unsaved else ""
        pane.border_title = f"{name}{state}".replace("[", "\\[")
        self.files.show_current(path, unsaved=self.unsaved)

    # ------------------------------------------------------------ saving

    @on(TextArea.Changed)
    def _written_in(self) -> None:
        if self.opened is not None:
            self._show_name()
            if not self._copy_due:
                self._copy_due = True
                self._keep()

    @work(group="keep")
    async def _keep(self) -> None:
        """A copy of what is unsaved, against a lost terminal: soon, and while the person goes on typing too."""
        await asyncio.sleep(0.5)
        self._copy_due = False
        if self.opened is not None and self.unsaved:
            await asyncio.to_thread(self.recovery.keep, self.opened.path, self.editor.text)
        elif self.opened is not None:
            self.recovery.forget(self.opened.path)

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        if await self._save():
            self.notify("Saved.", timeout=1.5)

    async def _save(self) -> bool:
        opened = self.opened
        if opened is None:
            return False
        if opened.moved() and opened.path.exists():
            chosen = await self.workbench.confirm(
                "The file was changed by something else",
                f"{opened.path.name} is not as it was when it was opened. Saving replaces what is there now.",
                "w",
                "write mine over it",
            )
            if not chosen:
                return False
        text = self.editor.text
        try:
            await asyncio.to_thread(opened.write, text)
        except ReachError as wrong:
            self.recovery.keep(opened.path, text)
            self.report(wrong)
            return False
        self.recovery.forget(opened.path)
        self._show_name()
        self._list_files()
        return True

    # ------------------------------------------------------------ others who write

    def _look_at_disk(self) -> None:
        """Not while a dialog is open: it may be the question about an earlier change."""
        if self.is_current:
            self._look_for_it()
            opened = self.opened
            if opened is not None and opened.moved() and not opened.gone:
                self._follow_disk(opened)

    def _look_for_it(self) -> None:
        """Whether the file is there: without it the text is kept like one that is unsaved."""
        opened = self.opened
        if opened is None or opened.gone is not opened.path.exists():
            return
        opened.gone = not opened.gone
        if opened.gone:
            self.recovery.keep(opened.path, self.editor.text)
            words = "It was deleted or renamed. The text is only here now: ctrl+s makes the file again."
            self.notify(words, title=f"{opened.path.name} is gone from disk", severity="warning", timeout=8)
        self._show_name()
        self._list_files()

    @work(group="disk", exclusive=True)
    async def _follow_disk(self, opened: Opened) -> None:
        """Take over what others wrote into the file; unsaved changes are asked about."""
        try:
            fresh = await asyncio.to_thread(read, opened.path)
        except ReachError as wrong:
            self.report(wrong)
            return
        if self.opened is not opened:
            return
        before, dirty = opened.saved, self.unsaved
        opened.saved, opened.stamp = fresh.saved, fresh.stamp
        if fresh.saved not in (before, self.editor.text):
            if not dirty:
                self.editor.change_text(fresh.saved)
                words = "The file changed on disk: this is the new text. ctrl+z brings the old one back."
                self.notify(words, timeout=4)
            else:
                options = [("mine", "keep mine, unsaved"), ("theirs", "take the one on disk; ctrl+z brings mine back")]
                if await self.workbench.choose(f"{opened.path.name} was changed here and on disk", options) == "theirs":
                    self.editor.change_text(fresh.saved)
        self._show_name()

    @work(group="outside", exclusive=True)
    async def action_edit_outside(self) -> None:
        if self.opened is None or (self.unsaved and not await self._save()):
            return
        try:
            edit_outside(self.app, self.opened.path)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._look_at_disk()

    # ------------------------------------------------------------ a new one

    @work(group="new", exclusive=True)
    async def action_new(self) -> None:
        from reach_workbench.ui.flows.lists import template_list
        from reach_workbench.ui.flows.templates import templates

        offered = {each.name: each for each in templates()}
        chosen = await self.app.push_screen_wait(template_list(offered.values()))
        if chosen is None or not await self.may_leave():
            return
        folder = self._folder()

        async def write(typed: str) -> None:
            name = _named(typed)
            path = folder / f"{name}.yaml"
            if not _NAME.match(name) or len(name) > 63:
                raise BadInput(f"{name!r} is no name for a workflow", hint="for example my-first-flow")
            if path.exists():
                raise BadInput(f"{path.name} is there already", where=str(folder), hint="choose another name")
            await asyncio.to_thread(Opened(path, "", None).write, offered[chosen].filled(name))

        words = "Its name: small letters, digits and dashes."
        typed = await self.workbench.ask_text("New workflow", words, chosen, write)
        if typed is not None:
            await self._scan()
            await self._open(folder / f"{_named(typed)}.yaml")

    def _folder(self) -> Path:
        """Where a new file goes: beside the one under the cursor of the tree."""
        node = self.files.cursor_node
        if node is None or node.data is None:
            return self.workbench.workspace
        return self.workbench.workspace / (node.data if node.allow_expand else node.data.parent)


def _named(typed: str) -> str:
    """A workflow's name, which people write as that of its file, too."""
    return typed.strip().removesuffix(".yaml")
