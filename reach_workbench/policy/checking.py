"""From the texts of policy files to policies, or to every flaw in them with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from reach_workbench.engine.diagnostics import Diagnostic, Severity
from reach_workbench.engine.values import Json
from reach_workbench.policy import cedar
from reach_workbench.policy.actions import ACTIONS, REST, RUN, UNPERFORMED
from reach_workbench.policy.judging import Policy
from reach_workbench.policy.reads import reads_of
from reach_workbench.policy.scope import scope_of
from reach_workbench.policy.source import Source, Statement, Token
from reach_workbench.policy.spelling import misspelt
from reach_workbench.policy.terms import WrongAnnotation, mode_of, terms_of

_QUOTED: Final = re.compile(r"`([^`]+)`|: (\w+)$")
_ATTRIBUTE: Final = re.compile(r"attribute `([^`]*)`.* not found")
_PREFIX: Final = re.compile(r"^for policy `policy\d+`, ")
_OPENING: Final = ("(", "[", "{")
_CLOSING: Final = (")", "]", "}")
_CONDITIONS: Final = ("when", "unless")
_MISPLACED: Final = ("unexpected token", "invalid token")
_NEVER: Final = "unable to find an applicable action given the policy scope constraints"

_TYPES: Final = ("User", "Group", *dict.fromkeys(action.resource_type for action in ACTIONS.values()))
_RECORDS: Final = {
    (): ("args", "run", *(each.name for each in REST)),
    ("run",): tuple(each.name for each in RUN),
    ("args",): tuple(dict.fromkeys(each.attribute.name for action in ACTIONS.values() for each in action.arguments)),
}


def check(files: Mapping[str, str]) -> tuple[tuple[Policy, ...], tuple[Diagnostic, ...]]:
    """The policies of all files, in the order of the files' names, and what is wrong with them."""
    policies: list[Policy] = []
    findings: list[Diagnostic] = []
    ids: dict[str, str] = {}
    for name in sorted(files):
        file = _File(name, files[name], len(policies))
        policies += file.policies
        findings += file.findings
        for policy in file.policies:
            here = f"{policy.file}:{policy.line}"
            if policy.id in ids:
                findings.append(_twice(file, policy, ids[policy.id]))
            ids.setdefault(policy.id, here)
    sound = not any(each.severity == "error" for each in findings)
    if sound and not any(policy.effect == "permit" and policy.mode == "enforce" for policy in policies):
        findings.append(_nothing_permits(min(files, default="policies")))
    return tuple(policies), tuple(sorted(findings))


