"""The vocabulary of policies: every kind of command with its resource and what a condition may read of it.

`SCHEMA` is made from the table, and so is the page `docs/policy.md`. Every attribute is always
there: what a command does not say is an empty text, an empty set, 0 or false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from reach_workbench.engine.values import Json
from reach_workbench.policy import commandline
from reach_workbench.policy.address import Address, address
from reach_workbench.policy.wording import json_text, member, text, texts

Type = Literal["String", "Long", "Bool", "Set<String>"]
Reader = Callable[[Json], Json]
"""Takes a command's arguments, whatever they are, and never raises."""

_ALIASES: Final = {"javascript": "js"}
"""Languages by the other names that the script adapter knows them under."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing a condition may read, as `context.args.NAME` (or `context.NAME`, `context.run.NAME`)."""

    name: str
    type: Type
    meaning: str


@dataclass(frozen=True, slots=True)
class Argument:
    """An attribute of a command, with how it is read from the command's arguments."""

    attribute: Attribute
    read: Reader


@dataclass(frozen=True, slots=True)
class Action:
    """A kind of command. `resource` gives the id of its resource, of type `resource_type`."""

    name: str
    resource_type: str
    resource_meaning: str
    resource: Callable[[Json], str]
    arguments: tuple[Argument, ...]


def _argument(name: str, type: Type, meaning: str, read: Reader) -> Argument:
    return Argument(Attribute(name, type, meaning), read)


def _uri(endpoint: Json) -> str:
    return text(member(endpoint, "uri") if isinstance(endpoint, dict) else endpoint)


def _endpoint(arguments: Json) -> str:
    return _uri(member(arguments, "endpoint"))


def _document(arguments: Json) -> str:
    return _uri(member(member(arguments, "document"), "endpoint"))


def _text(name: str) -> Reader:
    return lambda arguments: text(member(arguments, name))


def _json(name: str) -> Reader:
    """The member as JSON even if it is a text; empty when it is absent."""

    def read(arguments: Json) -> str:
        value = member(arguments, name)
        return "" if value is None else text(json_text(value))

    return read


def _of_process(read: Callable[[Json], Json]) -> Reader:
    return lambda arguments: read(member(arguments, "process"))


def _place(uri: Callable[[Json], str]) -> tuple[Argument, ...]:
    def part(choose: Callable[[Address], Json]) -> Reader:
        return lambda arguments: choose(address(uri(arguments)))

    return (
        _argument("url", "String", "the URI as the command gives it", uri),
        _argument("scheme", "String", "`http`, `https`, `file`, `catalog`, or empty", part(lambda it: it.scheme)),
        _argument("host", "String", "in lower case; empty for a file", part(lambda it: it.host)),
        _argument("port", "Long", "the scheme's own if none is given, 0 if none is known", part(lambda it: it.port)),
        _argument("path", "String", "as it stands in the URI", part(lambda it: it.path)),
    )


def _query(arguments: Json) -> list[str]:
    return sorted({*address(_endpoint(arguments)).query, *texts(member(arguments, "query"))})


def _names(value: Json) -> list[str]:
    """The names of an object's members, nothing for what is no object."""
    return texts(value) if isinstance(value, dict) else []


def _method(arguments: Json) -> str:
    return text(member(arguments, "method")).upper()


def _headers(arguments: Json) -> list[str]:
    return sorted({name.lower() for name in _names(member(arguments, "headers"))})


def _command(arguments: Json) -> str:
    return text(member(member(arguments, "process"), "command"))


def language_of(name: str) -> str:
    """A language by the one name that policies know it under."""
    return _ALIASES.get(name.lower(), name.lower())


def _language(arguments: Json) -> str:
    return language_of(text(member(member(arguments, "process"), "language")))


def _source(arguments: Json) -> str:
    return _uri(member(member(member(arguments, "process"), "source"), "endpoint"))


def _workflow(arguments: Json) -> str:
    process = member(arguments, "process")
    return f"{text(member(process, 'namespace'))}/{text(member(process, 'name'))}"


def _event_type(arguments: Json) -> str:
    return text(member(arguments, "type"))


def _function(arguments: Json) -> str:
    return text(member(arguments, "function"))


_STARTED: Final = (
    _argument("arguments", "String", "the arguments as JSON", _of_process(_json("arguments"))),
    _argument(
        "environment",
        "Set<String>",
        "the names of the variables it is given",
        _of_process(lambda process: _names(member(process, "environment"))),
    ),
    _argument("stdin", "String", "standard input", _of_process(_text("stdin"))),
)

