"""Archives: a run that is carried away, looked at without its store, and brought back."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from reach_workbench.engine.canonical import canonical
from reach_workbench.errors import ArchiveError, ArchiveNewer, RunStateError
from tests.tamper.forging import members_of, stated, write

DATA = Path(__file__).parent.parent / "data"

BODY = "do: [{a: {set: {n: 1}}}, {loop: {for: {in: '${ [1, 2, 3] }'}, do: [{b: {set: {n: '${ .n + $item }'}}}]}}]"


def _rewrite(file, name, change, *, stated_anew=True):
    """Change a member, as by somebody who knows the format; nothing is signed."""
    members = members_of(file)
    members[name] = change(members[name])
    write(file, stated(members) if stated_anew else members)


def test_an_archive_verifies_and_shows_its_states_without_the_store(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file, unsigned=True)
            states = [(await node.state(run.id, at)).data for at in range(1, run.seq + 1)]
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            found = await node.verify(str(file))
            assert (found.ok, found.digest, found.events) == (True, run.digest, run.seq)
            assert [(await node.state(str(file), at)).data for at in range(1, run.seq + 1)] == states

    go(body)


def test_an_imported_run_is_the_same_run(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            fork = await node.wait((await node.fork(run.id, 8, edits={"/data/n": 10})).id)
            await node.export(fork.id, file, unsigned=True)
            with pytest.raises(RunStateError, match="in this home already"):
                await node.import_(file)
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            came = await node.import_(file)
            assert (came.id, came.digest, came.output, came.status) == (fork.id, fork.digest, fork.output, "completed")
            assert (await node.verify(fork.id)).ok
            assert came.forked_from == run.id

    go(body)


def test_the_same_run_gives_the_same_bytes(home, go):
    async def body():
        async with home.node() as node:
            run = await home.run(node, BODY)
            for name in ("one", "two"):
                await node.export(run.id, home.folder / name, unsigned=True)
        assert (home.folder / "one").read_bytes() == (home.folder / "two").read_bytes()

    go(body)


@pytest.mark.parametrize("seq", [1, 4, 9])
def test_a_changed_event_is_named(home, go, seq):
    def change(lines):
        rows = lines.splitlines(keepends=True)
        row = json.loads(rows[seq - 1][65:])
        row[3] += 1
        rows[seq - 1] = rows[seq - 1][:65] + json.dumps(row, separators=(",", ":")).encode() + b"\n"
        return b"".join(rows)

    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file, unsigned=True)
            _rewrite(file, "events.ndjson", change)
            found = await node.verify(str(file))
            assert (found.ok, found.problem, found.seq) == (False, "damaged", seq)

    go(body)


def test_an_archive_that_lost_its_tail_or_its_workflow_is_found_out(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file, unsigned=True)
            _rewrite(file, "events.ndjson", lambda lines: b"".join(lines.splitlines(keepends=True)[:-2]))
            found = await node.verify(str(file))
            assert (found.ok, found.message) == (False, f"2 events are missing after event {run.seq - 2}")
            await node.export(run.id, file, unsigned=True)
            _rewrite(file, "workflow-0.yaml", lambda text: text.replace(b"n: 1", b"n: 2"))
            assert "not the one the run was recorded with" in (await node.verify(str(file))).message
            with pytest.raises(ArchiveError, match="not the one the run was recorded with"):
                await node.state(str(file))

    go(body)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_what_is_no_archive_is_refused(home, go, content):
    async def body():
        file = home.folder / "some.reach"
        file.write_bytes(content)
        async with home.node() as node:
            with pytest.raises(ArchiveError):
                await node.import_(file)

    go(body)


LISTENS = "do: [{a: {set: {n: 1}}}, {hear: {listen: {to: {one: {with: {type: a.b}}}}}}]"


@pytest.mark.parametrize("what", ["waiting", "held", "suspended"])
def test_a_run_that_has_not_ended_goes_on_where_it_was_imported(home, go, what):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS, hold=what == "held"))).id
            if what == "suspended":
                await node.suspend(run)
            while (await node.run(run)).status != what:
                await asyncio.sleep(0.001)
            await node.export(run, file, unsigned=True)
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            assert (await node.import_(file)).status == "suspended"
            assert await node.recover() == []
            await node.resume(run)
            while (await node.run(run)).status != "waiting":
                await asyncio.sleep(0.001)
            await node.publish({"type": "a.b", "data": 2})
            assert (await node.wait(run)).output == [2]
            assert (await node.verify(run)).ok

    go(body)


def test_an_imported_run_wants_its_secrets(home, go):
    body_ = "use: {secrets: [token]}\n" + LISTENS

    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = (await node.start(home.request(body_, secrets={"token": "x"}))).id
            await node.export(run, file, unsigned=True)
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            await node.import_(file)
            with pytest.raises(RunStateError, match="token"):
                await node.resume(run)
            await node.resume(run, secrets={"token": "x"})
            await node.publish({"type": "a.b", "data": 2})
            assert (await node.wait(run)).output == [2]

    go(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest | {"segments": [manifest["segments"][0] | {"last": 3}]},
        lambda manifest: manifest | {"events": 3},
        lambda manifest: manifest | {"run": "someone-elses"},
        lambda manifest: manifest | {"segments": []},
    ],
)
def test_an_archive_whose_manifest_lies_is_refused(home, go, change):
    def rewrite(text):
        return canonical(change(json.loads(text)))

    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
            while (await node.run(run)).status != "waiting":
                await asyncio.sleep(0.001)
            await node.export(run, file, unsigned=True)
            _rewrite(file, "manifest.json", rewrite, stated_anew=False)
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            with pytest.raises(ArchiveError):
                await node.import_(file)
            assert await node.runs() == []

    go(body)


def test_an_archive_of_version_1_is_verified_looked_at_and_imported(home, go):
    async def body():
        file = DATA / "archive-1-forked.reach"
        async with home.node() as node:
            found = await node.verify(str(file))
            assert (found.ok, found.events, found.signer) == (True, 18, None)
            assert "UNSIGNED" in found.steps[0].message
            assert (await node.state(str(file), found.events)).data == {"n": 16}
            came = await node.import_(file)
            assert (came.digest, came.status, came.output) == (found.digest, "completed", {"n": 16})
            assert (await node.verify(came.id)).ok

    go(body)


def test_a_run_of_an_archive_of_version_1_goes_on(home, go):
    async def body():
        async with home.node() as node:
            came = await node.import_(DATA / "archive-1-waiting.reach")
            assert came.status == "suspended"
            await node.resume(came.id, secrets={"token": "x"})
            while (await node.run(came.id)).status != "waiting":
                await asyncio.sleep(0.001)
            await node.publish({"type": "a.b", "data": 2})
            assert (await node.wait(came.id)).output == [2]

    go(body)


def test_a_format_that_is_not_known_says_to_update(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file, unsigned=True)
            members = members_of(file)
            members["manifest.json"] = members["manifest.json"].replace(b'"format":2', b'"format":3')
            write(file, {**members, "something-new": b"x"})
            with pytest.raises(ArchiveNewer, match="format 3"):
                await node.verify(str(file))
            shutil.copy(DATA / "archive-1-forked.reach", file)
            old = members_of(file)
            old["manifest.json"] = old["manifest.json"].replace(b'"format": 1', b'"format": 9')
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
                for name, content in old.items():
                    bundle.writestr(name, content)
            with pytest.raises(ArchiveNewer, match="format 9"):
                await node.import_(file)

    go(body)
