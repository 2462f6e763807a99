"""What is read about gates, approvals, rate counts and policies."""

from __future__ import annotations

from reach_workbench.errors import NotFound, UsageError
from reach_workbench.storage import gates as sql
from reach_workbench.storage.histories import Histories
from reach_workbench.storage.packing import unpack
from reach_workbench.storage.records import ApprovalRecord, GateRecord, PoliciesRecord


class GateReader(Histories):
    """A part of `Reader`."""

    def gate(self, name: str) -> GateRecord:
        """The gate of that id, or of the only id that begins so. Raises NotFound, or UsageError when several do."""
        rows = self._rows(sql.GATE, id=name)
        if not rows and name:
            rows = self._rows(sql.GATES_BY_PREFIX, low=name, high=name + "\U0010ffff")
        if not rows:
            raise NotFound(f"there is no gate {name!r}", hint="`reach gates` lists those that are open")
        if len(rows) > 1:
            some = ", ".join(row[0] for row in rows)
            raise UsageError(f"several gates begin with {name!r}: {some}", hint="give more of the id")
        return sql.gate_record(rows[0])

    def open_gates(self, *, limit: int = 1000, after: GateRecord | None = None) -> tuple[GateRecord, ...]:
        """Those that wait for a decision, the oldest first, after one of them."""
        at, id = (after.opened_at, after.id) if after is not None else (-1, "")
        return tuple(map(sql.gate_record, self._rows(sql.GATES_OPEN, at=at, after=id, limit=limit)))

    def gates_of(self, run: str) -> tuple[GateRecord, ...]:
        """Every gate a run has had, the oldest first."""
        return tuple(map(sql.gate_record, self._rows(sql.GATES_OF_RUN, run=run)))

    def closed_gates(self, *, limit: int = 100, before: int = 1 << 60) -> tuple[GateRecord, ...]:
        """Those that have their outcome, the newest first, opened before that time."""
        return tuple(map(sql.gate_record, self._rows(sql.GATES_CLOSED, before=before, limit=limit)))

    def approvals(self, gate: str) -> tuple[ApprovalRecord, ...]:
        """What reviewers have said about a gate, in that order."""
        return tuple(map(sql.approval_record, self._rows(sql.APPROVALS, gate=gate)))

    def rates(self, *, since: int) -> dict[str, list[int]]:
        """When the actions that rate gates count were started, by the id of the count."""
        return {id: unpack(times) for id, times in self._rows(sql.RATES, since=since)}

    def old_rates(self, *, before: int, limit: int) -> list[str]:
        """Some of the counts that have counted nothing since then."""
        return [id for (id,) in self._rows(sql.OLD_RATES, before=before, limit=limit)]

    def policies(self, digest: str) -> PoliciesRecord:
        """Policies that were in force once. Raises NotFound."""
        rows = self._rows(sql.POLICIES, digest=digest)
        if not rows:
            raise NotFound(f"no policies with the digest {digest} were ever in force here")
        return sql.policies_record(rows[0])

    def newest_policies(self, limit: int = 1) -> tuple[PoliciesRecord, ...]:
        """The policies used last, the newest first."""
        return tuple(map(sql.policies_record, self._rows(sql.POLICIES_NEWEST, limit=limit)))
