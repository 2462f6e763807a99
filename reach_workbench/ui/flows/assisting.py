"""What the node says about the text: its mistakes, what stands at the cursor, what could, and changes to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from textual import work
from textual.content import Content
from textual.widgets import TextArea

from reach_workbench.errors import ReachError
from reach_workbench.protocol.authoring import Compilation, Completion
from reach_workbench.ui.flows.graphview import GraphView
from reach_workbench.ui.flows.popup import Popup
from reach_workbench.ui.flows.problems import Problems
from reach_workbench.ui.flows.prose import styled
from reach_workbench.ui.flows.stops import StopsScreen

_SETTLED: Final = 0.2
"""Seconds without a key after which the text is compiled."""

_KEY: Final = re.compile(r"^\s*(?:- )*[A-Za-z]{2,}$|\$\w*$|:\s+[A-Za-z]{2,}$")
"""What stands before the cursor when completions are offered unasked: a property's first letters, or a `$`."""


class AssistingScreen(StopsScreen):
    """Only the newest answer counts: a new text or another place cancels the question about the old one."""

    def __init__(self) -> None:
        super().__init__()
        self._problem = -1

    def on_mount(self) -> None:
        self.editor.intercept = self._popup_key

    def look_again(self) -> None:
        super().look_again()
        if self.opened is not None:
            self._compile()

    # ------------------------------------------------------------ as one types

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.opened is None:
            return
        self.editor.colour_again()
        self._compile()
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
            self._say_problem()
            self._explain()

    def _follow_cursor(self) -> None:
        task = self.here
        self.editor.show_block(range(task.line, task.end_line + 1) if task is not None else range(0))
        self.graph.show_current(task.reference if task is not None else None)

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

    # ------------------------------------------------------------ tasks

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

        async def rename(name: str) -> None:
            if name != task.name:
                self.editor.change_text(await self.node.rename(text, task.reference, name))

        await self.workbench.ask_text("Rename task", "What leads to it is renamed too.", task.name, rename)

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


def _said(title: str, markdown: str) -> Content:
    """What the About pane shows: the title of the thing, and a few lines about it."""
    return Content.assemble((title, "bold underline"), "\n\n", styled(markdown))
