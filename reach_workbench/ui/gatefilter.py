"""What is typed into the filter of the Inbox: the words of the runs' filter, over what waits and what was closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STATES: Final = ("open", "closed", "approved", "denied", "expired", "cancelled", "superseded", "doubt")


@dataclass(frozen=True, slots=True)
class GateFilter:
    """A state, a workflow (namespace/name), and text that is part of run, task, action, requester or id."""

    state: str | None = None
    workflow: str | None = None
    text: str = ""

    @classmethod
    def parse(cls, typed: str) -> GateFilter:
        """`closed`, `samples/release-notes`, any other words; in any order. A task's reference begins with `/`."""
        state = workflow = None
        text = []
        for word in typed.split():
            if word in STATES and state is None:
                state = word
            elif word.find("/") > 0 and workflow is None:
                workflow = word
            else:
                text.append(word.lower())
        return cls(state, workflow, " ".join(text))

    @property
    def empty(self) -> bool:
        return self == GateFilter()

    @property
    def past(self) -> bool:
        """Whether it is about gates that are closed."""
        return self.state not in (None, "open", "doubt")

    def fits(self, state: str, workflow: str, words: str) -> bool:
        """`state` is `open`, `doubt` or how a gate was closed; `words`, in small letters, what text is part of."""
        wanted = self.state in (None, state) or (self.state == "closed" and state not in ("open", "doubt"))
        return wanted and self.workflow in (None, workflow) and self.text in words

    def words(self) -> str:
        """The filter as one reads it."""
        parts = [self.state or "", self.workflow or "", f"“{self.text}”" if self.text else ""]
        return " ".join(part for part in parts if part)
