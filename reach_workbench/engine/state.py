"""The state of a run, and how events change it.

`fold(state, event)` is the only way a state changes. It needs no clock, no evaluator and no
decision: all that was decided stands in the event. `engine.step` decides what comes next by
looking at the state and records it as events.

What is to be decided next is part of the state: every frame has at most one `todo`, and
`ready` holds the frames that have one, in the order in which they got it. A decision always
leads to an event that changes the todo of its frame, so a state folded from recorded events
goes on exactly where the live one was.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Final, Literal, NamedTuple

from reach_workbench.engine import program as p
from reach_workbench.engine.events import GENESIS, Event
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.fetched import function_task
from reach_workbench.engine.values import Json, same
from reach_workbench.errors import Bug, HistoryUnknown

Phase = Literal["pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed"]
ENDED: Final = frozenset({"cancelled", "faulted", "completed"})

Todo = tuple[Json, ...]
"""What to decide next in a frame, by its first item:

begin · arm · fail PROBLEM · enter POSITION · extend INDEX · execute · attempt · iterate · branch INDEX · call · won ·
consumed · delivered · finish · raise PROBLEM · timeout · attempt-timeout · conclude · cancel
"""

_DECIDED: Final = frozenset({"raise", "fail", "timeout", "attempt-timeout", "conclude", "won", "cancel"})
"""Ends of a frame that no timeout changes any more."""

ROOT: Final = 0


class Timer(NamedTuple):
    frame: int
    purpose: str
    due: int


class Frame:
    """One execution of a task, or the workflow itself (id 0, no task).

    `raw` and `input` are the task's raw and transformed input. `value` is what flows: the next
    child's raw input while children run, the raw output at the end. `part` says which block of
    the task runs: main, catch, before, after or foreach. `index` counts iterations, attempts of
    an extension or delivered events; `attempt` counts retries of a try task.
    """

    __slots__ = (
        "attempt",
        "authorization",
        "branch",
        "command",
        "consumed",
        "correlations",
        "first_at",
        "id",
        "index",
        "input",
        "items",
        "matched",
        "outputs",
        "parent",
        "part",
        "position",
        "raw",
        "result",
        "resume",
        "started_at",
        "task",
        "then",
        "timers",
        "todo",
        "until_matched",
        "value",
        "variables",
    )

    def __init__(self, id: int, parent: int, task: p.Task | None, raw: Json, started_at: int) -> None:
        self.id = id
        self.parent = parent
        self.task = task
        self.raw = raw
        self.input = raw
        self.value = raw
        self.started_at = started_at
        self.part = "main"
        self.position = -1
        self.index = -1
        self.branch = -1
        self.attempt = 0
        self.first_at = started_at
        self.todo: Todo | None = None
        self.resume: Todo | None = None
        self.command: int | None = None
        self.timers: tuple[int, ...] = ()
        self.variables: dict[str, Json] | None = None
        self.items: list[Json] | None = None
        self.outputs: dict[int, Json] | None = None
        self.consumed: list[Json] | None = None
        self.matched: frozenset[int] = frozenset()
        self.until_matched: frozenset[int] = frozenset()
        self.correlations: dict[str, Json] | None = None
        self.result: Json = None
        self.then: str | None = None
        self.authorization: Json = None


class State:
    """Everything a run is at one moment. Treat it as a value: only `fold` and its kin change it."""

    __slots__ = (
        "at",
        "commands",
        "context",
        "created",
        "digest",
        "error",
        "frames",
        "in_doubt",
        "input",
        "listeners",
        "output",
        "overran",
        "phase",
        "program",
        "pure",
        "ready",
        "resources",
        "run",
        "seq",
        "suspended",
        "timers",
    )

    def __init__(self, program: p.Program) -> None:
        self.program = program
        self.run = ""
        self.seq = 0
        self.digest: bytes = GENESIS
        self.at = 0
        self.phase: Phase = "pending"
        self.created: dict[str, Json] = {}
        self.input: Json = None
        self.context: Json = None
        self.output: Json = None
        self.error: Json = None
        self.frames: dict[int, Frame] = {}
        self.ready: dict[int, None] = {}
        self.commands: dict[int, int] = {}
        self.in_doubt: frozenset[int] = frozenset()
        self.timers: dict[int, Timer] = {}
        self.listeners: dict[int, None] = {}
        self.resources: dict[str, Json] = {}
        self.overran: Json = None
        self.suspended = False
        self.pure = 0

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    def copy(self) -> State:
        """An independent state; the JSON values inside are shared, since nobody changes them."""
        twin = copy(self)
        twin.frames = {number: copy(frame) for number, frame in self.frames.items()}
        for frame in twin.frames.values():
            frame.outputs = dict(frame.outputs) if frame.outputs is not None else None
            frame.consumed = list(frame.consumed) if frame.consumed is not None else None
        twin.ready = dict(self.ready)
        twin.commands = dict(self.commands)
        twin.timers = dict(self.timers)
        twin.listeners = dict(self.listeners)
        twin.resources = dict(self.resources)
        return twin

    def ancestors(self, frame: Frame) -> Iterator[Frame]:
        """The frame itself and those around it, innermost first, the workflow last."""
        while True:
            yield frame
            if frame.id == ROOT:
                return
            frame = self.frames[frame.parent]

    def within(self, frame: int) -> list[Frame]:
        """The frames inside `frame` (not itself), innermost first."""
        inside = {frame}
        found = []
        for each in self.frames.values():  # parents come before their children
            if each.parent in inside and each.id not in (ROOT, frame):
                inside.add(each.id)
                found.append(each)
        found.reverse()
        return found


def fold(state: State, event: Event) -> State:
    """The state after `event`. The one given stays as it was."""
    twin = state.copy()
    apply(twin, event)
    return twin


def fold_all(state: State, events: Iterable[Event]) -> State:
    """The state after all of `events`, copying only once."""
    twin = state.copy()
    for event in events:
        apply(twin, event)
    return twin


def apply(state: State, event: Event) -> None:
    """Change `state` in place by `event`: for those who own the state (`fold`, `engine.step`)."""
    change = _CHANGES.get(event.type)
    if change is None:
        raise HistoryUnknown(
            f"event {event.seq} has the unknown type {event.type!r}",
            hint="the run was recorded by a newer version; update the program",
        )
    state.seq = event.seq
    state.at = event.at
    if state.overran is not None and event.type in _ANSWERS:
        state.overran = None
    try:
        change(state, event)
    except (KeyError, IndexError, AttributeError, TypeError) as wrong:
        raise Bug(f"event {event.seq} ({event.type}) does not fit the state before it: {wrong!r}") from wrong


def block_of(state: State, frame: Frame) -> p.Block:
    """The block whose tasks the frame is running."""
    task = frame.task
    if task is None:
        return state.program.block
    body = task.body
    block: p.Block | None = None
    if frame.part == "main":
        block = getattr(body, "block", None)
    elif frame.part == "catch" and isinstance(body, p.Try):
        block = body.catch.block
    elif frame.part == "foreach" and isinstance(body, p.Listen) and body.foreach:
        block = body.foreach.block
    elif frame.part == "before":
        block = task.extensions[frame.index].before
    elif frame.part == "after":
        block = task.extensions[frame.index].after
    if block is None:
        raise Bug(f"{task.reference} has no block for its part {frame.part!r}")
    return block


def resolve(state: State, frame: Frame, ref: list[Json]) -> Json:
    """The value that `refs` of an event stands for."""
    root, *steps = ref
    value: Json
    if root == "raw":
        value = frame.raw
    elif root == "input":
        value = frame.input
    elif root == "output":
        value = frame.value
    else:
        value = state.context
    for step in steps:
        value = value[step]
    return value


def name_of(reference: str) -> str:
    """The task's name: the last token of its JSON pointer (RFC 6901)."""
    return reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


