"""Events survive the way into the store and back; damage is found and named."""

from __future__ import annotations

import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.engine.events import GENESIS, TYPES, Event, digest
from reach_workbench.errors import HistoryDamaged, HistoryUnknown
from reach_workbench.storage.codec import CHUNK_BYTES, CHUNK_EVENTS, MARK, Encoded, blame, decode, encode, split
from reach_workbench.storage.packing import pack

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    first = draw(st.integers(1, 2**31))
    at = draw(st.integers(0, 2**43))
    events = []
    for seq in range(first, first + draw(st.integers(1, 30))):
        at += draw(st.sampled_from([0, 0, 1, 17, -3, 100_000]))
        task = draw(st.none() | st.sampled_from(["/do/0/a", "/do/1/b", "/do/1/b/do/0/ü"]))
        frame = draw(st.integers(0, seq) | st.just(seq) | st.integers(max(0, seq - 5), seq))
        data = draw(st.none() | st.dictionaries(TEXT, VALUES, max_size=3))
        events.append(Event(seq, draw(st.sampled_from(TYPES)), at, task, frame, data))
    return events


def digests_of(events: list[Event]) -> list[bytes]:
    before, found = GENESIS, []
    for event in events:
        before = digest(before, event)
        found.append(before)
    return found


def rows_of(events: list[Event]) -> list[Encoded]:
    return list(split(events, digests_of(events)))


@given(histories())
def test_events_come_back_as_they_were(events: list[Event]) -> None:
    digests = digests_of(events)
    (row,) = split(events, digests)
    chunk = decode(row, "r")
    assert chunk.events == events
    assert [type(event.data) for event in chunk.events] == [type(event.data) for event in events]
    assert digests_of(chunk.events) == digests
    assert chunk.digests == [*(full[:MARK] for full in digests[:-1]), digests[-1]]
    assert (row.last_seq, row.length, row.at) == (events[-1].seq, len(events), events[0].at)


@given(histories(), st.data())
def test_any_changed_byte_is_noticed_and_the_event_named(events: list[Event], data: st.DataObject) -> None:
    (row,) = rows_of(events)
    place = data.draw(st.integers(0, len(row.payload) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = row._replace(payload=bytes([*row.payload[:place], row.payload[place] ^ flip, *row.payload[place + 1 :]]))
    with pytest.raises(HistoryDamaged) as caught:
        decode(damaged, "r")
    assert caught.value.seq == events[0].seq
    blamed = blame(damaged, GENESIS)
    assert blamed is None or blamed != events[blamed.seq - events[0].seq]


def test_a_chunk_holds_a_bounded_number_of_events() -> None:
    events = [Event(seq, "task.started", 5, "/do/0/a", 0, None) for seq in range(1, 1201)]
    rows = rows_of(events)
    assert [row.length for row in rows] == [CHUNK_EVENTS, CHUNK_EVENTS, 1200 - 2 * CHUNK_EVENTS]
    assert [event for row in rows for event in decode(row, "r").events] == events


def test_long_values_are_spread_over_several_chunks() -> None:
    noise = [digest(GENESIS, Event(seq, "task.started", 0, None, 0, None)).hex() * 10_000 for seq in range(4)]
    events = [Event(seq, "command.completed", 5, "/do/0/a", 0, {"output": noise[seq % 4] + str(seq)}) for seq in (1, 2)]
    assert len(encode(events)) < CHUNK_BYTES  # repetitive: compressed into one
    rough = random.Random(1)
    events = [event._replace(data={"output": rough.randbytes(700_000).hex()}) for event in events]
    assert [row.length for row in rows_of(events)] == [1, 1]


def test_a_typical_step_is_small() -> None:
    step = [
        Event(41, "task.started", 1_700_000_000_000, "/do/0/call", 0, None),
        Event(
            42, "command.issued", 1_700_000_000_000, "/do/0/call", 41, {"kind": "function.call", "arguments": {"i": 3}}
        ),
        Event(
            43,
            "command.completed",
            1_700_000_000_002,
            "/do/0/call",
            41,
            {"command": 42, "output": {"i": 3, "ok": True}},
        ),
        Event(44, "task.completed", 1_700_000_000_002, "/do/0/call", 41, None),
    ]
    (row,) = rows_of(step)
    assert len(row.payload) <= 150
    assert len(row.digests) == 3 * MARK + 32 + 4


@pytest.mark.parametrize(
    "change",
    [
        {"payload": b"[]", "digests": bytes(36)},
        {"payload": b""},
        {"payload": b"[]"},
        {"payload": b"{}"},
        {"payload": b"xnot zlib"},
        {"payload": pack([["/a"], [["text"]]])},
        {"payload": pack([["/a"], [[0, 0, 0, 9]]])},
        {"payload": pack([["/a"], [[0, 0, 0, -1]]])},
        {"payload": pack([["/a"], [[0, [1]]]])},
        {"payload": pack([["/a"], [5]])},
        {"payload": pack([["/a"], [[0, 0, 0, 1], [0]]])},
        {"digests": b"short"},
        {"length": 2},
    ],
)
def test_a_damaged_row_names_the_run_and_the_event(change: dict[str, object]) -> None:
    (row,) = rows_of([Event(7, "task.started", 5, "/do/0/a", 0, None)])
    with pytest.raises(HistoryDamaged) as caught:
        decode(sealed(row._replace(**change)) if "digests" not in change else row._replace(**change), "01run")
    assert caught.value.where is not None
    assert caught.value.where.startswith("run 01run, event ")


def sealed(row: Encoded) -> Encoded:
    """The row with the checksum its payload has, as an attacker would make it."""
    return row._replace(digests=row.digests[:-4] + crc32(row.payload).to_bytes(4, "big"))


def test_an_unknown_type_or_version_is_told_apart_from_damage() -> None:
    (row,) = rows_of([Event(7, "task.started", 5, "/do/0/a", 0, None)])
    with pytest.raises(HistoryUnknown, match="type number"):
        decode(sealed(row._replace(payload=pack([["/a"], [[len(TYPES)]]]))), "r")
    with pytest.raises(HistoryUnknown, match="version 9"):
        decode(sealed(row._replace(payload=pack([9, ["/a"], [[0]]]))), "r")


def test_older_events_are_brought_to_the_form_of_today() -> None:
    events = [Event(1, "task.started", 5, "/do/0/a", 0, {"old": 1})]
    row = sealed(Encoded(1, 1, 5, encode(events, version=1), bytes(36)))
    steps = {1: lambda event: event._replace(data={"new": event.data["old"]}), 2: lambda event: event._replace(frame=8)}
    chunk = decode(row, "r", version=3, upcasts=steps)
    assert chunk.events == [Event(1, "task.started", 5, "/do/0/a", 8, {"new": 1})]
    assert chunk.version == 1
    again = decode(sealed(row._replace(payload=encode(chunk.events, version=3))), "r", version=3, upcasts=steps)
    assert (again.events, again.version) == (chunk.events, 3)
