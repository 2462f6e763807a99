"""The changes of the node's key are found among all audit records without reading those."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision = "006"


def upgrade() -> None:
    op.create_index("audit_keys", "audit", ["id"], sqlite_where=sa.text("type = 'node.key-rotated'"))
