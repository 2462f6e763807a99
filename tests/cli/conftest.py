"""The command line as people use it: in this process where that is quicker, as its own process where it matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.cli.main import main
from tests.keys.keyrings import memory_ring, quick_derivation

__all__ = ["memory_ring", "quick_derivation"]

REACH = Path(sys.executable).with_name("reach")
PATIENCE = 20.0
"""Seconds that anything here may take at most."""

HEAD = "document: {dsl: '1.0.3', namespace: test, name: sample, version: '1.0.0'}\n"


@dataclass
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return self.json["error"]


Reach = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and the current folder beside it."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REACH_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def reach(home: Path, capsys: pytest.CaptureFixture[str]) -> Reach:
    """Carries out one command line in this process."""

    def run(*words: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return run


@pytest.fixture
def workflow(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workflow with the given tasks (YAML, from `do:` on) and returns its file."""

    def write(body: str, name: str = "sample.yaml") -> Path:
        file = tmp_path / name
        file.write_text(HEAD + body, "utf-8")
        return file

    return write


class Running:
    """A `reach` process of the test's own; it is ended, by its id, when the test is over."""

    def __init__(self, words: tuple[str, ...], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(REACH), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def read_error_until(self, word: str) -> str:
        """Standard error up to the line with that word."""
        assert self._process.stderr is not None
        seen = ""
        for line in self._process.stderr:
            seen += line
            if word in line:
                return seen
        raise AssertionError(f"it ended without saying {word!r}: {seen}")

    def end(self) -> Answer:
        out, err = self._process.communicate(timeout=PATIENCE)
        return Answer(self._process.returncode, out, err)

    def abandon(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Running]]:
    """Starts the installed `reach` with the home of the test."""
    started: list[Running] = []

    def run(*words: str | Path, **variables: str) -> Running:
        process = Running(tuple(str(word) for word in words), {**os.environ, **variables})
        started.append(process)
        return process

    yield run
    for process in started:
        process.abandon()


@pytest.fixture
def until(reach: Reach) -> Callable[[str], Any]:
    """Waits until the last run has a status, and returns the run."""

    def wait(status: str) -> Any:
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            found = reach("show", "last", "--json")
            if found.code == 0 and found.json["status"] == status:
                return found.json
            time.sleep(0.05)
        raise AssertionError(f"never {status}: {found}")

    return wait
