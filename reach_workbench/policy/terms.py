"""What a gate asks for before it lets a command through, read from a policy's annotations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, NamedTuple, cast

Otherwise = Literal["fault", "cancel"]
Risk = Literal["normal", "high"]
Per = Literal["principal", "resource", "action", "run", "tenant"]
Mode = Literal["enforce", "warn"]

_PER: Final = ("principal", "resource", "action", "run", "tenant")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)")
_LIMIT: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})(ms|s|m|h|d)")
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MOST_APPROVERS: Final = 100


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """`quorum` people approve, at least one of each of `groups`; the requester only with `self_approval`.

    `expires_ms` is counted from when the gate is opened. `otherwise` is what becomes of the
    task when the gate is denied or expires: it faults, or its run is cancelled.
    """

    quorum: int = 1
    groups: tuple[str, ...] = ()
    self_approval: bool = False
    expires_ms: int | None = None
    otherwise: Otherwise = "fault"
    risk: Risk = "normal"


@dataclass(frozen=True, slots=True)
class RateTerms:
    """At most `limit` commands in any `window_ms` for the same values of `per`."""

    limit: int
    window_ms: int
    per: tuple[Per, ...] = ("tenant",)


Terms = ApprovalTerms | RateTerms


class AnnotationRow(NamedTuple):
    """One annotation: where it may stand, what it may say, what it means."""

    name: str
    place: Literal["any policy", "a forbid", "an approval gate", "a rate gate"]
    values: str
    meaning: str


ANNOTATIONS: Final = (
    AnnotationRow("id", "any policy", "a name", "what decisions and logs call the policy; no two may share it"),
    AnnotationRow("reason", "any policy", "a sentence", "why it is there: gates and refusals show it"),
    AnnotationRow(
        "mode", "any policy", "`enforce`, `warn`", "`warn`: the policy only says what it would do; `enforce` if absent"
    ),
    AnnotationRow(
        "gate", "a forbid", "`approval`, `rate`", "the forbid can be lifted: by people, or by waiting for a free place"
    ),
    AnnotationRow("quorum", "an approval gate", "1 to 100", "how many people must approve; 1 if absent"),
    AnnotationRow("from", "an approval gate", "groups, by commas", "one of each of these groups must be among them"),
    AnnotationRow("not", "an approval gate", "`requester`", "who asked may not approve: so it is if nothing is said"),
    AnnotationRow("self", "an approval gate", "`allowed`", "who asked may approve too"),
    AnnotationRow(
        "expires", "an approval gate", "such as `30m`, `24h`, `7d`", "how long it stays open; for ever if absent"
    ),
    AnnotationRow(
        "otherwise",
        "an approval gate",
        "`fault`, `cancel`",
        "what becomes of the task when it is not approved: it faults (if absent), or the run is cancelled",
    ),
    AnnotationRow("risk", "an approval gate", "`normal`, `high`", "`high` asks reviewers for more care"),
    AnnotationRow("limit", "a rate gate", "such as `10/1m`", "how many commands in how much time"),
    AnnotationRow(
        "per",
        "a rate gate",
        "of `principal`, `resource`, `action`, `run`, `tenant`, by commas",
        "what is counted apart; `tenant` if absent: all together",
    ),
)
"""Every annotation there is. Another one is an error, so that a slip of the pen does not open a gate."""

_NAMES: Final = {row.name: row for row in ANNOTATIONS}


class WrongAnnotation(ValueError):
    """An annotation that can't be as it is; `name` is its name, without the @."""

    def __init__(self, name: str, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.code = code
        self.message = message
        self.hint = hint


def mode_of(annotations: Mapping[str, str]) -> Mode:
    """The mode of a policy. Raises WrongAnnotation."""
    return cast(Mode, _choice(annotations, "mode", ("enforce", "warn"), "enforce"))


def terms_of(effect: str, annotations: Mapping[str, str]) -> Terms | None:
    """What a policy's gate asks for, None for a policy without a gate. Raises WrongAnnotation."""
    for name in annotations:
        if name not in _NAMES:
            close = get_close_matches(name, _NAMES, n=1)
            known = ", ".join(f"@{row.name}" for row in ANNOTATIONS)
            hint = f"did you mean @{close[0]}?" if close else f"known: {known}"
            raise WrongAnnotation(name, "unknown-annotation", f"there is no annotation @{name}", hint)
    for name in ("id", "reason"):
        if not annotations.get(name, "-").strip():
            raise WrongAnnotation(name, "wrong-annotation", f"@{name} says nothing", f'write @{name}("…")')
    gate = _choice(annotations, "gate", ("approval", "rate"), "")
    if gate and effect != "forbid":
        raise WrongAnnotation(
            "gate", "gate-on-permit", "a permit can't have a gate", "a gate is a forbid that can be lifted"
        )
    for name in annotations:
        place = _NAMES[name].place
        if place not in ("any policy", "a forbid") and place.split()[1] != gate:
            raise WrongAnnotation(
                name,
                "wrong-annotation",
                f"@{name} belongs to {place}, and this is {f'a gate of kind {gate}' if gate else 'no gate'}",
                f'add @gate("{place.split()[1]}"), or take @{name} away',
            )
    if gate == "approval":
        return _approval(annotations)
    return _rate(annotations) if gate else None


def combine(terms: Iterable[ApprovalTerms]) -> ApprovalTerms:
    """What satisfies every one of several gates at once; raises ValueError for none."""
    every = tuple(terms)
    if not every:
        raise ValueError("no terms to combine")
    expiries = [each.expires_ms for each in every if each.expires_ms is not None]
    return ApprovalTerms(
        quorum=max(each.quorum for each in every),
        groups=tuple(dict.fromkeys(group for each in every for group in each.groups)),
        self_approval=all(each.self_approval for each in every),
        expires_ms=min(expiries, default=None),
        otherwise="cancel" if any(each.otherwise == "cancel" for each in every) else "fault",
        risk="high" if any(each.risk == "high" for each in every) else "normal",
    )


def _approval(annotations: Mapping[str, str]) -> ApprovalTerms:
    alone = _choice(annotations, "self", ("allowed",), "") == "allowed"
    if _choice(annotations, "not", ("requester",), "") and alone:
        raise WrongAnnotation(
            "self",
            "wrong-annotation",
            '@self("allowed") contradicts @not("requester")',
            "keep one of them; without both who asked may not approve",
        )
    quorum = annotations.get("quorum", "1")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", quorum) or int(quorum) > _MOST_APPROVERS:
        raise _wrong("quorum", quorum, f"a whole number from 1 to {_MOST_APPROVERS}")
    return ApprovalTerms(
        quorum=int(quorum),
        groups=_list(annotations, "from", None),
        self_approval=alone,
        expires_ms=_duration(annotations["expires"]) if "expires" in annotations else None,
        otherwise=cast(Otherwise, _choice(annotations, "otherwise", ("fault", "cancel"), "fault")),
        risk=cast(Risk, _choice(annotations, "risk", ("normal", "high"), "normal")),
    )


def _rate(annotations: Mapping[str, str]) -> RateTerms:
    limit = annotations.get("limit")
    if limit is None:
        raise WrongAnnotation("gate", "wrong-annotation", "a rate gate needs a @limit", 'for example @limit("10/1m")')
    found = _LIMIT.fullmatch(limit)
    if found is None:
        raise _wrong("limit", limit, "a number of commands, a slash and a time, such as 10/1m")
    per = cast("tuple[Per, ...]", _list(annotations, "per", _PER)) or ("tenant",)
    return RateTerms(int(found[1]), int(found[2]) * _UNITS[found[3]], per)


def _duration(value: str) -> int:
    found = _DURATION.fullmatch(value)
    if found is None:
        raise _wrong("expires", value, "a whole number and a unit (ms, s, m, h, d), such as 24h")
    return int(found[1]) * _UNITS[found[2]]


def _choice(annotations: Mapping[str, str], name: str, options: tuple[str, ...], default: str) -> str:
    value = annotations.get(name)
    if value is None:
        return default
    if value not in options:
        raise _wrong(name, value, " or ".join(options))
    return value


def _list(annotations: Mapping[str, str], name: str, options: tuple[str, ...] | None) -> tuple[str, ...]:
    value = annotations.get(name)
    if value is None:
        return ()
    items = tuple(item.strip() for item in value.split(","))
    wanted: Callable[[str], bool] = bool if options is None else options.__contains__
    if not all(map(wanted, items)) or len(set(items)) < len(items):
        raise _wrong(name, value, f"{', '.join(options)}: some of them" if options else "names of groups, by commas")
    return items


def _wrong(name: str, value: str, wanted: str) -> WrongAnnotation:
    return WrongAnnotation(name, "wrong-annotation", f"@{name} can't be {value!r}", f"it takes {wanted}")
