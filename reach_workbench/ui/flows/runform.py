"""The form that starts a run: its input by field or as JSON, its secrets, and whether to hold at the first task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Select, Static, TabbedContent, TabPane, TextArea

from reach_workbench.ui.flows.fields import Field, Json, fields, objection, parsed, value_of, written
from reach_workbench.ui.flows.tickbox import TickBox
from reach_workbench.ui.keynames import shown
from reach_workbench.ui.keys import find

if TYPE_CHECKING:
    from reach_workbench.ui.app import Workbench


_TAKEN: Final = (("flows.run", "start"), ("flows.json", "turn"))
"""Rows of the key table that act here too, and how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the form gave."""

    input: Json
    secrets: Mapping[str, Json] = field(default_factory=dict)
    hold: bool = False


class RunForm(ModalScreen[Answer | None]):
    """`last` is the input of the run before; `hold` is what the box showed then; `raw` begins with JSON.

    `kept` are the secrets that are taken from where they are kept when nothing is typed. A form that is about no run
    names what it does in `verb`, and may not offer to hold.
    """

    verb: ClassVar[str] = "run"
    holdable: ClassVar[bool] = True

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(",".join(find(id).keys), does, id=id, priority=True) for id, does in _TAKEN),
        Binding("escape", "dismiss(None)", "Leave"),
    ]
    DEFAULT_CSS = """
    RunForm { align: center middle; background: $background 60%; }
    RunForm > .dialog { width: 84; max-width: 98%; height: auto; max-height: 98%; border: round $primary;
                        background: $surface; padding: 0 1; border-title-color: $text; border-title-style: bold; }
    RunForm TabbedContent { height: auto; }
    RunForm TabPane { padding: 0; height: auto; }
    RunForm #fields { height: auto; max-height: 55vh; }
    RunForm #json { height: 12; border: none; padding: 0; }
    RunForm .row { height: auto; margin: 0 0 1 0; }
    RunForm .about { color: $text-muted; }
    RunForm #wrong { color: $text-error; height: auto; min-height: 1; max-height: 4; }
    RunForm #wrong.-right { color: $text-success; }
    RunForm .dialog-keys { color: $text-muted; }
    """

    def __init__(
        self,
        title: str,
        schema: Json,
        secrets: tuple[str, ...],
        kept: frozenset[str] = frozenset(),
        *,
        last: Json = None,
        hold: bool = False,
        raw: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._schema = schema
        self._secrets = secrets
        self._kept = kept
        self._form = fields(schema)
        self._last = last
        self._hold = hold
        self._raw = raw

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"{self.verb.capitalize()} {self._title}"
            yield from self.above()
            with TabbedContent(initial="as-json" if self._raw_first else "as-form"):
                if self._form:
                    with TabPane("Form", id="as-form"), VerticalScroll(id="fields", can_focus=False):
                        for place, each in enumerate(self._form):
                            yield from self._row(place, each)
                with TabPane("JSON", id="as-json"):
                    yield TextArea(self._beginning(), id="json", language="json", compact=True)
            for place, name in enumerate(self._secrets):
                yield Label(f"secret {name}", markup=False)
                beginning = "kept on this machine: nothing need be typed" if name in self._kept else "kept by nobody"
                yield Input(password=True, compact=True, id=f"secret-{place}", placeholder=beginning)
            if self.holdable:
                yield TickBox("hold at the first task, to step from there", self._hold, id="hold", compact=True)
            yield Static("", id="wrong", markup=False)
            run, turn = (shown(next(iter(self._keys_of(id)), "")) for id, _ in _TAKEN)
            words = f"{run}  {self.verb}     {turn}  form or JSON     tab  next field     esc  back"
            yield Label(words, classes="dialog-keys", markup=False)

    def above(self) -> ComposeResult:
        """What stands above the fields."""
        return ()

    def _keys_of(self, id: str) -> tuple[str, ...]:
        return cast("Workbench", self.app).keys_of(find(id))

    @property
    def _raw_first(self) -> bool:
        """When it is asked for, without fields, or when the input of the last run does not fit them."""
        if not self._form or self._raw:
            return True
        names = {each.name for each in self._form}
        return self._last is not None and not (isinstance(self._last, dict) and self._last.keys() <= names)

    def _row(self, place: int, each: Field) -> ComposeResult:
        last = self._last.get(each.name) if isinstance(self._last, dict) else None
        value = last if last is not None else each.default
        with Vertical(classes="row"):
            yield Label(f"{each.name}{' *' if each.required else ''}", markup=False)
            if each.kind in ("enum", "boolean"):
                options = each.options if each.kind == "enum" else (True, False)
                shown = [(str(option) if isinstance(option, str) else json.dumps(option), option) for option in options]
                chosen = value if value in options else Select.NULL
                yield Select(shown, value=chosen, prompt=each.hint, compact=True, id=f"field-{place}")
            else:
                yield Input(written(each, value), placeholder=each.hint, compact=True, id=f"field-{place}")
            if each.description:
                yield Label(each.description, classes="about", markup=False)

    def _beginning(self) -> str:
        if self._last is not None:
            return json.dumps(self._last, indent=2, ensure_ascii=False)
        if self._form:
            return json.dumps({each.name: each.default for each in self._form if each.default is not None}, indent=2)
        return "null" if self._schema is None else "{}"

    def on_mount(self) -> None:
        first = self.query_one("#json") if self._raw_first else self.query_one("#field-0")
        first.focus()
        self._judge()

    # ------------------------------------------------------------ as one types

    def on_input_changed(self) -> None:
        self._judge()

    def on_select_changed(self) -> None:
        self._judge()

    def on_text_area_changed(self) -> None:
        self._judge()

    def on_tabbed_content_tab_activated(self) -> None:
        self._judge()

    def on_input_submitted(self) -> None:
        self.action_start()

    def _judge(self) -> tuple[bool, Json]:
        """Say whether the input is right; and give it."""
        value: Json = None
        try:
            value = self._value()
            wrong = objection(self._schema, value)
        except ValueError as error:
            wrong = str(error)
        said = self.query_one("#wrong", Static)
        said.update(f"✗ {wrong}" if wrong else "✓ the input fits")
        said.set_class(wrong is None, "-right")
        return wrong is None, value

    def _value(self) -> Json:
        if self.query_one(TabbedContent).active == "as-json" or not self._form:
            try:
                return json.loads(self.query_one("#json", TextArea).text.strip() or "null")
            except ValueError as wrong:
                raise ValueError(f"not JSON: {wrong}") from wrong
        return value_of(self._form, {each.name: self._text(place, each) for place, each in enumerate(self._form)})

    def _text(self, place: int, each: Field) -> str:
        if each.kind not in ("enum", "boolean"):
            return self.query_one(f"#field-{place}", Input).value
        chosen = self.query_one(f"#field-{place}", Select).value
        return "" if chosen is Select.NULL else json.dumps(chosen)

    # ------------------------------------------------------------ actions

    def action_turn(self) -> None:
        """To the other tab; what the form holds goes with it."""
        tabs = self.query_one(TabbedContent)
        if not self._form:
            return
        if tabs.active == "as-form":
            right, value = self._judge()
            if right:
                self.query_one("#json", TextArea).load_text(json.dumps(value, indent=2, ensure_ascii=False))
            tabs.active = "as-json"
            self.query_one("#json").focus()
        else:
            tabs.active = "as-form"
            self.query_one("#field-0").focus()

    def action_start(self) -> None:
        right, value = self._judge()
        if not right:
            self.app.bell()
            return
        secrets = {}
        for place, name in enumerate(self._secrets):
            if text := self.query_one(f"#secret-{place}", Input).value:
                secrets[name] = _secret(name, text)
        self.dismiss(Answer(value, secrets, any(box.value for box in self.query(TickBox))))


def _secret(name: str, text: str) -> Json:
    """An object, an array or a quoted string is JSON, as on the command line; anything else is text."""
    if text[:1] in ("{", "[", '"'):
        try:
            return parsed(Field(name, "json"), text)
        except ValueError:
            return text
    return text
