"""Archives: a run that is carried away, looked at without its store, and brought back."""

from __future__ import annotations

import asyncio
import json
import zipfile

import pytest

from reach_workbench.errors import ArchiveError, RunStateError

BODY = "do: [{a: {set: {n: 1}}}, {loop: {for: {in: '${ [1, 2, 3] }'}, do: [{b: {set: {n: '${ .n + $item }'}}}]}}]"


def _rewrite(file, name, change):
    with zipfile.ZipFile(file) as bundle:
        members = {each: bundle.read(each) for each in bundle.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(file, "w") as bundle:
        for each, content in members.items():
            bundle.writestr(each, content)


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
        rows = lines.splitlines()
        row = json.loads(rows[seq - 1])
        row[2] += 1
        rows[seq - 1] = json.dumps(row).encode()
        return b"\n".join(rows)

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
            _rewrite(file, "events.ndjson", lambda lines: b"\n".join(lines.splitlines()[:-2]))
            found = await node.verify(str(file))
            assert (found.ok, found.message) == (False, f"2 events are missing after event {run.seq - 2}")
            await node.export(run.id, file, unsigned=True)
            _rewrite(file, "workflow-0.yaml", lambda text: text.replace(b"n: 1", b"n: 2"))
            with pytest.raises(ArchiveError, match="not the one the run was recorded with"):
                await node.verify(str(file))

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


def test_what_the_manifest_says_of_the_status_is_not_believed(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
            await node.export(run, file, unsigned=True)
            _rewrite(file, "manifest.json", lambda text: json.dumps({**json.loads(text), "status": "completed"}))
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            assert (await node.import_(file)).status == "suspended"

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
        return json.dumps(change(json.loads(text))).encode()

    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = (await node.start(home.request(LISTENS))).id
            while (await node.run(run)).status != "waiting":
                await asyncio.sleep(0.001)
            await node.export(run, file, unsigned=True)
            _rewrite(file, "manifest.json", rewrite)
        (home.folder / "home").rename(home.folder / "gone")
        async with home.node() as node:
            with pytest.raises(ArchiveError):
                await node.import_(file)
            assert await node.runs() == []

    go(body)
