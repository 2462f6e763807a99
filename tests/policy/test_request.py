"""A request says of every kind of command what a policy may read, and never fails."""

from __future__ import annotations

import json
from hashlib import sha256
from random import Random
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reach_workbench.engine.canonical import canonical
from reach_workbench.policy.actions import ACTIONS, REST, RUN, SCHEMA
from reach_workbench.policy.context import Context
from reach_workbench.policy.request import Request, request_of
from tests.policy import generating

WORDS: dict[str, Any] = {
    "requester": "ada",
    "groups": ("finance",),
    "run": "01run",
    "workflow": "shop/orders",
    "version": "1.0.0",
    "program": "5f",
    "task": "/do/0/a",
    "tenant": "default",
}


def ask(kind: str, arguments: Any) -> Request:
    return request_of(kind, arguments, **WORDS)


def args(request: Request) -> dict[str, Any]:
    return dict(request.context["args"])


def process(**described: Any) -> dict[str, Any]:
    return {"process": described, "await": True, "return": "stdout"}


def test_an_http_call() -> None:
    uri = "https://Api.Example.com/v1/pets/7?page=2&page=3&a%20b"
    request = ask(
        "http.call",
        {
            "method": "post",
            "endpoint": {"uri": uri},
            "headers": {"X-Trace": "1", "accept": "a"},
            "query": {"limit": 5},
            "body": {"b": 1, "a": [2]},
        },
    )
    assert (request.resource_type, request.resource) == ("Host", "api.example.com")
    assert args(request) == {
        "method": "POST",
        "url": uri,
        "scheme": "https",
        "host": "api.example.com",
        "port": 443,
        "path": "/v1/pets/7",
        "query": ["a b", "limit", "page"],
        "headers": ["accept", "x-trace"],
        "body": '{"a":[2],"b":1}',
    }


def test_an_openapi_call_and_a_resource_are_about_the_host_of_the_document() -> None:
    arguments = {"document": {"endpoint": {"uri": "http://a.example:8080/api.json"}}, "operationId": "getPet"}
    request = ask("openapi.call", arguments | {"parameters": {"id": 7}})
    assert (request.resource, args(request)["port"]) == ("a.example", 8080)
    assert (args(request)["operation"], args(request)["parameters"]) == ("getPet", '{"id":7}')
    assert ask("resource.get", {"endpoint": {"uri": "https://a.example/x"}}).resource == "a.example"
    file = ask("resource.get", {"endpoint": {"uri": "file:///etc/hosts"}})
    assert (file.resource, args(file)["scheme"], args(file)["path"]) == ("", "file", "/etc/hosts")


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("http://good.example@evil.example/", "evil.example", 80),
        ("http://evil.example\\@good.example/", "good.example", 80),  # as httpx reads it
        ("http://EXAMPLE。com/", "example.com", 80),
        ("http://bücher.example./", "xn--bcher-kva.example", 80),
        ("http://[::1]:81/", "::1", 81),
        ("http://a.example:x/", "a.example", 0),
        ("http://[a/", "", 0),
        ("https://⟦secret:host⟧/⟦secret:a/b⟧", "⟦secret:host⟧", 443),
        ("https://⟦secret:user⟧:⟦secret:word⟧@a.example/", "a.example", 443),
        ("https://⟦x.example/", "⟦x.example", 443),
        ("relative/path", "", 0),
        ("http://" + "a" * 5000 + "/", "a" * 5000, 80),
    ],
)
def test_the_host_is_the_one_that_would_be_called(uri: str, host: str, port: int) -> None:
    request = ask("http.call", {"endpoint": {"uri": uri}})
    assert (request.resource, args(request)["host"], args(request)["port"]) == (host, host, port)


def test_placeholders_stay_and_their_names_are_told() -> None:
    request = ask(
        "http.call",
        {
            "endpoint": {"uri": "https://a.example/⟦secret:github/token⟧"},
            "body": ["⟦secret:my~1key⟧", {"⟦secret:name⟧": 1}],
        },
    )
    assert request.context["secrets"] == ["github", "my/key", "name"]
    assert args(request)["path"] == "/⟦secret:github/token⟧"


def test_an_event_is_about_its_type_and_what_it_carries() -> None:
    event = {"type": "com.example.payment", "source": "/a/b/1", "subject": "order/7", "id": "01:4", "data": {"b": 1}}
    request = ask("event.emit", event)
    assert (request.resource_type, request.resource) == ("EventType", "com.example.payment")
    assert args(request) == {"type": event["type"], "source": "/a/b/1", "subject": "order/7", "data": '{"b":1}'}
    assert args(ask("event.emit", {"type": "t"}))["data"] == ""


