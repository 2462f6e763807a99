"""Who may come in, in which version, and what a refusal looks like."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from reach_workbench.client import BlockingNode
from reach_workbench.errors import BadInput, ReachError
from reach_workbench.protocol.problems import STATUS
from reach_workbench.protocol.system import PROTOCOL
from tests.cli.test_bad_input import NO_EVENTS
from tests.conformance_node.doors import TOKEN

from .serving import HEAD, Serving, serving

TWO = "do: [{one: {set: {n: 1}}}, {two: {set: {n: 2}}}]"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("node") / "home") as running:
        yield running


def ask(node: Serving, method: str, path: str, *, token: bool = True, **more: Any) -> httpx.Response:
    headers = {**(node.headers if token else {}), **more.pop("headers", {})}
    with httpx.Client(base_url=node.url, trust_env=False, timeout=20) as client:
        return client.request(method, path, headers=headers, **more)


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    written: dict[str, Any] = answer.json()
    assert (written["status"], written["code"], written["type"]) == (status, code, f"urn:reach:error:{code}")
    return written


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}],
)
def test_without_the_token_nothing_is_told(node: Serving, headers: dict[str, str]) -> None:
    for path in ("/v1/runs", "/v1/version", "/openapi.json", "/metrics", "/nowhere"):
        answer = ask(node, "GET", path, token=False, headers=headers)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("around", ["%s\n", " %s\r\n"])
def test_the_client_takes_a_token_as_its_file_holds_it(node: Serving, around: str) -> None:
    with BlockingNode(url=node.url, token=around % TOKEN) as client:
        assert client.runs(limit=1) is not None


@pytest.mark.parametrize("token", ["", "\n", "sesame\nopen", "s\u00e9same", "sesame\x00"])
def test_what_can_be_no_token_is_refused_and_not_repeated(node: Serving, token: str) -> None:
    with pytest.raises(BadInput, match="can't be a token") as refused:
        BlockingNode(url=node.url, token=token)
    assert not token.strip() or "same" not in str(refused.value)


def test_refused_tokens_are_audited_once_a_minute(node: Serving) -> None:
    for _ in range(20):
        ask(node, "GET", "/v1/runs", token=False)
    found = ask(node, "GET", "/v1/audit", params={"type": "security."}).json()
    assert len(found) == 1
    assert found[0]["data"] == {"client": "127.0.0.1", "code": "unauthorized", "path": found[0]["data"]["path"]}


def test_probes_need_no_token(node: Serving) -> None:
    assert ask(node, "GET", "/healthz", token=False).text == "ok\n"
    assert ask(node, "GET", "/readyz", token=False).text == "ready\n"


def test_a_client_of_another_version_is_refused_and_told_which_is_spoken(node: Serving) -> None:
    for spoken in ("0", str(PROTOCOL + 1), "999999"):
        answer = ask(node, "GET", "/v1/runs", headers={"Reach-Protocol": spoken})
        assert "update Reach" in assert_problem(answer, 426, "protocol-mismatch")["hint"]
        assert answer.headers["reach-protocol"] == str(PROTOCOL)
        version = ask(node, "GET", "/v1/version", headers={"Reach-Protocol": spoken})
        assert version.json()["protocol"] == PROTOCOL
    for nonsense in ("x", "-1", "1.0", "9" * 40):
        assert_problem(ask(node, "GET", "/v1/runs", headers={"Reach-Protocol": nonsense}), 400, "usage")
    good = ask(node, "GET", "/v1/runs", headers={"Reach-Protocol": str(PROTOCOL)})
    assert (good.status_code, good.headers["reach-protocol"]) == (200, str(PROTOCOL))


def test_refusals_are_problems_with_where_and_hint(node: Serving) -> None:
    assert_problem(ask(node, "GET", "/nowhere"), 404, "not-found")
    assert_problem(ask(node, "PATCH", "/v1/runs"), 405, "usage")
    assert assert_problem(ask(node, "GET", "/v1/runs/zzzz"), 404, "not-found")["hint"]
    assert assert_problem(ask(node, "GET", "/v1/runs?limit=0"), 422, "bad-input")["where"] == "query.limit"
    for body in (b"{", b'{"source": NaN}', b'{"source": "\\ud800"}', b"\xff", b"[" * 100_000):
        answer = ask(node, "POST", "/v1/runs", content=body, headers={"Content-Type": "application/json"})
        assert_problem(answer, 422, "bad-input")
    broken = ask(node, "POST", "/v1/runs", json={"source": "do: 1", "file": "x.yaml"})
    assert {each["file"] for each in assert_problem(broken, 422, "compile-failed")["diagnostics"]} == {"x.yaml"}
    assert_problem(ask(node, "POST", "/v1/archives", content=b"no archive"), 422, "archive")


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/runs", {"source": HEAD + TWO, "mya": []}, "body.mya"),
        ("/v1/runs/zzzz/fork", {"at": 1, "outcome": {"output": 1, "eror": "x"}}, "body.outcome.eror"),
        ("/v1/runs/zzzz/cancel", {"raeson": "x"}, "body.raeson"),
        ("/v1/breakpoints", {"enabeld": False}, "body.enabeld"),
        ("/v1/policies/check", {"text": "", "file": "x"}, "body.file"),
    ],
)
def test_a_member_that_is_not_known_is_refused(node: Serving, path: str, body: dict[str, Any], where: str) -> None:
    written = assert_problem(ask(node, "POST", path, json=body), 422, "bad-input")
    assert (written["where"], repr(where.rpartition(".")[2]) in written["detail"]) == (where, True)
    schemas = ask(node, "GET", "/openapi.json").json()["components"]["schemas"]
    assert schemas["Start"]["additionalProperties"] is False


def test_a_breakpoint_is_changed_by_handing_in_what_was_read(node: Serving) -> None:
    read = ask(node, "POST", "/v1/breakpoints", json={"task": "/do/0/one"}).json()
    changed = ask(node, "PUT", f"/v1/breakpoints/{read['id']}", json={**read, "count": 7, "enabled": False})
    assert (changed.status_code, changed.json()) == (200, {**read, "enabled": False})
    assert ask(node, "DELETE", f"/v1/breakpoints/{read['id']}").status_code == 204


def test_events_may_have_extensions(node: Serving) -> None:
    answer = ask(node, "POST", "/v1/events", json={"type": "a.b", "partitionkey": "x"})
    assert_problem(answer, 409, "nobody-waits")


@pytest.mark.parametrize(("members", "says"), NO_EVENTS)
def test_what_no_cloudevent_has_is_refused(node: Serving, members: dict[str, Any], says: str) -> None:
    written = assert_problem(ask(node, "POST", "/v1/events", json={"type": "a", **members}), 422, "bad-input")
    assert (says in written["detail"], written["where"] in members) == (True, True)


@pytest.mark.parametrize(
    ("input", "where", "says"),
    [
        ({"a": [1, math.nan]}, "input.a[1]", "nan"),
        ({"a": -math.inf, "b": 2**70}, "input.a", "-inf"),
        ({"a": {1}}, "input.a", "set"),
        (b"x", "input", "bytes"),
        (["\ud800"], "input[0]", "surrogate"),
        ({"a": {"\ud800": 1}}, "input.a", "surrogate"),
        ({1: 2}, "input", "a whole number"),
    ],
)
def test_the_client_refuses_what_json_has_no_form_for(node: Serving, input: Any, where: str, says: str) -> None:
    with BlockingNode(url=node.url, token=TOKEN) as client, pytest.raises(BadInput, match=says) as refused:
        client.start(HEAD + TWO, input=input)
    assert refused.value.where == where


def test_the_client_sends_all_that_json_has_a_form_for(node: Serving) -> None:
    deep: Any = 1
    for _ in range(190):
        deep = [deep]
    held: list[Any] = []
    held.append(held)
    with BlockingNode(url=node.url, token=TOKEN) as client:
        for input in ({"a": [None, 2**70, 1.5, "\u00e9\U0001f600", True]}, deep):
            assert client.state(client.start(HEAD + TWO, input=input, hold=True).id, at=1).input == input
        with pytest.raises(BadInput, match="holds itself"):
            client.start(HEAD + TWO, input=held)


def test_a_name_of_a_run_never_leads_to_a_file(node: Serving, tmp_path: Path) -> None:
    file = tmp_path / "run.reach"
    node.ask(node.node.export(node.run(TWO), file, unsigned=True))
    for path in (f"/v1/runs/{str(file).replace('/', '%2F')}/state", "/v1/runs/run.reach/state"):
        assert_problem(ask(node, "GET", path), 404, "not-found")


def test_every_code_of_the_error_tree_has_a_status() -> None:
    codes, classes = set(), [ReachError]
    for each in classes:
        codes.add(each.code)
        classes += each.__subclasses__()
    assert codes == set(STATUS)


def test_a_stream_begins_after_the_last_event_id_and_says_when_it_ends(node: Serving) -> None:
    run = node.run(TWO)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "3"}
    text = ask(node, "GET", f"/v1/runs/{run}/events", headers=headers).text
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert blocks[0].startswith("id: 4\ndata: {")
    last = len(blocks) + 2
    assert blocks[-1] == f'event: end\ndata: {{"after":{last}}}'
    page = ask(node, "GET", f"/v1/runs/{run}/events?first=4").json()
    assert [json.loads(block.split("data: ", 1)[1]) for block in blocks[:-1]] == page["events"]


def test_events_come_over_a_websocket_too(node: Serving) -> None:
    run = node.run(TWO)
    url = node.url.replace("http", "ws") + f"/v1/runs/{run}/events?after=3"
    with connect(url, additional_headers=node.headers, proxy=None) as socket:
        numbers = [json.loads(message)["seq"] for message in socket]
    assert numbers == list(range(4, numbers[-1] + 1))
    assert socket.close_code == 1000


def test_a_verification_streams_its_progress(node: Serving) -> None:
    run = node.run("do: [{each: {for: {in: '${ [range(3000)] }'}, do: [{one: {set: {n: 1}}}]}}]")
    text = ask(node, "POST", f"/v1/runs/{run}/verify", headers={"Accept": "text/event-stream"}).text
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert kinds[-2:] == ["verification", "end"]
    assert "progress" in kinds


def test_prometheus_is_told_how_the_node_fares(node: Serving) -> None:
    answer = ask(node, "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "reach_steps" in answer.text


def test_a_body_that_is_too_large_is_refused(node: Serving) -> None:
    assert_problem(ask(node, "POST", "/v1/events", content=b"x" * (65 << 20)), 413, "limit")
