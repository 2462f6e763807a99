"""Reviewers are told of gates that open, and no run ever waits for that or learns that it failed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.clock import SystemClock
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.keys.keystore import KeyStore
from reach_workbench.node import notifying
from reach_workbench.protocol.gates import signed_verdict
from reach_workbench.settings import load
from tests.keys.keyrings import quick_derivation

__all__ = ["quick_derivation"]

GRACE = SigningKey.from_seed(bytes([2]) * 32)
WRITES = "do: [{write: {run: {shell: {command: 'echo done'}}}}, {end: {set: {n: 1}}}]"
HOLDS = """
@id("all") permit(principal, action, resource);
@id("shells") @gate("approval") @from("finance") @expires("24h")
forbid(principal, action == Action::"shell.run", resource);
"""


class Hook(ThreadingHTTPServer):
    """Takes webhooks on loopback. `answers` are the statuses it gives, the last one again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Posted)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers = [204]
        self.url = f"http://127.0.0.1:{self.server_address[1]}/gates"


class Posted(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        answers = self.server.answers
        self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def held(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a workflow that is held, in a home of these settings; the node is closed again, so all was told."""
    policy = tmp_path / "policy.cedar"
    policy.write_text(HOLDS)
    monkeypatch.setenv("REACH_PASSPHRASE", "correct horse")
    home.environment |= {
        "REACH_POLICY_FILE": str(policy),
        "REACH_KEYS_USER": "ada",
        "REACH_KEYS_BACKEND": "file",
    }

    async def run(**settings: str) -> Any:
        home.environment |= {f"REACH_NOTIFY_{name.upper()}": value for name, value in settings.items()}
        async with home.node() as node:
            view = await node.wait((await node.start(home.request(WRITES))).id)
            assert view.status == "waiting"
            return await node.gate(view.gates[0])

    return run


def keep(home, value: Any) -> None:
    settings = load(home.folder / "home", home.environment)
    KeyStore.open(settings.home, SystemClock(), settings=settings.keys).keep_secret("notify", value)


def test_a_command_gets_the_gate_in_its_environment_and_on_standard_input(home, go, held, monkeypatch) -> None:
    monkeypatch.setenv("REACH_SECRET_TOKEN", "hush")

    async def body() -> None:
        told = home.folder / "told"
        gate = await held(command=f"cat > {told}.json; env > {told}.env")
        given = json.loads(Path(f"{told}.json").read_text())
        assert (given["id"], given["arguments"], given["holding"][0]["id"]) == (gate.id, gate.arguments, "shells")
        lines = Path(f"{told}.env").read_text().splitlines()
        variables = dict(line.partition("=")[::2] for line in lines)
        wanted = {
            "REACH_GATE_ID": gate.id,
            "REACH_GATE_KIND": "shell.run",
            "REACH_GATE_TASK": "/do/0/write",
            "REACH_GATE_RUN": gate.run,
            "REACH_GATE_WORKFLOW": "tests/example:1.0.0",
            "REACH_GATE_REQUESTER": "ada",
            "REACH_GATE_RISK": "normal",
            "REACH_GATE_GROUPS": "finance",
            "REACH_GATE_POLICIES": "shells",
            "REACH_GATE_DIGEST": gate.digest,
        }
        assert {name: variables[name] for name in wanted} == wanted
        assert variables["REACH_GATE_EXPIRES"].endswith("Z")
        assert not {"REACH_PASSPHRASE", "REACH_SECRET_TOKEN"} & variables.keys()

    go(body)


def test_a_webhook_is_signed_over_time_and_body(home, go, held, hook: Hook) -> None:
    async def body() -> None:
        keep(home, "s3cret")
        gate = await held(webhook=hook.url)
        [(headers, posted)] = hook.got
        assert json.loads(posted)["id"] == gate.id == headers["reach-gate"]
        assert headers["content-type"] == "application/json"
        assert abs(int(headers["reach-time"]) - time.time()) < 60
        message = headers["reach-time"].encode() + b"." + posted
        assert headers["reach-signature"] == "sha256=" + hmac.new(b"s3cret", message, hashlib.sha256).hexdigest()

    go(body)


def test_a_webhook_is_tried_again_so_often_and_no_more(home, go, held, hook: Hook, monkeypatch, caplog) -> None:
    monkeypatch.setattr(notifying, "_PAUSE", 0.01)

    async def body() -> None:
        keep(home, "s3cret")
        hook.answers = [503, 429, 204]
        await held(webhook=hook.url)
        assert len(hook.got) == 3
        assert not caplog.records
        hook.got.clear()
        hook.answers = [500]
        gate = await held()
        assert len(hook.got) == notifying.ATTEMPTS
        assert caplog.messages == [f"notify.webhook failed for gate {gate.id}: the answer was 500"]
        hook.got.clear()
        hook.answers = [400]
        await held()
        assert len(hook.got) == 1

    go(body)


def test_the_address_of_a_webhook_which_lets_people_in_is_not_logged(home, go, held, monkeypatch, caplog) -> None:
    monkeypatch.setattr(notifying, "_PAUSE", 0.01)

    async def body() -> None:
        keep(home, "s3cret")
        await held(webhook="http://127.0.0.1:9/services/canary-path?key=canary-key")
        [said] = caplog.messages
        assert "http://127.0.0.1/…: no connection" in said
        assert "canary" not in caplog.text

    go(body)


def test_without_a_secret_nothing_is_posted_and_the_log_says_how_to_keep_one(go, held, hook: Hook, caplog) -> None:
    async def body() -> None:
        gate = await held(webhook=hook.url)
        assert hook.got == []
        assert caplog.messages == [
            f"notify.webhook failed for gate {gate.id}: there is no secret to sign with; "
            "`reach secret set notify` keeps one"
        ]

    go(body)


def test_a_failing_and_an_endless_command_are_logged_and_the_run_goes_on(home, go, held, caplog) -> None:
    async def body() -> None:
        gate = await held(command="echo out of paper >&2; exit 3")
        assert caplog.messages == [f"notify.command failed for gate {gate.id}: it ended with 3: out of paper"]
        caplog.clear()
        marks = home.folder / "pids"
        home.environment |= {"REACH_NOTIFY_COMMAND": f"sleep 60 & echo $! > {marks}; sleep 60"}
        home.environment |= {"REACH_NOTIFY_SECONDS": "0.5"}
        async with home.node() as node:
            await node.add_reviewer("grace", b64encode(GRACE.public).decode(), ("finance",))
            run = await node.wait((await node.start(home.request(WRITES))).id)
            second = await node.gate(run.gates[0])
            while not marks.exists():  # the command has begun, and will not end
                await asyncio.sleep(0.01)
            await node.decide(second.id, signed_verdict(second, "approve", "grace", GRACE))
            assert (await node.wait(run.id)).output == {"n": 1}
            while not caplog.messages:
                await asyncio.sleep(0.01)
        assert caplog.messages == [f"notify.command took longer than 0.5 seconds for gate {second.id}"]
        assert not Path(f"/proc/{marks.read_text().strip()}/cmdline").exists() or _is_dead(marks.read_text().strip())

    go(body)


def _is_dead(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_a_failing_command_says_acts_on_no_terminal(home, go, held, caplog) -> None:
    async def body() -> None:
        gate = await held(command="printf 'a\\033]0;b\\007c' >&2; exit 3")
        assert caplog.messages == [f"notify.command failed for gate {gate.id}: it ended with 3: a·]0;b·c"]

    go(body)


def test_the_desktop_is_told_where_it_can_be(home, go, held, tmp_path, monkeypatch, caplog) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()

    async def body() -> None:
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        shown = tmp_path / "shown"
        program = tools / "notify-send"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shown}\n')
        program.chmod(0o755)
        gate = await held(desktop="true")
        assert f"reach gates {gate.id}" in shown.read_text()
        program.unlink()
        monkeypatch.setenv("PATH", str(tools))
        gate = await held()
        assert caplog.messages == [f"notify.desktop failed for gate {gate.id}: notify-send is not installed"]

    go(body)
