"""A home whose policy holds shell commands, and what the tests of its gates share."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.keys import sealed
from tests.bench.pseudoterminal import Pseudoterminal
from tests.cli.conftest import REACH, Answer, Reach, Running
from tests.unheld import VARIABLES

LEAVE = r"\[l\]eave it for later"
SHELL = "do: [{hello: {run: {shell: {command: %s}}}}, {done: {set: {finished: true}}}]"
FORM = (
    "do: [{ask: {call: 'approve:1.0.0@default', with: {title: Buy it?, form: {type: object, required: [amount],"
    " properties: {amount: {type: integer, maximum: 10}, why: {type: string}}}}}}, {end: {set: '${ {got: .} }'}}]"
)
PERMIT = '@id("all") permit(principal, action, resource);\n'
HOLD = PERMIT + '@id("shells") @gate("approval") %s forbid(principal, action == Action::"shell.run", resource);\n'

Write = Callable[..., Path]
Start = Callable[..., Running]
Until = Callable[[str], Any]


@pytest.fixture(autouse=True)
def builtin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The policy that users have, keys in a sealed file that costs nothing to open, and a person called ada."""
    for name in VARIABLES:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REACH_KEYS_BACKEND", "file")
    monkeypatch.setenv("REACH_KEYS_USER", "ada")
    monkeypatch.setenv("REACH_PASSPHRASE", "correct horse")
    monkeypatch.setattr(sealed, "OPS", 1)
    monkeypatch.setattr(sealed, "MEMORY", 8192)
    sealed.forget()
    yield
    sealed.forget()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target.txt"


@pytest.fixture
def held(reach: Reach, workflow: Write, target: Path) -> Callable[..., str]:
    """Runs a workflow that the policy holds, and returns the id of its gate."""

    def run(command: str = "") -> str:
        done = reach("run", workflow(SHELL % json.dumps(command or f"echo done >> {target}")), "--json")
        assert (done.code, done.json["status"]) == (4, "waiting")
        (gate,) = reach("gates", "--run", "last", "--json").json["gates"]
        return str(gate["id"])

    return run


@pytest.fixture
def known(home: Path, reach: Reach) -> None:
    """Ada's key is made, and the node knows it."""
    let_decide(home, "ada")


def let_decide(home: Path, name: str, *groups: str) -> None:
    import asyncio

    from reach_workbench.clock import SystemClock
    from reach_workbench.keys.keystore import KeyStore
    from reach_workbench.node.local import LocalNode
    from reach_workbench.settings import load

    settings = load(home)
    store = KeyStore.open(home, SystemClock(), settings=settings.keys)
    key = store.signing_key(name) if name in store.names() else store.create(name)

    async def add() -> None:
        node = await LocalNode.open(settings)
        try:
            await node.add_reviewer(name, b64encode(key.public).decode(), groups)
        finally:
            await node.close()

    asyncio.run(add())


def outcome(reach: Reach, gate: str) -> Any:
    return reach("gates", gate, "--json").json["outcome"]


# ------------------------------------------------------------ what is said


@pytest.fixture
def terminal(home: Path) -> Iterator[Callable[..., Pseudoterminal]]:
    opened: list[Pseudoterminal] = []

    def start(*words: str | Path, **variables: str) -> Pseudoterminal:
        environment = {**os.environ, "TERM": "xterm", "REACH_HOME": str(home), **variables}
        opened.append(Pseudoterminal([REACH, *words], environment, columns=200))
        return opened[-1]

    yield start
    for each in opened:
        each.__exit__()


def policy(home: Path, text: str) -> None:
    folder = home / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "local.cedar").write_text(text)


def assert_refused(answer: Answer, code: str, hint: str) -> None:
    """An error with that code, and with these words in its hint."""
    assert answer.code in (1, 2), answer
    assert f"  code: {code}\n" in answer.err, answer
    assert hint in answer.err.rpartition("hint:")[2], answer
