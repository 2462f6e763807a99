"""What people hand over: files, JSON and secrets, each checked before anything starts."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import orjson

from reach_workbench.cli.command import similar
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, LimitExceeded, NotFound, UsageError
from reach_workbench.settings import Limits

SECRET_VARIABLE: Final = "REACH_SECRET_"
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET: Final = re.compile(r"[\[\]{}]")
_PLACE: Final = re.compile(r"(.*): line (\d+) column (\d+) \(char \d+\)")


def read_document(name: str, limits: Limits) -> str:
    """The text of a workflow document.

    Of one that is too large only so much is read that the compiler finds it too large. Raises
    NotFound, UsageError or BadInput.
    """
    content = _read(name, limits.document_bytes + 1)
    if len(content) <= limits.document_bytes:
        return _decode(content, name)
    return content.decode("utf-8", "replace").replace("\0", " ")


def read_json(given: str, what: str, limits: Limits) -> Json:
    """The JSON value of an argument: its text, `@FILE`, or `-` for standard input.

    Raises NotFound, UsageError, BadInput, and LimitExceeded naming `limits.input_bytes` or
    `limits.document_depth`.
    """
    content, place = _given(given, what, limits.input_bytes + 1)
    if len(content) > limits.input_bytes:
        raise LimitExceeded(
            f"{what} has more than {limits.input_bytes:,} bytes (setting limits.input_bytes)",
            where=place,
            hint="make it smaller, name a file that the workflow reads, or raise the setting",
        )
    return _parse(_decode(content, place), what, place, limits.document_depth, hint=_meant_a_file(given))


def read_secrets(given: Iterable[str], declared: Collection[str] = ()) -> dict[str, Json]:
    """Secrets by name, from `NAME=VALUE` and `NAME=@FILE` words.

    Those of `declared` that are not given are taken from variables `REACH_SECRET_NAME`, where the
    name stands as it is or in capitals with `_` for everything else. A value that is a JSON
    object, array or quoted string is taken as JSON; any other is text. Raises UsageError.
    """
    secrets: dict[str, Json] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(
                "a secret is given as NAME=VALUE or NAME=@FILE", hint='for example --secret github=\'{"token": "…"}\''
            )
        if value.startswith("@"):
            value = _decode(_read(value[1:], 1 << 20), value[1:]).rstrip("\r\n")
        secrets[name] = secret_value(value)
    for name in declared:
        if name not in secrets and (found := _variable(name, os.environ)) is not None:
            secrets[name] = secret_value(found)
    return secrets


def has_secret_variables() -> bool:
    """Whether the environment holds any secret, so that it pays to ask which ones a workflow declares."""
    return any(name.startswith(SECRET_VARIABLE) for name in os.environ)


def read_edits(given: Iterable[str], limits: Limits) -> dict[str, Json]:
    """`POINTER=JSON` words as pointer to value. Raises UsageError and what `read_json` raises."""
    edits: dict[str, Json] = {}
    for word in given:
        pointer, equals, value = word.partition("=")
        if not equals or not pointer:
            raise UsageError(
                f"an edit is given as POINTER=JSON, not {word!r}", hint="for example --set /data/amount=42"
            )
        edits[pointer] = read_json(value, f"the value for {pointer}", limits)
    return edits


def _variable(name: str, variables: Mapping[str, str]) -> str | None:
    exact = variables.get(SECRET_VARIABLE + name)
    return exact if exact is not None else variables.get(SECRET_VARIABLE + re.sub("[^A-Z0-9]", "_", name.upper()))


def secret_value(value: str) -> Json:
    """A JSON object, array or quoted string as JSON; any other value as text."""
    if value[:1] in ("{", "[", '"'):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _given(given: str, what: str, most: int) -> tuple[bytes, str]:
    """The bytes of an argument and the place they come from, for errors."""
    if given == "-":
        return sys.stdin.buffer.read(most), "standard input"
    if given.startswith("@"):
        return _read(given[1:], most), given[1:]
    return os.fsencode(given), what


def _read(name: str, most: int) -> bytes:
    """At most so many bytes of a file."""
    if not name:
        raise UsageError("the name of the file is empty", hint="name a file")
    try:
        with Path(name).open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        where = Path(name).parent
        hint = _similar_file(Path(name)) if where.is_dir() else f"there is no folder {where} either"
        raise NotFound(f"there is no file {name}", hint=hint) from None
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder", hint="name a file in it") from None
    except PermissionError:
        raise UsageError(f"no permission to read {name}", hint="check the file's permissions") from None
    except (OSError, ValueError) as wrong:
        long = isinstance(wrong, OSError) and wrong.errno == errno.ENAMETOOLONG
        reason = getattr(wrong, "strerror", None) or str(wrong)
        shown = name if len(name) < 80 else name[:80] + "…"
        advice = "a file's name was expected here, not its content" if long else None
        raise UsageError(f"can't read {shown}: {reason}", hint=advice) from None


def _similar_file(missing: Path) -> str:
    try:
        near = [each.name for each in missing.parent.iterdir() if each.is_file() and similar(missing.stem, [each.stem])]
        found = similar(missing.name, near)
    except OSError:
        found = None
    return f"did you mean {missing.with_name(found)}?" if found else "check the name"


def _decode(content: bytes, place: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise BadInput(
            f"not a text in UTF-8: byte {wrong.start + 1:,} can't be decoded",
            where=place,
            hint="it is UTF-16: save it as UTF-8" if wide else "is it the right file? save it as UTF-8 text",
        ) from None
    if "\0" in text:
        raise BadInput(
            f"binary data, not a text: character {text.index(chr(0)) + 1:,} is NUL",
            where=place,
            hint="is it the right file?",
        )
    return text


def _parse(text: str, what: str, place: str, depth: int, *, hint: str | None) -> Json:
    if not text.strip():
        raise BadInput(f"{what} is empty", where=place, hint="write null for no value")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        if _nesting(text) > depth:
            raise _too_deep(what, place, depth) from None  # the parser has a limit of its own
        found = _PLACE.fullmatch(str(wrong))
        reason, where = (found[1], f"{place}:{found[2]}:{found[3]}") if found else (str(wrong), place)
        raise BadInput(f"{what} is not JSON: {reason}", where=where, hint=hint) from None
    if text.count("[") + text.count("{") > depth and _deeper(value, depth):
        raise _too_deep(what, place, depth)
    return value


def _too_deep(what: str, place: str, depth: int) -> LimitExceeded:
    return LimitExceeded(
        f"{what} nests deeper than {depth} levels (setting limits.document_depth)",
        where=place,
        hint="make it flatter, or raise the setting",
    )


def _deeper(value: Json, depth: int) -> bool:
    """Whether a value nests deeper; level by level, so that nesting costs no recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(depth):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _nesting(text: str) -> int:
    """How deep a text's brackets nest, those inside JSON strings left out."""
    level = deepest = 0
    for found in _BRACKET.finditer(_STRING.sub("", text)):
        level += 1 if found[0] in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _meant_a_file(given: str) -> str:
    if not given.startswith(("@", "-", "{", "[", '"')) and len(given) < 200 and Path(given).is_file():
        return f"to read the file, write @{given}"
    if given.startswith("'") or (given.startswith("{") and '"' not in given):
        return "names and texts need double quotes; put the whole in single quotes for the shell"
    return 'JSON is expected, for example \'{"name": "Ada"}\'; a text needs double quotes'
