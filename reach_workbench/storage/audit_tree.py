"""The audit log as it grows: each record gets its number and its leaf, and the tree is written with them.

Everything happens inside the writer's transaction. What was committed is remembered, so that a transaction costs one
row for the tree and no reading; whatever was not committed is forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reach_workbench.errors import AuditDamaged
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.evidence.record import record_leaf
from reach_workbench.storage import statements as sql
from reach_workbench.storage.unit import AuditEntry

VERIFY: Final = "`reach audit verify` names the record; then restore the home from a backup, or start with another one"


class AuditTree:
    """Belongs to the writer and its connection."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._committed: Frontier | None = None
        self._draft: Frontier | None = None

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """Insert the records, numbered on from the last. Raises AuditDamaged, or what SQLite raises."""
        tree = self._draft
        if tree is None:
            if self._committed is None:
                self._committed = self._stored()
            tree = self._draft = self._committed.copy()
        rows = []
        for entry in entries:
            at, tenant, run, type, payload = entry
            id = tree.size + 1
            leaf = record_leaf(id, at, tenant, run, type, payload)
            tree.append(leaf)
            rows.append(
                {
                    "id": id,
                    "tenant": tenant,
                    "run": run,
                    "type": type,
                    "payload": payload,
                    "at": at,
                    "leaf": leaf,
                }
            )
        self._connection.executemany(sql.AUDIT_INSERT, rows)

    def mark(self) -> Frontier | None:
        """Where the tree stands within the transaction, for `back_to`."""
        return self._draft.copy() if self._draft is not None else None

    def back_to(self, mark: Frontier | None) -> None:
        """The transaction was rolled back to the savepoint at which the mark was taken."""
        self._draft = mark

    def write(self) -> None:
        """Write the tree; nothing when the transaction has no record."""
        if self._draft is not None:
            row = {"size": self._draft.size, "peaks": self._draft.to_bytes()}
            self._connection.execute(sql.AUDIT_TREE_UPSERT, row)

    def keep(self) -> int | None:
        """The transaction was committed: how many records there are, None when it added none."""
        if self._draft is None:
            return None
        self._committed, self._draft = self._draft, None
        return self._committed.size

    def drop(self) -> None:
        """The transaction was rolled back, or nobody knows: the next one reads the tree again."""
        if self._draft is not None:
            self._committed = self._draft = None

    def _stored(self) -> Frontier:
        """The tree as it was committed last. Going on with one that does not fit the records would hide the damage."""
        row = self._connection.execute(sql.AUDIT_TREE).fetchone()
        size, peaks = (row[0], row[1]) if row is not None else (0, b"")
        (last,) = self._connection.execute(sql.AUDIT_LAST).fetchone()
        if size != last:
            raise AuditDamaged(
                f"the audit log is damaged: its tree has {size} records, its last record is {last}",
                where=str(self._file),
                hint=VERIFY,
            )
        try:
            return Frontier.from_bytes(size, peaks)
        except (ValueError, TypeError):
            raise AuditDamaged(
                f"the audit log is damaged: what is written of its tree can't be one of {size} records",
                where=str(self._file),
                hint=VERIFY,
            ) from None
