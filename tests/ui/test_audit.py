"""The audit screen: a person reads the log, narrows it, and has it verified."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from reach_workbench.protocol.audit import AuditVerification
from reach_workbench.protocol.node_views import Progress
from reach_workbench.ui.auditfilter import AuditFilter
from tests.ui.conftest import LISTENING, Place
from tests.ui.performing import performs

Go = Callable[[Any], None]


@performs("audit.refresh", "audit.open")
def test_records_are_read_newest_first_and_lead_to_their_run(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "audit") as desk:
            await desk.until_shown("No audit record yet.")
            await desk.press("enter")
            await desk.until(lambda: any("about no run" in each.message for each in desk.app._notifications))
            first = await place.run(node)
            waiting = await place.run(node, LISTENING)
            await node.cancel(waiting.id, "not wanted any more")
            await desk.press("r")
            await desk.until_shown("not wanted any more")
            assert desk.shown().index("run.cancelled") < desk.shown().index("run.started")
            await desk.press("G")
            await desk.until_shown(first.id)
            await desk.press("enter")
            await desk.until_screen("DebugScreen")
            await desk.until(lambda: desk.app.session.get("run") == first.id)

    go(body)


@performs("audit.filter")
def test_the_filter_narrows_by_type_age_and_text(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "audit") as desk:
            await place.run(node, name="apples")
            waiting = await place.run(node, LISTENING, name="pears")
            await node.cancel(waiting.id)
            await desk.press("r")
            await desk.until_shown("run.cancelled")
            await desk.press("f", *"run.s")
            await desk.until(lambda: "run.cancelled" not in desk.shown() and "run.started" in desk.shown())
            await desk.press(*" pears 2h")
            await desk.until(lambda: desk.shown().count("run.started") == 2)  # in the list, and whole beside it
            await desk.press(*" nothing")
            await desk.until_shown("No record fits the filter.")
            await desk.press("escape")
            await desk.until_shown("run.cancelled")

    go(body)


@performs("audit.verify")
def test_the_log_is_verified_and_what_was_changed_is_marked(place: Place, go: Go) -> None:
    async def body() -> None:
        async with place.node() as node, place.desk(node, "audit") as desk:
            for _ in range(3):
                await place.run(node)
            await desk.press("r")
            await desk.until_shown("run.started")
            await desk.press("V")
            await desk.until_shown("✓ verified: 3 records hold, root ")
            with closing(sqlite3.connect(node.store.file)) as connection:
                connection.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET type = 'x' WHERE id = 2")
            await desk.press("V")
            await desk.until_shown("✗ changed: record 2 was changed")
            await desk.press("r")
            await desk.until_shown("✗ x")

    go(body)


def test_a_verification_that_is_cancelled_ends(place: Place, go: Go) -> None:
    async def body() -> None:
        ended = asyncio.Event()
        async with place.node() as node:

            async def audit_verify(*, progress: Progress | None = None) -> AuditVerification:
                assert progress is not None
                progress(250, 1000)
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()
                raise AssertionError

            node.audit_verify = audit_verify  # type: ignore[method-assign]
            async with place.desk(node, "audit") as desk:
                await desk.press("V")
                await desk.until_shown("250/1,000")
                await desk.press("escape")
                await asyncio.wait_for(ended.wait(), 5)
                await desk.until_screen("AuditScreen")
                assert "✓ verified" not in desk.shown()

    go(body)


def test_the_words_of_a_filter() -> None:
    assert AuditFilter.parse("") == AuditFilter()
    assert AuditFilter.parse("gate. 3d Ada Lovelace") == AuditFilter("gate.", 259_200_000, "Ada Lovelace")
    assert AuditFilter.parse("90min run.started x.y") == AuditFilter("run.started", 5_400_000, "x.y")
