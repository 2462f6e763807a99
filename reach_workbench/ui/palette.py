"""The palette: every action of the key table, found by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import ACTIONS, SCREEN_NAMES, Action


class Palette(ModalScreen[str | None]):
    """Dismisses with the id of the chosen action. Those of this screen (`scope`) stand first, then everywhere's."""

    DEFAULT_CSS = """
    Palette { align: center top; background: $background 60%; }
    Palette > Vertical {
        width: 114; max-width: 96%; height: auto; max-height: 90%; margin-top: 1;
        border: round $primary; background: $surface;
    }
    Palette Input { border: none; height: 1; margin: 0 1 1 1; background: $surface; }
    Palette OptionList { height: auto; max-height: 18; border: none; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Leave"),
        ("down,ctrl+n", "move(1)", "Next"),
        ("up,ctrl+p", "move(-1)", "Previous"),
        ("pagedown", "move(10)", "Page down"),
        ("pageup", "move(-10)", "Page up"),
    ]

    def __init__(self, scope: str, keys_of: Callable[[Action], tuple[str, ...]]) -> None:
        super().__init__()
        self._keys_of = keys_of
        here = [action for action in ACTIONS if action.scope == scope]
        everywhere = [action for action in ACTIONS if action.scope == "app" and action.id != "app.palette"]
        elsewhere = [action for action in ACTIONS if action.scope not in (scope, "app")]
        self._actions = [*here, *everywhere, *elsewhere]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Commands"
            box.border_subtitle = "enter  do it     esc  back"
            yield Input(placeholder="a few letters of what you want to do", compact=True)
            yield OptionList(markup=False)

    def on_mount(self) -> None:
        self._offer("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._offer(event.value.strip())

    def _offer(self, query: str) -> None:
        offered = self._actions
        if query:
            matcher = Matcher(query)
            scores = {action.id: _score(matcher, query, action) for action in offered}
            offered = sorted((each for each in offered if scores[each.id] > 0), key=lambda each: -scores[each.id])
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(self._line(action), id=action.id) for action in offered)
        if offered:
            options.highlighted = 0
        else:
            options.add_option(Option("nothing is called so; fewer letters find more", disabled=True))

    def _line(self, action: Action) -> Content:
        where = SCREEN_NAMES.get(action.scope, "")
        name = f"{where}: {action.label}" if where else action.label
        keys = "  ".join(shown(key) for key in self._keys_of(action)[:2])
        return Content.assemble((f"{name:<24.24}", "bold"), f" {keys:<11.11} ", (action.help, "dim"))

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if options.option_count and options.highlighted is not None:
            options.highlighted = min(options.option_count - 1, max(0, options.highlighted + step))

    def on_input_submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


def _score(matcher: Matcher, query: str, action: Action) -> float:
    """A name that begins so counts most, then one that has the letters in order; words of the help count a little."""
    name = f"{SCREEN_NAMES.get(action.scope, '')} {action.label}".strip().lower()
    query = query.lower()
    if action.label.lower().startswith(query):
        return 10.0
    if query in name or query in action.id:
        return 5.0
    if query in action.help.lower():
        return 3.0
    return float(matcher.match(name))
