"""An editor is helped in the same way through every door."""

from __future__ import annotations

import pytest

from reach_workbench.errors import BadInput, CompileError
from reach_workbench.protocol.authoring import Completion, Explanation
from reach_workbench.settings import Limits

from .conftest import Meet, Visit
from .doors import HEAD

WRITTEN = HEAD + (
    "do: # what is done\n"
    "    - first:\n"
    "        set: { x: 1, umlaut: 'Grüße, 世界 🌍' }\n"
    "        then: second\n"
    "    - second:\n"
    "        ca"
)
WHOLE = WRITTEN.removesuffix("ca") + "wait: PT1S\n"


def test_what_may_be_written_at_a_place(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        found = await visit.node.complete(WRITTEN, 7, 11)
        assert found[0] == Completion("call", "kind", "text", "call: ", 9, found[0].documentation)
        assert all(isinstance(each, Completion) for each in found)
        tasks = await visit.node.complete(WRITTEN.replace("then: second", "then: "), 5, 15)
        assert {"second", "end"} <= {each.label for each in tasks}
        assert list(await visit.node.complete(WRITTEN, 400, 1)) is not None

    meet(body)


def test_nothing_is_completed_in_what_is_too_large_for_a_document(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        text = WRITTEN + "\n#" + "x" * Limits().document_bytes
        assert list(await visit.node.complete(text, 7, 11)) == []
        assert await visit.node.explain(text, 4, 10) is None

    meet(body)


def test_what_stands_at_a_place_is_explained(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        note = await visit.node.explain(WRITTEN, 4, 10)
        assert isinstance(note, Explanation)
        assert (note.reference, note.line) == ("/do/0/first", 4)
        assert note.text
        assert await visit.node.explain("", 1, 1) is None

    meet(body)


def test_a_task_is_renamed_with_what_leads_to_it(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        assert await visit.node.rename(WHOLE, "/do/1/second", "last") == WHOLE.replace("second", "last")
        with pytest.raises(BadInput, match="first"):
            await visit.node.rename(WHOLE, "/do/1/second", "first")
        with pytest.raises(BadInput):
            await visit.node.rename(WHOLE, "/do/9/none", "any")

    meet(body)


def test_a_text_is_formatted_and_says_the_same(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        file = visit.place.files / "x.yaml"
        formatted = await visit.node.format(WHOLE)
        assert "\n  - first:\n      set: { x: 1, umlaut: 'Grüße, 世界 🌍' }\n" in formatted
        assert "# what is done" in formatted
        assert await visit.node.format(formatted) == formatted
        before, after = [await visit.node.compile(text, file) for text in (WHOLE, formatted)]
        assert before.ok and after.ok
        assert [task.reference for task in after.tasks] == [task.reference for task in before.tasks]
        with pytest.raises(CompileError) as refused:
            await visit.node.format(WHOLE + "  ]")
        assert refused.value.diagnostics

    meet(body)
