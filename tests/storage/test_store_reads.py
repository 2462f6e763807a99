"""What was committed is read back: runs, histories with their forks, snapshots, the catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from reach_workbench.clock import FixedClock
from reach_workbench.engine.events import GENESIS, Event
from reach_workbench.errors import HistoryDamaged, NotFound, UsageError
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

History = tuple[list[Event], list[bytes]]
MakeHistory = Callable[..., History]
AddRun = Callable[..., int]


def append(store: Store, key: int, history: History) -> None:
    unit = store.unit()
    unit.append_events(key, *history)
    store.commit_now(unit)


def read(store: Store, key: int, *span: int) -> list[Event]:
    return [event for chunk in store.read.chunks(key, *span) for event in chunk.events]


def test_a_run_comes_back_with_all_it_was_given(store: Store, add_run: AddRun, history: MakeHistory) -> None:
    add_run("01parent")
    key = add_run(
        "01abc",
        file="w.yaml",
        base=Path("/some/where"),
        capabilities=["http"],
        parent="01parent",
        parent_command=7,
        breakpoints=["/do/0/a", "/do/1/b"],
        secrets=["token"],
    )
    run = store.read.run("01abc")
    assert (run.key, run.id, run.program, run.namespace, run.name, run.version) == (
        key,
        "01abc",
        "p1",
        "n",
        "w",
        "1.0.0",
    )
    assert (run.file, run.base, run.capabilities) == ("w.yaml", Path("/some/where"), ("http",))
    assert (run.parent, run.parent_command, run.breakpoints, run.secrets) == (
        "01parent", 7, ("/do/0/a", "/do/1/b"), ("token",),
    )  # fmt: skip
    assert (run.status, run.seq, run.digest, run.output, run.error, run.ended_at) == (
        "pending",
        0,
        b"",
        None,
        None,
        None,
    )
    events, digests = history(1, 9)
    unit = store.unit()
    unit.append_events(key, events, digests)
    unit.update_run(
        key, status="completed", ended_at=99, output={"a": [1, 2**70]}, breakpoints=(), position="/do/0",
        waiting={"for": "x"}, next_due=77, error={"type": "t"},
    )  # fmt: skip
    store.commit_now(unit)
    run = store.read.run_by_key(key)
    assert (run.status, run.ended_at, run.output, run.breakpoints) == ("completed", 99, {"a": [1, 2**70]}, ())
    assert (run.position, run.waiting, run.next_due, run.error) == ("/do/0", {"for": "x"}, 77, {"type": "t"})
    assert (run.seq, run.digest) == (9, digests[-1])
    assert [child.id for child in store.read.children("01parent")] == ["01abc"]


def test_a_run_is_found_by_what_is_enough_of_its_id(store: Store, add_run: AddRun) -> None:
    for id in ("01aaa", "01aab", "01b", "01aaa-longer"):
        add_run(id)
    add_run("01child", parent="01b")
    assert store.read.run("01AAB").id == "01aab"
    assert store.read.run("01aaa").id == "01aaa", "a whole id is never ambiguous"
    assert store.read.run("last").id == "01aaa-longer", "the last one a person started"
    with pytest.raises(UsageError, match="01aaa, 01aaa-longer, 01aab") as caught:
        store.read.run("01aa")
    assert caught.value.hint
    for name in ("02", "", "%", "01aab "):
        if name.strip() != "01aab":
            with pytest.raises(NotFound):
                store.read.run(name)
    assert store.read.has_run("01aaa")
    assert not store.read.has_run("01aa")


def test_without_runs_there_is_no_last_one(store: Store) -> None:
    with pytest.raises(NotFound, match="no run yet"):
        store.read.run("last")
    with pytest.raises(NotFound):
        store.read.run_by_key(3)
    with pytest.raises(NotFound):
        next(store.read.chunks(3))


def test_runs_are_listed_newest_first_and_page_by_page(store: Store, add_run: AddRun) -> None:
    for number in range(10):
        add_run(f"01r{number}", status="waiting" if number % 2 else "completed")
    assert [run.id for run in store.read.runs(limit=3)] == ["01r9", "01r8", "01r7"]
    assert [run.id for run in store.read.runs(limit=3, before="01r7")] == ["01r6", "01r5", "01r4"]
    assert [run.id for run in store.read.runs(status="waiting", before="01r6", limit=2)] == ["01r5", "01r3"]
    assert store.read.run_counts() == {"waiting": 5, "completed": 5}
    unit = store.unit()
    for key in range(1, 9):
        unit.update_run(key, ended_at=1)
    store.commit_now(unit)
    assert [run.id for run in store.read.unfinished()] == ["01r8", "01r9"]


def test_run_keys_go_on_after_a_restart(settings: Settings, store: Store, add_run: AddRun) -> None:
    first = add_run("01a")
    store.close()
    with Store.open(settings, write=True) as again:
        assert again.new_run_key() == first + 1
        assert again.new_run_key() == first + 2


def test_a_history_is_read_in_any_span(store: Store, add_run: AddRun, history: MakeHistory) -> None:
    other, key = add_run("01a"), add_run("01b")
    events, digests = history(1, 1500)
    for start, end in ((0, 1), (1, 5), (5, 1400), (1400, 1500)):
        append(store, key, (events[start:end], digests[start:end]))
    append(store, other, history(1, 4))
    assert read(store, key) == events
    for after, until in ((0, 1500), (4, 5), (3, 9), (1499, 1500), (1000, 1300), (1500, 1600), (7, 7)):
        assert read(store, key, after, until) == events[after:until]
    assert read(store, other) == events[:4]
    for chunk in store.read.chunks(key):
        for event, digest in zip(chunk.events, chunk.digests, strict=True):
            assert digests[event.seq - 1].startswith(digest)
    last = store.read.last_chunk(key)
    assert last is not None
    assert (last.events[-1], last.digests[-1]) == (events[-1], digests[-1])
    assert store.read.last_chunk(add_run("01c")) is None
    for seq in (1, 2, 5, 6, 700, 1399, 1500):
        assert store.read.digest_at(key, seq) == digests[seq - 1]
    assert store.read.digest_at(key, 0) == GENESIS
    with pytest.raises(HistoryDamaged):
        store.read.digest_at(key, 1501)


def test_a_fork_shares_the_past_of_its_ancestors(store: Store, add_run: AddRun, history: MakeHistory) -> None:
    root = add_run("01root")
    events, digests = history(1, 1000)
    append(store, root, (events[:300], digests[:300]))
    append(store, root, (events[300:], digests[300:]))
    child = add_run("01child", forked_from=root, forked_at=450)
    assert store.read.run_by_key(child).seq == 450
    assert store.read.run_by_key(child).digest == b"", "it has no event of its own yet"
    assert store.read.digest_at(child, 450) == digests[449]
    assert read(store, child) == events[:450]
    own = history(451, 600, digests[449], "child")
    append(store, child, own)
    grandchild = add_run("01grand", forked_from=child, forked_at=500)
    aunt = add_run("01aunt", forked_from=child, forked_at=200)
    last = store.read.last_chunk(grandchild)
    assert last is not None
    assert last.events[-1] == own[0][49]
    append(store, grandchild, history(501, 510, own[1][49], "grandchild"))
    mine = events[:450] + own[0][:50] + history(501, 510, own[1][49], "grandchild")[0]
    assert read(store, grandchild) == mine
    assert read(store, grandchild, 440, 505) == mine[440:505]
    assert read(store, aunt) == events[:200], "forked before its parent went its own way"
    assert store.read.digest_at(grandchild, 480) == own[1][29]
    assert store.read.digest_at(grandchild, 10) == digests[9]
    assert read(store, child) == events[:450] + own[0]
    assert read(store, root) == events


def test_a_long_line_of_forks_can_be_read(store: Store, settings: Settings, history: MakeHistory) -> None:
    events, digests = history(1, 1500)
    unit = store.unit()
    unit.add_program(digest="p", source="", file=None, namespace="n", name="w", version="1", created_at=1)
    for key in range(1, 1501):
        fork = {"forked_from": key - 1, "forked_at": key - 1} if key > 1 else {}
        unit.create_run(
            key=key, id=f"{key:04}", program="p", namespace="n", name="w", version="1", created_at=1, **fork
        )
        unit.append_events(key, events[key - 1 : key], digests[key - 1 : key])
    store.commit_now(unit)
    with Store.open(settings, write=False) as fresh:
        assert read(fresh, 1500) == events
        assert fresh.read.digest_at(1500, 700) == digests[699]


def test_snapshots_are_found_at_or_before_an_event_in_the_past_too(
    store: Store, add_run: AddRun, history: MakeHistory
) -> None:
    root = add_run("01root")
    append(store, root, history(1, 1000))
    unit = store.unit()
    for seq in (100, 400, 800):
        unit.put_snapshot(root, seq, b'{"at":%d}' % seq)
    unit.put_snapshot(root, 400, b'{"at":400,"text":"' + b"again " * 2000 + b'"}')
    store.commit_now(unit)
    child = add_run("01child", forked_from=root, forked_at=500)
    unit = store.unit()
    unit.put_snapshot(child, 700, b"{}")
    store.commit_now(unit)

    def found(key: int, *seq: int) -> int | None:
        snapshot = store.read.snapshot(key, *seq)
        return None if snapshot is None else snapshot.seq

    assert [found(root, seq) for seq in (99, 100, 399, 400, 799, 5000)] == [None, 100, 100, 400, 400, 800]
    assert found(root) == 800
    assert [found(child, seq) for seq in (50, 450, 500, 699, 700, 900)] == [None, 400, 400, 400, 700, 700]
    snapshot = store.read.snapshot(root, 400)
    assert snapshot is not None
    assert snapshot.state.endswith(b'again "}')
    assert store.read.snapshot_seqs(root) == (100, 400, 800)


def test_a_missing_or_changed_event_is_named(store: Store, add_run: AddRun, history: MakeHistory) -> None:
    key = add_run("01a")
    events, digests = history(1, 30)
    for start in range(0, 30, 10):
        append(store, key, (events[start : start + 10], digests[start : start + 10]))
    unit = store.unit()
    unit.add("UPDATE events SET payload = replace(payload, :was, :now) WHERE id = :id",
             {"id": key << 32 | 20, "was": b'"index":15', "now": b'"index":16'})  # fmt: skip
    store.commit_now(unit)
    with pytest.raises(HistoryDamaged, match="event 15 ") as caught:
        read(store, key)
    assert (caught.value.seq, caught.value.task) == (15, "/do/0/t")
    assert caught.value.where == "run 01a, event 15, /do/0/t"
    unit = store.unit()
    unit.add("DELETE FROM events WHERE id = :id", {"id": key << 32 | 20})
    store.commit_now(unit)
    with pytest.raises(HistoryDamaged, match="event 11 is missing"):
        read(store, key)
    assert read(store, key, 20) == events[20:]
    fork = add_run("01f", forked_from=key, forked_at=40)
    with pytest.raises(HistoryDamaged, match="event 31 is missing"):
        read(store, fork, 20)


def test_documents_are_kept_once_and_the_catalog_knows_the_latest(store: Store, add_run: AddRun) -> None:
    add_run("01a")
    unit = store.unit()
    unit.add_program(digest="p1", source="other", file=None, namespace="x", name="x", version="9", created_at=9)
    for version in ("1.2.0", "1.10.0", "1.10.0-rc.1", "0.9.9", "odd"):
        unit.add_workflow(namespace="n", name="w", version=version, program="p1", created_at=1)
    unit.add_workflow(namespace="n", name="w", version="1.2.0", program="p1", created_at=2)
    store.commit_now(unit)
    assert store.read.program("p1").source == "do: []"
    with pytest.raises(NotFound):
        store.read.program("p2")
    latest = store.read.find_workflow("n", "w")
    assert latest is not None
    assert (latest.version, latest.source) == ("1.10.0", "do: []")
    exact = store.read.find_workflow("n", "w", "1.2.0")
    assert exact is not None
    assert exact.created_at == 2
    assert store.read.find_workflow("n", "w", "3.0.0") is None
    assert store.read.find_workflow("n", "none") is None
    assert len(store.read.workflows()) == 5


def test_cloud_events_nodes_and_tenants_come_back(store: Store) -> None:
    event = {"specversion": "1.0", "id": "e1", "source": "/s", "type": "t", "data": {"a": 1}}
    unit = store.unit()
    unit.put_cloudevent(event, at=5, run="01a")
    unit.put_node(id="n1", type="local", status="up", at=6, capabilities=["http"])
    unit.put_node(id="n1", type="local", status="down", at=7, latency_ms=3)
    unit.add_tenant(id=2, name="other", at=8)
    unit.audit("gate.approved", {"by": "x"}, at=9, run="01a")
    unit.audit("gate.denied", {"by": "y"}, at=9, run="01b")
    store.commit_now(unit)
    (logged,) = store.read.cloudevents()
    assert (logged.payload, logged.run, logged.received_at) == (event, "01a", 5)
    (node,) = store.read.nodes()
    assert (node.status, node.last_heartbeat_at, node.latency_ms, node.capabilities) == ("down", 7, 3, ())
    assert [tenant.name for tenant in store.read.tenants()] == ["local", "other"]
    assert [record.type for record in store.read.audit(run="01b")] == ["gate.denied"]


@tuned(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_tree_of_forks_reads_as_if_each_run_had_its_whole_history(
    tmp_path_factory: pytest.TempPathFactory, history: MakeHistory, data: st.DataObject
) -> None:
    runs: list[tuple[int, list[Event], list[bytes]]] = []
    home = Settings(home=tmp_path_factory.mktemp("forks"))
    with Store.open(home, write=True, clock=FixedClock()) as store:
        unit = store.unit()
        unit.add_program(digest="p", source="", file=None, namespace="n", name="w", version="1", created_at=1)
        for number in range(data.draw(st.integers(1, 6))):
            key = store.new_run_key()
            more: dict[str, Any] = {}
            events: list[Event] = []
            digests: list[bytes] = []
            if runs:
                parent, past, marks = data.draw(st.sampled_from(runs))
                at = data.draw(st.integers(1, len(past)))
                more = {"forked_from": parent, "forked_at": at}
                events, digests = past[:at], marks[:at]
            unit.create_run(
                key=key, id=f"r{number}", program="p", namespace="n", name="w", version="1", created_at=1, **more
            )
            for _ in range(data.draw(st.integers(0 if runs else 1, 3))):
                last = len(events) + data.draw(st.integers(1, 9))
                new = history(len(events) + 1, last, digests[-1] if digests else GENESIS, number)
                unit.append_events(key, *new)
                events, digests = events + new[0], digests + new[1]
            runs.append((key, events, digests))
        store.commit_now(unit)
        for key, events, digests in runs:
            after = data.draw(st.integers(0, len(events)))
            until = data.draw(st.integers(after, len(events) + 2))
            assert read(store, key, after, until) == events[after:until]
            seq = data.draw(st.integers(1, len(events)))
            assert store.read.digest_at(key, seq) == digests[seq - 1]
            run = store.read.run_by_key(key)
            assert (run.seq, run.digest) in ((len(events), digests[-1]), (run.forked_at, b""))
