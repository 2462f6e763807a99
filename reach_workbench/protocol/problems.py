"""An error as problem details (RFC 9457) and back: the other side raises what this one raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, CompileError, HistoryDamaged, ReachError, class_of
from reach_workbench.protocol import wire

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[str, int]] = {
    "reach": 500,
    "usage": 400,
    "not-found": 404,
    "bad-input": 422,
    "unauthorized": 401,
    "compile-failed": 422,
    "home": 503,
    "home-read-only": 503,
    "home-in-use": 503,
    "home-freed": 503,
    "home-unusable": 503,
    "store": 500,
    "store-newer": 503,
    "store-damaged": 500,
    "store-full": 507,
    "audit-damaged": 500,
    "store-busy": 503,
    "lease-lost": 409,
    "history": 500,
    "history-damaged": 500,
    "history-diverged": 500,
    "history-unknown": 500,
    "evidence-damaged": 422,
    "archive": 422,
    "archive-newer": 422,
    "archive-unsafe": 422,
    "keys": 500,
    "keys-unavailable": 503,
    "keys-locked": 503,
    "keys-damaged": 500,
    "key-missing": 404,
    "run-state": 409,
    "gate": 409,
    "gate-closed": 409,
    "approval-refused": 403,
    "policy-invalid": 422,
    "secrets-missing": 409,
    "fork-refused": 409,
    "nobody-waits": 409,
    "limit": 413,
    "effect": 502,
    "engine-lost": 500,
    "node-unreachable": 503,
    "protocol-mismatch": 426,
    "bug": 500,
}
"""The HTTP status of every code; a test holds it against the tree."""


def problem(wrong: ReachError, status: int | None = None) -> dict[str, Json]:
    """The error as a problem: RFC 9457's members, and `code`, `where`, `hint` and what else the error carries."""
    written: dict[str, Json] = {
        "type": f"urn:reach:error:{wrong.code}",
        "title": wrong.code.replace("-", " "),
        "status": status or STATUS[wrong.code],
        "detail": wrong.message,
        "code": wrong.code,
    }
    for name in ("where", "hint"):
        if getattr(wrong, name) is not None:
            written[name] = getattr(wrong, name)
    if isinstance(wrong, CompileError):
        written["diagnostics"] = [each.as_dict() for each in wrong.diagnostics if isinstance(each, Diagnostic)]
    elif isinstance(wrong, HistoryDamaged):
        written |= {"seq": wrong.seq, "task": wrong.task}
    return written


def error_of(written: Json) -> ReachError | None:
    """The error that a problem tells of; one of a code unknown here is a ReachError. None when it is no problem."""
    if not isinstance(written, dict) or not isinstance(written.get("code"), str):
        return None
    kind = class_of(written["code"])
    where, hint = written.get("where"), written.get("hint")
    more: dict[str, Any] = {
        "where": where if isinstance(where, str) else None,
        "hint": hint if isinstance(hint, str) else None,
    }
    if kind is CompileError:
        more["diagnostics"] = _diagnostics(written.get("diagnostics"))
    elif kind is HistoryDamaged:
        seq, task = written.get("seq"), written.get("task")
        more |= {"seq": seq if isinstance(seq, int) else None, "task": task if isinstance(task, str) else None}
    return kind(str(written.get("detail") or written["code"]), **more)


def _diagnostics(written: Json) -> tuple[Diagnostic, ...]:
    try:
        return tuple(wire.decode(Diagnostic, each) for each in written or ())
    except (BadInput, TypeError):
        return ()