# ---------------------------------------------------------------- bookkeeping


def _set_todo(state: State, frame: Frame, todo: Todo | None) -> None:
    frame.todo = todo
    state.ready.pop(frame.id, None)
    if todo is not None:
        state.ready[frame.id] = None


def _halt(state: State, frame: int) -> None:
    """Nothing inside `frame` is decided any more: all of it is about to be cancelled."""
    for each in state.within(frame):
        _set_todo(state, each, None)


def _wake(state: State, frame: Frame, todo: Todo) -> None:
    """What the frame waited for has come. Facts may arrive before anything is decided about those before
    them: a frame that has already timed out, or has got an error, stays so."""
    if frame.todo is None:
        _set_todo(state, frame, todo)


def _remove(state: State, frame: Frame) -> None:
    del state.frames[frame.id]
    state.ready.pop(frame.id, None)
    state.listeners.pop(frame.id, None)
    if frame.command is not None:
        state.commands.pop(frame.command, None)
        state.in_doubt -= {frame.command}
    for timer in frame.timers:
        state.timers.pop(timer, None)


def _value(state: State, frame: Frame, data: dict[str, Json] | None, name: str, default: Json) -> Json:
    if data is None:
        return default
    if name in data:
        return data[name]
    refs = data.get("refs")
    if refs is not None and name in refs:
        return resolve(state, frame, refs[name])
    return default


