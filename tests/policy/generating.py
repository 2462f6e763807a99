"""Random policies and commands from small pools, so that they meet often. Everything is drawn from one `Random`."""

from __future__ import annotations

from random import Random
from typing import Any, Final, NamedTuple

from reach_workbench.policy.actions import ACTIONS, Type
from reach_workbench.policy.context import Context
from reach_workbench.policy.request import Request, request_of
from reach_workbench.policy.terms import ApprovalTerms, RateTerms
from tests.policy.oracle import LARGEST, Expr, Rule

PEOPLE: Final = ("ada", "grace", 'o"ddly \\ nämed', "")
GROUPS: Final = ("finance", "legal", "ops", "⟦x⟧")
HOSTS: Final = ("api.example.com", "127.0.0.1", "xn--bcher-kva.example", "")
METHODS: Final = ("GET", "POST", "DELETE")
PATHS: Final = ("/v1/pets", "/v1/pets/7", "/", "/admin*x", "")
LINES: Final = ("git status", "rm -rf build", "FOO=1 git push", "git log | head", "'my tool' x", "", "make\nrm x")
CODES: Final = ("return 1", "", "import os", "x" * 600)
IMAGES: Final = ("alpine:3", "ghcr.io/x/y@sha256:00", "")
WORKFLOWS: Final = ("shop/orders", "shop/refunds", "ops/backup")
NAMES: Final = ("accept", "authorization", "page", "PATH", "key")
FUNCTIONS: Final = ("tax:1.0.0", "tax:2.0.0", "sum:1.0.0")
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    0.5,
    1e300,
    float("nan"),
    "",
    "\ud800",
    "\0",
    "⟦secret:key⟧",
    [],
    {},
    [[]],
    {"a": None},
    {"__entity": {"type": "User", "id": "ada"}},
    {"__extn": {"fn": "ip", "arg": "x"}},
)

RESOURCES: Final[dict[str, tuple[str, ...]]] = {
    "Host": HOSTS,
    "Program": ("git", "rm", "make", "my tool"),
    "Language": ("python", "js"),
    "Image": IMAGES,
    "Workflow": WORKFLOWS,
    "Function": FUNCTIONS,
    "EventType": ("com.example.payment", "a.b"),
    "Model": ("large", "small"),
    "Tool": ("search", "mail"),
}
_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "method": METHODS,
    "host": HOSTS,
    "path": PATHS,
    "command": LINES,
    "program": RESOURCES["Program"],
    "code": CODES,
    "language": RESOURCES["Language"],
    "image": IMAGES,
    "workflow": WORKFLOWS,
    "function": FUNCTIONS,
    "type": ("com.example.payment", "a.b"),
    "model": ("large", "small"),
    "tool": ("search", "mail"),
    "scheme": ("http", "https"),
    "version": ("1.0.0", "2.0.0"),
    "tenant": ("default", "other"),
    "task": ("/do/0/a", "/do/1/b"),
    "origin": ("", "sample"),
    "id": ("01run", "02run"),
    "program ": ("5f" * 32, "60" * 32),
}

Attribute = tuple[tuple[str, ...], Type]

_ALWAYS: Final[tuple[Attribute, ...]] = (
    (("run", "id"), "String"),
    (("run", "workflow"), "String"),
    (("run", "version"), "String"),
    (("run", "task"), "String"),
    (("run", "origin"), "String"),
    (("tenant",), "String"),
    (("secrets",), "Set<String>"),
)


def rules(draw: Random, most: int = 8) -> list[Rule]:
    """Some policies, permits among them more often than not."""
    some = [rule(draw, f"p{number}") for number in range(draw.randint(0, most))]
    if draw.random() < 0.6:
        some.insert(draw.randint(0, len(some)), Rule("everything", "permit"))
    return some


