"""The screen hands a run what this machine keeps for it, and asks for the passphrase where that is sealed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from reach_workbench.cli.keyreviewer import KeptSecrets
from reach_workbench.clock import SystemClock
from reach_workbench.errors import KeysLocked
from reach_workbench.keys import sealed
from reach_workbench.keys.keystore import KeyStore
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Keys
from tests.keys import keyrings
from tests.ui.conftest import HEAD, Place
from tests.ui.writing import TEXT, Go, writing

quick_derivation = keyrings.quick_derivation
pytestmark = pytest.mark.usefixtures("quick_derivation")

CANARY = "canary-3f7c-do-not-show"
SECRET = TEXT.replace("do:\n", "use: { secrets: [token] }\ndo:\n", 1)
COUNTS = """use: { secrets: [token] }
do:
  - count: { run: { shell: { command: '${ "printf %s " + $secrets.token + " | wc -c" }' } } }
"""


def store(place: Place, ask: Callable[[], str | None]) -> KeyStore:
    return KeyStore.open(place.folder / "home", SystemClock(), passphrase=ask, settings=Keys(backend="file"))


def keep(place: Place) -> None:
    store(place, lambda: "words").keep_secret("token", CANARY)
    sealed.forget()


def test_a_kept_secret_need_not_be_typed_but_unlocked(place: Place, go: Go) -> None:
    keep(place)

    async def body() -> None:
        async with place.node() as node:
            async with writing(place, node, SECRET, kept=lambda ask: KeptSecrets(store(place, ask))) as (desk, _):
                await desk.press("ctrl+r")
                await desk.until_screen("RunForm")
                assert "kept on this machine" in desk.shown()
                await desk.press("ctrl+r")
                await desk.until_screen("AskText")
                await desk.press(*"words")
                assert desk.app.screen.query_one(Input).value == "words"
                assert "words" not in desk.shown()
                await desk.press("enter")
                await desk.until(lambda: desk.app.run_id)
                run = await node.wait(desk.app.run_id or "")
                first = (await node.page(run.id, 1, 1)).events[0].data
                assert first is not None and list(first["secrets"]) == ["token"]
            assert CANARY not in desk.app.session.file.read_text("utf-8")

    go(body)


def test_a_wrong_passphrase_and_leaving_start_no_run(place: Place, go: Go) -> None:
    keep(place)

    async def body() -> None:
        async with (
            place.node() as node,
            writing(place, node, SECRET, kept=lambda ask: KeptSecrets(store(place, ask))) as (desk, _),
        ):
            for keys, words in ((("x", "enter"), "the passphrase is wrong"), (("escape",), "no passphrase")):
                await desk.press("ctrl+r")
                await desk.until_screen("RunForm")
                await desk.press("ctrl+r")
                await desk.until_screen("AskText")
                await desk.press(*keys)
                await desk.until(lambda words=words: any(words in each.message for each in desk.app._notifications))
            assert list(await node.runs()) == []

    go(body)


def test_a_run_that_lacks_its_secrets_gets_the_kept_ones(place: Place, go: Go) -> None:
    keep(place)
    held_by_nothing = {"policy": {"file": str(Path(__file__).parents[1] / "data/open.cedar")}}
    (place.folder / "home" / "config.json").write_text(json.dumps(held_by_nothing), "utf-8")

    async def body() -> None:
        async with place.node() as node:
            file = place.workspace / "counts.yaml"
            text = HEAD.format(name="counts") + COUNTS
            run = await node.start(StartRun(text, file, secrets={"token": CANARY}, hold=True))
            await node.wait(run.id)
        async with place.node() as node, place.desk(node, kept=lambda ask: KeptSecrets(store(place, ask))) as desk:
            # This node has never heard of the secret.
            keeper = desk.app.keeper
            asked = desk.app.run_worker(
                keeper.given(node, run.id, lambda secrets: node.resume(run.id, secrets=secrets))
            )
            await desk.until_screen("AskText")
            await desk.press(*"words", "enter")
            await asked.wait()
            ended = await node.wait(run.id)
            assert int(ended.output) == len(CANARY)

    go(body)


def test_without_a_place_to_keep_them_nothing_is_asked(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node) as desk:
            assert desk.app.keeper.names() == frozenset()
            assert await desk.app.keeper.secrets(("token",)) == {}

    go(body)


def test_a_workbench_that_is_left_keeps_nobody_waiting_for_a_passphrase(place: Place, go: Go) -> None:
    keep(place)

    async def body() -> None:
        async with place.node() as node:
            async with place.desk(node, kept=lambda ask: KeptSecrets(store(place, ask))) as desk:
                asked = asyncio.ensure_future(desk.app.keeper.secrets(("token",)))
                await desk.until_screen("AskText")
                desk.app.exit()
            with pytest.raises(KeysLocked):
                await asked

    go(body)