def _is_fork(frame: Frame) -> bool:
    """Whether the children of `frame` are the branches of a fork."""
    return frame.part == "main" and frame.task is not None and frame.task.kind == "fork"


def _end_of_block(frame: Frame, exited: bool) -> Todo:
    if frame.part == "before":
        # `exit` in a before extension completes the extended task with what it injected.
        return ("finish",) if exited else ("extend", frame.index + 1)
    if frame.part == "foreach":
        return ("delivered",)
    if frame.task is not None and frame.task.kind == "for" and frame.part == "main":
        return ("iterate",)
    return ("finish",)


def _go_on(state: State, parent: Frame, output: Json, directive: str, branch: int) -> None:
    """A child of `parent` has ended with `output`: what is next?"""
    if directive == "end":
        root = state.frames[ROOT]
        root.value = output
        _halt(state, ROOT)
        _set_todo(state, root, ("conclude",))
        return
    if _is_fork(parent):
        _branch_ended(state, parent, output, branch)
        return
    parent.value = output
    if parent.part == "main" and parent.task is not None and parent.task.kind == "function":
        _set_todo(state, parent, ("finish",))
        return
    block = block_of(state, parent)
    if directive == "continue":
        position = parent.position + 1
    elif directive == "exit":
        position = len(block.tasks)
    else:
        position = block.positions[directive]
    if position < len(block.tasks):
        _set_todo(state, parent, ("enter", position))
        return
    if parent.part == "main":
        if parent.timers:
            _drop_attempt_timers(state, parent)  # the attempt is over, whatever follows it
    elif parent.part == "before" and directive != "exit":
        parent.value = parent.input
    elif parent.part == "after":
        parent.value = parent.result
    _set_todo(state, parent, _end_of_block(parent, directive == "exit"))


def _branch_ended(state: State, fork: Frame, output: Json, branch: int) -> None:
    body = fork.task.body if fork.task else None
    assert isinstance(body, p.Fork) and fork.outputs is not None
    fork.outputs[branch] = output
    if body.compete:
        fork.value = output
        _halt(state, fork.id)
        _set_todo(state, fork, ("won",))
    elif len(fork.outputs) == len(body.branches):
        fork.value = [fork.outputs[place] for place in range(len(body.branches))]
        _set_todo(state, fork, ("finish",))


