"""Facts that a run takes in before it decides anything: each keeps the meaning it had when it came."""

from __future__ import annotations

from typing import Any

import pytest

from reach_workbench.engine.compile import compile_document
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.engine.events import Event, Fact
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.state import State

HEAD = "document: { dsl: '1.0.3', namespace: tests, name: case, version: 1.0.0 }\n"


class Run:
    """A run whose facts are told one after the other, and decided about when asked."""

    def __init__(self, document: str) -> None:
        program = compile_document(HEAD + document, "case.yaml").program
        assert program is not None
        self.machine = Machine(State(program), InProcess())
        self.events: list[Event] = []
        self.tell(
            "workflow.created",
            {"run": "r", "program": program.digest, "workflow": {}, "input": 1, "seed": "s", "secrets": {}},
        )
        self.decide()

    def tell(self, type_: str, data: dict[str, Any]) -> None:
        self.events += self.machine.advance(Fact(type_, 1000, data), pause=lambda *_: True).events

    def decide(self) -> Run:
        self.events += self.machine.advance().events
        return self

    def fire(self, purpose: str) -> None:
        number = next(number for number, timer in self.machine.state.timers.items() if timer.purpose == purpose)
        self.tell("timer.fired", {"timer": number})

    def complete(self) -> None:
        self.tell("command.completed", {"command": next(iter(self.machine.state.commands)), "output": 2})

    def fail(self) -> None:
        error = {"type": "https://example.com/bad", "status": 418}
        self.tell("command.faulted", {"command": next(iter(self.machine.state.commands)), "error": error})

    @property
    def last(self) -> str:
        return self.events[-1].type

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.machine.state.error or {})


CALL = "do: [ { a: { call: 'f:1.0.0@python', timeout: { after: PT1S } } } ]"


@pytest.mark.parametrize("outcome", [Run.complete, Run.fail])
def test_an_outcome_after_the_timeout_comes_too_late(outcome: Any) -> None:
    run = Run(CALL)
    run.fire("timeout")
    outcome(run)
    assert run.decide().error["status"] == 408


def test_an_error_before_the_timeout_is_the_error() -> None:
    run = Run(CALL)
    run.fail()
    run.fire("timeout")
    assert run.decide().error["status"] == 418


def test_a_wait_that_ends_after_its_timeout_has_timed_out() -> None:
    run = Run("do: [ { a: { wait: PT1S, timeout: { after: PT1S } } } ]")
    run.fire("timeout")
    run.fire("wait")
    assert run.decide().error["status"] == 408


def test_a_cancellation_is_not_undone_by_a_timeout_after_it() -> None:
    run = Run("do: [ { a: { wait: PT1S } } ]\ntimeout: { after: PT1S }")
    run.tell("workflow.cancel-requested", {})
    run.fire("timeout")
    run.fire("wait")
    assert run.decide().last == "workflow.cancelled"


def test_a_race_that_is_won_is_not_lost_to_a_timeout_after_it() -> None:
    branches = "[ { a: { call: 'f:1.0.0@python' } }, { b: { wait: PT1H } } ]"
    run = Run(f"do: [ {{ f: {{ fork: {{ compete: true, branches: {branches} }}, timeout: {{ after: PT1S }} }} }} ]")
    run.complete()
    run.machine.advance(budget=1)  # the branch completes, and nothing more is decided
    run.fire("timeout")
    run.decide()
    assert (run.last, run.machine.state.output) == ("workflow.completed", 2)


def test_what_happens_to_a_branch_after_another_one_failed_changes_nothing() -> None:
    branches = "[ { a: { call: 'f:1.0.0@python' } }, { b: { call: 'g:1.0.0@python' } }, { c: { wait: PT1S } } ]"
    run = Run(f"do: [ {{ f: {{ fork: {{ branches: {branches} }} }} }} ]")
    run.fail()
    run.complete()
    run.fire("wait")
    assert run.decide().error["status"] == 418
    assert [event.type for event in run.events].count("workflow.faulted") == 1
