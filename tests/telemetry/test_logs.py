"""Logs are lines of JSON that belong together by their ids, and never hold a secret."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reach_workbench.errors import BadInput
from reach_workbench.node.local import LocalNode
from reach_workbench.node.reporting import reported
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from reach_workbench.telemetry.logs import LARGEST, Log, bound
from reach_workbench.telemetry.redaction import HIDDEN, Redactor
from tests import unheld

CANARY = 'canary-7f3a"/+&é'
HEAD = "document: { dsl: '1.0.3', namespace: tests, name: logged, version: '1.0.0' }\n"
BODY = (
    "use: { secrets: [key] }\ndo:\n"
    "  - use: { set: { shown: '${ $secrets.key }', length: '${ $secrets.key | length }' } }\n"
    "  - show: { run: { shell: { command: 'echo \"$1\"; echo \"$1\" >&2', arguments: ['${ $secrets.key }'] } } }\n"
    "  - fail: { raise: { error: { type: 'https://example.com/e', status: 500, title: Broken,"
    " detail: '${ \"about \\($secrets.key)\" }' } } }\n"
)


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def log_in() -> Iterator[Callable[..., Log]]:
    """Opens logs that are closed again."""
    opened: list[Log] = []

    def make(file: Path, level: str = "debug") -> Log:
        opened.append(Log(file, level, lambda: 1_700_000_000_123, Redactor()))
        return opened[-1]

    yield make
    for log in opened:
        log.close()


def test_a_line_has_time_level_event_ids_and_what_is_told(tmp_path, log_in):
    log = log_in(tmp_path / "log")
    with bound(request="r1"), bound(run="01abc", job=None):
        log.write("info", "happened", count=2)
    log.write("warning", "later")
    first, second = lines(tmp_path / "log")
    assert first == {
        "at": "2023-11-14T22:13:20.123Z",
        "level": "info",
        "event": "happened",
        "request": "r1",
        "run": "01abc",
        "count": 2,
    }
    assert "run" not in second
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


def test_ids_follow_into_tasks_and_not_out_of_them(tmp_path, log_in):
    log = log_in(tmp_path / "log")

    async def work(name: str) -> None:
        with bound(task=name):
            await asyncio.sleep(0)
            log.write("info", name)

    async def both() -> None:
        with bound(run="r"):
            await asyncio.gather(work("/do/0/a"), work("/do/1/b"))
        log.write("info", "after")

    asyncio.run(both())
    found = {line["event"]: (line.get("run"), line.get("task")) for line in lines(tmp_path / "log")}
    assert found == {"/do/0/a": ("r", "/do/0/a"), "/do/1/b": ("r", "/do/1/b"), "after": (None, None)}


def test_what_is_below_the_level_is_not_written(tmp_path, log_in):
    log = log_in(tmp_path / "log", "warning")
    for level in ("debug", "info", "warning", "error"):
        log.write(level, level)
    assert [line["level"] for line in lines(tmp_path / "log")] == ["warning", "error"]


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1],
        quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_secret_is_hidden_in_every_form_and_place(tmp_path, form, log_in):
    log = log_in(tmp_path / "log")
    log.redactor.learn({"deep": [CANARY]})
    log.write("info", f"said {form}", told={form: [f"<{form}>"]})
    text = (tmp_path / "log").read_text("utf-8")
    assert "7f3a" not in json.dumps(json.loads(text))
    assert base64.b64encode(CANARY.encode()).decode() not in text
    assert HIDDEN in text


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ({"password": "hunter2"}, "hunter2"),
        ({"headers": {"Authorization": "Bearer abcdefghijkl"}}, "abcdefghijkl"),
        ({"message": "sent Authorization: Bearer abcdefghijkl"}, "abcdefghijkl"),
        ({"url": "https://me:hunter2@example.com/"}, "hunter2"),
        ({"api_key": 12345678}, "12345678"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_unknown_as_it_is(tmp_path, told, hidden, log_in):
    log = log_in(tmp_path / "log")
    log.write("info", "told", **told)
    assert hidden not in (tmp_path / "log").read_text("utf-8")


def test_a_file_that_grows_too_large_begins_anew(tmp_path, log_in):
    file = tmp_path / "log"
    file.write_text("x" * (LARGEST + 1), "utf-8")
    log = log_in(file)
    log.write("info", "fresh")
    assert [line["event"] for line in lines(file)] == ["fresh"]
    assert (tmp_path / "log.1").stat().st_size > LARGEST


def serve(tmp_path: Path, work, **environment: str) -> list[dict]:
    """What the log of a node says that did this work."""

    async def go() -> None:
        node = await LocalNode.open(load(tmp_path / "home", environment | unheld.VARIABLES))
        try:
            with reported(node) as reporter:
                await work(node, reporter)
        finally:
            await node.close()

    asyncio.run(go())
    return lines(tmp_path / "home" / "node.log")


async def _fail(node, reporter) -> None:
    run = await node.start(StartRun(HEAD + BODY, Path("logged.yaml"), secrets={"key": CANARY}))
    view = await node.wait(run.id)
    assert view.status == "faulted"
    logging.getLogger("somebody.else").warning("they say %s", CANARY)
    reporter.request("GET", "/v1/runs", 200, 0.001)


def test_a_run_is_told_with_its_ids_and_without_its_secrets(tmp_path):
    found = serve(tmp_path, _fail, REACH_TELEMETRY_LOG_LEVEL="debug")
    events = [line["event"] for line in found]
    assert events[0] == "node.started"
    assert events[-1] == "node.stopped"
    assert {"workflow.created", "task.started", "command.issued", "workflow.faulted", "request"} <= set(events)
    fault = next(line for line in found if line["event"] == "task.faulted")
    assert (fault["task"], fault["level"], fault["error"]["title"]) == ("/do/2/fail", "warning", "Broken")
    assert len({line["run"] for line in found if "run" in line}) == 1
    text = (tmp_path / "home" / "node.log").read_text("utf-8")
    assert "canary-7f3a" not in text
    assert f"they say {HIDDEN}" in text


def test_by_default_only_what_matters_is_told(tmp_path):
    events = [line["event"] for line in serve(tmp_path, _fail)]
    assert "workflow.created" in events
    assert "task.started" not in events
    assert "request" not in events


def test_a_failure_of_the_node_is_told_once(tmp_path):
    async def break_it(node, reporter) -> None:
        def out_of_order(*_: object) -> None:
            raise RuntimeError(f"out of order: {CANARY}")

        node.evaluator.evaluate = out_of_order
        body = "do: [{nap: {wait: {milliseconds: 1}}}, {count: {set: '${ { n: [limit(3; repeat(1))] } }'}}]"
        run = await node.start(StartRun(HEAD + body, Path("x.yaml")))
        with pytest.raises(Exception, match="out of order"):
            await node.wait(run.id)

    found = serve(tmp_path, break_it, REACH_RUNNER_JOB_ATTEMPTS="1")
    told = [line for line in found if line["event"] == "run.hindered"]
    assert len(told) == 1
    assert told[0]["code"] == "bug"


def test_an_unknown_level_is_refused(tmp_path):
    with pytest.raises(BadInput, match="loud"):
        serve(tmp_path, _fail, REACH_TELEMETRY_LOG_LEVEL="loud")
