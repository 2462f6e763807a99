"""What verifying says about logs that are whole, that a crash interrupted, and that nobody vouches for."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from reach_workbench.errors import AuditDamaged
from reach_workbench.evidence.checkpoint import read_checkpoint
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.evidence.rotation import rotate
from reach_workbench.keys.ed25519 import SigningKey, verify
from reach_workbench.storage import audit_check
from reach_workbench.storage.checkpoint_file import make_note, read_pins, verifier_key
from reach_workbench.storage.rotations import put_rotation
from reach_workbench.storage.store import Store
from tests.audit.logs import KEY, OTHER, Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def codes(log: Log) -> list[str]:
    return [problem.code for problem in log.verify().problems]


def test_an_empty_log_holds(log: Log) -> None:
    Store.open(log.settings, write=True).close()
    found = log.verify()
    assert (found.ok, found.records, found.checkpoints) == (True, 0, 0)
    assert found.summary.startswith("there is no record yet, root 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")


def test_a_log_with_checkpoints_holds_and_says_how_far_they_vouch(log: Log) -> None:
    log.grow(1, 2, 9).add(4)
    found = log.verify()
    assert (found.ok, found.records, found.checkpoints, found.covered) == (True, 13, 3, 9)
    assert "13 records hold" in found.summary
    assert "3 checkpoints agree and vouch for the first 9" in found.summary
    with Store.open(log.settings, write=False) as store:
        assert b64decode(found.root) == store.read.audit_head().tree.root()


def test_without_the_key_it_says_that_signatures_were_not_checked(log: Log) -> None:
    log.grow(5)
    found = log.verify(None)
    assert found.ok and found.key is None
    assert "without the node's key their signatures could not be checked" in found.summary
    assert log.verify(OTHER.public).problems[0].message == (
        "checkpoint 1 was changed or forged: it is not signed by this node's key"
    )


def test_without_checkpoints_it_says_that_nobody_vouches(log: Log) -> None:
    log.add(5)
    assert log.verify().ok
    assert "no checkpoint vouches for them" in log.verify().summary


def test_a_checkpoint_is_a_signed_note_as_other_programs_read_it(log: Log) -> None:
    log.grow(5, 7)
    first, second = read_pins(log.checkpoints) or ()
    text = log.checkpoints.read_text()
    assert text == first.note + "\n" + second.note + "\n"
    signed = read_checkpoint(second.note)
    assert signed.checkpoint.size == 7
    name, hint, encoded = (log.verify().key or "").split("+", 2)
    assert name == signed.checkpoint.origin
    kind, public = b64decode(encoded)[:1], b64decode(encoded)[1:]
    assert kind == b"\x01"
    (signature,) = signed.signatures
    assert signature.key_hash.hex() == hint
    assert verify(public, signed.signed, signature.signature)


def test_a_checkpoint_that_a_crash_left_unconfirmed_is_confirmed_by_the_next(log: Log) -> None:
    log.grow(3).add(2)
    log.pin(confirm=False)
    assert log.verify().ok
    assert log.verify().checkpoints == 2
    assert log.pin() == 2
    log.add(1)
    assert log.pin() == 3
    assert (log.verify().ok, log.verify().checkpoints) == (True, 3)


def test_a_checkpoint_that_a_crash_tore_is_written_again(log: Log) -> None:
    log.grow(3).add(2)
    whole = log.checkpoints.read_bytes()
    log.pin(confirm=False)
    written = log.checkpoints.read_bytes()
    for length in range(len(whole), len(written), 11):
        log.checkpoints.write_bytes(written[:length])
        assert log.verify().ok, length
        assert log.pin(confirm=False) == 2
        assert log.checkpoints.read_bytes()[: len(whole)] == whole
        assert (log.verify().ok, log.verify().checkpoints) == (True, 2), length


@pytest.mark.parametrize(
    "added", [b"seen by me", b"reach-audit/00", b"\xff" * 500, b"\n"], ids=["text", "like", "bytes", "line"]
)
def test_what_stands_behind_the_last_checkpoint_is_named(log: Log, added: bytes) -> None:
    log.grow(3, 6)
    log.checkpoints.write_bytes(log.checkpoints.read_bytes() + added)
    [problem] = log.verify().problems
    assert (problem.code, problem.checkpoint) == ("checkpoint-damaged", 3)
    assert "not the beginning" in problem.message


def test_blocks_that_a_crash_left_unwritten_are_no_damage(log: Log) -> None:
    log.grow(3, 6)
    whole = log.checkpoints.read_bytes()
    log.checkpoints.write_bytes(whole + bytes(200))
    assert log.verify().ok


def test_nothing_is_cut_from_a_file_that_was_damaged(log: Log) -> None:
    log.grow(3, 6)
    log.checkpoints.write_bytes(log.checkpoints.read_bytes()[:-30])
    damaged = log.checkpoints.read_bytes()
    assert codes(log) == ["checkpoint-damaged"]
    log.add(1)
    log.pin()
    assert log.checkpoints.read_bytes().startswith(damaged)
    found = log.verify()
    assert [problem.checkpoint for problem in found.problems] == [2]
    assert found.covered == 7


def test_an_older_copy_gets_no_checkpoint_that_would_hide_it(log: Log, tmp_path: Path) -> None:
    older = log.grow(3, 6).copy(tmp_path / "older")
    log.grow(9, 12)
    older.checkpoints.write_bytes(log.checkpoints.read_bytes())
    assert codes(older) == ["older-copy"]
    assert "records 7 to 12 are missing" in older.verify().summary
    older.add(2)
    with pytest.raises(AuditDamaged, match="checkpoint 4 vouches for 12 other records"):
        older.pin()
    older.add(20)
    with pytest.raises(AuditDamaged):
        older.pin()
    assert "rewritten" in codes(older)
    assert older.checkpoints.read_bytes() == log.checkpoints.read_bytes()


def test_a_lost_file_is_told_for_ever_and_what_follows_is_vouched_for(log: Log) -> None:
    log.grow(3, 6)
    log.checkpoints.unlink()
    log.add(2)
    assert log.pin() == 3
    found = log.verify()
    assert [(problem.code, problem.checkpoint) for problem in found.problems] == [("checkpoint-missing", 1)]
    assert found.covered == 8


def test_a_checkpoint_of_another_log_by_the_same_key_is_found(log: Log, tmp_path: Path) -> None:
    log.grow(3, 6)
    log.checkpoints.write_text(make_note(KEY, 1, 3, b"\1" * 32, 5) + "\n" + make_note(KEY, 2, 6, b"\2" * 32, 6) + "\n")
    assert codes(log) == ["rewritten"]
    assert "one of the records 1 to 3" in log.verify().summary


def test_records_before_the_first_number_are_found(log: Log) -> None:
    log.grow(3)
    log.run(
        "INSERT INTO audit (id, tenant_id, type, payload, created_at, leaf) VALUES (-4, 1, 'x', x'31', 1, zeroblob(32))"
    )
    assert log.verify().problems[0].message == "record -4 was inserted: numbers begin with 1"


def test_a_damaged_page_is_named_by_its_record(log: Log) -> None:
    log.grow(400)
    log.run("VACUUM")
    data = bytearray(log.database.read_bytes())
    place = data.index(b"01kb:250")
    page = place // 4096
    data[4096 * page : 4096 * page + 40] = b"\xff" * 40
    log.database.write_bytes(data)
    problem = log.verify().problems[0]
    assert problem.code == "unreadable"
    assert problem.first is not None
    assert 200 < problem.first <= 251


def test_two_processes_find_what_one_does(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_check, "_ALONE", 1000)
    log.grow(1500, 2000, 2001, 3500)
    told: list[int] = []
    with Store.open(log.settings, write=False) as store:
        found = store.check_audit(KEY.public, lambda done, total: told.append(done))
    assert (found.ok, found.records, found.checkpoints) == (True, 3500, 4)
    assert told[-1] == 3500
    for record in (700, 2700, 3500):
        other = log.copy(log.settings.home.parent / f"copy-{record}")
        other.run("UPDATE audit SET tenant_id = 2 WHERE id = ?", record)
        (problem,) = other.verify().problems
        assert (problem.code, problem.first, problem.last) == ("changed", record, record)


def test_checkpoints_that_are_made_while_it_is_verified_are_no_alarm(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.grow(3)

    def slowly(file: Path) -> object:
        log.grow(6, 9, 12)
        return read_pins(file)

    monkeypatch.setattr(audit_check, "read_pins", slowly)
    found = log.verify()
    assert (found.problems, found.records, found.checkpoints) == ((), 12, 4)


def test_a_frontier_goes_on_from_subtrees() -> None:
    leaves = [bytes([number]) * 32 for number in range(200)]
    for split in (0, 1, 7, 64, 199):
        one, other = Frontier(), Frontier()
        for leaf in leaves:
            one.append(leaf)
        other.extend(leaves[:split])
        other.extend(leaves[split:])
        assert one.to_bytes() == other.to_bytes()
    with pytest.raises(ValueError, match="no subtree"):
        other.join(16, leaves[0])


def rotated(log: Log, before: SigningKey, after: SigningKey) -> None:
    """The key changes with the next record."""
    with Store.open(log.settings, write=True, clock=log.clock) as store:
        unit = store.unit()
        put_rotation(unit, rotate(before, after, log.clock.now()), at=log.clock.now())
        store.commit_now(unit)


def test_after_a_change_of_the_key_each_checkpoint_is_held_against_the_key_of_its_time(log: Log) -> None:
    log.grow(3, 5)
    rotated(log, KEY, OTHER)
    log.pin(OTHER)
    log.add(2)
    log.pin(OTHER)
    found = log.verify(OTHER.public)
    assert (found.ok, found.checkpoints, found.covered) == (True, 4, 8)
    assert (found.key, found.earlier) == (verifier_key(OTHER.public), (verifier_key(KEY.public),))


def test_the_key_before_signs_no_checkpoint_any_more(log: Log) -> None:
    log.grow(3)
    rotated(log, KEY, OTHER)
    log.pin(KEY)  # by somebody who had an old backup
    (problem,) = log.verify(OTHER.public).problems
    assert (problem.code, problem.checkpoint) == ("checkpoint-forged", 2)
    assert "the key that this node had then" in problem.message


def test_a_key_that_the_one_before_did_not_vouch_for_makes_no_history(log: Log) -> None:
    log.grow(3)
    stranger = SigningKey.from_seed(bytes(range(2, 34)))
    rotated(log, stranger, OTHER)
    log.pin(OTHER)
    found = log.verify(OTHER.public)
    assert not found.ok and found.problems[0].code == "checkpoint-forged"
    assert log.verify(KEY.public).problems[0].code == "checkpoint-forged"
