"""What the parts of a local node stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reach_workbench.clock import Clock
from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import ENDED
from reach_workbench.errors import CompileError, HomeReadOnly
from reach_workbench.node.views import run_view
from reach_workbench.protocol.node_views import RunView
from reach_workbench.runner.loading import compile_text
from reach_workbench.runner.runner import Runner
from reach_workbench.settings import Settings
from reach_workbench.storage.records import RunRecord
from reach_workbench.storage.store import Store

FOLLOW_SECONDS: Final = 0.1
"""How often it is looked for what another process has written."""


class Ground:
    """A home and whatever drives its runs. The parts of `LocalNode` are groups of the node's answers over it."""

    settings: Settings
    store: Store
    clock: Clock
    evaluator: Evaluator
    runner: Runner

    def _view(self, record: RunRecord) -> RunView:
        parent = self.store.read.run_by_key(record.forked_from).id if record.forked_from is not None else None
        children = () if record.status in ENDED else self.store.read.children(record.id)
        return run_view(record, parent, [self._view(child) for child in children if child.status not in ENDED])

    def _program(self, source: str, file: Path) -> Program:
        result = compile_text(source, str(file), self.settings.limits)
        if result.program is None:
            errors = [each for each in result.diagnostics if each.severity == "error"]
            count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
            raise CompileError(f"{file} has {count}", diagnostics=tuple(result.diagnostics))
        return result.program

    def _owner(self, what: str) -> None:
        if not self.store.writable:
            raise HomeReadOnly(
                f"can't {what}: this home is open for reading only",
                where=str(self.settings.home),
                hint="stop the process that owns the home, or use another home with --home",
            )
