"""Whatever compiles a document heeds the settings for documents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import HEAD, PATIENCE, REACH, Reach

Write = Callable[..., Path]

LONG = "#" * 1_100_000 + "\n"
"""More than a document may have by default."""

FAULTY = """use: {secrets: [token]}
do:
  - only: {raise: {error: {type: about:blank, status: 500, detail: '${ $secrets.token }'}}}
"""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACH_LIMITS_DOCUMENT_BYTES", "2000000")


@pytest.mark.usefixtures("large")
def test_a_large_document_gets_its_secrets_and_shows_its_lines(
    reach: Reach, workflow: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACH_SECRET_TOKEN", "cucumber")
    file = workflow(FAULTY + LONG)
    assert reach("compile", file).code == 0
    done = reach("run", file, "--quiet")
    assert done.code == 1
    assert "secret-missing" not in done.err
    assert f"{file}:4" in done.err
    held = reach("run", file, "--step", "--json").json["id"]
    assert f"{file}:4" in reach("show", held).out


def test_the_words_of_its_expressions_are_bounded(
    reach: Reach, workflow: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workflow("do:\n  - only: {set: {a: '${ .a + .b }'}}\n")
    monkeypatch.setenv("REACH_LIMITS_DOCUMENT_WORDS", "3")
    assert reach("compile", file).code == 0
    monkeypatch.setenv("REACH_LIMITS_DOCUMENT_WORDS", "2")
    for command in ("compile", "run", "add"):
        (found,) = reach(command, file, "--json").json["diagnostics"]
        assert "limits.document_words" in found["message"]


@pytest.mark.usefixtures("large", "home")
def test_the_engine_heeds_them_too() -> None:
    source = HEAD + "do:\n  - only: {set: {a: 1}}\n"
    requests = [{"op": "compile", "source": source + LONG}, {"op": "compile", "source": source + LONG * 2}]
    done = subprocess.run(
        [REACH, "engine"],
        input="".join(json.dumps(each) + "\n" for each in requests),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    small, great = (json.loads(line)["ok"]["diagnostics"] for line in done.stdout.splitlines())
    assert small == []
    assert "limits.document_bytes" in great[0]["message"]
