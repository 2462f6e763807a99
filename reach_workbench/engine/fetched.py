"""Functions whose definition arrives while a run is going on (by URL or from a catalog)."""

from __future__ import annotations

from functools import lru_cache

from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json


def function_task(caller: p.Task, resources: dict[str, Json], uri: str) -> p.Task:
    """The task that the `function` task `caller` calls, fetched from `uri` if it is none of the document's.

    Raises Fault("configuration") if its text does not compile.
    """
    body = caller.body
    assert isinstance(body, p.CallFunction)
    if body.task is not None:
        return body.task
    return compile_fetched(resources[uri]["text"], body.name, caller.reference)


@lru_cache(maxsize=1024)
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
