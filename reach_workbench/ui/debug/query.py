"""What is typed into find and filter, as a query."""

from __future__ import annotations

from reach_workbench.protocol.debugging import Query

HINT = "text, type:task.faulted, task:/do/0/pay"


def parse(typed: str) -> Query:
    """Words `type:…` and `task:…` narrow the types and the task; all other words are the text to look for."""
    types: list[str] = []
    task = None
    words = []
    for word in typed.split():
        name, _, value = word.partition(":")
        if name == "type" and value:
            types += [each for each in value.split(",") if each]
        elif name == "task" and value:
            task = value
        else:
            words.append(word)
    return Query(" ".join(words), tuple(types), task)
