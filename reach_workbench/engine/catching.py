"""Errors on their way up: catching, retrying, timing out (dsl.md, Fault Tolerance and Timeouts)."""

from __future__ import annotations

import hashlib

from reach_workbench.engine import program as p
from reach_workbench.engine.faults import Fault, same_type
from reach_workbench.engine.finishing import cancel_within, fail, fail_with, reference_of
from reach_workbench.engine.recorder import Recorder, task_scope
from reach_workbench.engine.scope import Looking
from reach_workbench.engine.state import Frame, Todo
from reach_workbench.engine.transform import duration_of
from reach_workbench.engine.values import Json, same


def attempt(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """Start an attempt that has a time limit of its own (`limit.attempt.duration`)."""
    body = _try(frame)
    assert body.catch.retry is not None and body.catch.retry.attempt_duration is not None
    try:
        scope = task_scope(recorder.state, frame)
        due = recorder.state.at + duration_of(recorder, body.catch.retry.attempt_duration, frame.input, scope)
    except Fault as fault:
        fail(recorder, frame, fault)
        return
    recorder.start_timer(frame, "attempt", due)


def raised(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    """An error has come up from inside `frame`, or from the effect it asked for."""
    error = todo[1]
    if cancel_within(recorder, frame):
        return  # and decide about the error next
    if frame.task is None or frame.task.kind != "try" or frame.part != "main":
        fail_with(recorder, frame, error)
        return
    try:
        if not _catches(recorder, frame, error):
            fail_with(recorder, frame, error)
        elif not _retries(recorder, frame, error):
            catch = _try(frame).catch
            if catch.retry is not None and catch.block is None and catch.then is None:
                fail_with(recorder, frame, error)  # the policy is exhausted and nobody handles the error
            else:
                recorder.emit("task.caught", reference_of(frame), frame.id, {"error": error})
    except Fault as fault:
        fail(recorder, frame, fault)


def timed_out(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    what = "the workflow" if frame.task is None else f"the task {frame.task.name}"
    fail(recorder, frame, Fault("timeout", f"{what} took longer than its timeout allows"))


def attempt_timeout(recorder: Recorder, frame: Frame, todo: Todo) -> None:
    fault = Fault("timeout", "the attempt took longer than the retry policy's limit.attempt.duration allows")
    raised(recorder, frame, ("raise", fault.problem(reference_of(frame))))


def _try(frame: Frame) -> p.Try:
    assert frame.task is not None and isinstance(frame.task.body, p.Try)
    return frame.task.body


def _catches(recorder: Recorder, frame: Frame, error: Json) -> bool:
    catch = _try(frame).catch
    for name, wanted in (catch.errors or {}).items():
        given = error.get(name)
        if name == "type":
            if not isinstance(given, str) or not isinstance(wanted, str) or not same_type(wanted, given):
                return False
        elif not same(given, wanted):
            return False
    scope = Looking(task_scope(recorder.state, frame), {catch.variable: error})
    if catch.when is not None and not recorder.holds(catch.when, frame.input, scope):
        return False
    return not (catch.except_when is not None and recorder.holds(catch.except_when, frame.input, scope))


def _retries(recorder: Recorder, frame: Frame, error: Json) -> bool:
    """Whether the policy grants another attempt, which is then recorded."""
    catch = _try(frame).catch
    policy, state = catch.retry, recorder.state
    if policy is None:
        return False
    retry = frame.attempt + 1
    scope = Looking(task_scope(state, frame), {catch.variable: error})
    if policy.when is not None and not recorder.holds(policy.when, frame.input, scope):
        return False
    if policy.except_when is not None and recorder.holds(policy.except_when, frame.input, scope):
        return False
    if policy.attempts is not None and retry > policy.attempts:
        return False
    delay = duration_of(recorder, policy.delay, frame.input, scope) if policy.delay is not None else 0
    if policy.backoff == "linear":
        delay *= retry
    elif policy.backoff == "exponential":
        delay *= 2 ** min(retry - 1, 30)
    if policy.jitter is not None:
        low, high = (duration_of(recorder, end, frame.input, scope) for end in policy.jitter)
        delay += low + round((high - low) * _chance(recorder))
    if policy.duration is not None:
        limit = duration_of(recorder, policy.duration, frame.input, scope)
        if state.at + delay - frame.first_at > limit:
            return False
    data: dict[str, Json] = {"attempt": retry}
    if delay > 0:
        data["due"] = state.at + delay
    number = recorder.emit("task.retried", reference_of(frame), frame.id, data)
    if delay > 0:
        recorder.announce_timer(number, state.at + delay)
    return True


def _chance(recorder: Recorder) -> float:
    """A number in [0, 1) drawn from the run's recorded seed, another at each event."""
    state = recorder.state
    drawn = hashlib.sha256(f"{state.created.get('seed', '')}:{state.seq}".encode()).digest()
    return int.from_bytes(drawn[:6], "big") / 2**48
