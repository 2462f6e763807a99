"""Structured logs: one JSON object a line, with the ids that tell which lines belong together.

`bound(run=…)` sets ids for what happens inside it, in tasks begun there too. A line has `at` (ISO 8601,
UTC), `level`, `event`, the ids in force (request, run, task, job) and whatever it tells. structlog is
loaded only when a log is opened.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import orjson

from reach_workbench.telemetry.redaction import Redactor

if TYPE_CHECKING:
    from structlog.typing import EventDict

Level = Literal["debug", "info", "warning", "error"]

LEVELS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a log file; then it is renamed to end in .1, and the one before it goes."""

_IDS: ContextVar[Mapping[str, str]] = ContextVar("reach_log_ids", default={})  # noqa: B039 - it is never changed


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Lines that are written inside carry these ids (`request`, `run`, `task`, `job`)."""
    given = {name: id for name, id in ids.items() if id is not None}
    token = _IDS.set({**_IDS.get(), **given})
    try:
        yield
    finally:
        _IDS.reset(token)


class Log:
    """Writes lines to a file, or to standard error. `now` gives milliseconds since 1970.

    What can't be written is dropped: a full disk must not stop a run.
    """

    def __init__(self, file: Path | None, level: str, now: Callable[[], int], redactor: Redactor) -> None:
        import structlog

        self.redactor = redactor
        self.level = LEVELS[level]
        self._file = file
        self._now = now
        self._stream: TextIO = sys.stderr if file is None else file.open("a", encoding="utf-8")
        if file is not None:
            file.chmod(0o600)
        self._logger: Any = structlog.wrap_logger(
            structlog.WriteLogger(_Lines(self)),  # type: ignore[arg-type]
            processors=[self._ids, self._hide, _json],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=True,
        )

    def write(self, level: Level, event: str, **told: Any) -> None:
        """A line, unless the log is set to less."""
        if LEVELS[level] >= self.level:
            getattr(self._logger, level)(event, **told)

    def put(self, line: str) -> None:
        """A line as it is; for the logger beneath."""
        try:
            if self._file is not None and self._stream.tell() > LARGEST:
                self._stream.close()
                self._file.replace(self._file.with_name(self._file.name + ".1"))
                self._stream = self._file.open("a", encoding="utf-8")
                self._file.chmod(0o600)
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):
            return

    def close(self) -> None:
        if self._file is not None:
            self._stream.close()

    def _ids(self, _logger: Any, level: str, told: EventDict) -> EventDict:
        at = datetime.fromtimestamp(self._now() / 1000, UTC).isoformat(timespec="milliseconds")
        return {"at": at.replace("+00:00", "Z"), "level": level, "event": told.pop("event"), **_IDS.get(), **told}

    def _hide(self, _logger: Any, _level: str, told: EventDict) -> EventDict:
        hidden: EventDict = self.redactor.value(told)
        return hidden


class _Lines:
    """The stream that structlog writes to."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, text: str) -> None:
        self._log.put(text)

    def flush(self) -> None:
        """Each line is flushed as it is written."""


def _json(_logger: Any, _level: str, told: EventDict) -> str:
    try:
        return orjson.dumps(told, default=str).decode()
    except TypeError:  # numbers and texts that only Python has
        return json.dumps(told, default=str)


class Bridge(logging.Handler):
    """Hands the warnings of libraries, which use the standard library's logging, to a log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        told = {"logger": record.name}
        if record.exc_info is not None and record.exc_info[1] is not None:
            told["exception"] = "".join(logging.Formatter().formatException(record.exc_info))
        self._log.write("error" if record.levelno >= logging.ERROR else "warning", record.getMessage(), **told)