_TABLE: Final = (
    Action(
        "http.call",
        "Host",
        "the host that is called",
        lambda arguments: address(_endpoint(arguments)).host,
        (
            _argument("method", "String", "in capitals, such as `GET`", _method),
            *_place(_endpoint),
            _argument("query", "Set<String>", "the names of the query parameters", _query),
            _argument("headers", "Set<String>", "the names of the headers, in lower case", _headers),
            _argument("body", "String", "the body: a text as it is, anything else as JSON", _text("body")),
        ),
    ),
    Action(
        "openapi.call",
        "Host",
        "the host that the OpenAPI document is fetched from; the document says which one is called",
        lambda arguments: address(_document(arguments)).host,
        (
            _argument("operation", "String", "the operation's id", _text("operationId")),
            *_place(_document),
            _argument("parameters", "String", "the parameters as JSON", _json("parameters")),
        ),
    ),
    Action(
        "resource.get",
        "Host",
        "the host that a document is fetched from; empty for a file",
        lambda arguments: address(_endpoint(arguments)).host,
        _place(_endpoint),
    ),
    Action(
        "shell.run",
        "Program",
        "the first word of the command line",
        lambda arguments: commandline.program(_command(arguments)),
        (
            _argument("command", "String", "the whole command line", _command),
            _argument(
                "program",
                "String",
                "its first word that is no assignment",
                lambda arguments: commandline.program(_command(arguments)),
            ),
            _argument(
                "plain",
                "Bool",
                "whether the line is one program and its words: no quotes, variables, pipes or second command",
                lambda arguments: commandline.plain(_command(arguments)),
            ),
            *_STARTED,
        ),
    ),
    Action(
        "script.run",
        "Language",
        "`python` or `js`",
        _language,
        (
            _argument("language", "String", "`python` or `js`", _language),
            _argument("code", "String", "the script, if it stands in the workflow", _of_process(_text("code"))),
            _argument("source", "String", "the URI of the script, if it is elsewhere", _source),
            *_STARTED,
        ),
    ),
    Action(
        "container.run",
        "Image",
        "the image, as the workflow names it",
        lambda arguments: text(member(member(arguments, "process"), "image")),
        (
            _argument("image", "String", "the image, as the workflow names it", _of_process(_text("image"))),
            _argument("command", "String", "the shell command inside, if any", _of_process(_text("command"))),
            _argument(
                "volumes",
                "Set<String>",
                "the folders of this machine that it sees",
                _of_process(lambda process: _names(member(process, "volumes"))),
            ),
            _argument(
                "ports",
                "Set<String>",
                "the ports of this machine that it listens on",
                _of_process(lambda process: _names(member(process, "ports"))),
            ),
            *_STARTED,
        ),
    ),
    Action(
        "workflow.run",
        "Workflow",
        "the workflow, as `namespace/name`",
        _workflow,
        (
            _argument("workflow", "String", "`namespace/name`", _workflow),
            _argument("version", "String", "the version, or `latest`", _of_process(_text("version"))),
            _argument("input", "String", "the input as JSON", _of_process(_json("input"))),
        ),
    ),
    Action(
        "function.call",
        "Function",
        "the Python function, as `name:version`",
        _function,
        (
            _argument("function", "String", "`name:version`", _function),
            _argument("arguments", "String", "what it is given, as JSON", _json("arguments")),
        ),
    ),
    Action(
        "event.emit",
        "EventType",
        "the type of the CloudEvent",
        _event_type,
        (
            _argument("type", "String", "the event's type", _event_type),
            _argument("source", "String", "what it comes from: the workflow, if nothing else", _text("source")),
            _argument("subject", "String", "what it is about, if it says", _text("subject")),
            _argument("data", "String", "what it carries: a text as it is, anything else as JSON", _text("data")),
        ),
    ),
    Action(
        "model.call",
        "Model",
        "the model that is asked",
        lambda arguments: text(member(arguments, "model")),
        (
            _argument("model", "String", "the model that is asked", _text("model")),
            _argument("prompt", "String", "what it is told: a text as it is, anything else as JSON", _text("prompt")),
        ),
    ),
    Action(
        "tool.call",
        "Tool",
        "the tool that a model wants called",
        lambda arguments: text(member(arguments, "tool")),
        (
            _argument("tool", "String", "the tool's name", _text("tool")),
            _argument("arguments", "String", "what it is given, as JSON", _json("arguments")),
        ),
    ),
)

ACTIONS: Final = MappingProxyType({action.name: action for action in _TABLE})
"""By name, in the order in which pages show them."""

UNPERFORMED: Final = frozenset({"model.call", "tool.call"})
"""Actions that no command of this version is: policies may be written ahead, and the check says so."""

RUN: Final = (
    Attribute("id", "String", "the run's id"),
    Attribute("workflow", "String", "the workflow that runs, as `namespace/name`"),
    Attribute("version", "String", "its version"),
    Attribute("program", "String", "the digest of the compiled document: one changed word makes another"),
    Attribute("task", "String", "the task's reference, such as `/do/0/getPet`"),
    Attribute("origin", "String", "`sample` for one that came with Reach and runs where it came; else empty"),
)
"""`context.run`, the same for every action."""

REST: Final = (
    Attribute("tenant", "String", "the tenant"),
    Attribute("digest", "String", "hex SHA-256 of the canonical JSON of `{kind, arguments}`"),
    Attribute("secrets", "Set<String>", "the names of the secrets that the command uses"),
)
"""What stands in `context` itself beside `args` and `run`."""


def _schema() -> str:
    """The table in Cedar's schema language."""
    lines = ["entity Group;", "entity User in [Group];"]
    lines += [f"entity {name};" for name in dict.fromkeys(action.resource_type for action in _TABLE)]
    lines += [f"type Run = {{ {_record(RUN)} }};"]
    for action in _TABLE:
        lines += [
            f'action "{action.name}" appliesTo {{',
            "  principal: [User],",
            f"  resource: [{action.resource_type}],",
            "  context: {",
            f"    args: {{ {_record(tuple(each.attribute for each in action.arguments))} }},",
            f"    run: Run, {_record(REST)}",
            "  }",
            "};",
        ]
    return "\n".join(lines) + "\n"


def _record(attributes: tuple[Attribute, ...]) -> str:
    return ", ".join(f"{each.name}: {each.type}" for each in attributes)


SCHEMA: Final = _schema()
"""The schema (https://docs.cedarpolicy.com/schema/human-readable-schema.html) that policies are checked against."""
