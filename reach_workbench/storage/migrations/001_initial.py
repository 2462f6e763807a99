"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite makes only a column declared INTEGER PRIMARY KEY the row's own number."""


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO tenants (id, name, created_at) VALUES (1, 'local', 0)")
    op.create_table(
        "programs",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("file", sa.Text),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "workflows",
        sa.Column("tenant_id", sa.BigInteger, sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("namespace", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("program", sa.Text, sa.ForeignKey("programs.digest"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("tenant_id", sa.BigInteger, sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("program", sa.Text, sa.ForeignKey("programs.digest"), nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("file", sa.Text),
        sa.Column("base", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("capabilities", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("output", sa.LargeBinary),
        sa.Column("error", sa.LargeBinary),
        sa.Column("parent", sa.Text),
        sa.Column("parent_command", sa.BigInteger),
        sa.Column("forked_from", sa.BigInteger, sa.ForeignKey("runs.key")),
        sa.Column("forked_at", sa.BigInteger),
        sa.Column("breakpoints", sa.Text),
        sa.Column("position", sa.Text),
        sa.Column("waiting", sa.LargeBinary),
        sa.Column("secrets", sa.Text),
        sa.Column("next_due", sa.BigInteger),
    )
    op.create_index("runs_status", "runs", ["status", "key"])
    op.create_index("runs_parent", "runs", ["parent"], sqlite_where=sa.text("parent IS NOT NULL"))
    op.create_index("runs_unfinished", "runs", ["key"], sqlite_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "events",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("priority", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("max_attempts", sa.BigInteger, nullable=False),
        sa.Column("next_run_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "jobs_ready", "jobs", [sa.text("priority DESC"), "next_run_at"], sqlite_where=sa.text("status = 'queued'")
    )
    op.create_index("jobs_leased", "jobs", ["lease_until"], sqlite_where=sa.text("status = 'leased'"))
    op.create_index("jobs_run", "jobs", ["run_id"], sqlite_where=sa.text("run_id IS NOT NULL"))
    op.create_table(
        "audit",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_run", "audit", ["run_id"])
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change} BEFORE {change.upper()} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("capabilities", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("last_heartbeat_at", sa.BigInteger, nullable=False),
        sa.Column("latency_ms", sa.BigInteger),
        sa.Column("load_score", sa.BigInteger),
    )
    op.create_table(
        "requests",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("answer", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_index("requests_open", "requests", ["id"], sqlite_where=sa.text("answered_at IS NULL"))
    op.create_table(
        "cloudevents",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
    )
    op.create_index("cloudevents_id", "cloudevents", ["source", "id"])
    op.create_index("cloudevents_received", "cloudevents", ["received_at"])
