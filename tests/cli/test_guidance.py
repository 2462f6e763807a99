"""What the command line says to somebody who is stuck: what keeps a run from going on, and what to do."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Reach, Running

LISTEN = """
do:
  - approval:
      listen:
        to: { one: { with: { type: com.example.approved, source: /finance } } }
  - done: { set: { by: '${ .[0].by }' } }
"""
ASK = ("--type", "com.example.approved", "--source", "/finance", "--data", '{"by": "money"}')

Write = Callable[..., Path]
Start = Callable[..., Running]
Until = Callable[[str], Any]


def test_an_event_for_a_suspended_run_is_refused_with_the_way_to_resume_it(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN), "--json")
    run = until("waiting")["id"]
    process.signal(signal.SIGINT)
    assert process.end().code == 4
    shown = reach("show", "last").out
    assert f"resume it first (reach resume {run}), then answer with: reach publish" in shown
    done = reach("publish", *ASK)
    assert done.code == 1
    assert f"run {run} would wait for it at /do/0/approval, but is suspended" in done.err
    assert f"reach resume {run}" in done.err


def test_an_event_that_a_filter_turned_down_is_refused_with_what_the_filter_asks_for(
    reach: Reach, start: Start, workflow: Write, until: Until
) -> None:
    process = start("run", workflow(LISTEN), "--json")
    until("waiting")
    done = reach("publish", "--type", "com.example.approved", "--source", "/desk")
    assert "waits for this type at /do/0/approval, but its filter did not fit" in done.err
    assert "source /finance" in done.err
    other = reach("publish", "--type", "com.example.other")
    assert "approval" not in other.err
    assert reach("publish", *ASK).code == 0
    assert process.end().code == 0
