"""A keyring that never answers: each command says so soon, Ctrl-C ends it, and a node neither stops nor stays."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Reach, Running

TASK = "do: [{one: {set: {n: 1}}}]"

Start = Callable[..., Running]


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """For every process that a test starts."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.keys.blocking.Silent")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("REACH_KEYS_WAIT_SECONDS", "600")


@pytest.mark.parametrize("backend", ["Silent", "Unmet"])
@pytest.mark.parametrize("words", [("export", "last"), ("key", "new", "ada"), ("reviewer", "add", "ada")])
def test_a_command_gives_up_and_says_what_to_do(
    reach: Reach, start: Start, workflow: Callable[..., Path], backend: str, words: tuple[str, ...]
) -> None:
    assert reach("run", workflow(TASK)).code == 0
    silent = f"tests.keys.blocking.{backend}"
    done = start(*words, "--json", REACH_KEYS_WAIT_SECONDS="0.2", PYTHON_KEYRING_BACKEND=silent).end()
    assert done.code == 1
    assert done.error["code"] == "keys-unavailable"
    assert "did not answer within 0.2 seconds" in done.error["message"]
    assert "REACH_KEYS_BACKEND=file" in done.error["hint"]


def test_whoever_waits_is_told_for_what_and_ctrl_c_ends_it(
    reach: Reach, start: Start, workflow: Callable[..., Path]
) -> None:
    assert reach("run", workflow(TASK)).code == 0
    waiting = start("export", "last")
    waiting.read_error_until("waiting for the keyring, 600 seconds at most: look for its dialog")
    waiting.signal(signal.SIGINT)
    assert waiting.end().code == 130


def test_a_node_goes_on_and_ends_while_its_keyring_is_silent(
    home: Path, reach: Reach, start: Start, workflow: Callable[..., Path]
) -> None:
    node = start("serve", REACH_AUDIT_CHECKPOINT_RECORDS="1")
    node.read_error_until("serving")
    for _ in range(3):
        assert reach("run", workflow(TASK)).code == 0
    assert reach("audit", "--json").json["records"]
    node.signal(signal.SIGINT)
    assert node.end().code == 0
    assert not (home / "checkpoints").exists()
