"""The key table: every action of the screens, once.

Bindings, the palette, the help of `?`, docs/keys.md and the remapping in the configuration are made
from it, and a test performs each row. `id` is what a configuration names; a screen carries the action
out in `action_NAME`, where NAME is the part after the dot with `_` for `-`.

Terminals and multiplexers keep some keys for themselves; `FORBIDDEN` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from textual.binding import Binding

Scope = Literal["app", "flows", "debug", "runs", "inbox", "nodes", "audit", "system", "policies", "list"]
"""Where an action is there: everywhere, on one screen, or wherever there is a list (`list`)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One row. `keys` in Textual's names, the first is shown; `label` for the footer, `help` one sentence."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str

    @property
    def scope(self) -> str:
        return self.id.partition(".")[0]

    @property
    def method(self) -> str:
        return self.id.partition(".")[2].replace("-", "_")

    @property
    def leads(self) -> bool:
        """Whether it puts a screen in front."""
        return self.scope == "app" and self.method in SCREEN_NAMES


ACTIONS: Final = (
    Action("app.flows", ("1",), "Flows", "Write workflows: files, editor, problems, the flow as a graph."),
    Action("app.debug", ("2",), "Debug", "The run that is open: source, timeline, state."),
    Action("app.runs", ("3",), "Runs", "All runs of the node."),
    Action("app.inbox", ("4",), "Inbox", "What waits for a person's decision."),
    Action("app.nodes", ("5",), "Nodes", "This node and its peers."),
    Action("app.audit", ("6",), "Audit", "What was decided and done, and by whom."),
    Action("app.system", ("7",), "System", "Queue, dead letters, latencies, errors."),
    Action("app.policies", ("P",), "Policies", "What workflows may do: policies, their cases, and trials."),
    Action("app.new", ("ctrl+n",), "New", "A new workflow from a template, on the Flows screen."),
    Action("app.palette", ("colon", "ctrl+p"), "Commands", "Find any action by its name."),
    Action("app.help", ("question_mark", "f1"), "Help", "The keys of this screen or dialog."),
    Action("app.jump", ("ctrl+o",), "Jump", "Go to any pane by a letter."),
    Action("app.next-pane", ("tab",), "Next pane", "Put the focus on the next pane."),
    Action("app.previous-pane", ("shift+tab",), "Previous pane", "Put the focus on the pane before."),
    Action("app.grow", ("plus",), "Grow", "Show this pane at half, then at full size."),
    Action("app.shrink", ("underscore",), "Shrink", "Show this pane smaller again."),
    Action("app.copy", ("y",), "Copy", "Copy what the cursor is on."),
    Action("app.theme", ("f2",), "Theme", "Choose another theme."),
    Action("app.tour", ("f3",), "Tour", "Walk through a sample, step by step."),
    Action("app.reconnect", ("f12",), "Reconnect", "Try the connection to the node again at once."),
    Action("app.quit", ("q", "ctrl+q"), "Quit", "Leave; asks whether the node goes on while runs are active."),
    Action("flows.run", ("ctrl+r", "f5"), "Run", "Run this workflow: a form for its input first."),
    Action("flows.json", ("ctrl+l",), "JSON", "Run with the input as JSON; in the form: from fields to JSON and back."),
    Action("flows.save", ("ctrl+s",), "Save", "Write the file."),
    Action("flows.complete", ("f6",), "Complete", "What may be written here."),
    Action("flows.definition", ("f7",), "Go to task", "Go to a task by its name, or to the one that is named here."),
    Action("flows.rename", ("f8",), "Rename", "Rename the task here, and what leads to it."),
    Action("flows.format", ("ctrl+t",), "Format", "Even indentation and spacing."),
    Action("flows.breakpoint", ("f9",), "Breakpoint", "Set or clear a breakpoint at the task here."),
    Action("flows.next-problem", ("f10",), "Next problem", "Go to the next problem."),
    Action("flows.edit-outside", ("f4",), "$EDITOR", "Open the file in your own editor."),
    Action("flows.graph", ("ctrl+g",), "Graph", "Show or hide the flow as a graph."),
    Action("debug.over", ("n", "f10"), "step", "Step over: to the next task of this level."),
    Action("debug.into", ("s", "f11"), "into", "Step into: to the very next task."),
    Action("debug.out", ("o",), "out", "Step out: to the next task of an outer level."),
    Action("debug.continue", ("c", "f5"), "run", "Go on, to the next breakpoint or the end."),
    Action("debug.pause", ("p",), "pause", "Hold the run before its next task."),
    Action("debug.to-cursor", ("t",), "to cursor", "Go on to the task under the cursor of the source."),
    Action("debug.back", ("left_square_bracket",), "back", "The event before; nothing is executed."),
    Action("debug.forward", ("right_square_bracket",), "fwd", "The event after; nothing is executed."),
    Action(
        "debug.mark-back",
        ("left_curly_bracket",),
        "mark back",
        "The breakpoint, fault, or gate that opens or closes, before.",
    ),
    Action(
        "debug.mark",
        ("right_curly_bracket",),
        "mark",
        "The breakpoint, fault, or gate that opens or closes, after.",
    ),
    Action("debug.over-back", ("N", "shift+f10"), "step back", "Step over backwards."),
    Action("debug.out-back", ("O",), "out back", "Step out backwards."),
    Action("debug.continue-back", ("C", "shift+f5"), "continue back", "Backwards to the breakpoint before."),
    Action("debug.breakpoint", ("b", "f9"), "break", "Set or clear a breakpoint at the task under the cursor."),
    Action("debug.edit-breakpoint", ("B",), "condition", "Condition, hit count and log message of a breakpoint."),
    Action("debug.watch", ("w",), "watch", "Add a jq expression that is evaluated at the cursor."),
    Action("debug.remove-watch", ("W",), "unwatch", "Remove a watch."),
    Action("debug.fork", ("F",), "fork", "Fork here: change data, an outcome or the workflow."),
    Action("debug.verify", ("V",), "verify", "Replay the run from its facts and compare every digest."),
    Action("debug.who-wrote", ("D",), "who wrote", "Go to the event that produced the value under the cursor."),
    Action("debug.live", ("space",), "live", "Follow the live end of the run."),
    Action("debug.find", ("slash",), "find", "Find text in the events."),
    Action("debug.find-next", ("asterisk",), "next", "The next event found."),
    Action("debug.filter", ("f",), "filter", "Show only some events."),
    Action("debug.start", ("g",), "start", "The first event."),
    Action("debug.end", ("G",), "end", "The last event."),
    Action("debug.jq", ("j",), "jq", "Try jq expressions on the data of this event."),
    Action("debug.edit-outside", ("e", "f4"), "$EDITOR", "Open the event's data in your own editor."),
    Action("debug.cancel", ("x",), "cancel", "Cancel the run; asks first."),
    Action("debug.resolve", ("r",), "resolve", "Decide an effect in doubt: repeat it, give its result, or fail."),
    Action("runs.open", ("enter",), "open", "Open the run in the debugger."),
    Action("runs.filter", ("slash",), "filter", "Show only some runs: by status, workflow, id."),
    Action("runs.compare", ("c",), "compare", "Mark a run, then compare another with it."),
    Action("runs.lineage", ("l",), "lineage", "The runs this one was forked from, and its forks."),
    Action("runs.fork", ("F",), "fork", "Fork the run from its last event but one."),
    Action("runs.verify", ("V",), "verify", "Replay the run and compare every digest."),
    Action("runs.suspend", ("s",), "suspend", "Suspend the run durably."),
    Action("runs.resume", ("r",), "resume", "Go on with a suspended or held run."),
    Action("runs.cancel", ("x",), "cancel", "Cancel the run; asks first."),
    Action("runs.export", ("e",), "export", "Write the run into a capsule."),
    Action("inbox.open", ("enter",), "open", "Show the held action, or the effect in doubt, whole."),
    Action("inbox.approve", ("a",), "approve", "Approve the held action, or the marked ones one by one; asks first."),
    Action("inbox.deny", ("x",), "deny", "Deny the held action; asks for a reason."),
    Action("inbox.delegate", ("D",), "delegate", "Hand the decision over to another reviewer, for this gate alone."),
    Action("inbox.edit", ("E",), "edit", "Edit the held action; policy decides anew, then you may approve it."),
    Action("inbox.mark", ("space",), "mark", "Mark held actions of one kind and workflow, to approve one by one."),
    Action("inbox.filter", ("slash",), "filter", "Show only some: by state (closed, denied, doubt), workflow, text."),
    Action("inbox.resolve", ("r",), "resolve", "Decide an effect in doubt."),
    Action("inbox.run", ("o",), "run", "Open its run in the debugger, at its newest event."),
    Action("nodes.refresh", ("r",), "refresh", "Look again."),
    Action("audit.verify", ("V",), "verify", "Check every record, the tree and the checkpoints."),
    Action("audit.filter", ("f", "slash"), "filter", "Show only some records: by type, age, run or data."),
    Action("audit.open", ("enter",), "open run", "Open the record's run in the debugger."),
    Action("audit.refresh", ("r",), "refresh", "Look again."),
    Action("system.requeue", ("r",), "requeue", "Try a dead letter again; asks first."),
    Action("system.drop", ("x",), "drop", "Delete a dead letter; asks first."),
    Action("system.schedules", ("s",), "schedules", "What starts by itself, and when."),
    Action(
        "policies.open", ("enter",), "open", "Go to the policy's text, to the problem, or to the run of an example."
    ),
    Action("policies.save", ("ctrl+s",), "save", "Put the text in force; asks first."),
    Action("policies.test", ("f6",), "test", "Decide the cases in files beside the policy by this text."),
    Action("policies.try", ("f5", "ctrl+r"), "try", "Judge every recorded action by this text: which verdicts change?"),
    Action("policies.next-problem", ("f10",), "problem", "Go to the next problem in the text."),
    Action("policies.refresh", ("r",), "refresh", "Look again."),
)