def rule(draw: Random, name: str) -> Rule:
    actions = tuple(draw.sample(list(ACTIONS), draw.choice((0, 0, 1, 1, 1, 2))))
    kinds = sorted({ACTIONS[each].resource_type for each in actions or ACTIONS})
    kind = draw.choice(kinds)
    resource = draw.choice(
        (
            ("any",),
            ("any",),
            ("any",),
            ("is", kind),
            ("eq", kind, draw.choice(RESOURCES[kind])),
            ("in", kind, draw.choice(RESOURCES[kind])),
            ("is-in", kind, kind, draw.choice(RESOURCES[kind])),
        )
    )
    group = draw.choice(GROUPS)
    principal = draw.choice(
        (
            ("any",),
            ("any",),
            ("any",),
            ("is", "User"),
            ("eq", "User", draw.choice(PEOPLE)),
            ("in", "User", draw.choice(PEOPLE)),
            ("in", "Group", group),
            ("is-in", "User", "Group", group),
        )
    )
    effect = draw.choice(("permit", "permit", "forbid"))
    gate, annotations = _gate(draw) if effect == "forbid" and draw.random() < 0.7 else (None, {})
    if resource[0] != "any":
        kinds = [kind]
    known = _known(tuple(each for each in actions or ACTIONS if ACTIONS[each].resource_type in kinds))
    conditions = tuple(
        (draw.choice(("when", "when", "unless")), truth(draw, known, kinds, 3))
        for _ in range(draw.choice((0, 0, 1, 1, 2)))
    )
    warn = draw.random() < 0.1
    return Rule(name, effect, principal, actions, resource, conditions, gate, warn, annotations)


def _known(actions: tuple[str, ...]) -> tuple[Attribute, ...]:
    """The attributes that all these actions have."""
    each = [
        {(argument.attribute.name, argument.attribute.type) for argument in ACTIONS[name].arguments} for name in actions
    ]
    shared = sorted(set.intersection(*each)) if each else []
    return (
        *_ALWAYS,
        *((("args", name), kind) for name, kind in shared),
        *((("args", name), kind) for name, kind in shared),
    )


def truth(draw: Random, known: tuple[Attribute, ...], kinds: list[str], depth: int) -> Expr:
    """An expression that is true or false, if it does not fail."""
    if depth and draw.random() < 0.45:
        word = draw.choice(("and", "and", "or", "not", "if"))
        parts = [truth(draw, known, kinds, depth - 1) for _ in range({"not": 1, "if": 3}.get(word, 2))]
        return (word, *parts)
    others: list[Expr] = [
        ("principal-is", draw.choice(PEOPLE)),
        ("in-group", draw.choice(GROUPS)),
        ("action-is", draw.choice(list(ACTIONS))),
        ("has", ("args", draw.choice(("method", "command", "code", "port", "workflow")))),
        ("has", (draw.choice(("args", "tenant")),)),
        ("and", ("has", ("args", "method")), ("eq", ("path", ("args", "method")), ("value", draw.choice(METHODS)))),
    ]
    if len(kinds) == 1:
        others.append(("resource-is", kinds[0], draw.choice(RESOURCES[kinds[0]])))
    if draw.random() < 0.1:
        names = ("id", "workflow", "version", "program", "task", "origin")
        others.append(("whole", "run", {name: draw.choice(_pool(("run", name))) for name in names}))
        return others[-1]
    if draw.random() < 0.35:
        return draw.choice(others)
    path, kind = draw.choice(known)
    if draw.random() < 0.1:
        path, kind = next(((path, kind) for path, kind in known if kind == "Long"), (path, kind))
    read: Expr = ("path", path)
    if kind == "Bool":
        return read
    if kind == "Set<String>":
        return draw.choice(
            (
                ("contains", read, ("value", draw.choice(NAMES))),
                ("eq", read, ("value", draw.sample(NAMES, draw.randint(1, 2)))),
            )
        )
    if kind == "Long":
        far = ("plus", read, ("value", draw.choice((1, LARGEST - 100, LARGEST))))
        return ("less", draw.choice((read, read, far)), ("value", draw.choice((80, 443, LARGEST))))
    text = draw.choice(_pool(path))
    return draw.choice(
        (
            ("eq", read, ("value", text)),
            ("one-of", read, [draw.choice(_pool(path)) for _ in range(2)]),
            ("like", read, f"{text.replace('*', '')[:4]}*"),
            ("like", read, f"*{text.replace('*', '')[-2:]}"),
        )
    )


def _pool(path: tuple[str, ...]) -> tuple[str, ...]:
    return _TEXTS["program " if path == ("run", "program") else path[-1]] if path[-1] in _TEXTS else ("", "x", "{}")


