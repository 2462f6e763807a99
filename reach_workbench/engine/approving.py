"""What a step of a workflow that asks for an approval may say: `call: approve:1.0.0@default`."""

from __future__ import annotations

from typing import Final, NamedTuple

from reach_workbench.engine.durations import milliseconds
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.schemas import validate
from reach_workbench.engine.values import Json

COMMAND: Final = "human.approve"
"""The kind of its command: performed by nobody, it is completed when its gate is approved."""

ARGUMENTS: Final = {
    "title": "what is to be approved, in a line; required",
    "details": "whatever helps to decide: any value, shown whole",
    "groups": "an array of groups: one of each must be among those who approve",
    "quorum": "how many people must approve; 1 if absent",
    "self": "whether the requester may approve, too; if absent, where neither groups nor a quorum are asked for",
    "expires": "a duration after which nobody can decide any more; the task then faults with a timeout",
    "risk": "`high` asks reviewers for more care; `normal` if absent",
    "form": "a JSON Schema of an object: its fields are filled in by who approves, and are the task's output",
}


class Asked(NamedTuple):
    """What lifts the gate of an approval step. `expires_ms` counts from when it is opened."""

    quorum: int
    groups: tuple[str, ...]
    self_approval: bool
    expires_ms: int | None
    high_risk: bool


def asked(arguments: Json) -> Asked:
    """What an approval step asks for. Raises Fault("validation") for arguments that make no sense."""
    given = arguments if isinstance(arguments, dict) else {}
    if "title" not in given:
        raise Fault("validation", "an approval needs a title", code="approval-arguments")
    for name, value in given.items():
        if name not in ARGUMENTS:
            raise Fault("validation", f"an approval has no argument {name!r}", code="approval-arguments")
        if (wrong := flaw(name, value)) is not None:
            raise Fault("validation", wrong, code="approval-arguments")
    groups, quorum = tuple(given.get("groups", ())), int(given.get("quorum", 1))
    expires = milliseconds(given["expires"]) if "expires" in given else None
    alone = not groups and quorum == 1
    return Asked(quorum, groups, bool(given.get("self", alone)), expires, given.get("risk") == "high")


def check_answer(arguments: dict[str, Json], answer: Json) -> None:
    """Whether what a reviewer filled in fits the form. Raises Fault("validation")."""
    form = arguments.get("form")
    if form is not None:
        validate(form, answer, "the answer")
    elif answer is not None:
        raise Fault("validation", "this approval has no form to fill in")


def flaw(name: str, value: object) -> str | None:
    """What is wrong with an argument's value; None when it can be so."""
    match name:
        case "title":
            good = isinstance(value, str) and bool(value.strip())
        case "groups":
            good = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
        case "quorum":
            good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
        case "self":
            good = isinstance(value, bool)
        case "risk":
            good = value in ("normal", "high")
        case "form":
            good = isinstance(value, dict)
        case "expires":
            try:
                good = milliseconds(value) > 0
            except Fault:
                good = False
        case _:
            good = True
    return None if good else f"{name} can't be {value!r}"
