"""The panes of the screen: which of them are seen, and where the focus goes."""

from __future__ import annotations

from functools import partial
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Static

from reach_workbench.protocol.authoring import Compilation, TaskPlace
from reach_workbench.ui.flows.editor import Editor
from reach_workbench.ui.flows.filetree import FileTree
from reach_workbench.ui.flows.graphview import GraphView
from reach_workbench.ui.flows.opened import Opened
from reach_workbench.ui.flows.popup import Popup
from reach_workbench.ui.flows.problems import Problems, problem_at
from reach_workbench.ui.flows.views import SIDE, VIEWS, View, ViewStrip, seen
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.panes import Spot
from reach_workbench.ui.screen import WorkbenchScreen


class ArrangingScreen(WorkbenchScreen):
    """Holds the file that is open, the newest answer about its text, and the widgets that show both."""

    DEFAULT_CSS = """
    ArrangingScreen { layers: default popup; }
    ArrangingScreen #panes { height: 1fr; }
    ArrangingScreen #files { width: 28; height: 1fr; }
    ArrangingScreen #editor-pane { width: 1fr; height: 1fr; }
    ArrangingScreen #editor { height: 1fr; border: none; }
    ArrangingScreen #side { width: 46; height: 1fr; }
    ArrangingScreen #problems, ArrangingScreen #graph, ArrangingScreen #docs { height: 1fr; }
    ArrangingScreen #docs { padding: 0 1; }
    ArrangingScreen #about { height: auto; }
    ArrangingScreen.-wide #strip { display: none; }
    ArrangingScreen.-medium #side-strip, ArrangingScreen.-narrow #side-strip { display: none; }
    ArrangingScreen.-medium #side { width: 40; }
    ArrangingScreen.-narrow #files, ArrangingScreen.-narrow #side { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.opened: Opened | None = None
        self.compilation: Compilation | None = None
        self._view: View = "editor"
        self._side: View = "problems"
        self._said: str | None = None
        # Held here rather than looked up: an answer may come while the screen is being taken down.
        self.editor = Editor(id="editor")
        self.nothing = Static("", id="nothing", classes="empty")
        self.editor_pane = Vertical(id="editor-pane", classes="pane")
        self.problems = Problems(id="problems", classes="pane")
        self.about = Static("", id="about", markup=False)
        self.graph = GraphView(id="graph", classes="pane")
        self.popup = Popup(id="popup")
        self.strip = ViewStrip(id="strip")
        self.side_strip = ViewStrip(id="side-strip")
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
                yield self.nothing
                yield self.editor
            with self.side:
                yield self.side_strip
                yield from self.sides.values()
        yield self.popup
        yield Footer()

    def on_mount(self) -> None:
        self.files.border_title = "Files"
        self.problems.border_title = "Problems"
        self.sides["docs"].border_title = "About"
        self.graph.border_title = "Graph"
        self.editor.display = False
        self.problems.show_compilation(None)
        side = self.workbench.session.get("flows.side", "problems")
        self._side = side if side in SIDE else "problems"

    def on_screen_resume(self) -> None:
        self.look_again()
        self._arrange()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def copied(self) -> str | None:
        return self.graph.copied() if self.graph.has_focus else None

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
        self._say_problem()

    def _say_problem(self) -> None:
        """Below the editor: what is wrong on the line of the cursor. The pane of problems may be behind a tab."""
        found = self.compilation
        words = problem_at(found, self.editor.line) if found is not None and not self.problems.display else None
        if words != self._said:
            self._said = words
            self.editor_pane.border_subtitle = Content(words) if words is not None else None

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

    def tabs(self) -> list[Spot]:
        """The panes that can't be seen, on their tabs."""
        breadth = self._breadth()
        strip = self.side_strip if breadth == "wide" else self.strip
        away = {"editor"} if self.opened is None else set()
        return [
            Spot(strip.region.offset + Offset(column, 0), partial(self.action_view, view), tab=True)
            for view, column in strip.places.items()
            if view not in seen(self._view, self._side, breadth) | away
        ]

    def key_escape(self) -> None:
        """Out of the editor, to where plain letters act."""
        if self._view == "editor":
            self.action_view("files")

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
