"""An action as a person would write it: a command as it would be typed, a request as it would be sent."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

Json = Any

_SHORT: Final = 60
"""Characters of a text that stands beside its name."""


class Part(NamedTuple):
    """One piece of an action: what it is, and its lines. A line feed inside of one is part of a value."""

    title: str
    lines: tuple[str, ...]

    @classmethod
    def whole(cls, title: str, text: str) -> Part:
        """A text that may have several lines."""
        return cls(title, tuple(text.split("\n")))


def spelled(kind: str, arguments: Json) -> list[Part]:
    """The parts of an action of that kind, whatever its arguments are; nothing of them is left out."""
    given = arguments if isinstance(arguments, dict) else {}
    spell = _SPELLINGS.get(kind)
    if spell is None or not given:
        return list(_members(given)) if given else [Part.whole("arguments", _json(arguments))]
    return list(spell(given)) or [Part.whole("arguments", _json(arguments))]


def headline(kind: str, arguments: Json) -> str:
    """The beginning of what is done, for one line of a list; `…` where its text has more lines."""
    parts = spelled(kind, arguments)
    first = next((part for part in parts if any(map(str.strip, part.lines))), None)
    if first is None:
        return ""
    line, *more = (each.strip() for each in first.lines if each.strip())
    return f"{line} …" if more else line


def _shell(given: Mapping[str, Json]) -> Iterator[Part]:
    process, rest = _process(given)
    yield Part.whole("command, run by sh -c", _text(process.pop("command", "")))
    yield from _started(process, "its words $1, $2, …")
    yield from _members({**process, **rest})


def _script(given: Mapping[str, Json]) -> Iterator[Part]:
    process, rest = _process(given)
    language = _text(process.pop("language", ""))
    if "code" in process:
        yield Part.whole(f"script in {language or 'an unknown language'}", _text(process.pop("code")))
    if "source" in process:
        title = f"script in {language or 'an unknown language'}: whatever stands, when it starts, at"
        yield Part.whole(title, _place(process.pop("source")))
    yield from _started(process, "its arguments")
    yield from _members({**process, **rest})


def _container(given: Mapping[str, Json]) -> Iterator[Part]:
    process, rest = _process(given)
    yield Part.whole("image", _text(process.pop("image", "")))
    if process.get("command") is not None:
        yield Part.whole("command in it", _text(process.pop("command")))
    for name, title in (
        ("volumes", "folders of this machine that it sees (here: there)"),
        ("ports", "ports (here: there)"),
    ):
        if isinstance(process.get(name), dict) and process[name]:
            yield Part(title, tuple(f"{key}: {_text(value)}" for key, value in process.pop(name).items()))
    yield from _started(process, "its words")
    yield from _members({**process, **rest})


def _http(given: Mapping[str, Json]) -> Iterator[Part]:
    rest = dict(given)
    method = _text(rest.pop("method", "")).upper() or "GET"
    endpoint = rest.pop("endpoint", "")
    lines = [f"{method} {_place(endpoint)}"]
    query = rest.pop("query", None)
    if isinstance(query, dict):
        lines += [f"  {'&' if place else '?'}{key}={_text(value)}" for place, (key, value) in enumerate(query.items())]
    elif query is not None:
        rest["query"] = query
    headers = rest.pop("headers", None)
    if isinstance(headers, dict):
        lines += [f"{key}: {_text(value)}" for key, value in headers.items()]
    elif headers is not None:
        rest["headers"] = headers
    yield Part("request", tuple(lines))
    if rest.get("body") is not None:
        yield Part.whole("body", _text(rest.pop("body"), indent=2))
    if isinstance(endpoint, dict) and endpoint.get("authentication") is not None:
        yield Part.whole("authentication", _json(endpoint["authentication"]))
    yield from _members(rest)


def _openapi(given: Mapping[str, Json]) -> Iterator[Part]:
    rest = dict(given)
    yield Part.whole("operation", _text(rest.pop("operationId", "")))
    if "document" in rest:
        yield Part.whole("as it is described, when it starts, by the document at", _place(rest.pop("document")))
    yield from _members(rest)


def _workflow(given: Mapping[str, Json]) -> Iterator[Part]:
    process, rest = _process(given)
    names = [_text(process.pop(name, "")) for name in ("namespace", "name", "version")]
    yield Part.whole("workflow", f"{names[0]}/{names[1]}:{names[2] or 'latest'}")
    yield from _members({**process, **rest})


def _function(given: Mapping[str, Json]) -> Iterator[Part]:
    rest = dict(given)
    yield Part.whole("Python function", _text(rest.pop("function", "")))
    yield from _members(rest)


def _event(given: Mapping[str, Json]) -> Iterator[Part]:
    rest = dict(given)
    yield Part.whole("CloudEvent of the type", _text(rest.pop("type", "")))
    if rest.get("data") is not None:
        yield Part.whole("its data", _text(rest.pop("data"), indent=2))
    yield from _members(rest)


def _asked(given: Mapping[str, Json]) -> Iterator[Part]:
    rest = dict(given)
    yield Part.whole("what is to be approved", _text(rest.pop("title", "")))
    if rest.get("details") is not None:
        yield Part.whole("details", _text(rest.pop("details"), indent=2))
    form = rest.get("form")
    if isinstance(form, dict) and isinstance(form.get("properties"), dict):
        del rest["form"]  # whole among the exact arguments
        yield Part("its form asks for", tuple(map(str, form["properties"])))
    yield from _members(rest)


_SPELLINGS: Final[dict[str, Callable[[Mapping[str, Json]], Iterator[Part]]]] = {
    "shell.run": _shell,
    "script.run": _script,
    "container.run": _container,
    "http.call": _http,
    "openapi.call": _openapi,
    "workflow.run": _workflow,
    "function.call": _function,
    "event.emit": _event,
    "human.approve": _asked,
}


def _process(given: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """What is started, and what else the task says of it."""
    rest = dict(given)
    process = rest.pop("process", None)
    if not isinstance(process, dict):
        return {}, dict(given)
    return dict(process), rest


def _started(process: dict[str, Json], words: str) -> Iterator[Part]:
    """What every process may be given; taken out of `process` where it is as expected."""
    if isinstance(process.get("arguments"), list) and process["arguments"]:
        yield Part(words, (" ".join(shlex.quote(_text(each)) for each in process.pop("arguments")),))
    if isinstance(process.get("environment"), dict) and process["environment"]:
        variables = process.pop("environment").items()
        yield Part("environment", tuple(f"{name}={shlex.quote(_text(value))}" for name, value in variables))
    if process.get("stdin") is not None:
        yield Part.whole("standard input", _text(process.pop("stdin")))


def _members(rest: Mapping[str, Json]) -> Iterator[Part]:
    """Whatever no reading above has words for; what is short stands together."""
    short = {name: value for name, value in rest.items() if _is_short(value)}
    if short:
        yield Part("also", tuple(f"{name}: {_text(value)}" for name, value in short.items()))
    for name, value in rest.items():
        if name not in short:
            yield Part.whole(name, _text(value, indent=2))


def _is_short(value: Json) -> bool:
    if isinstance(value, str):
        return len(value) <= _SHORT and "\n" not in value
    return not isinstance(value, (dict, list)) or not value


def _place(value: Json) -> str:
    """Where something is: a URI, or an object that has one."""
    while isinstance(value, dict) and ("endpoint" in value or "uri" in value):
        value = value.get("endpoint", value.get("uri"))
    return _text(value)


def _text(value: Json, indent: int | None = None) -> str:
    return value if isinstance(value, str) else _json(value, indent)


def _json(value: Json, indent: int | None = 2) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
