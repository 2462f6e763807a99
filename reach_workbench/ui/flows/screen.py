"""Screen 1: write workflows with their mistakes marked, see their flow, and run them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TextArea

from reach_workbench.errors import BadInput, ReachError
from reach_workbench.protocol.authoring import Compilation, Completion, TaskPlace
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.ui.flows.editor import Editor
from reach_workbench.ui.flows.filetree import FileTree, look
from reach_workbench.ui.flows.graphview import GraphView
from reach_workbench.ui.flows.opened import Opened, Recovery, read
from reach_workbench.ui.flows.outside import edit_outside
from reach_workbench.ui.flows.popup import Popup
from reach_workbench.ui.flows.problems import Problems
from reach_workbench.ui.flows.prose import styled
from reach_workbench.ui.flows.views import SIDE, VIEWS, View, ViewStrip, seen
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen

_SETTLED: Final = 0.2
"""Seconds without a key after which the text is compiled."""

_LOOK: Final = 1.0
"""Seconds between two looks at the file on disk."""

_STOPS: Final = 2.0
"""Seconds between two questions about breakpoints that are set elsewhere."""

_KEY: Final = re.compile(r"^\s*(?:- )*[A-Za-z]{2,}$|\$\w*$|:\s+[A-Za-z]{2,}$")
"""What stands before the cursor when completions are offered unasked: a property's first letters, or a `$`."""