def _branch_skipped(state: State, fork: Frame, branch: int) -> None:
    """A skipped branch gives its input; in a race it has not run, so it wins only if no branch has."""
    body = fork.task.body if fork.task else None
    assert isinstance(body, p.Fork) and fork.outputs is not None
    if not body.compete:
        _branch_ended(state, fork, fork.input, branch)
        return
    fork.outputs[branch] = fork.input
    if len(fork.outputs) == len(body.branches):
        fork.value = fork.input
        _set_todo(state, fork, ("finish",))


def _first_todo(task: p.Task) -> Todo:
    if task.extensions:
        return ("extend", 0)
    return after_extensions(task)


def after_extensions(task: p.Task) -> Todo:
    """What a task does first once its `before` extensions are through."""
    body = task.body
    if isinstance(body, p.Try) and body.catch.retry is not None and body.catch.retry.attempt_duration is not None:
        return ("attempt",)
    if isinstance(body, (p.Do, p.Try)):
        return ("enter", 0) if body.block.tasks else ("finish",)
    if isinstance(body, p.Fork):
        return ("branch", 0) if body.branches else ("finish",)
    return ("execute",)


# ---------------------------------------------------------------- one function an event type


def _created(state: State, event: Event) -> None:
    data = event.data or {}
    state.created = {name: part for name, part in data.items() if name != "input"}
    state.run = data["run"]
    state.input = data["input"]
    state.phase = "pending"
    root = Frame(ROOT, ROOT, None, data["input"], event.at)
    state.frames[ROOT] = root
    _set_todo(state, root, ("begin",))


def _workflow_started(state: State, event: Event) -> None:
    root = state.frames[ROOT]
    root.input = root.value = _value(state, root, event.data, "input", root.raw)
    root.started_at = root.first_at = event.at
    # dsl.md, Data Flow: the transformed workflow input is the initial $context.
    state.context = root.input
    state.phase = "running"
    _set_todo(state, root, ("arm",) if state.program.timeout is not None else ("enter", 0))


def _ended(phase: Phase) -> Callable[[State, Event], None]:
    def change(state: State, event: Event) -> None:
        root = state.frames[ROOT]
        state.phase = phase
        if phase == "completed":
            state.output = _value(state, root, event.data, "output", root.value)
        elif phase == "faulted":
            state.error = (event.data or {})["error"]
        for frame in list(state.frames.values()):
            _remove(state, frame)

    return change


def _cancel_requested(state: State, event: Event) -> None:
    state.suspended = False
    _halt(state, ROOT)
    _set_todo(state, state.frames[ROOT], ("cancel",))


def _suspended(state: State, event: Event) -> None:
    state.suspended = True


def _resumed(state: State, event: Event) -> None:
    state.suspended = False
    state.pure = 0


def _forked(state: State, event: Event) -> None:
    data = event.data or {}
    state.run = data["run"]
    state.created = {**state.created, "program": data["program"], **data.get("created", {})}
    state.pure = 0
    if later := data.get("later"):
        state.timers = {number: timer._replace(due=timer.due + later) for number, timer in state.timers.items()}
    for pointer, value in (data.get("edits") or {}).items():
        _edit(state, pointer, value)


def _edit(state: State, pointer: str, value: Json) -> None:
    head, *steps = pointer.removeprefix("/").split("/")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    if head == "context":
        state.context = replaced(state.context, steps, value)
    elif head == "data":
        frame = data_frame(state)
        changed = replaced(frame.value, steps, value)
        if same(frame.input, frame.value):
            frame.input = changed
        if same(frame.raw, frame.value):
            frame.raw = changed
        frame.value = changed
    else:
        raise KeyError(pointer)


def data_frame(state: State) -> Frame:
    """The frame whose `value` is "the data" at this moment: the one to be decided next, else the newest."""
    for number in state.ready:
        return state.frames[number]
    return next(reversed(state.frames.values()))