def _gate(draw: Random) -> tuple[ApprovalTerms | RateTerms, dict[str, str]]:
    if draw.random() < 0.4:
        per = draw.sample(("principal", "resource", "action", "run"), draw.randint(1, 2))
        limit, minutes = draw.randint(1, 20), draw.randint(1, 9)
        terms = RateTerms(limit, minutes * 60_000, tuple(per))
        return terms, {"gate": "rate", "limit": f"{limit}/{minutes}m", "per": ", ".join(per)}
    groups, quorum = draw.sample(GROUPS, draw.randint(0, 2)), draw.randint(1, 3)
    alone, hours = draw.random() < 0.5, draw.choice((None, 1, 24))
    approval = ApprovalTerms(
        quorum=quorum,
        groups=tuple(groups),
        self_approval=alone,
        expires_ms=hours and hours * 3_600_000,
        otherwise=draw.choice(("fault", "cancel")),
        risk=draw.choice(("normal", "high")),
    )
    annotations = {"gate": "approval", "quorum": str(quorum), "otherwise": approval.otherwise, "risk": approval.risk}
    if groups:
        annotations["from"] = ",".join(groups)
    annotations |= {"self": "allowed"} if alone else draw.choice(({}, {"not": "requester"}))
    if hours:
        annotations["expires"] = f"{hours}h"
    return approval, annotations


class Command(NamedTuple):
    kind: str
    arguments: Any
    words: dict[str, Any]

    def request(self) -> Request:
        return request_of(self.kind, self.arguments, **self.words)


def command(draw: Random, odd: float = 0.1) -> Command:
    """A command of any kind; now and then something in its arguments is not at all what it should be."""
    kind = draw.choice(list(ACTIONS))
    words = {
        "requester": draw.choice(PEOPLE),
        "groups": tuple(draw.sample(GROUPS, draw.randint(0, 3))),
        "run": draw.choice(_TEXTS["id"]),
        "workflow": draw.choice(WORKFLOWS),
        "version": draw.choice(_TEXTS["version"]),
        "program": draw.choice(_TEXTS["program "]),
        "task": draw.choice(_TEXTS["task"]),
        "origin": draw.choice(_TEXTS["origin"]),
        "tenant": draw.choice(_TEXTS["tenant"]),
    }
    arguments: Any = _arguments(draw, kind)
    if draw.random() < odd:
        arguments = _spoilt(draw, arguments)
    return Command(kind, arguments, words)


def _arguments(draw: Random, kind: str) -> dict[str, Any]:
    host, port = draw.choice(HOSTS), draw.choice(("", ":80", ":8080"))
    endpoint = {
        "uri": f"{draw.choice(('http', 'https'))}://{host}{port}{draw.choice(PATHS)}{draw.choice(('', '?page=2'))}"
    }
    names = {name: draw.choice(("1", "⟦secret:key⟧")) for name in draw.sample(NAMES, draw.randint(0, 3))}
    process: dict[str, Any] = {"environment": names, "arguments": draw.choice((None, ["a"], {"a": 1}))}
    match kind:
        case "http.call":
            return {
                "method": draw.choice(METHODS),
                "endpoint": endpoint,
                "headers": names,
                "body": draw.choice((None, {})),
            }
        case "openapi.call":
            return {"document": {"endpoint": endpoint}, "operationId": "getPet", "parameters": names}
        case "resource.get":
            return {"endpoint": endpoint}
        case "function.call":
            return {"function": draw.choice(FUNCTIONS), "arguments": names}
        case "shell.run":
            process["command"] = draw.choice(LINES)
        case "script.run":
            process |= {"language": draw.choice(("python", "js", "JavaScript")), "code": draw.choice(CODES)}
        case "container.run":
            process |= {"image": draw.choice(IMAGES), "volumes": names, "ports": {"8080": 80}}
        case _:
            namespace, name = draw.choice(WORKFLOWS).split("/")
            process = {"namespace": namespace, "name": name, "version": "1.0.0", "input": names}
    return {"process": process, "await": True, "return": "stdout"}


def _spoilt(draw: Random, value: Any) -> Any:
    """The value with something odd in some place of it."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        name = draw.choice(sorted(value))
        return value | {name: _spoilt(draw, value[name])}
    return draw.choice(ODD)


def broken_context(draw: Random, context: Context) -> dict[str, Any]:
    """The context with a part missing, or one that Cedar can't take or does not expect there."""
    whole: dict[str, Any] = context.plain()
    part = draw.choice((whole, whole["args"], whole["run"], whole["args"]))
    name = draw.choice(sorted(part)) if part else "extra"
    if draw.random() < 0.4:
        part.pop(name, None)
    else:
        part[name] = draw.choice(ODD)
    return whole


def broken_text(draw: Random, text: str) -> str:
    """A policy text with something cut out, doubled, exchanged or put in."""
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((1, 1, 2, 5, 20)))
        piece = draw.choice(
            ("", "", text[start:end] * 2, draw.choice('"(){}[];,@=&|!.*\\\n\r\0é⟦'), "forbid", "when", "//")
        )
        text = text[:start] + piece + text[end:]
    return text
