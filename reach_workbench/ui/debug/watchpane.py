"""Watches: jq expressions that are evaluated wherever the cursor stands, in the past too."""

from __future__ import annotations

from collections.abc import Mapping

from reach_workbench.protocol.debugging import Evaluation
from reach_workbench.ui.debug.jsontext import Line, json_lines
from reach_workbench.ui.debug.linesview import LinesView
from reach_workbench.ui.debug.wording import clean


class WatchPane(LinesView):
    """Each expression with its value; `key` of a line is the expression it belongs to."""

    BORDER_TITLE = "Watch"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.watches: list[str] = []
        self._values: Mapping[str, Evaluation] = {}
        self._before: dict[str, Evaluation] = {}

    def show(self, watches: list[str], values: Mapping[str, Evaluation]) -> None:
        """`values` by expression; one that is missing is still being evaluated."""
        for expression, value in self._values.items():
            self._before[expression] = value
        self.watches = list(watches)
        self._values = values
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    @property
    def chosen(self) -> str | None:
        """The watch under the cursor."""
        return self.line.key or None if self.line is not None else None

    def _lay_out(self) -> None:
        if not self.watches:
            words = (
                "w adds a jq expression, such as .total or $context.user;",
                "it is evaluated wherever the cursor stands.",
            )
            self.set_lines([Line(((text, "dim"),)) for text in words])
            return
        width = max(24, self.scrollable_content_region.width - 2)
        lines: list[Line] = []
        for expression in self.watches:
            value = self._values.get(expression)
            before = self._before.get(expression)
            changed = value is not None and before is not None and value != before
            lines.append(Line(((clean(expression), "key"),), None, "~" if changed else " ", expression))
            if value is None:
                lines.append(Line((("  …", "dim"),), key=expression))
            elif value.error is not None:
                lines.append(Line((("  ✗ ", "bad"), (clean(value.error), "bad")), key=expression))
            else:
                lines += [line._replace(key=expression) for line in json_lines(value.value, "", width, indent=2)]
        self.set_lines(lines)