def replaced(value: Json, steps: list[str], new: Json) -> Json:
    """`value` with the part at the JSON pointer tokens `steps` replaced; raises KeyError where it does not exist."""
    if not steps:
        return new
    step, *rest = steps
    if isinstance(value, dict):
        if rest and step not in value:
            raise KeyError(step)
        return {**value, step: replaced(value.get(step), rest, new)}
    if isinstance(value, list):
        place = int(step) if step != "-" else len(value)
        if not 0 <= place <= len(value) or (rest and place == len(value)):
            raise KeyError(step)
        inner = value[place] if place < len(value) else None
        return [*value[:place], replaced(inner, rest, new), *value[place + 1 :]]
    raise KeyError(step)


def child_task(state: State, parent: Frame, name: str) -> tuple[p.Task, int]:
    """The task called `name` that runs directly inside `parent`, and its position there."""
    task = parent.task
    if task is not None and parent.part == "main":
        if isinstance(task.body, p.Fork):
            for place, branch in enumerate(task.body.branches):
                if branch.name == name:
                    return branch, place
            raise KeyError(name)
        if isinstance(task.body, p.CallFunction):
            return function_task(task, state.resources, parent.result), 0
    block = block_of(state, parent)
    position = block.positions[name]
    return block.tasks[position], position


