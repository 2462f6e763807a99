"""`call: approve:1.0.0@default`: a step at which a run waits until people have approved.

It is a function of the default catalog (dsl.md, Catalogs), so a document that uses it stays portable: another engine
needs no more than a function of that name in its own default catalog.
"""

from __future__ import annotations

from typing import Final

from reach_workbench.engine.approving import ARGUMENTS, COMMAND, flaw
from reach_workbench.engine.compile_session import Session
from reach_workbench.engine.grammar import guess
from reach_workbench.engine.program import Call
from reach_workbench.engine.templates import Constant, Template
from reach_workbench.engine.tree import Place

NAME: Final = "approve"
VERSION: Final = "1.0.0"


def approve(session: Session, arguments: Place | None, given: Template | None, place: Place) -> Call:
    """The call, its arguments checked as far as they stand in the document."""
    if arguments is None or arguments.get("title") is None:
        session.findings.error(
            place, "missing-property", "an approval needs a title", "with: {title: Pay the invoice?}"
        )
    for name, member in arguments.members() if arguments is not None else ():
        if name not in ARGUMENTS:
            session.findings.error(
                member, "unknown-property", f"an approval has no argument {name!r}", guess(name, list(ARGUMENTS))
            )
            continue
        text = member.text
        if text is not None and "${" in text:
            continue  # known once the run is there
        wrong = flaw(name, member.plain)
        if wrong is not None:
            session.findings.error(member, "wrong-value", wrong, ARGUMENTS[name])
    return Call(COMMAND, given if given is not None else Constant({}))