_NAME: Final = re.compile(r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$")


class FlowsScreen(WorkbenchScreen):
    """The editor holds one file. What it says about the text comes from the node, and only the newest answer counts."""

    scope = "flows"
    title_text = "Flows"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("flows"),
        *(each for each in bindings("app") if each.id in ("app.next-pane", "app.previous-pane")),
    ]
    CSS = """
    FlowsScreen { layers: default popup; }
    FlowsScreen #panes { height: 1fr; }
    FlowsScreen #files { width: 28; height: 1fr; }
    FlowsScreen #editor-pane { width: 1fr; height: 1fr; }
    FlowsScreen #editor { height: 1fr; border: none; }
    FlowsScreen #side { width: 46; height: 1fr; }
    FlowsScreen #problems, FlowsScreen #graph, FlowsScreen #docs { height: 1fr; }
    FlowsScreen #docs { padding: 0 1; }
    FlowsScreen #about { height: auto; }
    FlowsScreen.-wide #strip { display: none; }
    FlowsScreen.-medium #side-strip, FlowsScreen.-narrow #side-strip { display: none; }
    FlowsScreen.-medium #side { width: 40; }
    FlowsScreen.-narrow #files, FlowsScreen.-narrow #side { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.opened: Opened | None = None
        self.compilation: Compilation | None = None
        self._view: View = "editor"
        self._side: View = "problems"
        self._stops: dict[str, Breakpoint] = {}
        self._asking = False
        self._problem = -1
        # Held here rather than looked up: an answer may come while the screen is being taken down.
        self.editor = Editor(id="editor")
        self.editor_pane = Vertical(id="editor-pane", classes="pane")
        self.problems = Problems(id="problems", classes="pane")
        self.about = Static("", id="about", markup=False)
        self.graph = GraphView(id="graph", classes="pane")
        self.popup = Popup(id="popup")
        self.strip = ViewStrip(id="strip", markup=False)
        self.side_strip = ViewStrip(id="side-strip", markup=False)
        self.side = Vertical(id="side")
        self.sides: dict[View, Widget] = {
            "problems": self.problems,
            "docs": VerticalScroll(self.about, id="docs", classes="pane"),
            "graph": self.graph,
        }

    def compose(self) -> ComposeResult:
        self.files = FileTree(self.workbench.workspace, id="files", classes="pane")
        yield Header()
        yield self.strip
        with Horizontal(id="panes"):
            yield self.files
            with self.editor_pane:
                yield Static(
                    "No file is open.\n\nenter  opens the one under the cursor\nctrl+n  a new one from a template",
                    id="nothing",
                    classes="empty",
                )
                yield self.editor
            with self.side:
                yield self.side_strip
                yield from self.sides.values()
        yield self.popup
        yield Footer()

    def on_mount(self) -> None:
        self.recovery = Recovery(self.workbench.session.file.parent / "recovery")
        self.files.border_title = "Files"
        self.problems.border_title = "Problems"
        self.sides["docs"].border_title = "About"
        self.graph.border_title = "Graph"
        self.editor.intercept = self._popup_key
        self.editor.display = False
        self.problems.show_compilation(None)
        side = self.workbench.session.get("flows.side", "problems")
        self._side = side if side in SIDE else "problems"
        self._begin()
        self.set_interval(_LOOK, self._look_at_disk, name="disk")
        self.set_interval(_STOPS, self._follow_breakpoints, name="breakpoints")

    def on_screen_resume(self) -> None:
        self.look_again()
        self._arrange()

    def on_unmount(self) -> None:
        """Leaving within the moment before the copy is due loses nothing either."""
        if self.opened is not None and self.unsaved:
            self.recovery.keep(self.opened.path, self.editor.text)

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def look_again(self) -> None:
        """The node or the files may have changed."""
        self._list_files()
        self._read_breakpoints()
        if self.opened is not None:
            self._compile()

    # ------------------------------------------------------------ the parts

    @property
    def unsaved(self) -> bool:
        return self.opened is not None and self.editor.text != self.opened.saved

    @property
    def here(self) -> TaskPlace | None:
        """The innermost task under the cursor."""
        line = self.editor.line
        tasks = self.compilation.tasks if self.compilation is not None else ()
        around = [task for task in tasks if task.line <= line <= task.end_line]
        return max(around, key=lambda task: (task.line, -task.end_line)) if around else None

    # ------------------------------------------------------------ panes

    def _breadth(self) -> Literal["narrow", "medium", "wide"]:
        width = self.app.size.width
        return "narrow" if width < 90 else "medium" if width < 140 else "wide"

    def _arrange(self) -> None:
        shown = seen(self._view, self._side, self._breadth())
        self.files.display = "files" in shown
        self.editor_pane.display = "editor" in shown
        self.side.display = bool(shown & set(SIDE))
        for view, pane in self.sides.items():
            pane.display = view in shown
        count = len(self.compilation.diagnostics) if self.compilation is not None else 0
        counts: dict[View, str] = {"problems": f" {count}"} if count else {}
        self.strip.show(tuple(VIEWS), shown, self._view, counts)
        side = self._side if self._side in SIDE else "problems"
        self.side_strip.show(SIDE, shown, side, counts)

    def action_view(self, view: View) -> None:
        """Show a pane and put the focus there."""
        self._turn_to(view)
        target: Widget = {"editor": self.editor, "files": self.files, **self.sides}[view]
        if view == "editor" and self.opened is None:
            return
        target.focus()

    def _turn_to(self, view: View) -> None:
        self._view = view
        if view != "editor":
            self._side = view
        if view in SIDE:
            self.workbench.session.put("flows.side", view)
        self._arrange()

    def on_descendant_focus(self) -> None:
        """A click or a jump moved the focus: the strip follows."""
        focused = self.focused
        while focused is not None and focused.id not in VIEWS:
            focused = focused.parent if isinstance(focused.parent, Widget) else None
        if focused is not None and focused.id != self._view:
            self._turn_to(focused.id)  # type: ignore[arg-type]  # it is one of VIEWS

    def action_next_pane(self) -> None:
        self._beside(1)

    def action_previous_pane(self) -> None:
        self._beside(-1)

    def _beside(self, step: int) -> None:
        views = [view for view in VIEWS if view != "editor" or self.opened is not None]
        self.popup.close()
        self.action_view(views[(views.index(self._view) + step) % len(views)] if self._view in views else views[0])

    def key_escape(self) -> None:
        """Out of the editor, to where plain letters act."""
        if self._view == "editor":
            self.action_view("files")

    # ------------------------------------------------------------ files

    @work(group="begin", exclusive=True)
    async def _begin(self) -> None:
        """The file of the last time."""
        await self._scan()
        kept = self.workbench.session.get("flows.file", "")
        if kept and Path(kept).is_file():
            await self._open(Path(kept))
            self.editor.go_to(self.workbench.session.get("flows.line", 1))
        else:
            self.action_view("files")

    @work(group="files", exclusive=True)
    async def _list_files(self) -> None:
        await self._scan()

    async def _scan(self) -> None:
        self.files.show_files(await asyncio.to_thread(look, self.workbench.workspace))
        self._show_name()

    @work(group="open", exclusive=True)
    async def on_file_tree_opened(self, event: FileTree.Opened) -> None:
        if self.opened is not None and event.path == self.opened.path:
            self.action_view("editor")
        elif await self.may_leave():
            await self._open(event.path)

    async def may_leave(self) -> bool:
        """Ask about unsaved changes before another file takes their place, or the workbench ends."""
        if self.opened is None or not self.unsaved:
            return True
        path = self.opened.path
        options = [("save", "save it"), ("keep", "leave it unsaved; it comes back when the file is opened")]
        options += [("drop", "throw the changes away"), ("stay", "stay here")]
        chosen = await self.workbench.choose(f"{path.name} has unsaved changes", options)
        if chosen == "save":
            return await self._save()
        if chosen == "keep":
            self.recovery.keep(path, self.editor.text)
        elif chosen == "drop":
            self.recovery.forget(path)
            self.editor.change_text(self.opened.saved)
        return chosen in ("keep", "drop")

    async def _open(self, path: Path) -> None:
        try:
            opened = await asyncio.to_thread(read, path)
        except ReachError as wrong:
            self.report(wrong)
            return
        self.opened = opened
        self.compilation = None
        self._problem = -1
        self.query_one("#nothing").display = False
        self.editor.display = True
        self.editor.show_text(opened.saved, "json" if path.suffix == ".json" else "yaml")
        kept = self.recovery.kept(path)
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
        pane.border_title = f"{name}{' •  unsaved' if self.unsaved else ''}".replace("[", "\\[")
        self.files.show_current(path, unsaved=self.unsaved)

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

    @work(group="disk", exclusive=True)
    async def _look_at_disk(self) -> None:
        """Follow what others write into the file; unsaved changes are asked about."""
        opened = self.opened
        if opened is None or self._asking or not self.is_current or not opened.moved() or not opened.path.exists():
            return
        before = opened.saved
        dirty = self.unsaved
        try:
            fresh = await asyncio.to_thread(opened.read_again)
        except ReachError as wrong:
            self.report(wrong)
            return
        if fresh in (before, self.editor.text):
            self._show_name()
        elif not dirty:
            self.editor.change_text(fresh)
            self.notify("The file changed on disk: this is the new text. ctrl+z brings the old one back.", timeout=4)
        else:
            self._asking = True
            options = [("mine", "keep mine, unsaved"), ("theirs", "take the one on disk; ctrl+z brings mine back")]
            chosen = await self.workbench.choose(f"{opened.path.name} was changed here and on disk", options)
            self._asking = False
            if chosen == "theirs":
                self.editor.change_text(fresh)
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

    @work(group="new", exclusive=True)
    async def action_new(self) -> None:
        from reach_workbench.ui.flows.lists import template_list
        from reach_workbench.ui.flows.templates import templates

        offered = {each.name: each for each in templates()}
        chosen = await self.app.push_screen_wait(template_list(offered.values()))
        if chosen is None or not await self.may_leave():
            return
        name = await self.workbench.ask_text("New workflow", "Its name: small letters, digits and dashes.", chosen)
        if name is None:
            return
        name = name.strip().removesuffix(".yaml")
        folder = self._folder()
        path = folder / f"{name}.yaml"
        if not _NAME.match(name) or len(name) > 63:
            hint = "for example my-first-flow"
            self.report(BadInput(f"{name!r} is no name for a workflow", hint=hint))
        elif path.exists():
            self.report(BadInput(f"{path.name} is there already", where=str(folder), hint="choose another name"))
        else:
            try:
                await asyncio.to_thread(Opened(path, "", None).write, offered[chosen].filled(name))
            except ReachError as wrong:
                self.report(wrong)
                return
            await self._scan()
            await self._open(path)

    def _folder(self) -> Path:
        """Where a new file goes: beside the one under the cursor of the tree."""
        node = self.files.cursor_node
        if node is None or node.data is None:
            return self.workbench.workspace
        return self.workbench.workspace / (node.data if node.allow_expand else node.data.parent)

    # ------------------------------------------------------------ as one types

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.opened is None:
            return
        self.editor.colour_again()
        self._show_name()
        self._compile()
        self._keep()
        if self.editor.has_focus and _KEY.search(self.editor.before_cursor):
            self._complete(asked=False)
        else:
            self.workers.cancel_group(self, "complete")
            self.popup.close()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self.opened is not None:
            self.workbench.session.put("flows.line", self.editor.line)
            self._follow_cursor()
            self._explain()

    def _follow_cursor(self) -> None:
        task = self.here
        self.editor.show_block(range(task.line, task.end_line + 1) if task is not None else range(0))
        self.graph.show_current(task.reference if task is not None else None)

    @work(group="keep", exclusive=True)
    async def _keep(self) -> None:
        """A copy of what is unsaved, against a lost terminal."""
        await asyncio.sleep(0.5)
        if self.opened is not None and self.unsaved:
            await asyncio.to_thread(self.recovery.keep, self.opened.path, self.editor.text)
        elif self.opened is not None:
            self.recovery.forget(self.opened.path)

    @work(group="compile", exclusive=True)
    async def _compile(self) -> None:
        """A new text cancels the question about the old one: a stale answer is never shown."""
        await asyncio.sleep(_SETTLED)
        if self.opened is None:
            return
        try:
            found = await self.node.compile(self.editor.text, self.opened.path)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._show_compilation(found)

    def _show_compilation(self, found: Compilation) -> None:
        self.compilation = found
        self.problems.show_compilation(found)
        self.editor.show_marks({(each.line, each.column): each.severity for each in reversed(found.diagnostics)})
        self.graph.show_tasks(found.tasks)
        self._show_stops()
        self._follow_cursor()
        self._arrange()
        self._explain()

    # ------------------------------------------------------------ what the node knows

    @work(group="explain", exclusive=True)
    async def _explain(self) -> None:
        await asyncio.sleep(0.15)
        editor = self.editor
        try:
            found = await self.node.explain(editor.text, editor.line, editor.column)
        except ReachError:
            return  # the pane keeps what it has: a cursor that moves must not raise notices
        if found is None:
            self.about.update("What stands under the cursor is explained here.")
        else:
            self.about.update(_said(found.title, found.text))

    def action_complete(self) -> None:
        if self.opened is not None:
            self.action_view("editor")
            self._complete(asked=True)

    @work(group="complete", exclusive=True)
    async def _complete(self, *, asked: bool) -> None:
        if not asked:
            await asyncio.sleep(0.1)
        editor = self.editor
        place = editor.selection
        try:
            found: Sequence[Completion] = await self.node.complete(editor.text, editor.line, editor.column)
        except ReachError as wrong:
            if asked:
                self.report(wrong)
            return
        if editor.selection != place:
            return
        written = [each for each in found if editor.before_cursor[each.column - 1 :] == each.insert]
        offered = [] if len(found) == 1 and written else found
        self.popup.offer(offered, editor.cursor_screen_offset)
        if asked and not offered:
            self.notify("Nothing is known that could be written here.", timeout=2)

    def _popup_key(self, key: str) -> bool:
        """The popup's keys; once it was sent away, an answer that is still under way does not bring it back."""
        taken = self.popup.key(key)
        if key == "escape" and taken:
            self.workers.cancel_group(self, "complete")
        return taken

    def on_popup_taken(self, event: Popup.Taken) -> None:
        self.editor.take(event.completion.insert, event.completion.column)
        self.popup.close()
        self.workers.cancel_group(self, "complete")

    def on_popup_looked(self, event: Popup.Looked) -> None:
        words = event.completion.documentation or event.completion.detail
        self.about.update(_said(event.completion.label, words))

    @work(group="dialog", exclusive=True)
    async def action_definition(self) -> None:
        from reach_workbench.ui.flows.lists import task_list

        if self.compilation is None or not self.compilation.tasks:
            self.notify("There is no task yet.", timeout=2)
            return
        named = self._named()
        chosen = await self.app.push_screen_wait(task_list(self.compilation.tasks, named))
        if chosen is not None:
            self._go_to_task(chosen)

    def _named(self) -> str | None:
        """The task whose name stands under the cursor, else the one that the cursor is in."""
        row, column = self.editor.cursor_location
        line = self.editor.document.get_line(row)
        for word in re.finditer(r"[\w-]+", line):
            if word.start() <= column <= word.end():
                for task in self.compilation.tasks if self.compilation is not None else ():
                    if task.name == word.group() and task.line != row + 1:
                        return task.reference
        return self.here.reference if self.here is not None else None

    def _go_to_task(self, reference: str) -> None:
        for task in self.compilation.tasks if self.compilation is not None else ():
            if task.reference == reference:
                self.action_view("editor")
                self.editor.go_to(task.line, task.column)

    def on_graph_view_chosen(self, event: GraphView.Chosen) -> None:
        self._go_to_task(event.reference)

    @work(group="dialog", exclusive=True)
    async def action_rename(self) -> None:
        task = self.here
        if task is None:
            self.notify("The cursor is in no task.", timeout=2)
            return
        text = self.editor.text
        name = await self.workbench.ask_text("Rename task", "What leads to it is renamed too.", task.name)
        if name is None or name == task.name:
            return
        try:
            self.editor.change_text(await self.node.rename(text, task.reference, name))
        except ReachError as wrong:
            self.report(wrong)

    @work(group="dialog", exclusive=True)
    async def action_format(self) -> None:
        if self.opened is None:
            return
        text = self.editor.text
        try:
            formatted = await self.node.format(text)
        except ReachError as wrong:
            self.report(wrong)
            return
        if self.editor.text == text:
            self.editor.change_text(formatted)
            if formatted == text:
                self.notify("It is even already.", timeout=1.5)

    # ------------------------------------------------------------ problems

    def on_problems_chosen(self, event: Problems.Chosen) -> None:
        self._go_to_problem(event.place)

    def action_next_problem(self) -> None:
        count = len(self.compilation.diagnostics) if self.compilation is not None else 0
        if not count:
            self.notify("There are no problems.", timeout=1.5)
            return
        self._go_to_problem((self._problem + 1) % count)

    def _go_to_problem(self, place: int) -> None:
        if self.compilation is None or place >= len(self.compilation.diagnostics):
            return
        self._problem = place
        each = self.compilation.diagnostics[place]
        self.problems.highlighted = place
        self.action_view("editor")
        self.editor.go_to(each.line, each.column)
        if self._breadth() == "narrow":
            self.notify(f"{each.message}{f'  → {each.hint}' if each.hint else ''}", timeout=4, markup=False)

    def action_graph(self) -> None:
        """Show the graph, or what was there before it."""
        if self._side == "graph":
            self._turn_to("problems")
            self.action_view("editor")
        else:
            self._turn_to("graph")
            if self._breadth() != "narrow" and self.opened is not None:
                self._view = "editor"
                self._arrange()
            else:
                self.graph.focus()

    # ------------------------------------------------------------ breakpoints

    @work(group="breakpoints", exclusive=True)
    async def _read_breakpoints(self, *, quiet: bool = False) -> None:
        try:
            found = await self.node.breakpoints()
        except ReachError as wrong:
            if not quiet:
                self.report(wrong)
            return
        stops = {each.id: each for each in found if each.on == "task" and each.run is None}
        if stops != self._stops:
            self._stops = stops
            self._show_stops()

    def _follow_breakpoints(self) -> None:
        """Those that the debugger, the command line or another person sets: asked only while they can be seen."""
        if self.is_current and self.opened is not None and self.workbench.connected:
            self._read_breakpoints(quiet=True)

    @property
    def _workflow(self) -> str | None:
        """namespace/name of the text, as breakpoints name it."""
        named = self.compilation.workflow if self.compilation is not None else None
        return named.rpartition(":")[0] if named else None

    def _show_stops(self) -> None:
        mine = {each.task for each in self._stops.values() if each.workflow in (None, self._workflow)}
        tasks = [task for task in (self.compilation.tasks if self.compilation else ()) if task.reference in mine]
        self.editor.show_breakpoints(frozenset(task.line for task in tasks))
        self.graph.show_stops(frozenset(task.reference for task in tasks))

    @work(group="toggle")
    async def action_breakpoint(self) -> None:
        task = self.here
        if task is None or self._workflow is None:
            words = "The cursor is in no task." if task is None else "The text has errors: mend them first."
            self.notify(words, timeout=2)
            return
        at = [
            each
            for each in self._stops.values()
            if each.task == task.reference and each.workflow in (None, self._workflow)
        ]
        try:
            for each in at:
                await self.node.clear_breakpoint(each.id)
            if not at:
                await self.node.set_breakpoint(Breakpoint(task=task.reference, workflow=self._workflow))
        except ReachError as wrong:
            self.report(wrong)
        self._read_breakpoints()

    # ------------------------------------------------------------ running

    def action_run(self) -> None:
        self._run(raw=False)

    def action_json(self) -> None:
        self._run(raw=True)

    @work(group="run", exclusive=True)
    async def _run(self, *, raw: bool) -> None:
        from reach_workbench.ui.flows.runform import RunForm

        opened = self.opened
        if opened is None:
            self.notify("Open a workflow first.", timeout=2)
            return
        source = self.editor.text
        try:
            compiled = await self.node.compile(source, opened.path)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._show_compilation(compiled)
        if not compiled.ok:
            self._problem = -1
            self.action_next_problem()
            self.notify("It can't be run with these errors.", severity="error", timeout=3)
            return
        kept: dict[str, Any] = self.workbench.session.get("inputs", {})
        last = kept.get(str(opened.path), {})
        title = compiled.title or compiled.workflow or opened.path.name
        before, hold = last.get("input"), bool(last.get("hold"))
        form = RunForm(title, compiled.input_schema, compiled.secrets, last=before, hold=hold, raw=raw)
        answer = await self.app.push_screen_wait(form)
        if answer is None:
            return
        remembered = {**kept, str(opened.path): {"input": answer.input, "hold": answer.hold}}
        self.workbench.session.put("inputs", dict(list(remembered.items())[-50:]))
        try:
            run = await self.node.start(
                StartRun(source, opened.path, input=answer.input, secrets=answer.secrets, hold=answer.hold)
            )
        except ReachError as wrong:
            self.report(wrong)
            return
        self.workbench.open_run(run.id)


def _said(title: str, markdown: str) -> Content:
    """What the About pane shows: the title of the thing, and a few lines about it."""
    return Content.assemble((title, "bold underline"), "\n\n", styled(markdown))