def _task_started(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    task, position = child_task(state, parent, name_of(event.task or ""))
    frame = Frame(event.seq, parent.id, task, parent.input if _is_fork(parent) else parent.value, event.at)
    frame.input = frame.value = _value(state, frame, event.data, "input", frame.raw)
    state.pure += 1
    _child_left(state, parent, position)
    state.frames[frame.id] = frame
    if isinstance(task.body, p.Fork):
        frame.outputs = {}
        frame.value = []
    if _is_fork(parent):
        frame.branch = position
    fault = (event.data or {}).get("fault")
    if fault is not None:
        _set_todo(state, frame, ("fail", fault))
    else:
        _set_todo(state, frame, ("arm",) if task.timeout is not None else _first_todo(task))


def _child_left(state: State, parent: Frame, position: int) -> None:
    """The parent has started or skipped its child at `position`; only a fork goes on at once."""
    parent.position = position
    if _is_fork(parent):
        assert parent.task is not None and isinstance(parent.task.body, p.Fork)
        more = position + 1 < len(parent.task.body.branches)
        _set_todo(state, parent, ("branch", position + 1) if more else None)
    else:
        _set_todo(state, parent, None)


def _task_skipped(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    _, position = child_task(state, parent, name_of(event.task or ""))
    state.pure += 1
    _child_left(state, parent, position)
    if _is_fork(parent):
        _branch_skipped(state, parent, position)
    else:
        _go_on(state, parent, parent.value, "continue", position)


def _task_completed(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data
    output = _value(state, frame, data, "output", frame.value)
    if data is not None and data.get("refs", {}).get("context") == ["completed"]:
        state.context = output
    else:
        state.context = _value(state, frame, data, "context", state.context)
    assert frame.task is not None
    directive = (data or {}).get("then") or frame.then or frame.task.then
    parent = state.frames[frame.parent]
    _remove(state, frame)
    _go_on(state, parent, output, directive, frame.branch)


def _task_faulted(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    parent = state.frames[frame.parent]
    _remove(state, frame)
    if _is_fork(parent):
        _halt(state, parent.id)
    _set_todo(state, parent, ("raise", (event.data or {})["error"]))


def _task_cancelled(state: State, event: Event) -> None:
    _remove(state, state.frames[event.frame])


def _task_retried(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    frame.attempt = data["attempt"]
    frame.value = frame.input
    _drop_attempt_timers(state, frame)
    if "due" in data:
        _set_todo(state, frame, None)
        _add_timer(state, frame, event.seq, "retry", data["due"])
    else:
        assert frame.task is not None
        _set_todo(state, frame, after_extensions(frame.task))


def _task_caught(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Try)
    _drop_attempt_timers(state, frame)
    frame.variables = {**(frame.variables or {}), body.catch.variable: (event.data or {})["error"]}
    frame.value = frame.input
    frame.then = body.catch.then
    if body.catch.block is not None and body.catch.block.tasks:
        frame.part = "catch"
        _set_todo(state, frame, ("enter", 0))
    else:
        _set_todo(state, frame, ("finish",))


def _loop_started(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.items = _value(state, frame, event.data, "items", None)
    _set_todo(state, frame, ("iterate",))


def _loop_iterated(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.For) and frame.items is not None
    frame.index = (event.data or {})["index"]
    frame.variables = {body.each: frame.items[frame.index], body.at: frame.index}
    _set_todo(state, frame, ("enter", 0) if body.block.tasks else ("iterate",))


def _drop_attempt_timers(state: State, frame: Frame) -> None:
    for number in frame.timers:
        if state.timers[number].purpose == "attempt":
            del state.timers[number]
    frame.timers = tuple(number for number in frame.timers if number in state.timers)


def _add_timer(state: State, frame: Frame, number: int, purpose: str, due: int) -> None:
    state.timers[number] = Timer(frame.id, purpose, due)
    frame.timers = (*frame.timers, number)


def _timer_started(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    _add_timer(state, frame, event.seq, data["purpose"], data["due"])
    if data["purpose"] == "wait":
        _set_todo(state, frame, None)
    elif data["purpose"] == "attempt" or frame.task is None:
        _set_todo(state, frame, ("enter", 0))
    else:
        _set_todo(state, frame, _first_todo(frame.task))


def _timer_fired(state: State, event: Event) -> None:
    number = (event.data or {})["timer"]
    timer = state.timers.pop(number)
    frame = state.frames[timer.frame]
    frame.timers = tuple(each for each in frame.timers if each != number)
    if timer.purpose == "wait":
        frame.value = frame.input
        _wake(state, frame, ("finish",))
    elif timer.purpose == "retry":
        assert frame.task is not None
        _wake(state, frame, after_extensions(frame.task))
    elif frame.todo is None or frame.todo[0] not in _DECIDED:
        _halt(state, frame.id)
        _set_todo(state, frame, ("attempt-timeout",) if timer.purpose == "attempt" else ("timeout",))


def _command_issued(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.command = event.seq
    state.commands[event.seq] = frame.id
    data = event.data or {}
    if data["kind"] == "resource.get":
        frame.resume = frame.todo
        frame.result = data["arguments"]["endpoint"]["uri"]
    elif data["kind"] in ("http.call", "openapi.call"):
        frame.authorization = authorization(data["arguments"])
    _set_todo(state, frame, None)


def authorization(arguments: dict[str, Json]) -> Json:
    """The authorization descriptor (dsl.md) of a call, as far as its arguments tell; secrets stay placeholders."""
    endpoint = arguments.get("endpoint")
    written = arguments.get("authentication") or (
        endpoint.get("authentication") if isinstance(endpoint, dict) else None
    )
    if not isinstance(written, dict):
        return None
    for scheme, name in (("basic", "Basic"), ("bearer", "Bearer"), ("digest", "Digest")):
        if isinstance(written.get(scheme), dict):
            policy = written[scheme]
            if scheme == "bearer":
                return {"scheme": name, "parameter": policy.get("token")}
            user = f"{policy.get('username')}:{policy.get('password')}"
            if scheme == "basic" and "⟦secret:" not in user:
                user = base64.b64encode(user.encode()).decode()
            return {"scheme": name, "parameter": user}
    return {"scheme": "Bearer", "parameter": None}


def _settle(state: State, number: int) -> Frame:
    frame = state.frames[state.commands.pop(number)]
    state.in_doubt -= {number}
    frame.command = None
    return frame


def _command_completed(state: State, event: Event) -> None:
    data = event.data or {}
    frame = _settle(state, data["command"])
    if frame.resume is not None:
        state.resources[frame.result] = data["output"]
        todo, frame.resume, frame.result = frame.resume, None, None
        _wake(state, frame, todo)
        return
    body = frame.task.body if frame.task is not None else None
    # dsl-reference.md, Run: a process that is not awaited has no result, the task outputs its input.
    frame.value = frame.input if isinstance(body, p.Run) and not body.wait else data["output"]
    _wake(state, frame, ("finish",))


def _command_faulted(state: State, event: Event) -> None:
    data = event.data or {}
    frame = _settle(state, data["command"])
    if frame.resume is None:
        _wake(state, frame, ("raise", data["error"]))
        return
    # A resource could not be had. Where a child needed it to start, the error is one from inside the
    # task; otherwise it is the task's own, which its `catch` has no say in.
    inside = frame.resume[0] in ("enter", "branch", "call", "begin")
    frame.resume = frame.result = None
    _wake(state, frame, ("raise" if inside else "fail", data["error"]))


def _command_in_doubt(state: State, event: Event) -> None:
    state.in_doubt |= {(event.data or {})["command"]}


def _command_resolved(state: State, event: Event) -> None:
    data = event.data or {}
    if data["decision"] == "repeat":
        state.in_doubt -= {data["command"]}
    elif data["decision"] == "result":
        _command_completed(state, event)
    else:
        _command_faulted(state, event)


def _event_emitted(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.value = (event.data or {})["event"]
    _set_todo(state, frame, ("finish",))


def _event_awaited(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.consumed = []
    frame.outputs = {}
    frame.index = -1
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen)
    if body.strategy.mode == "all" and not body.strategy.filters:
        frame.value = []  # all of no events have come
        _set_todo(state, frame, ("finish",))
    else:
        state.listeners[frame.id] = None
        _set_todo(state, frame, None)


def read_event(read: str, event: Json) -> Json:
    """How a listen task sees a CloudEvent (dsl-reference.md, Listen)."""
    return event if read == "envelope" else event.get("data", event.get("data_base64"))


def _event_consumed(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen) and frame.consumed is not None
    if data.get("correlations"):
        frame.correlations = {**(frame.correlations or {}), **data["correlations"]}
    busy = frame.todo is not None or frame.part == "foreach" or frame.command is not None
    if data.get("until"):
        frame.until_matched |= {data["filter"]}
    else:
        frame.matched |= {data["filter"]}
        frame.consumed.append(read_event(body.read, data["event"]))
    if not busy:
        _set_todo(state, frame, ("consumed",))


def _event_delivered(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    body = frame.task.body if frame.task else None
    assert isinstance(body, p.Listen) and body.foreach and body.foreach.block and frame.consumed is not None
    frame.index = (event.data or {})["index"]
    frame.part = "foreach"
    frame.variables = {body.foreach.item: frame.consumed[frame.index], body.foreach.at: frame.index}
    frame.value = frame.consumed[frame.index]
    _set_todo(state, frame, ("enter", 0) if body.foreach.block.tasks else ("delivered",))


def _event_accepted(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    assert frame.consumed is not None and frame.outputs is not None
    state.context = _value(state, frame, data, "context", state.context)
    if "index" in data:
        frame.index = data["index"]
        default = frame.value if frame.part == "foreach" else frame.consumed[frame.index]
        frame.outputs[frame.index] = _value(state, frame, data, "output", default)
    frame.part = "main"
    frame.variables = None
    if data["done"]:
        state.listeners.pop(frame.id, None)
        frame.value = [frame.outputs[place] for place in sorted(frame.outputs)]
        _set_todo(state, frame, ("finish",))
    elif len(frame.outputs) < len(frame.consumed):
        _set_todo(state, frame, ("consumed",))
    else:
        _set_todo(state, frame, None)


def _extension_entered(state: State, event: Event) -> None:
    data = event.data or {}
    frame = state.frames[event.frame]
    if data["part"] == "main":
        assert frame.task is not None
        frame.part, frame.index, frame.value = "main", -1, frame.input
        _set_todo(state, frame, after_extensions(frame.task))
        return
    if data["part"] == "after" and frame.part != "after":
        frame.result = frame.value  # the task's own output, kept while the extension runs
    frame.part = data["part"]
    frame.index = data["index"]
    frame.value = frame.input if frame.part == "before" else frame.result
    _set_todo(state, frame, ("enter", 0))


def _function_entered(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    frame.result = (event.data or {}).get("uri")
    frame.value = _value(state, frame, event.data, "arguments", frame.input)
    _set_todo(state, frame, ("call",))


def _task_evaluated(state: State, event: Event) -> None:
    frame = state.frames[event.frame]
    data = event.data or {}
    frame.value = _value(state, frame, data, "output", frame.input)
    frame.then = data.get("then")
    _set_todo(state, frame, ("finish",))


def _expression_overran(state: State, event: Event) -> None:
    if event.frame == ROOT:
        state.overran = event.data
    else:
        frame = state.frames[event.frame]
        state.listeners.pop(frame.id, None)
        _set_todo(state, frame, ("raise", overrun_fault(event.data).problem(event.task)))


def overrun_fault(data: Json) -> Fault:
    """The fault of the expression that a recorded `expression.overran` tells of."""
    return Fault("expression", f"{data['detail']}; the limit is the setting {data['limit']}", code="limit")


def _limit_reached(state: State, event: Event) -> None:
    data = event.data or {}
    _halt(state, ROOT)
    _set_todo(state, state.frames[ROOT], ("raise", data["error"]))


def _waking(change: Callable[[State, Event], None]) -> Callable[[State, Event], None]:
    """A fact: the world has answered, so the count of pure tasks in a row starts again."""

    def wake(state: State, event: Event) -> None:
        state.pure = 0
        change(state, event)

    return wake


_ANSWERS: Final = frozenset(
    {
        "task.completed",
        "task.faulted",
        "task.retried",
        "task.caught",
        "loop.started",
        "command.issued",
        "event.emitted",
        "event.accepted",
        "extension.entered",
        "function.entered",
        "task.evaluated",
    }
)
"""Derived events that use up the overrun which was recorded for the expression they come of."""

_CHANGES: Final[dict[str, Callable[[State, Event], None]]] = {
    "workflow.created": _created,
    "workflow.started": _workflow_started,
    "workflow.completed": _ended("completed"),
    "workflow.faulted": _ended("faulted"),
    "workflow.cancelled": _ended("cancelled"),
    "workflow.cancel-requested": _cancel_requested,
    "workflow.suspended": _suspended,
    "workflow.resumed": _resumed,
    "workflow.forked": _forked,
    "task.started": _task_started,
    "task.skipped": _task_skipped,
    "task.completed": _task_completed,
    "task.faulted": _task_faulted,
    "task.cancelled": _task_cancelled,
    "task.retried": _task_retried,
    "task.caught": _task_caught,
    "loop.started": _loop_started,
    "loop.iterated": _loop_iterated,
    "timer.started": _timer_started,
    "timer.fired": _waking(_timer_fired),
    "command.issued": _command_issued,
    "command.completed": _waking(_command_completed),
    "command.faulted": _waking(_command_faulted),
    "command.in-doubt": _command_in_doubt,
    "command.resolved": _waking(_command_resolved),
    "event.emitted": _event_emitted,
    "event.awaited": _event_awaited,
    "event.consumed": _waking(_event_consumed),
    "event.delivered": _event_delivered,
    "event.accepted": _event_accepted,
    "extension.entered": _extension_entered,
    "function.entered": _function_entered,
    "task.evaluated": _task_evaluated,
    "expression.overran": _expression_overran,
    "limit.reached": _limit_reached,
}
