"""The form of an approval step: what is filled in becomes the task's output, once it is approved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.widget import Widget
from textual.widgets import Static

from reach_workbench.protocol.gates import APPROVAL_STEP, GateView
from reach_workbench.ui.flows.runform import RunForm
from reach_workbench.ui.gates.page import task_name
from reach_workbench.ui.visible import visible

Json = Any


class AnswerForm(RunForm):
    """Gives an `Answer` whose input is the answer. What is to be approved stands above the fields."""

    verb: ClassVar[str] = "answer"
    holdable: ClassVar[bool] = False

    DEFAULT_CSS = """
    AnswerForm { align: center middle; background: $background 60%; }
    AnswerForm .above { height: auto; max-height: 8; margin: 0 0 1 0; }
    """

    def __init__(self, gate: GateView) -> None:
        super().__init__(visible(task_name(gate)), form_of(gate), ())
        self._gate = gate

    def above(self) -> Iterator[Widget]:
        title = self._gate.arguments.get("title") if isinstance(self._gate.arguments, dict) else None
        if title:
            words = "\n".join(visible(line) for line in str(title).split("\n"))
            yield Static(words, classes="above", markup=False)


def form_of(gate: GateView) -> Json:
    """The JSON Schema of the answer that an approval step asks for; None when it asks for none."""
    if gate.kind != APPROVAL_STEP or not isinstance(gate.arguments, dict):
        return None
    form = gate.arguments.get("form")
    return form if isinstance(form, dict) and form else None
