"""Whole documents: ours, the project's samples, and the specification's own where they are at hand."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from reach_workbench.engine.compile import compile_document

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data/compile"
SPECIFICATION = ROOT.parent / "shared/conformance"
VALID = [*sorted((DATA / "valid").iterdir()), *sorted((ROOT / "workflows").glob("*.yaml"))]
INVALID = sorted((DATA / "invalid").iterdir())


def named(files: list[Path]) -> list[object]:
    return [pytest.param(file, id=file.name) for file in files]


@pytest.mark.parametrize("file", named([*VALID, *sorted((SPECIFICATION / "examples").glob("*.yaml"))]))
def test_a_valid_document_compiles_without_a_word(file: Path) -> None:
    compilation = compile_document(file.read_text("utf-8"), file.name)
    assert [str(each) for each in compilation.diagnostics] == []
    assert compilation.program is not None
    assert compilation.program.tasks


@pytest.mark.parametrize("file", named(INVALID))
def test_an_invalid_document_is_refused_where_it_says(file: Path) -> None:
    text = file.read_text("utf-8")
    wanted = [
        (line, mark[1])
        for line, each in enumerate(text.splitlines(), 1)
        if (mark := re.search(r"# refused: (.+)$", each))
    ]
    compilation = compile_document(text, file.name)
    assert compilation.program is None
    assert [(each.line, each.code) for each in compilation.diagnostics] == wanted


@pytest.mark.skipif(not SPECIFICATION.is_dir(), reason="the specification's documents are not here")
@pytest.mark.parametrize(
    ("file", "places"),
    [
        ("extra-property-in-call.yaml", [(12, 7, "unknown-property")]),
        ("listen-any-until-any-until.yaml", [(7, 1, "duplicate-key"), (14, 13, "unknown-property")]),
        ("two-tasks-in-one-item.yaml", [(12, 5, "several-in-item")]),
    ],
)
def test_the_specifications_invalid_documents_are_refused_at_their_line(
    file: str, places: list[tuple[int, int, str]]
) -> None:
    text = (SPECIFICATION / "invalid" / file).read_text("utf-8")
    compilation = compile_document(text, file)
    assert compilation.program is None
    assert [(each.line, each.column, each.code) for each in compilation.diagnostics] == places


def test_a_document_compiles_in_moments() -> None:
    """A hundred tasks in well under a second: the bench has the exact figure."""
    head = "document: {dsl: '1.0.3', namespace: t, name: n, version: '0.1.0'}\ndo:\n"
    task = """- task{0}:
    if: .enabled
    call: http
    with: {{method: get, endpoint: 'https://example.com/{{id}}', headers: {{a: '${{ .token }}'}}, body: {{n: {0}}}}}
    output: {{as: .content}}
"""
    text = head + "".join(task.format(number) for number in range(100))
    start = time.perf_counter()
    assert compile_document(text, "w.yaml").program is not None
    assert time.perf_counter() - start < 1
