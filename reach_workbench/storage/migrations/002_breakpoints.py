"""Breakpoints of the node, and what those with a message have said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "breakpoints",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("task", sa.Text),
        sa.Column("command", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("condition", sa.Text),
        sa.Column("hits", sa.BigInteger, nullable=False),
        sa.Column("log", sa.Text),
        sa.Column("enabled", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_lines",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("breakpoint", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("log_lines_run", "log_lines", ["run_id", "key"])
