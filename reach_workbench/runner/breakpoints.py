"""The node's breakpoints while it runs: compiled, counted, and told to the runs that are driven.

They are stored (`storage.tables.Breakpoint`), so a restart finds them again. What they are is said in
`protocol.debugging.Breakpoint`; where they hold a run is decided in `runner.traps`.
"""

from __future__ import annotations

from dataclasses import fields, replace

from reach_workbench.engine.expression_texts import compile_condition, compile_template
from reach_workbench.engine.expressions import ExpressionSyntaxError
from reach_workbench.engine.templates import Expression, Template
from reach_workbench.protocol.debugging import Breakpoint
from reach_workbench.storage.records import LOCAL_TENANT, BreakpointRecord
from reach_workbench.storage.store import Store


class Point:
    """One breakpoint with its compiled expressions. `count` and `problem` are as of now, not as stored."""

    __slots__ = ("breakpoint", "condition", "count", "log", "problem")

    def __init__(self, breakpoint: Breakpoint) -> None:
        self.breakpoint = breakpoint
        self.count = breakpoint.count
        self.problem = breakpoint.problem
        self.condition: Expression | None = None
        self.log: Template | None = None
        if breakpoint.condition is not None:
            self.condition = compile_condition(breakpoint.condition)
        if breakpoint.log is not None:
            self.log = compile_template(breakpoint.log) if "${" in breakpoint.log else compile_condition(breakpoint.log)

    @property
    def view(self) -> Breakpoint:
        return replace(self.breakpoint, count=self.count, problem=self.problem)


class Breakpoints:
    """All of a node's breakpoints. `version` changes with each of them, so that a run knows to look again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._points: dict[str, Point] | None = None
        self.version = 0

    @property
    def points(self) -> dict[str, Point]:
        """By id, the oldest first. One whose expressions this version can't compile is there, and disabled."""
        if self._points is None:
            self._points = {record.id: _point(record) for record in self._store.read.breakpoints()}
        return self._points

    def watching(self, workflow: str, run: str) -> tuple[Point, ...]:
        """Those that may hold this run; `workflow` is its namespace/name."""
        found = []
        for point in self.points.values():
            terms = point.breakpoint
            if terms.enabled and terms.workflow in (None, workflow) and terms.run in (None, run):
                found.append(point)
        return tuple(found)

    def put(self, breakpoint: Breakpoint) -> Point:
        """Add it, or change the one with its id. Raises ExpressionSyntaxError."""
        point = self.points[breakpoint.id] = Point(breakpoint)
        self.version += 1
        return point

    def drop(self, id: str) -> None:
        """Raises KeyError when there is none with that id."""
        del self.points[id]
        self.version += 1


def record_of(breakpoint: Breakpoint, created_at: int) -> BreakpointRecord:
    """The row that keeps it."""
    columns = {field.name: getattr(breakpoint, field.name) for field in fields(breakpoint)}
    kind = columns.pop("on")
    return BreakpointRecord(**columns, kind=kind, tenant=LOCAL_TENANT, created_at=created_at)


def breakpoint_of(record: BreakpointRecord) -> Breakpoint:
    """What a row keeps."""
    columns = {name: getattr(record, name) for name in BreakpointRecord.__slots__}
    del columns["tenant"], columns["created_at"]
    return Breakpoint(on=columns.pop("kind"), **columns)


def _point(record: BreakpointRecord) -> Point:
    breakpoint = breakpoint_of(record)
    try:
        return Point(breakpoint)
    except ExpressionSyntaxError as wrong:
        bare = Point(replace(breakpoint, condition=None, log=None, problem=wrong.message))
        bare.breakpoint = replace(breakpoint, enabled=False)
        return bare
