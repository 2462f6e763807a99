"""Workflows that start by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "003"
down_revision = "002"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("program", sa.Text, sa.ForeignKey("programs.digest"), nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.LargeBinary, nullable=False),
        sa.Column("enabled", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("last_at", sa.BigInteger),
        sa.Column("last_run", sa.Text),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.BigInteger, nullable=False),
        sa.Column("heard", sa.BigInteger, nullable=False),
        sa.Column("collected", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
