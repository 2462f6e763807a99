"""Write `schema.sql`, the schema all migrations lead to: `python -m reach_workbench.storage.schema_dump`.

A new database is made from that file, which takes 2 ms where the migrations take half a second.
"""

from __future__ import annotations

import sqlite3

from reach_workbench.storage.migrate import migrate
from reach_workbench.storage.opening import SCHEMA

_HEADING = "-- Made from the migrations by `python -m reach_workbench.storage.schema_dump`; change those instead.\n"


def dump() -> str:
    """The statements that make the schema, its first rows and the record of its revision."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    lines = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    )
    statements = [" ".join(text.split()) for (text,) in lines]
    for table in ("tenants", "alembic_version"):
        for row in connection.execute(f"SELECT * FROM {table}"):
            statements.append(f"INSERT INTO {table} VALUES ({', '.join(map(_literal, row))})")
    connection.close()
    return _HEADING + "".join(f"{statement};\n" for statement in statements)


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


if __name__ == "__main__":
    SCHEMA.write_text(dump(), "utf-8")
