"""Errors of a workflow: RFC 9457 problems of the specification's standard types.

A fault belongs to the run that raised it and can be caught by the workflow. It is not a
`ReachError`, which belongs to the person at the keyboard.
"""

from __future__ import annotations

from typing import Any, Final

STANDARD_TYPES: Final = "https://open-workflow-specification.org/spec/1.0.0/errors/"

STATUS: Final = {
    "configuration": 400,
    "validation": 400,
    "expression": 400,
    "authentication": 401,
    "authorization": 403,
    "timeout": 408,
    "communication": 500,
    "runtime": 500,
}
"""The default status of each standard error type (dsl-reference.md, Standard Error Types)."""

TITLE: Final = {
    "configuration": "Configuration Error",
    "validation": "Validation Error",
    "expression": "Expression Error",
    "authentication": "Authentication Error",
    "authorization": "Authorization Error",
    "timeout": "Timeout",
    "communication": "Communication Error",
    "runtime": "Runtime Error",
}

_OLDER_PREFIXES: Final = (
    "https://open-workflow-specification.org/dsl/errors/types/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
)


class Fault(Exception):
    """Raised inside the engine and by adapters; becomes the `error` of a recorded event."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        status: int | None = None,
        title: str | None = None,
        instance: str | None = None,
        code: str | None = None,
    ) -> None:
        """`kind` is a key of `STATUS` or a full error type URI; `code` a stable kebab-case code of ours."""
        super().__init__(detail)
        self.type = STANDARD_TYPES + kind if kind in STATUS else kind
        self.status = status if status is not None else STATUS.get(kind, 500)
        self.title = title if title is not None else TITLE.get(kind)
        self.detail = detail
        self.instance = instance
        self.code = code

    def problem(self, instance: str | None = None) -> dict[str, Any]:
        """The fault as a problem object; `instance` fills in a missing one."""
        problem: dict[str, Any] = {"type": self.type, "status": self.status}
        if self.title:
            problem["title"] = self.title
        if self.detail:
            problem["detail"] = self.detail
        if self.instance or instance:
            problem["instance"] = self.instance or instance
        if self.code:
            problem["code"] = self.code
        return problem


def same_type(wanted: str, given: str) -> bool:
    """Whether two error type URIs name the same error, older spellings of the standard ones included."""
    return _canonical_type(wanted) == _canonical_type(given)


def _canonical_type(uri: str) -> str:
    for prefix in _OLDER_PREFIXES:
        if uri.startswith(prefix) and uri[len(prefix) :] in STATUS:
            return STANDARD_TYPES + uri[len(prefix) :]
    return uri
