"""Hostile expressions cost only themselves; all others are answered, quickly and in full."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.evaluator import Overrun
from reach_workbench.engine.expression_texts import compile_template
from reach_workbench.engine.expressions import compile_expression
from reach_workbench.engine.faults import Fault
from reach_workbench.engineclient import ChildEvaluator
from reach_workbench.errors import EngineLost
from reach_workbench.settings import Limits


@pytest.fixture
def pool():
    with ChildEvaluator(Limits(expression_seconds=20)) as evaluator:
        yield evaluator


@pytest.fixture
def strict():
    with ChildEvaluator(Limits(expression_seconds=0.5, expression_megabytes=200, value_bytes=500_000)) as evaluator:
        yield evaluator


def run(evaluator, source, data=None, variables=None):
    return evaluator.evaluate(compile_expression(source), data, variables or {})


def children(evaluator):
    return [child.pid for child in [*evaluator._idle, *evaluator._busy]]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ended(pid, seconds=5.0):
    """Whether the process is gone, or a zombie that waits for its parent, within the time."""
    due = time.monotonic() + seconds
    while time.monotonic() < due:
        try:
            with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


SAME_EVERYWHERE = [
    ("[.[] | .x * 2]", [{"x": 1}, {"x": 2.5}], {}),
    ("map(select(. > $least)) | add", [1, 5, 9], {"least": 4}),
    ("[.a, .b] | sort", {"a": 10**30, "b": -(2**63)}, {}),
    ("empty", 1, {}),
    ("walk(.)", {"é": ["\n", '"', "😀", None, True, {}]}, {}),
    ('gsub("(?<x>[0-9]+)"; "<\\(.x)>")', "a1b22", {}),
    (".[0] / 0", [1], {}),
    (".[]", [1, 2], {}),
    ("error({a: 1})", 1, {}),
    ("[1e1000, nan, 1.0, -0]", None, {}),
    ("reduce range(1000) as $i (0; [.])", None, {}),
]


@pytest.mark.parametrize(("source", "data", "variables"), SAME_EVERYWHERE)
def test_a_child_gives_what_this_process_would(pool, source, data, variables):
    def outcome(evaluator):
        try:
            return evaluate(compile_template("${ " + source + " }"), data, variables, evaluator)
        except Fault as fault:
            return fault.problem()

    assert outcome(pool) == outcome(InProcess())


HOSTILE = [
    "[range(1e12)]",
    "def f: f; f",
    '[limit(1e9; repeat("x"))]',
    '"x" * 1e9',
    "|".join(["[.,.]"] * 40) + "|tojson",
    "until(false; .)",
    "def f: 1 + f; f",
    "def f(g): f(g | g); f(.)",
    "last(range(1e12))",
    "[.,.] | until(false; [.,.])",
    'reduce range(1e9) as $i (""; . + "0123456789")',
    "reduce range(1e9) as $i (0; [.])",
    "[recurse([.,.])]",
    "first(repeat(empty))",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_expression_ends_within_its_limits(strict, source):
    start = time.monotonic()
    with pytest.raises(Overrun) as hit:
        run(strict, source, 1)
    assert time.monotonic() - start < 3
    assert hit.value.limit in ("limits.expression_seconds", "limits.expression_megabytes")
    assert run(strict, "[.[]]", [1]) == [1]


@pytest.mark.parametrize("source", ['("a" * 40 + "!") | test("^(a+)+$")', '("a" * 60 + "!") | test("^(a|a)*$")'])
def test_a_catastrophic_pattern_ends_within_its_limits(strict, source):
    with pytest.raises((Overrun, Fault)):
        run(strict, source)
    assert run(strict, "[.[]]", [1]) == [1]


def test_a_result_larger_than_a_value_may_be_is_an_overrun(strict):
    with pytest.raises(Overrun) as hit:
        run(strict, '[range(200000) | "text"]')
    assert hit.value.limit == "limits.value_bytes"
    assert "1,000,000" in hit.value.detail


def test_others_are_answered_while_hostile_expressions_run():
    with ChildEvaluator(Limits(expression_seconds=2)) as pool, ThreadPoolExecutor(8) as threads:
        hostile = [threads.submit(run, pool, "until(false; .)", number) for number in range(3)]
        waited = []
        due = time.monotonic() + 1.5
        while time.monotonic() < due:
            start = time.monotonic()
            assert threads.submit(run, pool, "[.[]]", [1]).result() == [1]
            waited.append(time.monotonic() - start)
        assert not any(each.done() for each in hostile)
        assert len(waited) > 20
        assert statistics.median(waited) < 0.1
        for each in hostile:
            with pytest.raises(Overrun):
                each.result()


def test_many_threads_get_their_own_answers(pool):
    expression = compile_expression("[range($n)] | add")

    def ask(number):
        return [pool.evaluate(expression, None, {"n": number + offset}) for offset in range(50)]

    with ThreadPoolExecutor(12) as threads:
        for number, sums in enumerate(threads.map(ask, range(40))):
            assert sums == [(n * (n - 1) // 2) or (None if n == 0 else 0) for n in range(number, number + 50)]
    assert len(children(pool)) <= 2


def test_children_start_only_when_needed_and_are_used_again(pool):
    assert children(pool) == []
    pids = set()
    for _ in range(20):
        run(pool, "[.[]]", [])
        pids.update(children(pool))
    assert len(pids) == 1


def test_large_data_goes_through(pool):
    data = [{"number": number, "text": "é" * 10} for number in range(60_000)]
    assert run(pool, "[.[] | .number] | add", data) == sum(range(60_000))
    assert run(pool, "map(.)", data) == data


def test_a_child_that_was_killed_is_replaced_without_a_word(pool):
    run(pool, "[.[]]", [])
    (pid,) = children(pool)
    os.kill(pid, signal.SIGKILL)
    assert run(pool, "[.[]]", [2]) == [2]
    assert children(pool) != [pid]


def test_a_child_that_is_killed_while_it_works_is_tried_once_more(pool):
    run(pool, "[.[]]", [])
    (pid,) = children(pool)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(run, pool, "last(range(1500000))")
        due = time.monotonic() + 10
        while not pool._busy and time.monotonic() < due:
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        assert asked.result() == 1_499_999
    assert children(pool) != [pid]


def test_an_expression_that_kills_its_child_twice_is_an_overrun():
    with ChildEvaluator(Limits(expression_seconds=20), children=1, most=1) as pool:
        result = []

        def ask():
            try:
                run(pool, "until(false; .)")
            except Overrun as hit:
                result.append(hit)

        asking = threading.Thread(target=ask)
        asking.start()
        killed: set[int] = set()
        due = time.monotonic() + 10
        while len(killed) < 2 and time.monotonic() < due:
            for child in list(pool._busy):
                if child.answered and child.pid not in killed:
                    killed.add(child.pid)
                    os.kill(child.pid, signal.SIGKILL)
            time.sleep(0.01)
        asking.join(10)
        assert result
        assert result[0].limit == "limits.expression_megabytes"
        assert "SIGKILL" in result[0].detail


def test_closing_ends_all_children_and_frees_who_waits():
    pool = ChildEvaluator(Limits(expression_seconds=20))
    wrong = []

    def ask():
        try:
            run(pool, "until(false; .)")
        except (EngineLost, Overrun) as lost:
            wrong.append(lost)

    asking = threading.Thread(target=ask)
    asking.start()
    run(pool, "[.[]]", [])
    due = time.monotonic() + 5
    while len(children(pool)) < 2 and time.monotonic() < due:
        time.sleep(0.01)
    pids = children(pool)
    pool.close()
    asking.join(5)
    assert len(pids) == 2
    assert isinstance(wrong[0], EngineLost)
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(EngineLost, match="closed"):
        run(pool, "[.[]]", [])
    pool.close()


def test_the_environment_of_a_child_holds_neither_time_zone_nor_secrets(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("API_TOKEN", "hunter2")
    with ChildEvaluator(Limits()) as pool:
        assert run(pool, '0 | strftime("%s %H:%M")') == "0 00:00"
        (pid,) = children(pool)
        with open(f"/proc/{pid}/environ", "rb") as environment:  # noqa: PTH123
            assert b"hunter2" not in environment.read()


def test_ctrl_c_in_the_terminal_does_not_reach_a_child(pool):
    run(pool, "[.[]]", [])
    (pid,) = children(pool)
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    assert run(pool, "[.[]]", [3]) == [3]
    assert children(pool) == [pid]


@pytest.mark.parametrize("source", ["[.[]]", "until(false; .)"])
def test_children_do_not_outlive_a_parent_that_is_killed(source):
    script = f"""
