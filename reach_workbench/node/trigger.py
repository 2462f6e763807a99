"""Which CloudEvents start a workflow: `schedule.on`, weighed just as a `listen` task weighs them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reach_workbench.engine.evaluator import Evaluator
from reach_workbench.engine.events import Fact
from reach_workbench.engine.listening import offer
from reach_workbench.engine.machine import Machine
from reach_workbench.engine.program import Program
from reach_workbench.engine.state import State
from reach_workbench.engine.values import Json
from reach_workbench.errors import ReachError
from reach_workbench.runner.loading import compiled


class Trigger:
    """A `listen` with the strategy of `rule` ({on, read?}), which hears one CloudEvent after the other.

    `collected` are those taken so far towards the next start.
    """

    def __init__(
        self, program: Program, rule: dict[str, Json], evaluator: Evaluator, collected: Sequence[dict[str, Json]] = ()
    ) -> None:
        self._program = program
        self._listener = compiled(_document(program, rule), "schedule.yaml")
        self._evaluator = evaluator
        self.collected: list[dict[str, Json]] = []
        self._machine = self._listening()
        for event in collected:
            self.hear(event, 0)

    def hear(self, event: dict[str, Json], at: int) -> list[Json] | None:
        """What the workflow's input is when this event starts it, else None. May take as long as an expression may."""
        facts = offer(self._machine, event, at)
        if not facts:
            return None
        for fact in facts:
            advance = self._machine.advance(fact)
            while advance.more:
                advance = self._machine.advance()
        state = self._machine.state
        if state.phase == "completed":
            self._clear()
            return list(state.output)
        if state.ended:  # what can't be evaluated takes no event
            kept = self.collected
            self._clear()
            for each in kept:
                self.hear(each, 0)
            return None
        if any(fact.type == "event.consumed" for fact in facts):
            self.collected.append(event)
        return None

    def _clear(self) -> None:
        self.collected = []
        self._machine = self._listening()

    def _listening(self) -> Machine:
        machine = Machine(State(self._listener), self._evaluator)
        program = self._program
        told: dict[str, Json] = {
            "run": "",
            "program": self._listener.digest,
            "workflow": {"namespace": program.namespace, "name": program.name, "version": program.version},
            "input": None,
            "seed": "",
            "secrets": {},
            "limits": {},
            "runtime": {"name": "reach"},
        }
        machine.advance(Fact("workflow.created", 0, told))
        if not machine.state.listeners:
            raise ReachError(f"the schedule of {program.namespace}/{program.name} waits for no event")
        return machine


def _document(program: Program, rule: dict[str, Json]) -> str:
    listen: dict[str, Json] = {"to": rule["on"]}
    if "read" in rule:
        listen["read"] = rule["read"]
    document: dict[str, Json] = {
        "document": {
            "dsl": "1.0.3",
            "namespace": program.namespace,
            "name": program.name,
            "version": program.version,
        },
        "do": [{"on": {"listen": listen}}],
    }
    if program.secrets:
        document["use"] = {"secrets": list(program.secrets)}
    return json.dumps(document)
