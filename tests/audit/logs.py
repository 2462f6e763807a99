"""An audit log of a home with its checkpoints, made as a node makes it, to be tampered with."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from reach_workbench.clock import FixedClock
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.protocol.audit import AuditVerification
from reach_workbench.settings import Settings
from reach_workbench.storage.checkpoint_file import file_of, pin
from reach_workbench.storage.store import Store

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(range(1, 33)))


class Log:
    """A home whose store is closed; `add` and `pinned` open it for a moment."""

    def __init__(self, folder: Path, **audit: object) -> None:
        self.settings = Settings(home=folder)
        self.database = folder / "reach.db"
        self.checkpoints = file_of(self.settings)
        self.clock = FixedClock()

    def add(self, count: int, *, type: str = "effect.performed") -> None:
        with Store.open(self.settings, write=True, clock=self.clock) as store:
            first = store.read.audit_head().tree.size
            unit = store.unit()
            for number in range(first, first + count):
                self.clock.advance(3)
                payload = {"command": f"01kb:{number}", "verdict": "allow", "ä": [number / 7, None, "x" * (number % 9)]}
                unit.audit(type, payload, at=self.clock.now(), run=f"01kb{number // 5:016}" if number % 4 else None)
            store.commit_now(unit)

    def pin(self, key: SigningKey = KEY, *, confirm: bool = True) -> int:
        """A checkpoint of the log as it stands; unconfirmed as by a crash in between."""
        with Store.open(self.settings, write=True, clock=self.clock) as store:
            head = store.read.audit_head()
            number = pin(self.checkpoints, key, head, self.clock.now())
            if confirm:
                unit = store.unit()
                unit.pin_audit(pins=number, size=head.tree.size)
                store.commit_now(unit)
        return number

    def grow(self, *sizes: int) -> Log:
        """Records up to each size, with a checkpoint at each."""
        for size in sizes:
            with Store.open(self.settings, write=False) as store:
                there = store.read.audit_head().tree.size
            self.add(size - there)
            self.pin()
        return self

    def verify(self, public: bytes | None = KEY.public) -> AuditVerification:
        with Store.open(self.settings, write=False, clock=self.clock) as store:
            return store.check_audit(public)

    def copy(self, folder: Path) -> Log:
        shutil.copytree(self.settings.home, folder)
        return Log(folder)

    def run(self, script: str, *parameters: object) -> None:
        """Change the database as somebody would who has the file."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER IF EXISTS audit_no_update")
            connection.execute("DROP TRIGGER IF EXISTS audit_no_delete")
            connection.execute(script, parameters)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
