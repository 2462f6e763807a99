"""Functions whose definition arrives while a run is going on (by URL or from a catalog)."""

from __future__ import annotations

from functools import lru_cache

from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.state import Frame, State
from reach_workbench.engine.values import Json


def function_task(state: State, caller: Frame) -> p.Task:
    """The task that a `function` frame calls; raises Fault("configuration") if its text does not compile."""
    body = caller.task.body if caller.task else None
    assert isinstance(body, p.CallFunction) and caller.task is not None
    if body.task is not None:
        return body.task
    resource: Json = state.resources[caller.result]
    return compile_fetched(resource["text"], body.name, caller.task.reference)


@lru_cache(maxsize=64)
def compile_fetched(text: str, name: str, reference: str) -> p.Task:
    """The task that a fetched `function.yaml` defines; its references start with the caller's."""
    from reach_workbench.engine.compile import compile_function

    compiled = compile_function(text, name, reference)
    if compiled.task is None:
        first = next(each for each in compiled.diagnostics if each.severity == "error")
        raise Fault(
            "configuration",
            f"the function {name} does not compile: line {first.line}: {first.message}",
            code="function-invalid",
        )
    return compiled.task