@pytest.mark.parametrize(
    ("line", "program", "plain"),
    [
        ("git push origin main", "git", True),
        ("  /usr/bin/git status", "/usr/bin/git", True),
        ("make\n", "make", True),
        ("FOO=1 B='x y' git push", "git", False),
        ("FOO=1", "FOO=1", False),
        ("git log | head", "git", False),
        ("git log; rm -rf .", "git", False),
        ("git\nrm -rf .", "git", False),
        ("git $(rm x)", "git", False),
        ("git `rm x`", "git", False),
        ("git > file", "git", False),
        ("git *", "git", False),
        ("git ~/x", "git", False),
        ("'my tool' x", "my tool", False),
        ('"rm" -rf .', "rm", False),
        ("\\rm -rf .", "rm", False),
        ("# a remark\nrm x", "rm", False),
        ("(rm x)", "", False),
        ("$RM x", "$RM", False),
        ("", "", False),
        ("git --a=b c:d e,f g@h", "git", True),
    ],
)
def test_a_shell_command_is_about_its_first_word(line: str, program: str, plain: bool) -> None:
    request = ask("shell.run", process(command=line, environment={"B": 1, "A": 2}, arguments=["x"], stdin="in"))
    assert (request.resource_type, request.resource) == ("Program", program)
    assert args(request) == {
        "command": line,
        "program": program,
        "plain": plain,
        "arguments": '["x"]',
        "environment": ["A", "B"],
        "stdin": "in",
    }


def test_a_script_a_container_a_workflow_and_a_function() -> None:
    script = ask("script.run", process(language="JavaScript", code="return 1", arguments={"n": 1}))
    assert (script.resource, args(script)["code"], args(script)["arguments"]) == ("js", "return 1", '{"n":1}')
    outside = ask("script.run", process(language="python", source={"endpoint": {"uri": "a.py"}}))
    assert (args(outside)["code"], args(outside)["source"]) == ("", "a.py")
    container = ask(
        "container.run", process(image="alpine:3", command="ls", volumes={"/": "/host"}, ports={"80": 8080})
    )
    assert (container.resource, args(container)["volumes"], args(container)["ports"]) == ("alpine:3", ["/"], ["80"])
    workflow = ask("workflow.run", process(namespace="shop", name="orders", version="1.0.0", input={"n": 1}))
    assert (workflow.resource_type, workflow.resource, args(workflow)["input"]) == (
        "Workflow",
        "shop/orders",
        '{"n":1}',
    )
    function = ask("function.call", {"function": "tax:1.0.0", "arguments": "7"})
    assert (function.resource, args(function)["arguments"]) == ("tax:1.0.0", '"7"')


def test_the_rest_of_the_context() -> None:
    arguments = process(command="ls")
    request = ask("shell.run", arguments)
    assert dict(request.context["run"]) == {
        "id": "01run",
        "workflow": "shop/orders",
        "version": "1.0.0",
        "program": "5f",
        "task": "/do/0/a",
        "origin": "",
    }
    digest = sha256(canonical({"kind": "shell.run", "arguments": arguments})).hexdigest()
    assert (request.context["tenant"], request.context["digest"]) == ("default", digest)
    assert list(request.context) == ["args", "run", *(each.name for each in REST)]
    assert list(request.context["run"]) == [each.name for each in RUN]


def test_nothing_is_worked_out_before_it_is_read() -> None:
    request = ask("http.call", {"endpoint": {"uri": "https://a.example"}, "body": {"n": 1}})
    assert isinstance(request.context, Context)
    assert request.context._known == {}
    assert request.context["args"]["method"] == ""
    assert set(request.context["args"]._known) == {"method"}


def conforms(request: Request) -> None:
    """The schema takes the whole request, and every text of it can be written."""
    assert isinstance(request.context, Context)
    given = {
        "principal": {"type": "User", "id": request.principal},
        "action": {"type": "Action", "id": request.action},
        "resource": {"type": request.resource_type, "id": request.resource},
        "context": json.dumps(request.context.plain(), allow_nan=False),
    }
    answer = cedarpy.is_authorized(given, "permit (principal, action, resource);", "[]", schema=SCHEMA)
    assert (answer.diagnostics.errors, answer.allowed) == ([], True), request


anything = st.recursive(
    st.sampled_from(generating.ODD) | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(ACTIONS)), anything)
def test_any_arguments_make_a_request_that_the_schema_takes(kind: str, arguments: Any) -> None:
    conforms(ask(kind, arguments))
    conforms(ask(kind, {"endpoint": arguments, "process": arguments, "document": arguments, "function": arguments}))
    names = ("uri", "command", "language", "image", "code", "source", "volumes", "environment", "namespace", "input")
    inner = dict.fromkeys(names, arguments)
    conforms(
        ask(kind, {"endpoint": inner, "process": inner, "headers": arguments, "query": arguments, "body": arguments})
    )


@settings(deadline=None)
@given(st.integers(min_value=0).map(Random))
def test_generated_commands_make_requests_that_the_schema_takes(draw: Random) -> None:
    conforms(generating.command(draw, odd=0.5).request())


def test_what_is_nested_too_deeply_has_no_digest_but_a_request() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    request = ask("http.call", {"body": deep})
    assert request.context["digest"] == ""
    conforms(request)


def test_words_that_are_no_texts_become_some() -> None:
    request = request_of("shell.run", None, **(WORDS | {"requester": "\ud800", "groups": ["a", None], "run": 7}))
    assert (request.principal, request.groups, request.context["run"]["id"]) == ("\\ud800", ("a", ""), "7")
    conforms(request)


def test_every_name_means_the_same_type_for_every_action() -> None:
    types: dict[str, set[str]] = {}
    for action in ACTIONS.values():
        for argument in action.arguments:
            types.setdefault(argument.attribute.name, set()).add(argument.attribute.type)
    assert {name for name, found in types.items() if len(found) > 1} == set()