class _File:
    def __init__(self, name: str, text: str, before: int) -> None:
        self.source = Source(name, text)
        self.findings: list[Diagnostic] = []
        self.policies: list[Policy] = []
        self.numbers: dict[int, int] = {}
        parsed = [self._parse(statement) for statement in self.source.statements]
        if self.source.unfinished is not None:
            hint = 'close it with ", and write \\" for the sign itself'
            self._find(self.source.unfinished, "unfinished-text", "this text never ends", hint)
        if self.findings:
            self._annotations(parsed, before)
            return
        self._count()
        if not self.findings:
            self._validate(parsed)
        self._annotations(parsed, before)

    def _find(self, offset: int, code: str, message: str, hint: str = "", severity: Severity = "error") -> None:
        line, column = self.source.position(offset)
        found = Diagnostic(self.source.file, line, column, code, message, hint, severity)
        if not any(
            (found.line, found.column, found.code) == (each.line, each.column, each.code) for each in self.findings
        ):
            self.findings.append(found)

    # ------------------------------------------------------------ what Cedar's parser says

    def _parse(self, statement: Statement) -> dict[str, Json] | None:
        if len(self.findings) >= _MOST_FINDINGS:
            return None
        if (beyond := _beyond(statement)) is not None:
            self._find(beyond.start, "policy-too-large", "the policy is nested too deeply, or too long", _SMALLER)
            return None
        try:
            parsed = cedar.parse(statement.text)
        except cedar.Flaw as flaw:
            self._flaw(statement, str(flaw))
            return None
        if len(parsed) != 1:  # only a lone semicolon, if our tokens are Cedar's
            self._find(statement.start, "policy-syntax", f"{len(parsed)} policies where one was expected")
            return None
        if not cedar.usable(json.dumps(parsed[0])):
            message = "a condition is nested too deeply: `&&`, `||` and dots nest too"
            self._find(statement.start, "policy-too-large", message, _SMALLER)
            return None
        return parsed[0]

    def _flaw(self, statement: Statement, message: str) -> None:
        last = statement.tokens[-1]
        if message == cedar.UNFINISHED:
            hint = "a policy ends with `;`" if last.text != ";" else "look for a bracket that is not closed"
            self._find(last.start, "policy-syntax", "the policy is not finished", hint)
            return
        if not message.startswith(_MISPLACED):  # each token fits; what they say together does not
            named = _named(statement, message) or _lone_equals(statement) or statement.tokens[0]
            self._find(named.start, "policy-syntax", message, _syntax_hint(message))
            return
        number = _first_wrong(statement)
        before, place = statement.tokens[max(number - 2, 0)], statement.tokens[number - 1]
        begins = next((token for token in (before, place) if token.text in _EFFECTS), None)
        if begins is not None and number > 2:  # a word after a policy's head may yet be `when`
            hint = "a new policy begins here: end the one before it with `;`"
            self._find(begins.start, "policy-syntax", f"unexpected `{begins.text}`", hint)
            return
        self._find(place.start, "policy-syntax", message, _misplaced_hint(statement.tokens[:number]))

    def _count(self) -> None:
        """Nothing may hide from us that Cedar sees: ours must be all the policies of the file."""
        try:
            seen = len(cedar.parse(self.source.text))
        except cedar.Flaw as flaw:  # such as a control character between two policies
            self._find(0, "policy-syntax", f"the file as a whole is no policies: {flaw}", _INVISIBLE)
            return
        if seen != len(self.source.statements):
            message = f"Cedar sees {seen} policies in this file, but {len(self.source.statements)} statements are there"
            self._find(0, "policy-syntax", message, _INVISIBLE)

    # ------------------------------------------------------------ what the schema says

    def _validate(self, parsed: list[dict[str, Json] | None]) -> None:
        by_statement: dict[int, list[str]] = {}
        if parsed:
            for number, message in cedar.validate(self.source.text):
                by_statement.setdefault(number, []).append(_PREFIX.sub("", message))
        for number, messages in by_statement.items():
            statement = self.source.statements[number]
            others = [message for message in messages if message != _NEVER]
            for message in others or [_NEVER]:
                code, hint = _explained(message, statement)
                place = _named(statement, message) or _condition(statement) or statement.tokens[0]
                self._find(place.start, code, _said(message), hint)
        for statement, policy in zip(self.source.statements, parsed, strict=True):
            if policy is not None:
                self._asked_for(statement, policy)
                self._written_ahead(statement, policy)
                self._misspelt(statement, policy)

    def _asked_for(self, statement: Statement, policy: dict[str, Json]) -> None:
        """`has` with a name that no command knows is always false: Cedar lets it pass."""
        for path in sorted(reads_of(policy).names):
            known = _RECORDS.get(path[:-1], ())
            if path[-1] not in known:
                place = statement.place_of(path[-1]) or statement.place_of(f'"{path[-1]}"') or statement.tokens[0]
                message = f"no command has the attribute `{'.'.join(path)}`, so this is never true"
                self._find(place.start, "unknown-attribute", message, _similar(path[-1], known))

    def _written_ahead(self, statement: Statement, policy: dict[str, Json]) -> None:
        for action in sorted((scope_of(policy).actions or frozenset()) & UNPERFORMED):
            place = statement.place_of(f'"{action}"') or statement.tokens[0]
            message = f"nothing that this version performs is a {action}: the policy is kept, and never asked about one"
            self._find(place.start, "action-not-performed", message, severity="warning")

    def _misspelt(self, statement: Statement, policy: dict[str, Json]) -> None:
        """What is compared with a text that nothing ever has fits nothing: a forbid is against nothing then."""
        for wrong in misspelt(policy):
            place = _after_annotations(statement).place_of(f'"{wrong.text}"') or statement.tokens[0]
            message = f'no command has the {wrong.what} "{wrong.text}": it is never spelled so, and nothing fits this'
            self._find(place.start, "never-fits", message, wrong.hint, severity="warning")

    # ------------------------------------------------------------ what the annotations say

    def _annotations(self, parsed: list[dict[str, Json] | None], before: int) -> None:
        for number, (statement, policy) in enumerate(zip(self.source.statements, parsed, strict=True)):
            if policy is None:
                continue
            annotations = {name: value or "" for name, value in policy.get("annotations", {}).items()}
            try:
                terms, mode = terms_of(policy["effect"], annotations), mode_of(annotations)
            except WrongAnnotation as wrong:
                place = statement.place_of(wrong.name) or statement.tokens[0]
                self._find(place.start - 1, wrong.code, wrong.message, wrong.hint)
                continue
            self.numbers[before + len(self.policies)] = number
            self.policies.append(
                Policy(
                    number=before + len(self.policies),
                    id=annotations.get("id") or f"{self.source.file.removesuffix('.cedar')}#{number + 1}",
                    file=self.source.file,
                    line=self.source.position(statement.start)[0],
                    effect=policy["effect"],
                    annotations=annotations,
                    text=statement.text,
                    mode=mode,
                    terms=terms,
                    parsed=policy,
                    json=json.dumps(policy),
                )
            )


