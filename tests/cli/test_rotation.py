"""`reach key rotate`: what was signed before and after verifies, whatever the change was cut off by."""

from __future__ import annotations

import json
import signal
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.engine.canonical import canonical
from reach_workbench.errors import KeysDamaged
from reach_workbench.evidence.capsule import ENVELOPE, KEYS, MANIFEST, read_manifest, sealed, statement_of
from reach_workbench.evidence.rotation import rotate
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.keys.keystore import KeyStore
from reach_workbench.settings import Keys
from tests.cli.conftest import Reach, Running
from tests.keys.keyrings import MemoryRing
from tests.tamper.forging import members_of, write

TASK = "do: [{one: {set: {n: 1}}}]"

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def sealed_keys(monkeypatch: pytest.MonkeyPatch, quick_derivation: None) -> None:
    monkeypatch.setenv("REACH_PASSPHRASE", "correct horse")
    monkeypatch.setenv("REACH_AUDIT_CHECKPOINT_RECORDS", "1")


def step(reach: Reach, name: str, *words: str | Path) -> tuple[str, str]:
    """What `reach verify` says in one of its steps."""
    found = reach("verify", *words, "--json").json
    (said,) = [each for each in found["steps"] if each["name"] == name]
    return said["status"], said["message"]


def exported(reach: Reach, workflow: Write, file: str) -> str:
    """Run and export; the key that signed it."""
    assert reach("run", workflow(TASK)).code == 0
    key: str = reach("export", "last", file, "--json").json["key"]
    return key


def test_what_was_signed_before_and_after_verifies_and_says_how_the_keys_are_linked(
    reach: Reach, workflow: Write, tmp_path: Path
) -> None:
    old = exported(reach, workflow, "before.reach")
    turned = reach("key", "rotate", "--json").json
    assert turned["public_key"] != old
    new = exported(reach, workflow, "after.reach")
    assert new == turned["public_key"]
    reach("key", "rotate")
    newest = exported(reach, workflow, "later.reach")

    verified = reach("audit", "verify", "--json").json
    assert verified["ok"] and verified["covered"] == verified["records"] and len(verified["earlier"]) == 2
    assert "which vouched for the next" in reach("audit", "verify").out

    status, message = step(reach, "signature", "before.reach")
    assert status == "held"
    assert message.startswith(f"signed by key {turned['before']}, the node of this home until 20")
    assert step(reach, "signature", "later.reach")[1].endswith(", the node of this home")
    for file in ("before.reach", "after.reach", "later.reach"):
        assert reach("verify", file).code == 0

    away = ("--home", str(tmp_path / "nowhere"))
    status, message = step(reach, "signature", "later.reach", "--key", old, *away)
    assert status == "held"
    assert f"key {turned['before']}, which was asked for, signed at " in message
    assert f"that {turned['id']} takes its place, and that one at " in message
    assert step(reach, "signature", "later.reach", "--key", newest, *away)[1].endswith("which was asked for")
    assert step(reach, "signature", "before.reach", "--key", new, *away)[0] == "failed", "it vouches for none before"
    assert step(reach, "signature", "later.reach", *away)[0] == "noted"


def test_a_run_exported_again_after_a_change_keeps_its_checkpoint(
    reach: Reach, workflow: Write, tmp_path: Path
) -> None:
    exported(reach, workflow, "before.reach")
    reach("key", "rotate")
    reach("export", "last", "again.reach")
    assert step(reach, "checkpoint", "again.reach")[1].endswith("signed by a key that the node had before")
    assert reach("verify", "again.reach").code == 0


def test_a_node_that_serves_goes_on_with_the_new_key(
    reach: Reach, workflow: Write, home: Path, start: Callable[..., Running]
) -> None:
    node = start("serve")
    node.read_error_until("serving")
    old = exported(reach, workflow, "before.reach")
    turned = reach("key", "rotate", "--json").json
    assert turned["public_key"] == exported(reach, workflow, "after.reach") != old
    assert reach("audit", "verify", "--json").json["ok"]
    node.signal(signal.SIGINT)
    assert node.end().code == 0
    found = reach("audit", "verify", "--json").json
    assert found["ok"] and found["covered"] == found["records"]
    names = {line for line in (home / "checkpoints").read_text().splitlines() if line.startswith("reach-audit/")}
    assert names == {f"reach-audit/{turned['before']}", f"reach-audit/{turned['id']}"}


def test_a_node_that_does_not_know_its_key_takes_none(
    reach: Reach, workflow: Write, start: Callable[..., Running]
) -> None:
    node = start("serve", REACH_PASSPHRASE="")
    node.read_error_until("serving")
    refused = reach("key", "rotate", "--json")
    assert refused.error["code"] == "keys-locked"
    assert reach("audit", "--type", "node.", "--json").json["records"] == []
    node.signal(signal.SIGINT)
    node.end()
    assert reach("key", "rotate").code == 0


def store(home: Path) -> KeyStore:
    return KeyStore.open(home, SystemClock(), settings=Keys())


def test_a_change_that_was_cut_off_before_it_was_recorded_is_none(reach: Reach, workflow: Write, home: Path) -> None:
    old = exported(reach, workflow, "before.reach")
    with store(home).rotating() as rotating:
        rotating.begin(None)
    assert exported(reach, workflow, "after.reach") == old
    assert reach("key", "rotate").code == 0
    assert reach("audit", "verify").code == 0


