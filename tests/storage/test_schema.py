"""One schema, said three times: the migrations, the file a new database is made from, and the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from reach_workbench.settings import Settings
from reach_workbench.storage import opening, statements
from reach_workbench.storage.migrate import migrate, newest
from reach_workbench.storage.schema_dump import dump
from reach_workbench.storage.store import Store
from reach_workbench.storage.tables import metadata


def described(connection: sqlite3.Connection) -> dict[str, object]:
    """Tables with columns and keys, indexes and triggers, as SQLite itself sees them."""
    found: dict[str, object] = {}
    for kind, name, table, text in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall():
        if name == "alembic_version" or table == "alembic_version":
            continue
        found[f"{kind} {name}"] = " ".join(text.split()) if text else table
        if kind == "table" and not name.startswith("sqlite_"):
            found[f"columns of {name}"] = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            found[f"keys of {name}"] = sorted(
                row[2:5] for row in connection.execute(f"PRAGMA foreign_key_list({name})")
            )
    return found


@pytest.fixture
def migrated() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def test_the_schema_file_is_what_the_migrations_lead_to(migrated: sqlite3.Connection) -> None:
    assert opening.SCHEMA.read_text("utf-8") == dump(), "run `python -m reach_workbench.storage.schema_dump`"
    made = sqlite3.connect(":memory:")
    made.executescript(opening.SCHEMA.read_text("utf-8"))
    assert described(made) == described(migrated)
    assert made.execute(statements.REVISION).fetchall() == migrated.execute(statements.REVISION).fetchall()
    assert made.execute("SELECT * FROM tenants").fetchall() == migrated.execute("SELECT * FROM tenants").fetchall()
    made.close()


def test_the_tables_are_what_the_migrations_lead_to(migrated: sqlite3.Connection, tmp_path: Path) -> None:
    file = tmp_path / "tables.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    metadata.create_all(engine)
    engine.dispose()
    made = sqlite3.connect(file)
    assert described(made) == described(migrated)
    made.close()


def test_the_program_knows_the_newest_revision() -> None:
    assert newest() == opening.REVISION
    assert opening.REVISION in opening.known_revisions()


def test_every_table_says_whose_its_rows_are() -> None:
    without = {name for name, table in metadata.tables.items() if "tenant_id" not in table.columns}
    assert without == {"tenants", "programs"}, "a document is the same for everybody; what is done with it is not"


def test_every_statement_fits_the_schema(migrated: sqlite3.Connection) -> None:
    texts = [
        value
        for name, value in vars(statements).items()
        if name[0] != "_" and isinstance(value, str) and name.isupper()
    ]
    assert len(texts) > 40
    for text in texts:
        migrated.execute(f"EXPLAIN {text}", dict.fromkeys(sqlalchemy.text(text).compile().params, 1))


@pytest.mark.parametrize(
    "text",
    [
        statements.RUN_BY_PREFIX,
        statements.RUNS_OF_STATUS,
        statements.RUNS_OF_PARENT,
        statements.RUNS_UNFINISHED,
        statements.EVENTS_RANGE,
        statements.EVENTS_LAST,
        statements.SNAPSHOT_LAST,
        statements.JOBS_LEASE,
        statements.JOBS_RECLAIM,
        statements.JOBS_NEXT,
        statements.REQUESTS_OPEN,
        statements.AUDIT_OF_RUN,
    ],
)
def test_hot_statements_search_by_an_index(migrated: sqlite3.Connection, text: str) -> None:
    parameters = dict.fromkeys(sqlalchemy.text(text).compile().params, 1)
    plan = [row[3] for row in migrated.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
    bare = [line for line in plan if line.startswith("SCAN") and "USING" not in line and "dues" not in line]
    assert not bare, plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_an_older_database_is_migrated_when_it_is_opened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        unit.audit("kept", {"a": 1}, at=7)
        store.commit_now(unit)
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "001_initial.py").write_text((opening.MIGRATIONS / "001_initial.py").read_text())
    (scripts / "002_more.py").write_text(
        "from alembic import op\nrevision = '002'\ndown_revision = '001'\n"
        "def upgrade():\n    op.execute('CREATE TABLE more (id INTEGER)')\n"
    )
    monkeypatch.setattr(opening, "MIGRATIONS", scripts)
    monkeypatch.setattr("reach_workbench.storage.migrate.MIGRATIONS", scripts)
    monkeypatch.setattr(opening, "REVISION", "002")
    with Store.open(settings, write=False) as store:
        assert [record.payload for record in store.read.audit()] == [{"a": 1}]
    connection = sqlite3.connect(settings.home / "reach.db")
    assert connection.execute(statements.REVISION).fetchall() == [("002",)]
    assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    connection.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Store.open(settings, write=True).close()
    (tmp_path / "001_initial.py").write_text((opening.MIGRATIONS / "001_initial.py").read_text())
    (tmp_path / "002_broken.py").write_text(
        "from alembic import op\nrevision = '002'\ndown_revision = '001'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (id INTEGER)')\n    op.execute('NONSENSE')\n"
    )
    monkeypatch.setattr("reach_workbench.storage.migrate.MIGRATIONS", tmp_path)
    connection = opening.connect_writer(settings.home / "reach.db", settings)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    connection.close()
    connection = sqlite3.connect(settings.home / "reach.db")
    assert connection.execute(statements.REVISION).fetchall() == [("001",)]
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
