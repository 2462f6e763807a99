"""Capsules through a node: signed, the same each time, verified step by step, imported with what belongs to the run."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
import zipfile
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager

import pytest

from reach_workbench.clock import FixedClock
from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import ArchiveError, ArchiveUnsafe, EvidenceDamaged, KeyMissing, NotFound
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import archive
from reach_workbench.node.acquaintances import acquaintances
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.runner.shelf import PolicyShelf
from reach_workbench.settings import load
from tests.tamper.capsules import HELD, NODE, PEOPLE, POLICY
from tests.tamper.forging import members_of, stated, write

OTHER = SigningKey.from_seed(b"\7" * 32)
BODY = "do: [{say: {run: {shell: {command: 'echo hi'}}}}, {b: {set: {n: 1}}}]"


@asynccontextmanager
async def signing(home, folder="home", key=NODE):
    node = await LocalNode.open(load(home.folder / folder, home.environment), signer=lambda: key)
    try:
        yield node
    finally:
        await node.close()


@pytest.fixture
def held(home):
    """Sets a policy that holds shell commands for two approvals, of finance and of legal."""
    (home.folder / "policy.cedar").write_text(POLICY)
    home.environment |= {"REACH_POLICY_FILE": str(home.folder / "policy.cedar"), "REACH_KEYS_USER": "ada"}


async def reviewers(node):
    for name, (key, groups) in PEOPLE.items():
        await node.add_reviewer(name, b64encode(key.public).decode(), groups)


def verified(file, *keys, known=None):
    more = {} if known is None else {"known": known}
    return archive.verify(file, InProcess(), FixedClock(), keys=keys, **more)


def said(found, name):
    (step,) = [step for step in found.steps if step.name == name]
    return step.status, step.message


def test_a_capsule_is_the_same_each_time_whatever_the_log_does_meanwhile(home, go):
    async def body():
        async with signing(home) as node:
            run = await home.run(node, BODY)
            await node.export(run.id, home.folder / "one.reach")
            await home.run(node, BODY)
            await node.export(run.id, home.folder / "two.reach")
        async with signing(home) as node:
            await node.export(run.id, home.folder / "three.reach")
            for name in ("four.reach", "five.reach"):
                await node.export(run.id, home.folder / name, unsigned=True)
        one, two, three, four, five = (
            (home.folder / f"{n}.reach").read_bytes() for n in ["one", "two", "three", "four", "five"]
        )
        assert one == two == three
        assert four == five != one

    go(body)


def test_who_signed_is_said_and_can_be_asked_for(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with signing(home) as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file)
            known = acquaintances(node.store, node.settings)
        assert verified(file).signer == NODE.id
        assert said(verified(file), "signature")[0] == "noted"
        assert "not known here" in said(verified(file), "signature")[1]
        assert said(verified(file, known=known), "signature") == (
            "held",
            f"signed by key {NODE.id}, the node of this home",
        )
        assert said(verified(file, OTHER.public, NODE.public), "signature")[0] == "held"
        other = verified(file, OTHER.public)
        assert (other.ok, other.problem) == (False, "unproved")
        assert "none of those" in other.message
        write(file, stated(members_of(file), OTHER))
        assert said(verified(file, known=known), "checkpoint")[0] == "failed"

    go(body)


def test_without_a_key_a_capsule_is_refused_unless_it_is_asked_for(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with home.node() as node:
            run = await home.run(node, BODY)
            with pytest.raises(KeyMissing, match="without a key"):
                await node.export(run.id, file)
            assert not file.exists()
            await node.export(run.id, file, unsigned=True)
        found = verified(file)
        assert found.ok
        assert said(found, "signature") == (
            "noted",
            "UNSIGNED: nobody vouches for it; whoever had it may have changed all of it",
        )
        assert b'"signed":false' in members_of(file)["manifest.json"]
        assert not verified(file, NODE.public).ok

    go(body)


def test_gates_and_policies_come_along_and_an_open_gate_is_decided_where_it_was_imported(home, go, held):
    async def body():
        file, again = home.folder / "run.reach", home.folder / "again.reach"
        async with signing(home) as node:
            await reviewers(node)
            run = await home.run(node, HELD)
            (gate,) = await node.gates()
            await node.decide(gate.id, signed_verdict(gate, "approve", "grace", PEOPLE["grace"][0]))
            await node.export(run.id, file)
        assert {step.status for step in verified(file, NODE.public).steps} == {"held"}
        async with signing(home, "other", OTHER) as node:
            await reviewers(node)
            came = await node.import_(file)
            (there,) = await node.gates(run=came.id)
            assert (there.id, there.arguments, there.nonce) == (gate.id, gate.arguments, gate.nonce)
            assert [verdict.reviewer for verdict in there.verdicts] == ["grace"]
            (record,) = await node.audit(type="run.imported")
            assert record.data["signer"] == NODE.id
            await node.resume(came.id)
            await node.decide(there.id, signed_verdict(there, "approve", "lin", PEOPLE["lin"][0]))
            assert (await node.wait(came.id)).status == "completed"
            await node.export(came.id, again)
        found = verified(again, OTHER.public)
        assert found.ok, found.message
        assert "1 gate (1 approved)" in said(found, "approvals")[1]

    go(body)


def test_policies_that_came_with_a_capsule_never_come_into_force(home, go, held):
    async def body():
        file = home.folder / "run.reach"
        async with signing(home) as node:
            await reviewers(node)
            run = await home.run(node, HELD)
            await node.export(run.id, file)
        home.environment["REACH_POLICY_FILE"] = str(home.folder / "other" / "policy.cedar")
        async with signing(home, "other", OTHER) as node:
            await node.import_(file)
            (digest,) = {gate.policy for gate in await node.gates(run=run.id)}
            assert "shells" in str(node.store.read.policies(digest).files)
            assert node.store.read.newest_policies(20) == ()
            (home.folder / "other" / "policy.cedar").write_text("nonsense")
            with pytest.raises(Exception, match="policy"):
                PolicyShelf(node.settings, node.store, node.clock).in_force(home.folder)

    go(body)


def test_an_imported_run_that_is_exported_again_says_what_its_log_vouches_for(home, go):
    async def body():
        file, again = home.folder / "run.reach", home.folder / "again.reach"
        async with signing(home) as node:
            run = await home.run(node, BODY)
            await node.export(run.id, file)
        async with signing(home, "other", OTHER) as node:
            await node.import_(file)
            await node.export(run.id, again)
        found = verified(again, OTHER.public)
        assert found.ok, found.message
        assert f"last digest is that of event {run.seq}" in said(found, "vouching")[1]

    go(body)


def test_a_log_that_was_rewritten_is_not_exported(home, go):
    async def body():
        async with signing(home) as node:
            run = await home.run(node, BODY)
            await node.export(run.id, home.folder / "run.reach")
            unit = node.store.unit()
            unit.add("DROP TRIGGER audit_no_update", {})
            unit.add("UPDATE audit SET payload = replace(payload, 'effect', 'affect') || ' ' WHERE id = 2", {})
            await node.store.commit(unit)
            with pytest.raises(EvidenceDamaged, match="audit log"):
                await node.export(run.id, home.folder / "again.reach")
            assert not (home.folder / "again.reach").exists()

    go(body)


CANARY = "kanarie-7f3b9c"
SECRETIVE = """
use: {secrets: [token]}
do:
- say: {run: {shell: {command: 'echo "$T"', environment: {T: '${ $secrets.token }'}}}}
- keep: {set: {all: '${ . }', token: '${ $secrets.token }'}}
- ask: {call: 'approve:1.0.0@default', with: {title: '${ "pay with " + $secrets.token }'}}
- fail: {raise: {error: {type: 'https://example.org/x', status: 500, detail: '${ $secrets.token }'}}}
"""


def test_no_secret_stands_in_a_capsule(home, go):
    async def body():
        file = home.folder / "run.reach"
        async with signing(home) as node:
            run = await home.run(node, SECRETIVE, secrets={"token": CANARY})
            for gate in await node.gates(run=run.id):
                await node.add_reviewer("grace", b64encode(PEOPLE["grace"][0].public).decode(), ())
                await node.decide(gate.id, signed_verdict(gate, "approve", "grace", PEOPLE["grace"][0]))
            await node.wait(run.id)
            await node.export(run.id, file)
        members = members_of(file)
        payload = b64decode(members["envelope.json"].split(b'"payload":"')[1].split(b'"')[0])
        for name, content in [*members.items(), ("payload", payload), ("file", file.read_bytes())]:
            for form in (CANARY.encode(), b64encode(CANARY.encode())[:-4], CANARY.encode().hex().encode(), NODE.seed):
                assert form not in content, name
        assert verified(file, NODE.public).ok

    go(body)


# -- files that mean harm


@pytest.fixture
def capsule(home, go):
    file = home.folder / "run.reach"

    async def body():
        async with signing(home) as node:
            await node.export((await home.run(node, BODY)).id, file)

    go(body)
    return file


def test_a_capsule_cut_anywhere_says_so_and_what_to_do(capsule):
    data = capsule.read_bytes()
    for at in (*range(1, 200, 7), *range(200, len(data), 97), len(data) - 1):
        capsule.write_bytes(data[:at])
        with pytest.raises(ArchiveError) as refused:
            verified(capsule)
        assert refused.value.hint
        if at > 40:
            assert "cut off" in refused.value.message


@pytest.mark.parametrize("evil", ["../evil.json", "/etc/passwd", "c:\\x.json", "a/../../b", "policies/../x", "é.json"])
def test_a_name_that_leads_out_of_the_capsule_is_refused(capsule, evil):
    members = members_of(capsule)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(capsule, "w", method) as bundle:
            for name, content in members.items():
                info = zipfile.ZipInfo(evil if name == "keys.json" else name)
                info.create_system, info.external_attr = 3, 0o100644 << 16
                bundle.writestr(info, content, method)
        with pytest.raises((ArchiveUnsafe, ArchiveError)) as refused:
            verified(capsule)
        if evil != "é.json":
            assert refused.value.code == "archive-unsafe"
        assert refused.value.hint


def test_two_members_of_one_name_are_refused(capsule):
    members = members_of(capsule)
    into = io.BytesIO(capsule.read_bytes())
    with pytest.warns(UserWarning), zipfile.ZipFile(into, "a") as bundle:
        bundle.writestr(zipfile.ZipInfo("keys.json"), b"{}")
    capsule.write_bytes(into.getvalue())
    with pytest.raises(ArchiveError):
        verified(capsule)
    with pytest.warns(UserWarning), zipfile.ZipFile(capsule, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in (*members, "manifest.json"):
            bundle.writestr(name, members[name])
    with pytest.raises(ArchiveUnsafe, match="two members"):
        verified(capsule)


@pytest.mark.parametrize("name", ["manifest.json", "events.ndjson", "workflow-0.yaml"])
def test_a_small_file_fills_no_memory(capsule, name):
    """As an archive of version 1, the only ones that are compressed: 400 MB of nothing in 400 kB."""
    segment = b'{"run":"x","document":"workflow-0.yaml","program":"x","file":"x","last":1}'
    manifest = b'{"format":1,"run":"x","segments":[%b],"events":1,"digest":""}' % segment
    with zipfile.ZipFile(capsule, "w", zipfile.ZIP_DEFLATED) as bundle:
        for each in ("manifest.json", "workflow-0.yaml", "events.ndjson"):
            with bundle.open(each, "w", force_zip64=True) as into:
                if each != name:
                    into.write(manifest if each == "manifest.json" else b"x")
                    continue
                for _ in range(400):
                    into.write(bytes(1 << 20))
    assert capsule.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            list(archive.archive_one.events_of(capsule)) if name == "events.ndjson" else verified(capsule)
    except EvidenceDamaged:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 200 << 20


@pytest.mark.parametrize("form", [1, 2])
def test_many_small_values_fill_no_memory(capsule, form):
    """Each `[],` is 3 bytes in the file, and 64 of memory."""
    manifest = b'{"format":%d,"x":[%b0]}' % (form, b"[]," * 5_000_000)
    if form == 1:
        with zipfile.ZipFile(capsule, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("manifest.json", manifest)
    else:
        write(capsule, members_of(capsule) | {"manifest.json": manifest})
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="more than"):
            verified(capsule)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 50 << 20


def test_a_long_capsule_is_verified_in_the_memory_of_a_short_one(home, go):
    text = "do: [{loop: {for: {in: '${ [range(%d)] }'}, do: [{b: {set: {n: '${ [range(1000)] + [$item] }'}}}]}}]"
    sizes, peaks = [], []
    for rounds in (10, 100, 800):
        file = home.folder / "run.reach"

        async def body(file=file, rounds=rounds):
            async with signing(home) as node:
                await node.export((await home.run(node, text % rounds)).id, file)

        go(body)
        tracemalloc.start()
        assert verified(file, NODE.public).ok
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        sizes.append(file.stat().st_size)
    assert sizes[2] > 7 * sizes[1]
    assert peaks[2] - peaks[1] < sizes[2] * 0.75  # what is parsed takes several times as much


def test_a_document_that_expands_without_end_is_bounded_as_any_other(capsule):
    members = members_of(capsule)
    laughs = b"".join(b"  - &a%d [%b]\n" % (n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 12))
    members["workflow-0.yaml"] = b"document: {}\nx:\n  - &a0 [lol]\n" + laughs
    write(capsule, stated(members, NODE))
    assert said(verified(capsule, NODE.public), "workflow")[0] == "failed"
    assert said(verified(capsule, NODE.public), "replay")[0] == "unchecked"
    with pytest.raises(ArchiveError, match="does not compile"):
        archive.load(capsule)


def test_a_capsule_of_another_run_with_the_same_gate_is_not_imported(home, go, held):
    async def body():
        file = home.folder / "run.reach"
        async with signing(home) as node:
            await reviewers(node)
            run = await home.run(node, HELD)
            await node.export(run.id, file)
            forged = home.folder / "forged.reach"
            forged.write_bytes(file.read_bytes().replace(run.id.encode(), b"x" * len(run.id)))
            with pytest.raises(ArchiveError):
                await node.import_(forged)
            with pytest.raises(NotFound):
                await node.run("x" * len(run.id))
            await asyncio.sleep(0)

    go(body)