SCREEN_NAMES: Final = {
    scope: next(action.label for action in ACTIONS if action.id == f"app.{scope}")
    for scope in dict.fromkeys(action.scope for action in ACTIONS)
    if scope != "app"
}
"""What each screen is called, by its scope."""

FORBIDDEN: Final = frozenset({"ctrl+enter", "ctrl+h", "ctrl+b", "ctrl+space", "alt+f"})
"""Keys that terminals or multiplexers eat; Ctrl+Shift+letter too."""

WHILE_TYPING: Final = frozenset({"ctrl", "f"})
"""Keys that also act where text is typed begin so: Ctrl+letter and F-keys."""


def actions(*scopes: str) -> Iterator[Action]:
    """The rows of these scopes, in the order of the table."""
    return (action for action in ACTIONS if action.scope in scopes)


def find(id: str) -> Action:
    """The row with that id. Raises KeyError."""
    for action in ACTIONS:
        if action.id == id:
            return action
    raise KeyError(id)


def bindings(*scopes: str) -> list[Binding]:
    """Textual's bindings for these scopes, with the ids that `App.set_keymap` takes."""
    from textual.binding import Binding

    return [
        Binding(",".join(action.keys), action.method, action.label, show=False, id=action.id)
        for action in actions(*scopes)
    ]


def clashes(rows: Iterable[Action]) -> list[tuple[str, str, str]]:
    """Keys that two actions of one screen would share, as (key, id, id)."""
    found = []
    rows = list(rows)
    for place, one in enumerate(rows):
        for other in rows[place + 1 :]:
            if one.scope == other.scope or "app" in (one.scope, other.scope):
                found += [(key, one.id, other.id) for key in one.keys if key in other.keys]
    return found
