"""Bodies of requests and answers: JSON values to bytes and back, by content type."""

from __future__ import annotations

import base64
import hashlib
from email.message import Message
from typing import Final
from urllib.parse import parse_qsl, urlencode

import orjson

from reach_workbench.effects.arguments import word, wrong
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
TEXT: Final = "text/plain; charset=utf-8"


def encode(body: Json, content_type: str | None, files: frozenset[str] = frozenset()) -> tuple[bytes, str]:
    """The body's bytes and its content type.

    A string goes out as it is, `text/plain` unless `content_type` says otherwise. Anything else is
    JSON, or form fields when `content_type` is a form's. `files` names the fields of a multipart
    form to send as files.
    """
    media = media_type(content_type)
    if isinstance(body, dict) and media == FORM:
        return urlencode(fields(body)).encode("ascii"), content_type or FORM
    if isinstance(body, dict) and media == MULTIPART:
        return _multipart(body, files)
    if isinstance(body, str):
        return _bytes(body), content_type or TEXT
    try:
        return orjson.dumps(body), content_type or JSON
    except TypeError:
        raise wrong("body", "a JSON value with numbers of at most 64 bits", body) from None


def decode(data: bytes, content_type: str | None, status: int, scrubber: Scrubber) -> Json:
    """What an answer holds: JSON, text and form fields as values, anything else in base 64, None for no content.

    Secrets in it are scrubbed.

    Raises Fault `communication` when content that says it is JSON is not.
    """
    if not data and (status in (204, 205, 304) or media_type(content_type) is None):
        return None
    media = media_type(content_type) or ""
    if media == JSON or media.endswith("+json"):
        if not data.strip():
            return None
        try:
            return scrubber.value(orjson.loads(_text(data, content_type)))
        except orjson.JSONDecodeError as broken:
            raise Fault(
                "communication",
                f"the answer says it is {media} but is not JSON: {broken}",
                status=502,
                code="bad-answer",
            ) from None
    if media.startswith("text/"):
        return scrubber.text(_text(data, content_type))
    if media == FORM:
        form: dict[str, Json] = {}
        for name, value in parse_qsl(_text(data, content_type), keep_blank_values=True):
            held = form.get(name)
            form[name] = value if held is None else [*(held if isinstance(held, list) else [held]), value]
        return scrubber.value(form)
    return base64.b64encode(scrubber.data(data)).decode("ascii")


def fields(values: dict[str, Json]) -> list[tuple[str, str]]:
    """Name and value pairs of a query or a form: an array repeats its name, null leaves it out."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                pairs.append((name, word(item)))
    return pairs


def media_type(content_type: str | None) -> str | None:
    """`type/subtype` in lower case, without parameters; None when there is none."""
    return content_type.partition(";")[0].strip().lower() or None if content_type else None


def _multipart(body: dict[str, Json], files: frozenset[str]) -> tuple[bytes, str]:
    """RFC 7578. Objects become JSON parts, arrays repeated ones."""
    parts: list[bytes] = []
    for name, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
            head = f'Content-Disposition: form-data; name="{quoted}"'
            if name in files:
                head += f'; filename="{quoted}"\r\nContent-Type: application/octet-stream'
            elif isinstance(item, dict):
                head += f"\r\nContent-Type: {JSON}"
            parts.append(_bytes(head) + b"\r\n\r\n" + _bytes(word(item)) + b"\r\n")
    # The boundary is the digest of what it must not occur in.
    boundary = "reach-" + hashlib.sha256(b"".join(parts)).hexdigest()[:40]
    line = f"--{boundary}\r\n".encode()
    end = f"--{boundary}--\r\n".encode()
    return b"".join(line + part for part in parts) + end, f"{MULTIPART}; boundary={boundary}"


def _text(data: bytes, content_type: str | None) -> str:
    header = Message()
    header["content-type"] = content_type or "text/plain"
    try:
        written = data.decode(header.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset nobody knows
        written = data.decode("utf-8", "replace")
    return written.removeprefix("\ufeff")


def _bytes(written: str) -> bytes:
    try:
        return written.encode("utf-8")
    except UnicodeEncodeError:
        raise Fault("validation", "the body holds text that is not Unicode", code="bad-argument") from None
