"""Which variables an expression may use, by where it stands (dsl.md, Runtime expression arguments)."""

from __future__ import annotations

from typing import Final, NamedTuple

WORKFLOW_INPUT: Final = frozenset({"secrets", "workflow", "runtime"})
WORKFLOW: Final = WORKFLOW_INPUT | {"context"}
"""For the workflow's output and timeout."""

BEFORE_INPUT: Final = frozenset({"context", "secrets", "task", "workflow", "runtime"})
"""For `if` and `input.from`, which see the raw input."""

DEFINITION: Final = BEFORE_INPUT | {"input", "authorization"}
EXPORT: Final = DEFINITION | {"output"}
ARGUMENTS: Final = EXPORT
"""All runtime expression arguments."""


class Ground(NamedTuple):
    """What surrounds a block of tasks.

    `variables` are those that loops, caught errors and event iterators around it have defined.
    `extended`: whether extensions apply to its tasks, which are then not part of one themselves.
    """

    variables: frozenset[str] = frozenset()
    extended: bool = True

    def knowing(self, *names: str) -> Ground:
        """The ground below a loop or a catch that defines `names`."""
        return self._replace(variables=self.variables | set(names))

    @property
    def before_input(self) -> frozenset[str]:
        return BEFORE_INPUT | self.variables

    @property
    def definition(self) -> frozenset[str]:
        return DEFINITION | self.variables

    @property
    def export(self) -> frozenset[str]:
        return EXPORT | self.variables
