"""An action as a person would write it, and every character of it to be seen: what is approved is what is read."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reach_workbench.engine.values import Json

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode that show nothing, or turn the direction of what does."""

_BLANK: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
"""Letters and marks that show as nothing."""


def visible(text: str) -> str:
    """The text with whatever acts on a terminal, turns the direction, or can't be seen written as JSON's `\\uXXXX`.

    Lines stay lines, and spaces spaces; a space of another width is written out.
    """
    return "".join(map(_shown, text))


def exact(value: Json) -> str:
    """The value as JSON over several lines, nothing left out, each character of it to be seen. It is valid JSON."""
    return visible(json.dumps(value, ensure_ascii=False, indent=2))


def _shown(letter: str) -> str:
    if " " <= letter <= "~" or letter == "\n":
        return letter
    kind = unicodedata.category(letter)
    if kind not in _HIDDEN and ord(letter) not in _BLANK and not (kind == "Zs" and letter != " "):
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def spelled(kind: str, arguments: Json) -> list[str]:
    """Lines that say what would happen; none for a kind of which the arguments say it best."""
    spell = _SPELLINGS.get(kind)
    if spell is None or not isinstance(arguments, dict):
        return []
    return [line for part in spell(arguments) for line in visible(part).split("\n")]


def headline(kind: str, arguments: Json) -> str:
    """The beginning of it, on one line."""
    lines = spelled(kind, arguments)
    return lines[0] if lines else visible(json.dumps(arguments, ensure_ascii=False))


def _shell(given: Mapping[str, Json]) -> Iterator[str]:
    process = _object(given.get("process"))
    yield "$ " + _text(process.get("command", "")).replace("\n", "\n  ")
    yield from _around(process, "its words ($1, $2, …)")


def _script(given: Mapping[str, Json]) -> Iterator[str]:
    process = _object(given.get("process"))
    language = _text(process.get("language", "an unknown language"))
    if process.get("code") is not None:
        yield f"a script in {language}:"
        yield "  " + _text(process["code"]).rstrip("\n").replace("\n", "\n  ")
    else:
        yield f"a script in {language}, fetched from {_place(process.get('source'))}"
    yield from _around(process, "its arguments")


def _container(given: Mapping[str, Json]) -> Iterator[str]:
    process = _object(given.get("process"))
    yield f"a container of the image {_text(process.get('image', ''))}"
    if process.get("command") is not None:
        yield "$ " + _text(process["command"]).replace("\n", "\n  ")
    for name, title in (("volumes", "it sees the folder (here: there)"), ("ports", "port (here: there)")):
        for here, there in _object(process.get(name)).items():
            yield f"{title} {here}: {_text(there)}"
    yield from _around(process, "its words")


def _around(process: Mapping[str, Json], words: str) -> Iterator[str]:
    """What every process may be given."""
    if isinstance(process.get("arguments"), list) and process["arguments"]:
        yield f"{words}: " + " ".join(shlex.quote(_text(each)) for each in process["arguments"])
    elif process.get("arguments"):
        yield f"{words}: {_text(process['arguments'])}"
    for name, value in _object(process.get("environment")).items():
        yield f"with {name}={shlex.quote(_text(value))}"
    if process.get("stdin") is not None:
        yield "on its standard input:"
        yield "  " + _text(process["stdin"]).rstrip("\n").replace("\n", "\n  ")


def _http(given: Mapping[str, Json]) -> Iterator[str]:
    endpoint = given.get("endpoint")
    query = "&".join(f"{name}={_text(value)}" for name, value in _object(given.get("query")).items())
    place = _place(endpoint)
    joined = ("&" if "?" in place else "?") + query if query else ""
    yield f"{_text(given.get('method', 'get')).upper()} {place}{joined}"
    for name, value in _object(given.get("headers")).items():
        yield f"{name}: {_text(value)}"
    if isinstance(endpoint, dict) and endpoint.get("authentication") is not None:
        yield f"signed in by {json.dumps(endpoint['authentication'], ensure_ascii=False)}"
    if given.get("body") is not None:
        yield ""
        body = given["body"]
        yield body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)


def _openapi(given: Mapping[str, Json]) -> Iterator[str]:
    yield f"operation {_text(given.get('operationId', ''))} of {_place(given.get('document'))}"
    for name, value in _object(given.get("parameters")).items():
        yield f"{name} = {_text(value)}"


def _workflow(given: Mapping[str, Json]) -> Iterator[str]:
    process = _object(given.get("process"))
    names = [_text(process.get(name, "")) for name in ("namespace", "name")]
    yield f"workflow {'/'.join(names)}:{_text(process.get('version', 'latest'))}"


def _asked(given: Mapping[str, Json]) -> Iterator[str]:
    yield _text(given.get("title", ""))
    if given.get("details") is not None:
        yield _text(given["details"])


_SPELLINGS: Final[dict[str, Callable[[Mapping[str, Json]], Iterator[str]]]] = {
    "shell.run": _shell,
    "script.run": _script,
    "container.run": _container,
    "http.call": _http,
    "openapi.call": _openapi,
    "workflow.run": _workflow,
    "human.approve": _asked,
}


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _place(value: Json) -> str:
    """Where something is: a URI, or an object that has one."""
    while isinstance(value, dict) and ("endpoint" in value or "uri" in value):
        value = value.get("endpoint", value.get("uri"))
    return _text(value)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
