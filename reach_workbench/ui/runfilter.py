"""What is typed into the filter of the runs, as a question to the node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast, get_args

from reach_workbench.protocol.node_views import Status

STATUSES: Final[tuple[str, ...]] = get_args(Status)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A status, a workflow (namespace/name), and text that is part of an id or a workflow's name."""

    status: Status | None = None
    workflow: str | None = None
    text: str = ""

    @classmethod
    def parse(cls, typed: str) -> RunFilter:
        """`faulted`, `samples/release-notes`, any other words; in any order."""
        status: Status | None = None
        workflow: str | None = None
        text = []
        for word in typed.split():
            if word in STATUSES and status is None:
                status = cast(Status, word)
            elif "/" in word and workflow is None:
                workflow = word
            else:
                text.append(word)
        return cls(status, workflow, " ".join(text))

    @property
    def empty(self) -> bool:
        return self == RunFilter()

    def words(self) -> str:
        """The filter as one reads it."""
        parts = [self.status or "", self.workflow or "", f"“{self.text}”" if self.text else ""]
        return " ".join(part for part in parts if part)
