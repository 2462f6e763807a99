"""The engine as a child process: `python -m reach_workbench.engineclient.serve`.

Speaks JSON lines: a request a line on standard input, an answer a line on standard output.

| request | answer |
|---|---|
| `{"id", "op": "evaluate", "expression", "data"?, "variables"?}` | `{"id", "ok": value}` |
| `{"id", "op": "run", "expression", "names", "input"}` | as above; `input`: JSON text, [data, value of each name] |
| `{"id", "op": "compile", "source", "file"?}` | `{"id", "ok": {"diagnostics": […], "digest": … or null}}` |
| `{"id", "op": "version"}` | `{"id", "ok": {"version", "expressions"}}` |

An expression that fails answers `{"id", "fault": problem}`, one that outgrows a limit
`{"id", "overrun": {"limit", "detail"}}`, a request that makes no sense
`{"id", "error": {"code", "message"}}`. An expression that takes too long or too much memory
ends the process: libjq can't be interrupted. Whoever started it starts another.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import orjson

from reach_workbench import __version__
from reach_workbench.engine import libjq
from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.jq_tokens import UnreadableText
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, Bug

if TYPE_CHECKING:
    from reach_workbench.engine.document import DocumentLimits

_NO_ID: Final = b"null"


class TooLarge(Exception):
    """A result beyond the limit."""


class Server:
    """Answers requests one after another.

    `seconds` and `result_bytes` bound one evaluation, 0 is no bound; `documents` bounds what is compiled.
    """

    def __init__(self, *, seconds: float = 0, result_bytes: int = 0, documents: DocumentLimits | None = None) -> None:
        self._documents = documents
        self._seconds = seconds
        self._result_bytes = result_bytes
        self._operations: dict[str, Callable[[dict[str, Json]], bytes]] = {
            "run": self._run,
            "evaluate": self._evaluate,
            "compile": self._compile,
            "version": self._version,
        }

    def serve(self, requests: BinaryIO, answers: BinaryIO) -> None:
        """Answer until there are no more requests, or nobody reads the answers."""
        try:
            for line in requests:
                if line.strip():
                    answers.write(self.answer(line))
                    answers.flush()
        except BrokenPipeError:
            pass

    def answer(self, line: bytes) -> bytes:
        """The answer to one request, with its end of line; never raises for what a request may hold."""
        number = _NO_ID
        try:
            request = _read(line)
            number = libjq.encode(request.get("id")).encode()
            operation = self._operations.get(str(request.get("op")))
            if operation is None:
                known = ", ".join(self._operations)
                return _problem(
                    number, "error", BadInput(f"unknown op {request.get('op')!r}; known: {known}").as_dict()
                )
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            try:
                return b'{"id":%b,"ok":%b}\n' % (number, operation(request))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except BadInput as wrong:
            return _problem(number, "error", wrong.as_dict())
        except UnicodeEncodeError:
            return _problem(_NO_ID, "error", BadInput("the line holds half a surrogate pair").as_dict())
        except Fault as fault:
            return _problem(number, "fault", fault.problem())
        except TooLarge as wrong:
            return _problem(number, "overrun", {"limit": "limits.value_bytes", "detail": str(wrong)})
        except MemoryError:
            detail = "the expression needs more memory than it may have"
            return _problem(number, "overrun", {"limit": "limits.expression_megabytes", "detail": detail})
        except Exception as wrong:  # whatever it is, the next request can be answered
            return _problem(number, "error", Bug(f"{type(wrong).__name__}: {wrong}").as_dict())

    def _run(self, request: dict[str, Json]) -> bytes:
        source, names, text = request.get("expression"), request.get("names"), request.pop("input", None)
        if not (isinstance(source, str) and isinstance(names, list) and isinstance(text, str)):
            raise BadInput("run needs `expression` (text), `names` (array) and `input` (JSON text)")
        if not all(isinstance(name, str) and name.isidentifier() for name in names):
            raise BadInput("each of `names` is the name of a variable, without its $")
        try:
            return self._bounded(libjq.run_text(source, tuple(names), text))
        except UnreadableText as wrong:
            raise Fault("expression", wrong.message) from None

    def _evaluate(self, request: dict[str, Json]) -> bytes:
        source, variables = request.get("expression"), request.get("variables", {})
        if not (isinstance(source, str) and isinstance(variables, dict)):
            raise BadInput("evaluate needs `expression` (text); `variables` is an object")
        try:
            expression = compile_expression(source)
        except ExpressionSyntaxError as wrong:
            raise Fault("expression", f"{wrong.message} (at character {wrong.offset + 1})") from None
        return self._bounded(libjq.encode(evaluate(expression, request.get("data"), variables, InProcess())))

    def _compile(self, request: dict[str, Json]) -> bytes:
        # heavy, and rarely asked of a child
        from reach_workbench.engine.compile import compile_document
        from reach_workbench.engine.document import DocumentLimits

        source, file = request.get("source"), request.get("file", "")
        if not (isinstance(source, str) and isinstance(file, str)):
            raise BadInput("compile needs `source` (text); `file` is its name")
        compiled = compile_document(source, file, limits=self._documents or DocumentLimits())
        return canonical(
            {
                "diagnostics": [each.as_dict() for each in compiled.diagnostics],
                "digest": compiled.program.digest if compiled.program else None,
            }
        )

    def _version(self, request: dict[str, Json]) -> bytes:
        return orjson.dumps({"version": __version__, "expressions": "jq 1.8"})

    def _bounded(self, text: str) -> bytes:
        result = text.encode()
        if 0 < self._result_bytes < len(result):
            raise TooLarge(f"the result has {len(result):,} bytes, more than {self._result_bytes:,}")
        return result


def _read(line: bytes) -> dict[str, Json]:
    try:
        request = libjq.decode(line.decode())
    except (ValueError, Fault) as wrong:
        raise BadInput(f"the line is not JSON: {wrong}") from None
    if not isinstance(request, dict):
        raise BadInput("a request is an object")
    return request


def _problem(number: bytes, name: str, what: dict[str, Any]) -> bytes:
    return b'{"id":%b,"%b":%b}\n' % (number, name.encode(), orjson.dumps(what))


def main(arguments: Sequence[str] | None = None, documents: DocumentLimits | None = None) -> int:
    """Serve on standard input and output; `documents` bounds what is compiled.

    Arguments: `--seconds` and `--megabytes` one evaluation may take, `--result-bytes` its
    result may have; each is followed by a number, and 0 or its absence sets no limit.
    Exit code 0 at the end of the input, 2 for arguments that make no sense.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    limits = {"--seconds": 0.0, "--megabytes": 0.0, "--result-bytes": 0.0}
    try:
        for name, value in zip(given[::2], given[1::2], strict=True):
            limits[name] = float(value) if name in limits else float("not a limit")
    except ValueError:
        print(f"usage: {' '.join(f'[{name} NUMBER]' for name in limits)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    if limits["--megabytes"]:
        _limit_memory(int(limits["--megabytes"] * 1024 * 1024))
    server = Server(seconds=limits["--seconds"], result_bytes=int(limits["--result-bytes"]), documents=documents)
    server.serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


def _limit_memory(size: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    sys.exit(main())
