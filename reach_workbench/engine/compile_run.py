"""The body of a run task: the process to start (dsl-reference.md, Run)."""

from __future__ import annotations

from typing import Final, Literal

from reach_workbench.engine.compile_access import described
from reach_workbench.engine.compile_session import Names, Session, Site, fold
from reach_workbench.engine.program import Run
from reach_workbench.engine.templates import Constant, Template
from reach_workbench.engine.tree import Place

_COMMANDS: Final = {
    "container": "container.run",
    "script": "script.run",
    "shell": "shell.run",
    "workflow": "workflow.run",
}

Result = Literal["stdout", "stderr", "code", "all", "none"]
_RESULTS: Final[dict[str, Result]] = {
    "stdout": "stdout",
    "stderr": "stderr",
    "code": "code",
    "all": "all",
    "none": "none",
}


def run(site: Site) -> Run:
    session, place = site.session, site.place
    awaited = place.get("await")
    waits = awaited is None or awaited.plain is not False
    result = place.get("return")
    if not waits and result is not None and result.text != "none":
        message = "a process that is not awaited returns nothing: the task's output is its input"
        session.findings.warning(result, "return-without-await", message, "remove 'return' or 'await: false'", key=True)
    wanted = _RESULTS.get(place.text_of("return", "stdout"), "stdout")
    for kind, command in _COMMANDS.items():
        process = place.get(kind)
        if process is not None:
            return Run(command, _process(session, process, kind, site.names), waits, wanted)
    return Run("shell.run", Constant({}), waits, wanted)  # the grammar has said that there is none


def _process(session: Session, place: Place, kind: str, names: Names) -> Template:
    members: list[tuple[str, Template]] = []
    for name, member in place.members():
        if kind == "script" and name == "code":
            # A script in JavaScript is full of ${ } that is its own.
            members.append((name, Constant(member.plain)))
        elif kind == "script" and name == "source":
            members.append((name, described(session, member, names)))
        elif name == "command" and kind in ("shell", "container"):
            members.append((name, session.template(member, names, "shell")))
        else:
            members.append((name, session.template(member, names)))
    return fold(members)
