"""`?`: the keys of this screen and those that are everywhere, made from the key table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import SCREEN_NAMES, Action, actions
from reach_workbench.ui.words import zone

_WIDTH: Final = 92
_WORDS: Final = 15
"""Where the words begin, right of the keys."""


class Help(ModalScreen[None]):
    """A page to scroll; any of its own keys leaves it."""

    DEFAULT_CSS = """
    Help { align: center middle; background: $background 60%; }
    Help > VerticalScroll {
        width: 92; max-width: 98%; height: auto; max-height: 96%; padding: 0 1;
        border: round $primary; background: $surface;
    }
    Help Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,question_mark,f1,q,enter", "dismiss", "Leave"),
        ("j", "scroll(1)", "Down"),
        ("k", "scroll(-1)", "Up"),
    ]

    def __init__(self, scope: str, keys_of: Callable[[Action], tuple[str, ...]]) -> None:
        super().__init__()
        self._scope, self._keys_of = scope, keys_of

    def compose(self) -> ComposeResult:
        with VerticalScroll() as page:
            page.border_title = "Keys"
            page.border_subtitle = "arrows  scroll     esc  back"
            yield Static(self.page())

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def page(self) -> Content:
        parts: list[Content] = []
        if self._scope in SCREEN_NAMES:
            parts += [Content.styled(f"On {SCREEN_NAMES[self._scope]}", "bold"), *self._rows(actions(self._scope))]
            parts.append(Content(""))
        parts += [Content.styled("Everywhere", "bold"), *self._rows(actions("app"))]
        parts += [
            Content(""),
            Content(
                "Letters act wherever text is not being typed; esc leaves a field. F-keys and ^letters act there too."
            ),
            Content(
                f"Times are local, {zone()}; what the node writes itself (`…Z`, files, the command line) is in UTC."
            ),
            Content("Keys can be changed: `reach keys` lists the actions, `reach locate config` names the file."),
        ]
        return Content("\n").join(parts)

    def _row(self, keys: str, words: str) -> Content:
        """Words that need more than a line stand under each other."""
        room = min(_WIDTH, self.app.size.width * 98 // 100) - _WORDS - 5  # the frame, its padding, the scrollbar
        return Content.assemble((f"  {keys:<12}", "bold"), " " + f"\n{' ' * _WORDS}".join(wrap(words, max(20, room))))

    def _rows(self, rows: Iterable[Action]) -> list[Content]:
        return [self._row("  ".join(shown(key) for key in self._keys_of(action)), action.help) for action in rows]

    def action_scroll(self, step: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=step)
