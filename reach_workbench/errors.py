"""Every error a person can meet, as one tree with stable codes.

ReachError
├── UsageError              usage            a command line or request that makes no sense
│   ├── NotFound            not-found        a file, run, command or workflow that does not exist
│   └── BadInput            bad-input        data that is not JSON, or breaks a schema before a run exists
├── Unauthorized            unauthorized     a request to a node without its token, or with a wrong one
├── CompileError            compile-failed   a document with diagnostics of severity error
├── HomeError               home             the data folder can't be used
│   ├── HomeReadOnly        home-read-only
│   ├── HomeInUse           home-in-use      another process holds its lock
│   │   └── HomeFreed       home-freed       that process ended before it took up what was asked: nothing was done
│   └── HomeUnusable        home-unusable    not a folder, or no permission to enter it
├── StoreError              store            the database can't be used
│   ├── StoreNewer          store-newer      written by a newer version of the program
│   ├── StoreDamaged        store-damaged    not a database, or an integrity check fails
│   ├── StoreFull           store-full       the disk or the page limit is exhausted
│   ├── AuditDamaged        audit-damaged    the audit log does not fit its tree: nothing is added to it
│   ├── StoreBusy           store-busy       another writer kept the database locked for too long
│   └── LeaseLost           lease-lost       a job was finished by a holder whose lease had run out
├── HistoryError            history          recorded facts or events can't be used
│   ├── HistoryDamaged      history-damaged  an event does not match its digest
│   ├── HistoryDiverged     history-diverged replaying the facts gives other events
│   └── HistoryUnknown      history-unknown  an event of a version or type this program does not know
├── ArchiveError            archive          an exported run can't be read or was tampered with
│   ├── ArchiveNewer        archive-newer    of a format that this program does not know
│   └── ArchiveUnsafe       archive-unsafe   made to do harm: unpacks to too much, has names that lead out or are double
├── EvidenceDamaged         evidence-damaged a checkpoint, an envelope, a statement or an approval that is none
├── KeysError               keys             keys or kept secrets can't be used
│   ├── KeysUnavailable     keys-unavailable the keyring fails or does not answer, or the file can't be written
│   ├── KeysLocked          keys-locked      no passphrase or a wrong one, or a locked keyring
│   ├── KeysDamaged         keys-damaged     the file of keys, or one key, is not what was written
│   └── KeyMissing          key-missing      no key or secret of that name
├── RunStateError           run-state        the run is not in a state that allows what was asked
├── GateError               gate             something about a held action that can't be done
│   ├── GateClosed          gate-closed      the gate has its outcome already, or this reviewer has decided
│   └── ApprovalRefused     approval-refused not signed rightly, not for this action, or not by one who may
├── PolicyInvalid           policy-invalid   a policy file with errors; the policies before it stay in force
│   └── SecretsMissing      secrets-missing  the run needs secrets that nobody has given again
├── ForkRefused             fork-refused     the past does not fit the changed workflow or data
├── NobodyWaits             nobody-waits     an event that no run was waiting for
├── LimitExceeded           limit            a limit of the settings was reached; names the setting
├── EffectError             effect           an adapter can't perform a command (see effects/)
├── EngineLost              engine-lost      the engine's child process died or never answered
├── NodeUnreachable         node-unreachable no node answers at its socket or address
├── ProtocolMismatch        protocol-mismatch  node and client speak no common version
└── Bug                     bug              an invariant of ours does not hold: please report it

A message says what was wrong, `where` the place (file:line:column, a setting, a run),
`hint` what to do next. Codes never change meaning; a new failure gets a new code.
"""

from __future__ import annotations

from typing import ClassVar


class ReachError(Exception):
    """Root of the tree. `code` is stable; `exit_code` is what `reach` exits with."""

    code: ClassVar[str] = "reach"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        """The error as the JSON object printed under `--json`; absent parts are left out."""
        parts = {"code": self.code, "message": self.message, "where": self.where, "hint": self.hint}
        return {name: part for name, part in parts.items() if part is not None}


class UsageError(ReachError):
    code = "usage"
    exit_code = 2


class NotFound(UsageError):
    code = "not-found"


class BadInput(UsageError):
    code = "bad-input"


class Unauthorized(ReachError):
    code = "unauthorized"


class CompileError(ReachError):
    """A document that can't be run. `diagnostics` are `engine.diagnostics.Diagnostic` values."""

    code = "compile-failed"
    exit_code = 2

    def __init__(
        self, message: str, *, diagnostics: tuple[object, ...] = (), where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.diagnostics = diagnostics


class HomeError(ReachError):
    code = "home"


class HomeReadOnly(HomeError):
    code = "home-read-only"


class HomeInUse(HomeError):
    code = "home-in-use"


class HomeFreed(HomeInUse):
    code = "home-freed"


class HomeUnusable(HomeError):
    code = "home-unusable"


class StoreError(ReachError):
    code = "store"


class StoreNewer(StoreError):
    code = "store-newer"


class StoreDamaged(StoreError):
    code = "store-damaged"


class StoreFull(StoreError):
    code = "store-full"


class AuditDamaged(StoreError):
    code = "audit-damaged"


class StoreBusy(StoreError):
    code = "store-busy"


class LeaseLost(StoreError):
    code = "lease-lost"


class HistoryError(ReachError):
    code = "history"


class HistoryDamaged(HistoryError):
    """`seq` is the first event that is known to be damaged, `task` its task where that could still be read."""

    code = "history-damaged"

    def __init__(
        self,
        message: str,
        *,
        seq: int | None = None,
        task: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.seq = seq
        self.task = task


class HistoryDiverged(HistoryError):
    code = "history-diverged"


class HistoryUnknown(HistoryError):
    code = "history-unknown"


class ArchiveError(ReachError):
    code = "archive"


class ArchiveNewer(ArchiveError):
    code = "archive-newer"


class ArchiveUnsafe(ArchiveError):
    code = "archive-unsafe"


class EvidenceDamaged(ReachError):
    code = "evidence-damaged"


class KeysError(ReachError):
    code = "keys"


class KeysUnavailable(KeysError):
    code = "keys-unavailable"


class KeysLocked(KeysError):
    code = "keys-locked"


class KeysDamaged(KeysError):
    code = "keys-damaged"


class KeyMissing(KeysError):
    code = "key-missing"
    exit_code = 2


class RunStateError(ReachError):
    code = "run-state"
    exit_code = 2


class GateError(ReachError):
    code = "gate"
    exit_code = 2


class GateClosed(GateError):
    code = "gate-closed"


class ApprovalRefused(GateError):
    code = "approval-refused"


class PolicyInvalid(ReachError):
    code = "policy-invalid"
    exit_code = 2


class SecretsMissing(RunStateError):
    code = "secrets-missing"


class ForkRefused(ReachError):
    code = "fork-refused"
    exit_code = 2


class NobodyWaits(ReachError):
    code = "nobody-waits"


class LimitExceeded(ReachError):
    code = "limit"


class EffectError(ReachError):
    code = "effect"


class EngineLost(ReachError):
    code = "engine-lost"


class NodeUnreachable(ReachError):
    code = "node-unreachable"


class ProtocolMismatch(ReachError):
    code = "protocol-mismatch"


class Bug(ReachError):
    code = "bug"


def class_of(code: str) -> type[ReachError]:
    """The class with that code; the root when there is none, as for an error that only a newer node knows."""
    classes = [ReachError]
    for each in classes:
        if each.code == code:
            return each
        classes += each.__subclasses__()
    return ReachError
