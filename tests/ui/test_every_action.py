"""No action without a test that performs it by its keys."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from reach_workbench.ui.keys import ACTIONS
from tests.ui.performing import PERFORMED


def test_every_action_of_the_key_table_is_performed_by_a_test() -> None:
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        import_module(f"tests.ui.{file.stem}")  # whichever of them are run just now
    assert [each.id for each in ACTIONS if each.id not in PERFORMED] == []
