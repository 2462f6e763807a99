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
from reach_workbench.storage.packing import pack
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
    assert without == {"tenants", "programs", "audit_tree"}, (
        "a document is the same for everybody, what is done with it is not; one tree is over everybody's records"
    )


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
        statements.runs(("status",)),
        statements.runs(("namespace", "name", "part")),
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
        statements.audit_newest(("run",)),
        statements.audit_newest(("low", "part")),
        statements.LOG_LINES,
        statements.LOG_LINES_TRIM,
    ],
)
def test_hot_statements_search_by_an_index(migrated: sqlite3.Connection, text: str) -> None:
    parameters = dict.fromkeys(sqlalchemy.text(text).compile().params, 1)
    plan = [row[3] for row in migrated.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
    bare = [line for line in plan if line.startswith("SCAN") and "USING" not in line and "dues" not in line]
    assert not bare, plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_a_database_of_the_first_schema_is_brought_up_to_date_with_what_is_in_it(settings: Settings) -> None:
    settings.home.mkdir()
    with closing(opening.connect_writer(settings.home / "reach.db", settings)) as connection:
        migrate(connection, "001")
        row = (1, "01a", "kept", pack({"b": "x" * 5000, "a": 1}), 7)
        connection.execute(
            "INSERT INTO audit (tenant_id, run_id, type, payload, created_at) VALUES (?, ?, ?, ?, ?)", row
        )
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        unit.audit("added", None, at=8)
        store.commit_now(unit)
        found = [(each.id, each.run, each.type) for each in store.read.audit()]
        assert found == [(1, "01a", "kept"), (2, None, "added")]
        assert store.read.audit()[0].payload == {"a": 1, "b": "x" * 5000}
        assert (store.read.breakpoints(), store.read.schedules(), store.read.reviewers()) == ((), (), ())
    with closing(sqlite3.connect(settings.home / "reach.db")) as connection:
        assert connection.execute(statements.REVISION).fetchall() == [(opening.REVISION,)]
        with closing(sqlite3.connect(":memory:")) as made:
            made.executescript(opening.SCHEMA.read_text("utf-8"))
            assert described(connection) == described(made)


def test_an_older_database_is_migrated_when_it_is_opened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        unit.audit("kept", {"a": 1}, at=7)
        store.commit_now(unit)
    scripts = with_a_later_migration(tmp_path / "migrations", "op.execute('CREATE TABLE more (id INTEGER)')")
    monkeypatch.setattr(opening, "MIGRATIONS", scripts)
    monkeypatch.setattr("reach_workbench.storage.migrate.MIGRATIONS", scripts)
    monkeypatch.setattr(opening, "REVISION", "900")
    with Store.open(settings, write=False) as store:
        assert [record.payload for record in store.read.audit()] == [{"a": 1}]
    connection = sqlite3.connect(settings.home / "reach.db")
    assert connection.execute(statements.REVISION).fetchall() == [("900",)]
    assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    connection.close()


def with_a_later_migration(folder: Path, work: str) -> Path:
    """A folder with all migrations there are, and one more after them."""
    folder.mkdir()
    for script in opening.MIGRATIONS.glob("[0-9]*_*.py"):
        (folder / script.name).write_text(script.read_text())
    (folder / "900_later.py").write_text(
        f"from alembic import op\nrevision = '900'\ndown_revision = '{opening.REVISION}'\ndef upgrade():\n    {work}\n"
    )
    return folder


def test_a_migration_that_fails_leaves_everything_as_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Store.open(settings, write=True).close()
    work = "op.execute('CREATE TABLE half (id INTEGER)'); op.execute('NONSENSE')"
    scripts = with_a_later_migration(tmp_path / "migrations", work)
    monkeypatch.setattr("reach_workbench.storage.migrate.MIGRATIONS", scripts)
    connection = opening.connect_writer(settings.home / "reach.db", settings)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    connection.close()
    connection = sqlite3.connect(settings.home / "reach.db")
    assert connection.execute(statements.REVISION).fetchall() == [(opening.REVISION,)]
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
