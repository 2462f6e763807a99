"""The audit log as a node shows it: its records, and what verifying it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reach_workbench.engine.values import Json

ProblemCode = Literal[
    "changed",
    "missing",
    "inserted",
    "rewritten",
    "cut-off",
    "older-copy",
    "tree-changed",
    "unreadable",
    "checkpoint-damaged",
    "checkpoint-forged",
    "checkpoint-missing",
]
"""What can be wrong with an audit log; docs/audit.md explains each."""


@dataclass(frozen=True, slots=True)
class AuditView:
    """One record of the audit log."""

    seq: int
    at: int
    type: str
    run: str | None
    data: Json


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """Something wrong with the log. It is with one of the records `first` to `last`, or with a checkpoint.

    Where the records alone can tell, `first` and `last` are the same; where only the roots of checkpoints can, they
    are the records between two of them.
    """

    code: ProblemCode
    message: str
    first: int | None = None
    last: int | None = None
    checkpoint: int | None = None


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """What verifying found. `problems` is empty or has the first of the records, the first of the checkpoints, or both.

    `records` were read and hold; `root` is the tree's over them, in base64 as checkpoints have it. `checkpoints` agree
    with them, and the last of those vouches for the first `covered` records. `key` is the node's public key that their
    signatures were held against (C2SP signed-note's form, `name+hash+key`), None when there was none; `earlier` are the
    keys before it, the newest first, each of which signed that the next takes its place.
    """

    ok: bool
    records: int
    root: str
    checkpoints: int
    covered: int
    key: str | None
    seconds: float
    problems: tuple[AuditProblem, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        if self.problems:
            return "; ".join(problem.message for problem in self.problems)
        records = "1 record holds" if self.records == 1 else f"{self.records:,} records hold"
        if not self.records:
            records = "there is no record yet"
        return f"{records}, root {self.root}; {self._vouched()}"

    @property
    def before(self) -> str:
        """How much of a log that does not hold does, in one sentence."""
        records = "1 record" if self.records == 1 else f"{self.records:,} records"
        return f"the log holds up to that place: {records}, {self.covered:,} of them vouched for by checkpoints"

    def _vouched(self) -> str:
        if not self.checkpoints:
            return "no checkpoint vouches for them, so a log rewritten as a whole would not show"
        one = self.checkpoints == 1
        number = "1 checkpoint agrees" if one else f"{self.checkpoints:,} checkpoints agree"
        if self.key is None:
            return f"{number}, but without the node's key their signatures could not be checked"
        vouch = "vouches" if one else "vouch"
        which = "all of them" if self.covered >= self.records else f"the first {self.covered:,}"
        return f"{number} and {vouch} for {which}"
