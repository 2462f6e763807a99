"""A scratch pad for jq: an expression, the JSON it is tried on, and what it gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static, TextArea

from reach_workbench.errors import ReachError
from reach_workbench.protocol.debugging import Evaluation

Json: TypeAlias = Any
"""A JSON value."""

_PAUSE: Final = 0.2
"""Seconds without a key after which the expression is tried."""

_SHOWN: Final = 20_000
"""Characters of a result that are shown."""


class ScratchPad(Vertical):
    """Evaluates as one types. `evaluate` answers for (expression, input); `data` is the input to begin with.

    An answer to an expression that was changed meanwhile is dropped.
    """

    DEFAULT_CSS = """
    ScratchPad #expression { height: 3; }
    ScratchPad #given { height: 1fr; min-height: 4; }
    ScratchPad #given, ScratchPad #given:focus { border: none; padding: 0; }
    ScratchPad .pane { padding: 0 1; }
    ScratchPad #given-pane, ScratchPad #result-pane { height: 1fr; min-height: 4; }
    ScratchPad #result { height: auto; }
    ScratchPad #result.-wrong { color: $text-error; }
    """

    def __init__(
        self, evaluate: Callable[[str, Json], Awaitable[Evaluation]], data: Json, *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._evaluate = evaluate
        self._data = data

    def compose(self) -> ComposeResult:
        expression = Input(".", placeholder="a jq expression, such as .items | length", id="expression")
        expression.border_title = "jq"
        yield expression
        with Vertical(id="given-pane", classes="pane") as given:
            given.border_title = "Input"
            yield TextArea(pretty(self._data), id="given", compact=True)
        with VerticalScroll(id="result-pane", classes="pane") as result:
            result.border_title = "Result"
            yield Static("", id="result", markup=False)

    def on_mount(self) -> None:
        self.query_one("#expression", Input).focus()
        self._again()

    def show_data(self, data: Json) -> None:
        """Try the expression on other data."""
        self._data = data
        self.query_one("#given", TextArea).load_text(pretty(data))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._again()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._again()

    def _again(self) -> None:
        self.run_worker(self._try(), group="scratch", exclusive=True)

    async def _try(self) -> None:
        await asyncio.sleep(_PAUSE)
        expression = self.query_one("#expression", Input).value.strip() or "."
        try:
            data = json.loads(self.query_one("#given", TextArea).text or "null")
        except ValueError as wrong:
            self._show(f"✗ the input is not JSON: {wrong}", wrong=True)
            return
        try:
            given = await self._evaluate(expression, data)
        except ReachError as refused:
            self._show("\n".join(part for part in (f"✗ {refused.message}", refused.hint) if part), wrong=True)
            return
        if given.error is not None:
            self._show(f"✗ {given.error}", wrong=True)
        else:
            self._show(pretty(given.value), wrong=False)

    def _show(self, text: str, *, wrong: bool) -> None:
        result = self.query_one("#result", Static)
        result.set_class(wrong, "-wrong")
        result.update(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n… {len(text) - _SHOWN:,} more characters")


def pretty(value: Json) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)
