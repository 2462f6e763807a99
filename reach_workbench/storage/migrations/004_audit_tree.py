"""The audit log becomes a Merkle tree: each record with its leaf, and one row for the tree."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reach_workbench.engine.canonical import canonical
from reach_workbench.evidence.merkle import Frontier
from reach_workbench.evidence.record import record_leaf
from reach_workbench.storage.packing import unpack

revision = "004"
down_revision = "003"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    before = op.get_bind().exec_driver_sql("SELECT tenant_id, run_id, type, payload, created_at FROM audit ORDER BY id")
    records = [tuple(row) for row in before]
    op.drop_table("audit")
    audit = op.create_table(
        "audit",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    op.create_index("audit_run", "audit", ["run_id"], sqlite_where=sa.text("run_id IS NOT NULL"))
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change} BEFORE {change.upper()} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
    tree = op.create_table(
        "audit_tree",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
        sa.Column("pins", sa.BigInteger, nullable=False),
        sa.Column("pinned", sa.BigInteger, nullable=False),
    )
    if not records:
        return
    frontier = Frontier()
    rows = []
    for id, (tenant, run, type, packed, at) in enumerate(records, 1):
        payload = canonical(unpack(packed))
        leaf = record_leaf(id, at, tenant, run, type, payload)
        frontier.append(leaf)
        rows.append(
            {
                "id": id,
                "tenant_id": tenant,
                "run_id": run,
                "type": type,
                "payload": payload,
                "created_at": at,
                "leaf": leaf,
            }
        )
    op.bulk_insert(audit, rows)
    op.bulk_insert(tree, [{"id": 1, "size": frontier.size, "peaks": frontier.to_bytes(), "pins": 0, "pinned": 0}])
