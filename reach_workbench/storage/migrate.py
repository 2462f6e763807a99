"""Bring a database to a schema with Alembic. Imported only when that is due."""

from __future__ import annotations

import sqlite3
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from reach_workbench.storage.opening import MIGRATIONS


def migrate(connection: sqlite3.Connection, target: str = "head") -> None:
    """Run the migrations that are missing, each in one transaction with its own record.

    The connection must be in autocommit mode (`isolation_level=None`) and stays open.
    Raises sqlite3.Error; what a failed migration had done is then undone.
    """
    scripts = ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)])
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None)
    event.listen(engine, "begin", _begin)

    try:
        _run(scripts, engine, target)
    except DBAPIError as wrong:
        raise wrong.orig or wrong from None


def _run(scripts: ScriptDirectory, engine: Engine, target: str) -> None:
    def upgrade(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(target, revision)

    environment = EnvironmentContext(Config(), scripts, fn=upgrade, destination_rev=target)
    with environment, engine.connect() as session:
        environment.configure(connection=session, transaction_per_migration=True, transactional_ddl=True)
        with environment.begin_transaction():
            environment.run_migrations()


def newest() -> str | None:
    """The number of the last migration."""
    return ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)]).get_current_head()


def _begin(session: Connection) -> None:
    # The driver would begin on its own only before INSERT and the like, which leaves DDL outside.
    session.exec_driver_sql("BEGIN IMMEDIATE")