import sys, threading
from reach_workbench.engine.expressions import compile_expression
from reach_workbench.engineclient import ChildEvaluator
from reach_workbench.settings import Limits
pool = ChildEvaluator(Limits(expression_seconds=0.5))
pool.evaluate(compile_expression("[.[]]"), [], {{}})
print(pool._idle[0].pid, flush=True)
pool.evaluate(compile_expression({source!r}), [], {{}})
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin
    assert parent.stdout
    with parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert ended(pid)


def test_a_child_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with ChildEvaluator(Limits()) as pool, pytest.raises(EngineLost, match="does not start") as wrong:
        run(pool, "[.[]]", [])
    assert wrong.value.hint


def test_importing_starts_no_thread_and_no_process():
    script = "import threading, reach_workbench.engineclient.pool; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_it_starts_and_answers_quickly():
    with ChildEvaluator(Limits()) as pool:
        expression = compile_expression("[.[] | .x]")
        start = time.perf_counter()
        pool.evaluate(expression, [{"x": 1}], {})
        first = time.perf_counter() - start
        taken = []
        for _ in range(500):
            start = time.perf_counter()
            pool.evaluate(expression, [{"x": 1}], {})
            taken.append(time.perf_counter() - start)
    assert first < 1.0  # some 0.05 s on a machine with nothing else to do
    assert statistics.median(taken) < 0.002  # some 0.0001 s
