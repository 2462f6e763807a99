"""A node helps an editor: completion, explanation, renaming and formatting through its door."""

from __future__ import annotations

import pytest

from reach_workbench.errors import BadInput, CompileError
from reach_workbench.protocol.authoring import Completion

TEXT = """\
document: { dsl: '1.0.3', namespace: tests, name: example, version: '1.0.0' }
do:
    - first:
        set: { x: 1 }
        then: second
    - second:
        ca
"""


def test_an_editor_is_helped_through_the_node(home, go):
    async def body():
        async with home.node() as node:
            found = await node.complete(TEXT, 7, 11)
            assert found[0] == Completion("call", "kind", "text", "call: ", 9, found[0].documentation), (
                "it replaces what is typed"
            )
            note = await node.explain(TEXT, 4, 10)
            assert note is not None
            assert (note.reference, note.line) == ("/do/0/first", 4)
            renamed = await node.rename(TEXT, "/do/1/second", "last")
            assert renamed == TEXT.replace("second", "last")
            with pytest.raises(BadInput):
                await node.rename(TEXT, "/do/1/second", "first")
            with pytest.raises(CompileError):
                await node.format(TEXT + "  ]")
            whole = TEXT.replace("        ca\n", "        wait: PT1S\n")
            formatted = await node.format(whole)
            assert "\n  - first:\n      set: { x: 1 }\n" in formatted
            assert (await node.compile(formatted, home.files / "x.yaml")).ok

    go(body)