_INVISIBLE: Final = "look for invisible characters between the policies"
_SMALLER: Final = 'ask for one of many with ["a", "b"].contains(…), and make several policies of one'
_MOST_FINDINGS: Final = 200
"""Beyond so many a file is not looked at further: it is no policy file."""

_EFFECTS: Final = ("permit", "forbid")
_NESTING: Final = frozenset({"&&", "||", ".", "[", "+", "-", "*", "if"})
_MOST_NESTING: Final = 500
_DEEPEST: Final = 32
"""Cedar's parser ends the process on texts that nest a few hundred deep, so they are kept from it."""


def _beyond(statement: Statement) -> Token | None:
    """The token with which a policy gets too deep or too long for Cedar's parser."""
    depth = nesting = 0
    for token in statement.tokens:
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING and depth:
            depth -= 1
        nesting += token.text in _NESTING
        if depth > _DEEPEST or nesting > _MOST_NESTING:
            return token
    return None


def _syntax_hint(message: str) -> str:
    """What to write instead, for slips that people make who know other languages."""
    if message.startswith("invalid variable: "):
        name = message.removeprefix("invalid variable: ")
        return f'a text stands in quotes: "{name}"; names are principal, action, resource and context'
    if message.startswith("invalid policy effect"):
        return "a policy begins with permit or forbid"
    if message.startswith("'=' "):
        return "two things are compared with =="
    found = re.search(r'expected an entity uid.* found literal `("[^`]*")`', message)
    return f"say what it is the name of, such as User::{found[1]} or Host::{found[1]}" if found else ""


def _misplaced_hint(tokens: tuple[Token, ...]) -> str:
    """What to write instead, where the last of these tokens fits no more."""
    before, place = [token.text for token in tokens[:-1]], tokens[-1].text
    if place in ("action", "resource") and before[-1:] != [","]:
        return "principal, action and resource are parted by commas"
    if before[-1:] == ["("] and before[-3:-2] == ["@"]:
        return f'the value of an annotation is a text in quotes: "{place}"'
    return ""


def _after_annotations(statement: Statement) -> Statement:
    """The policy from its permit or forbid on."""
    tokens = statement.tokens
    head = (
        place for place, token in enumerate(tokens) if token.text in _EFFECTS and tokens[max(place - 1, 0)].text != "@"
    )
    return statement._replace(tokens=tokens[next(head, 0) :])


def _lone_equals(statement: Statement) -> Token | None:
    return statement.place_of("=")


def _first_wrong(statement: Statement) -> int:
    """The number of the first token, from 1, with which the text is no longer the beginning of a policy."""
    low, high = 1, len(statement.tokens)
    while low < high:
        middle = (low + high) // 2
        if _begins(statement.first(middle)):
            low = middle + 1
        else:
            high = middle
    return low


def _begins(text: str) -> bool:
    """Whether a policy can begin so: then the parser is against nothing but the semicolon put behind it."""
    try:
        cedar.parse(f"{text} ;")
    except cedar.Flaw as flaw:
        return not str(flaw).startswith(_MISPLACED) or str(flaw).endswith("`;`")
    return True