def cut_off(monkeypatch: pytest.MonkeyPatch, reach: Reach) -> None:
    """Change the key, and be ended once the node has recorded that."""
    from reach_workbench.keys import keystore

    def ended(_: Any) -> None:
        raise KeysDamaged("the process was killed here")

    with monkeypatch.context() as patch:
        patch.setattr(keystore.Rotating, "finish", ended)
        assert "was killed here" in reach("key", "rotate").err


def test_a_change_that_was_cut_off_after_it_was_recorded_counts(
    reach: Reach, workflow: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = exported(reach, workflow, "before.reach")
    cut_off(monkeypatch, reach)
    new = exported(reach, workflow, "after.reach")
    assert new != old
    assert reach("audit", "verify").code == 0
    turned = reach("key", "rotate", "--json").json
    assert turned["public_key"] not in (old, new)
    assert exported(reach, workflow, "later.reach") == turned["public_key"]
    found = reach("audit", "verify", "--json").json
    assert found["ok"] and len(found["earlier"]) == 2


def test_an_older_copy_of_the_keys_is_told_and_signs_nothing(reach: Reach, workflow: Write, home: Path) -> None:
    exported(reach, workflow, "before.reach")
    older = (home / "keys.sealed").read_bytes()
    turned = reach("key", "rotate", "--json").json
    (home / "keys.sealed").write_bytes(older)
    for words in (("export", "last", "after.reach", "--json"), ("key", "rotate", "--json")):
        told = reach(*words).error
        assert told["code"] == "keys-damaged"
        assert turned["id"] in told["message"] and "bring back" in told["hint"]


def test_the_keyring_holds_the_new_key_alone(reach: Reach, workflow: Write, memory_ring: MemoryRing) -> None:
    exported(reach, workflow, "before.reach")
    (before,) = memory_ring.held.values()
    assert reach("key", "rotate").code == 0
    (after,) = memory_ring.held.values()
    assert after != before


def test_a_keyring_that_keeps_something_else_changes_nothing(
    reach: Reach, workflow: Write, memory_ring: MemoryRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = exported(reach, workflow, "before.reach")

    def careless(self: MemoryRing, service: str, username: str, password: str) -> None:
        self.held[service, username] = b64encode(b"x" * 32).decode()

    with monkeypatch.context() as patch:
        patch.setattr(MemoryRing, "set_password", careless)
        told = reach("key", "rotate", "--json").error
    assert told["code"] == "keys-unavailable" and "gives back something else" in told["message"]
    assert exported(reach, workflow, "after.reach") == old


def test_a_keyring_that_spoils_the_last_step_leaves_the_new_key_beside_it(
    reach: Reach, workflow: Write, memory_ring: MemoryRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(reach, workflow, "before.reach")
    whole = MemoryRing.set_password

    def spoiling(self: MemoryRing, service: str, username: str, password: str) -> None:
        whole(self, service, username, "spoilt" if username == "node" else password)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryRing, "set_password", spoiling)
        assert "gives back something else" in reach("key", "rotate").err
    new = exported(reach, workflow, "after.reach")
    assert reach("audit", "verify", "--json").json["key"].endswith(b64encode(b"\1" + b64decode(new)).decode())
    assert reach("key", "rotate").code == 0
    assert reach("audit", "verify").code == 0


def signed_again(file: Path, key: SigningKey, change: Callable[[Any], None]) -> None:
    """The capsule with other keys in it, under the node's own signature."""
    members = members_of(file)
    keys = json.loads(members[KEYS])
    change(keys)
    members = {**members, KEYS: canonical(keys)}
    digests = {name: sha256(content).hexdigest() for name, content in members.items() if name != ENVELOPE}
    write(file, {**members, ENVELOPE: sealed(statement_of(read_manifest(members[MANIFEST]), digests), key)})


def without(keys: Any) -> None:
    del keys["rotations"]


def the_last_alone(keys: Any) -> None:
    del keys["rotations"][0]


def out_of_order(keys: Any) -> None:
    keys["rotations"].reverse()


def by_nobody(keys: Any) -> None:
    keys["rotations"][0]["before"] = keys["rotations"][0]["after"]


def with_more(keys: Any) -> None:
    keys["rotations"][0]["more"] = 1


def made_up(keys: Any) -> None:
    """The new key's owner, who may be a thief, writes that another vouched for it."""
    other = SigningKey.from_seed(b"1" * 32)
    keys["rotations"][0] = rotate(other, SigningKey.from_seed(b"2" * 32), 1).to_json()


@pytest.mark.parametrize("change", [without, the_last_alone, out_of_order, by_nobody, with_more, made_up])
def test_a_new_key_can_not_name_itself_the_old_ones_successor(
    reach: Reach, workflow: Write, memory_ring: MemoryRing, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    old = exported(reach, workflow, "before.reach")
    reach("key", "rotate")
    reach("key", "rotate")
    exported(reach, workflow, "run.reach")
    (seed,) = memory_ring.held.values()
    key = SigningKey.from_seed(b64decode(seed))
    signed_again(tmp_path / "run.reach", key, lambda keys: None)
    assert step(reach, "signature", "run.reach", "--key", old)[0] == "held"
    signed_again(tmp_path / "run.reach", key, change)
    assert step(reach, "signature", "run.reach", "--key", old)[0] == "failed"
    assert reach("verify", "run.reach", "--key", old).code == 1
