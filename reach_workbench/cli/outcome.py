"""How a run ended, or where it stopped: the object for scripts, the words for people, the exit code."""

from __future__ import annotations

from typing import Final

from reach_workbench.cli.session import Session
from reach_workbench.cli.source import Source, show_line
from reach_workbench.cli.terminal import Painted, Style, Terminal
from reach_workbench.cli.watching import duration
from reach_workbench.engine.values import Json
from reach_workbench.protocol.node_views import RunView

UNFINISHED: Final = 4

_EXIT: Final = {"completed": 0, "faulted": 1, "cancelled": 3}
_STYLES: Final[dict[str, Style]] = {"completed": "green", "faulted": "red", "cancelled": "yellow"}


def exit_code(view: RunView) -> int:
    """0 completed, 1 faulted, 3 cancelled, 4 when the run has not ended."""
    return _EXIT.get(view.status, UNFINISHED)


def result(view: RunView) -> dict[str, Json]:
    """The one object of `reach run --json`; `events` is their number."""
    return {
        "id": view.id,
        "workflow": view.workflow,
        "status": view.status,
        "output": view.output,
        "error": view.error,
        "digest": view.digest,
        "events": view.seq,
    }


def show_result(session: Session, view: RunView, source: Source | None) -> None:
    """The output on standard output, and what people should know on standard error."""
    terminal = session.terminal
    if terminal.json:
        terminal.print_json(result(view))
        return
    if view.status == "completed":
        terminal.print_json(view.output, indent=True)
    if view.error is not None:
        show_problem(terminal, view.error, source)
        if hint := _what_to_do(session, view):
            terminal.say("  hint: ", hint)
    style = _STYLES.get(view.status, "cyan")
    took = f" in {duration(view.ended_at - view.created_at)}" if view.ended_at is not None else ""
    terminal.say(Painted(view.status, style), f"{took}: run {view.id}, {view.seq:,} events, digest {view.digest}")


def _what_to_do(session: Session, view: RunView) -> str | None:
    match (view.error or {}).get("code"):
        case "secret-missing":
            return f"`{session.line('secret', 'set', 'NAME')}` keeps it, and --secret NAME=@FILE gives it once"
        case "policy-denied":
            return f"`{session.line('policy', 'explain', view.id)}` shows what decided, and what would change it"
    return None


def show_problem(terminal: Terminal, error: dict[str, Json], source: Source | None) -> None:
    """A problem (RFC 9457): its title, detail, the task it came from and that task's line."""
    title = error.get("title") or str(error.get("type", "error")).rsplit("/", 1)[-1]
    status = error.get("status")
    terminal.say(Painted("faulted", "red"), f": {title}", f" ({status})" if status is not None else "")
    if error.get("detail"):
        terminal.say("  detail: ", str(error["detail"]))
    instance = error.get("instance")
    line = source.line(instance) if source is not None and isinstance(instance, str) else None
    if instance:
        terminal.say("  at: ", str(instance), f"  ({line})" if line is not None else "")
    if line is not None:
        show_line(terminal, line)
    terminal.say("  type: ", str(error.get("type")))
    if error.get("code"):
        terminal.say("  code: ", str(error["code"]))