def _named(statement: Statement, message: str) -> Token | None:
    """The token that a message names."""
    for quoted, word in reversed(_QUOTED.findall(message)):
        name: str = quoted or word
        if name.startswith("?"):
            return statement.place_of("?")
        text = re.search(r'"(?:[^"\\]|\\.)*"', name)
        last = name.rpartition(".")[2]
        for wanted in (name, text[0] if text else "", last, f'"{last}"'):
            place = statement.place_of(wanted) if wanted else None
            if place is not None:
                return place
    return None


def _condition(statement: Statement) -> Token | None:
    """The first part of a condition that the schema is against by itself, or where the conditions begin."""
    head = next((place for place, token in enumerate(statement.tokens) if token.text in _CONDITIONS), None)
    if head is None:
        return None
    start = statement.text[: statement.tokens[head].start - statement.start]
    for first, last in _parts(statement.tokens[head:]):
        part = statement.text[first.start - statement.start : last.end - statement.start]
        alone = f"{start} when {{ {part} }};"
        if _parses(alone) and cedar.validate(alone):
            return first
    return statement.tokens[head]


def _parses(text: str) -> bool:
    try:
        cedar.parse(text)
    except cedar.Flaw:
        return False
    return True


def _parts(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, Token]]:
    """The first and last tokens of what stands between `&&` and `||` in each condition's outermost brackets."""
    depth = 0
    part: list[Token] = []
    for token in tokens:
        closes = token.text in _CLOSING
        depth -= closes
        if part and ((depth == 1 and token.text in ("&&", "||")) or (depth == 0 and closes)):
            yield part[0], part[-1]
            part = []
        elif depth >= 1:
            part.append(token)
        depth += token.text in _OPENING


def _explained(message: str, statement: Statement) -> tuple[str, str]:
    """The code and the hint for what the schema's checker said."""
    quoted = _QUOTED.search(message)
    name = (quoted[1] or "") if quoted else ""
    if message.startswith("unrecognized action"):
        known = tuple(ACTIONS)
        return "unknown-action", _similar(name.partition('"')[2].rstrip('"'), known)
    if message.startswith("unrecognized entity type"):
        return "unknown-type", _similar(name, _TYPES)
    if "on entity type" in message:
        return (
            "unknown-attribute",
            "users and resources have no attributes: they are compared whole, context has the rest",
        )
    if found := _ATTRIBUTE.match(message):
        return "unknown-attribute", _attribute_hint(found[1])
    if message == _NEVER:
        return "never-applies", _never_hint(statement)
    if "AnyEntity" in message:
        return "wrong-type", '`in` asks for a group; one of several texts is asked for with ["a", "b"].contains(…)'
    return "wrong-type", "whether a set is empty is asked with .isEmpty()" if "empty set" in message else ""


def _attribute_hint(name: str) -> str:
    *record, last = name.split(".")
    having = [action.name for action in ACTIONS.values() if last in {each.attribute.name for each in action.arguments}]
    if record == ["args"] and having:
        return f'it is there for {", ".join(having)}: say so in the head, action == Action::"{having[0]}"'
    return _similar(last, _RECORDS.get(tuple(record), ()))


def _never_hint(statement: Statement) -> str:
    if re.search(r"principal\s*==\s*Group\b|principal\s+is\s+Group\b", statement.text):
        return 'a principal is a User: the members of a group are principal in Group::"…"'
    named = [action for action in ACTIONS.values() if statement.place_of(f'"{action.name}"')]
    return "; ".join(f"{action.name} is about {action.resource_type}" for action in named)


def _similar(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}" if known else ""


def _said(message: str) -> str:
    return "no command is about such a principal, action and resource together" if message == _NEVER else message


def _twice(file: _File, policy: Policy, first: str) -> Diagnostic:
    statement = file.source.statements[file.numbers[policy.number]]
    place = statement.place_of("id") or statement.tokens[0]
    line, column = file.source.position(place.start)
    message = f"the id {policy.id!r} is already that of the policy at {first}"
    return Diagnostic(policy.file, line, column, "duplicate-id", message, "give one of them another @id")


def _nothing_permits(file: str) -> Diagnostic:
    hint = "permit (principal, action, resource); permits all that no forbid is against"
    return Diagnostic(
        file, 1, 1, "nothing-permits", "no policy permits anything, so everything is refused", hint, "warning"
    )
