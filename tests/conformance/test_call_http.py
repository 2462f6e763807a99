"""dsl-reference.md, HTTP Call, Endpoint, URI Template, HTTP Request and HTTP Response."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .harness import STANDARD, Bench
from .service import Answer, Asked, Service

PETS = [{"id": 1, "name": "Rex", "status": "available"}, {"id": 2, "name": "Fido", "status": "available"}]


def echo(asked: Asked) -> Answer:
    return Answer({"method": asked.method, "query": asked.query, "headers": asked.headers, "body": asked.body.decode()})


def call(service: Service, rest: str = "", path: str = "/echo", method: str = "get") -> str:
    return (
        f"do:\n- ask:\n    call: http\n    with:\n      method: {method}\n      endpoint: {service.url}{path}\n      "
        + rest
    )


# ---------------------------------------------------------------- scenarios of call.feature and data-flow.feature


def test_the_content_of_the_answer_is_the_output(bench: Bench, service: Service) -> None:
    service.answers["/pet/findByStatus"] = Answer(PETS)
    result = bench.run(
        f"""
        do:
          - findPet:
              call: http
              with: {{ method: get, endpoint: {{ uri: '{service.url}/pet/findByStatus?status={{status}}' }} }}
              output: {{ as: '.[0]' }}
        """,
        input={"status": "available"},
    )
    assert result.output == PETS[0]
    assert service.asked[0].query == [("status", "available")]


def test_the_whole_response_can_be_the_output(bench: Bench, service: Service) -> None:
    service.answers["/pet/1"] = Answer(PETS[0], headers={"x-extra": "e"})
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: {{ uri: '{service.url}/pet/{{petId}}' }}, output: response }} }} }} ]",
        input={"petId": 1},
    )
    response = result.output
    assert set(response) == {"request", "statusCode", "headers", "content"}
    assert (response["request"]["method"].lower(), response["request"]["uri"]) == ("get", f"{service.url}/pet/1")
    assert isinstance(response["request"]["headers"], dict)
    assert (response["statusCode"], response["content"]) == (200, PETS[0])
    assert {name.lower(): value for name, value in response["headers"].items()}["x-extra"] == "e"


def test_a_part_of_the_answer_can_be_combined_with_the_input(bench: Bench, service: Service) -> None:
    for pet in PETS:
        service.answers[f"/pet/{pet['id']}"] = Answer(pet)
    result = bench.run(
        f"""
        do:
          - getPetById1: {{ call: http, with: {{ method: get, endpoint: {{ uri: '{service.url}/pet/{{petId}}' }} }}, output: {{ as: .id }} }}
          - getPetById2: {{ call: http, with: {{ method: get, endpoint: {{ uri: '{service.url}/pet/2' }} }}, output: {{ as: '{{ ids: [ $input, .id ] }}' }} }}
        """,
        input={"petId": 1},
    )
    assert result.output == {"ids": [1, 2]}


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options", "GET", "PoSt"])
def test_any_method(bench: Bench, service: Service, method: str) -> None:
    service.answers["/echo"] = Answer({"ok": True})
    assert bench.run(call(service, method=method, rest="output: response")).output["statusCode"] == 200
    assert service.asked[0].method == method.upper()


def test_headers_and_query_may_hold_expressions(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = echo
    result = bench.run(
        call(
            service,
            "headers: { X-Name: '${ .name }', X-Fixed: f }\n      query: { q: '${ .n }', list: [ a, b ], nothing: null, flag: true }",
        ),
        input={"name": "Ann", "n": 5},
    )
    assert (result.output["headers"]["x-name"], result.output["headers"]["x-fixed"]) == ("Ann", "f")
    assert sorted(map(tuple, result.output["query"])) == [("flag", "true"), ("list", "a"), ("list", "b"), ("q", "5")]


def test_headers_and_query_may_be_one_expression(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = echo
    result = bench.run(
        call(service, "headers: '${ .headers }'\n      query: '${ .query }'"),
        input={"headers": {"X-A": "1"}, "query": {"b": 2}},
    )
    assert result.output["headers"]["x-a"] == "1"
    assert result.output["query"] == [["b", "2"]]


def test_query_parameters_add_to_those_of_the_uri(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = echo
    result = bench.run(call(service, "query: { b: 2 }", path="/echo?a=1"))
    assert result.output["query"] == [["a", "1"], ["b", "2"]]


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        ("{ a: '${ .n }', b: [ 1 ] }", "application/json", '{"a":5,"b":[1]}'),
        ("'${ . }'", "application/json", '{"n":5}'),
        ("plain ${ .n }", "text/plain; charset=utf-8", "plain 5"),
        ("[ 1, 2 ]", "application/json", "[1,2]"),
    ],
)
def test_a_body_is_json_unless_it_is_text(
    bench: Bench, service: Service, body: str, content_type: str, sent: str
) -> None:
    service.answers["/echo"] = echo
    result = bench.run(call(service, f"body: {body}", method="post"), input={"n": 5})
    assert (result.output["body"], result.output["headers"]["content-type"]) == (sent, content_type)


def test_a_content_type_of_a_form_sends_form_fields(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = echo
    result = bench.run(
        call(
            service,
            "headers: { Content-Type: application/x-www-form-urlencoded }\n      body: { a: 1, b: two words }",
            method="post",
        )
    )
    assert result.output["body"] == "a=1&b=two+words"


# ---------------------------------------------------------------- URI templates


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("Rex", "/pet/Rex"),
        (7, "/pet/7"),
        (True, "/pet/true"),
        ("a b/c?d", "/pet/a%20b%2Fc%3Fd"),
        ("ü", "/pet/%C3%BC"),
        (None, "/pet/"),
        (1.5, "/pet/1.5"),
    ],
)
def test_a_variable_of_the_uri_takes_a_top_level_property(
    bench: Bench, service: Service, value: Any, path: str
) -> None:
    service.answers[path] = Answer({"ok": 1})
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: '{service.url}/pet/{{name}}' }} }} }} ]",
        input={"name": value},
    )
    assert result.output == {"ok": 1}, service.asked


def test_a_missing_variable_is_empty_and_a_dotted_name_is_verbatim(bench: Bench, service: Service) -> None:
    service.answers["/x-y-"] = Answer({"ok": 1})
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: '{service.url}/x-{{pet.id}}-{{missing}}' }} }} }} ]",
        input={"pet.id": "y", "pet": {"id": "wrong"}},
    )
    assert result.output == {"ok": 1}


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_a_variable_that_is_no_scalar_is_an_expression_error(bench: Bench, service: Service, value: Any) -> None:
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: '{service.url}/{{name}}' }} }} }} ]",
        input={"name": value},
    )
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "expression", 400)


@pytest.mark.parametrize(
    "endpoint", ["'${ .base + \"/pet/1\" }'", "{ uri: '${ .base }/pet/1' }", "{ uri: '${ \"\\(.base)/pet/1\" }' }"]
)
def test_an_endpoint_may_be_an_expression(bench: Bench, service: Service, endpoint: str) -> None:
    service.answers["/pet/1"] = Answer(PETS[0])
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: {endpoint} }} }} }} ]", input={"base": service.url}
    )
    assert result.output == PETS[0]


# ---------------------------------------------------------------- answers


def test_raw_output_is_the_content_in_base_64(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = Answer('{"a": 1}', headers={"content-type": "application/json"})
    assert bench.run(call(service, "output: raw")).output == base64.b64encode(b'{"a": 1}').decode()


@pytest.mark.parametrize(
    ("body", "content_type", "output"),
    [
        ('{"a": [1, null]}', "application/json", {"a": [1, None]}),
        ('{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        ("hello", "text/plain", "hello"),
        ("<p/>", "text/html", "<p/>"),
        (b"\x00\xff", "application/octet-stream", "AP8="),
        (b"", "application/json", None),
        ("12345678901234567890123", "application/json", None),
    ],
)
def test_content_is_deserialized_by_its_type(
    bench: Bench, service: Service, body: Any, content_type: str, output: Any
) -> None:
    service.answers["/echo"] = Answer(body, headers={"content-type": content_type})
    got = bench.run(call(service)).output
    if isinstance(body, str) and body.startswith("123"):
        assert float(got) == pytest.approx(1.2345678901234568e22)
    else:
        assert got == output


def test_no_content_is_null(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = Answer(None, 204)
    assert bench.run(call(service)).output is None


def test_content_that_is_not_what_it_says_is_a_communication_error(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = Answer("no json", headers={"content-type": "application/json"})
    result = bench.run(call(service))
    assert result.error is not None
    assert result.error["type"] == STANDARD + "communication"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 429, 500, 502, 503])
def test_a_status_outside_200_to_299_is_a_communication_error(bench: Bench, service: Service, status: int) -> None:
    service.answers["/echo"] = Answer({"message": "no"}, status)
    result = bench.run(call(service))
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["instance"]) == (
        STANDARD + "communication",
        status,
        "/do/0/ask",
    )
    assert result.error["title"]


@pytest.mark.parametrize(("redirect", "status"), [("false", 302), ("false", 304), ("true", 404)])
def test_a_redirection_is_an_error_unless_it_is_allowed(
    bench: Bench, service: Service, redirect: str, status: int
) -> None:
    service.answers["/echo"] = Answer(None, status, {"location": "/there"})
    service.answers["/there"] = Answer({"ok": 1})
    result = bench.run(call(service, f"redirect: {redirect}"))
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "communication", status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_with_redirect_a_status_up_to_399_is_no_error(bench: Bench, service: Service, status: int) -> None:
    service.answers["/echo"] = Answer({"moved": True}, status, {"location": "/there"})
    service.answers["/there"] = Answer({"moved": True})
    result = bench.run(call(service, "redirect: true\n      output: response"))
    assert result.status == "completed", result.error
    assert result.output["statusCode"] in (status, 200)


def test_a_service_that_is_not_there_is_a_communication_error(bench: Bench) -> None:
    result = bench.run("do: [ { a: { call: http, with: { method: get, endpoint: 'http://127.0.0.1:9/x' } } } ]")
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "communication", 503)


def test_an_expression_in_an_answer_stays_text(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = Answer({"text": "${ .secret }"})
    result = bench.run(call(service) + "\n- next: { set: { got: '${ .text }' } }")
    assert result.output == {"got": "${ .secret }"}


def test_an_answer_is_asked_for_once_whatever_is_done_with_it(bench: Bench, service: Service) -> None:
    service.answers["/echo"] = Answer({"n": 1})
    bench.run(
        call(service) + "\n    output: { as: '${ .n }' }\n    export: { as: '${ . }' }\n- next: { set: '${ . }' }"
    )
    assert len(service.asked) == 1


def test_the_example_of_two_calls(bench: Bench, service: Service) -> None:
    """The example star-wars-homeworld of the specification."""
    service.answers["/api/people/1"] = lambda asked: Answer({"homeworld": f"{service.url}/api/planets/1"})
    service.answers["/api/planets/1"] = Answer({"name": "Tatooine"})
    result = bench.run(
        f"""
        input:
          schema: {{ format: json, document: {{ type: object, required: [ id ], properties: {{ id: {{ type: integer, minimum: 1 }} }} }} }}
        do:
          - getStarWarsCharacter:
              call: http
              with: {{ method: get, endpoint: '{service.url}/api/people/{{id}}', output: response }}
              export: {{ as: {{ homeworld: '${{ .content.homeworld }}' }} }}
          - getStarWarsHomeworld:
              call: http
              with: {{ method: get, endpoint: '${{ $context.homeworld }}' }}
        """,
        input={"id": 1},
    )
    assert result.output == {"name": "Tatooine"}
