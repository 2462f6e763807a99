"""dsl-reference.md, OpenAPI Call."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from .harness import STANDARD, Bench
from .service import Answer, Service

PETS = {1: {"id": 1, "name": "Rex", "status": "available"}}
OK = {"200": {"description": "ok"}}


def swagger(service: Service) -> dict[str, Any]:
    return {
        "swagger": "2.0",
        "info": {"title": "Pets", "version": "1.0.0"},
        "host": service.url.removeprefix("http://"),
        "basePath": "/v2",
        "schemes": ["http"],
        "paths": {
            "/pet/findByStatus": {
                "get": {
                    "operationId": "findPetsByStatus",
                    "parameters": [{"name": "status", "in": "query", "required": True, "type": "string"}],
                    "responses": OK,
                }
            },
            "/pet/{petId}": {
                "get": {
                    "operationId": "getPetById",
                    "parameters": [{"name": "petId", "in": "path", "required": True, "type": "integer"}],
                    "responses": OK,
                }
            },
            "/pet": {
                "post": {
                    "operationId": "addPet",
                    "parameters": [{"name": "pet", "in": "body", "required": True, "schema": {"type": "object"}}],
                    "responses": OK,
                }
            },
        },
    }


def openapi(service: Service) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1.0.0"},
        "servers": [{"url": "{root}/v3", "variables": {"root": {"default": service.url}}}],
        "components": {
            "parameters": {"id": {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}}
        },
        "paths": {
            "/pet/{petId}": {
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "get": {
                    "operationId": "getPetById",
                    "parameters": [{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}],
                    "responses": OK,
                },
                "put": {
                    "operationId": "updatePet",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
                    "responses": OK,
                },
            },
        },
    }


@pytest.fixture
def pets(service: Service) -> Service:
    service.answers["/swagger.json"] = Answer(swagger(service))
    service.answers["/openapi.json"] = Answer(openapi(service))
    service.answers["/openapi.yaml"] = Answer(orjson.dumps(openapi(service)), headers={"content-type": "text/yaml"})
    for version in ("v2", "v3"):
        service.answers[f"/{version}/pet/1"] = lambda asked: Answer(
            PETS[1] if asked.method == "GET" else {"updated": asked.json(), "trace": asked.headers.get("x-trace")}
        )
        service.answers[f"/{version}/pet/findByStatus"] = lambda asked: Answer(
            [PETS[1]] if ("status", "available") in asked.query else []
        )
        service.answers[f"/{version}/pet"] = lambda asked: Answer({"added": asked.json()})
    return service


def call(service: Service, operation: str, parameters: str, rest: str = "", document: str = "/swagger.json") -> str:
    return (
        f"do:\n- ask:\n    call: openapi\n    with:\n      document: {{ endpoint: '{service.url}{document}' }}\n"
        f"      operationId: {operation}\n      parameters: {parameters}\n      {rest}"
    )


def test_content_is_the_output_by_default(bench: Bench, pets: Service) -> None:
    """The scenario of call.feature: an operation found by its id, its answer filtered."""
    document = call(pets, "findPetsByStatus", "{ status: '${ .status }' }") + "\n    output: { as: . | length }"
    assert bench.run(document, input={"status": "available"}).output == 1


@pytest.mark.parametrize("document", ["/swagger.json", "/openapi.json", "/openapi.yaml"])
def test_swagger_2_and_openapi_3_in_json_and_yaml(bench: Bench, pets: Service, document: str) -> None:
    result = bench.run(call(pets, "getPetById", "{ petId: '${ .petId }' }", document=document), input={"petId": 1})
    assert result.output == PETS[1]


def test_the_whole_response_can_be_the_output(bench: Bench, pets: Service) -> None:
    response = bench.run(call(pets, "getPetById", "{ petId: 1 }", "output: response")).output
    assert set(response) == {"request", "statusCode", "headers", "content"}
    assert response["request"]["uri"] == f"{pets.url}/v2/pet/1"
    assert (response["statusCode"], response["content"]) == (200, PETS[1])


def test_raw_output_is_base_64(bench: Bench, pets: Service) -> None:
    raw = bench.run(call(pets, "getPetById", "{ petId: 1 }", "output: raw")).output
    assert orjson.loads(base64.b64decode(raw)) == PETS[1]


def test_parameters_go_where_the_document_wants_them(bench: Bench, pets: Service) -> None:
    added = bench.run(call(pets, "addPet", "{ pet: { name: '${ .n }' } }"), input={"n": "Milou"})
    assert added.output == {"added": {"name": "Milou"}}
    bench.run(call(pets, "getPetById", "{ petId: 1, X-Trace: t }", document="/openapi.json"))
    assert pets.asked[-1].headers["x-trace"] == "t"
    updated = bench.run(call(pets, "updatePet", "{ petId: 1, body: { name: New } }", document="/openapi.json"))
    assert (pets.asked[-1].method, updated.output["updated"]) == ("PUT", {"name": "New"})


def test_parameters_are_a_map_and_no_expression(bench: Bench, pets: Service) -> None:
    """The reference wants a map; an expression that gives one can't stand there."""
    assert bench.diagnostics(call(pets, "getPetById", "'${ . }'"))


@pytest.mark.parametrize(
    ("operation", "parameters", "kind"),
    [
        ("getPetById", "{}", "validation"),
        ("getPetById", "{ petId: 1, odd: 2 }", "validation"),
        ("noSuchThing", "{}", "configuration"),
    ],
)
def test_a_call_that_does_not_fit_the_document_is_an_error_before_anything_is_sent(
    bench: Bench, pets: Service, operation: str, parameters: str, kind: str
) -> None:
    result = bench.run(call(pets, operation, parameters))
    assert result.error is not None
    assert (result.error["type"], result.error["instance"]) == (STANDARD + kind, "/do/0/ask")
    assert [asked.path for asked in pets.asked] == ["/swagger.json"]


def test_a_status_outside_200_to_299_is_a_communication_error(bench: Bench, pets: Service) -> None:
    pets.answers["/v2/pet/1"] = Answer({"message": "gone"}, 410)
    result = bench.run(call(pets, "getPetById", "{ petId: 1 }"))
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "communication", 410)


def test_a_redirection_is_an_error_unless_it_is_allowed(bench: Bench, pets: Service) -> None:
    pets.answers["/v2/pet/1"] = Answer(None, 304)
    assert bench.run(call(pets, "getPetById", "{ petId: 1 }", "redirect: false")).status == "faulted"
    assert (
        bench.run(call(pets, "getPetById", "{ petId: 1 }", "redirect: true\n      output: response")).output[
            "statusCode"
        ]
        == 304
    )


def test_authentication_is_sent_to_the_operation(bench: Bench, pets: Service) -> None:
    pets.answers["/v2/pet/1"] = lambda asked: Answer({"sent": asked.headers.get("authorization")})
    result = bench.run(
        call(pets, "getPetById", "{ petId: 1 }", "authentication: { bearer: { token: '${ .token }' } }"),
        input={"token": "t"},
    )
    assert pets.asked[0].headers.get("authorization") is None
    assert pets.asked[-1].headers["authorization"] == "Bearer t"
    assert result.status == "completed"


def test_the_document_may_need_authentication_of_its_own(bench: Bench, pets: Service) -> None:
    document = Answer(swagger(pets))
    pets.answers["/swagger.json"] = lambda asked: (
        document if asked.headers.get("authorization") == "Bearer d" else Answer({}, 401)
    )
    text = f"""
        do:
          - ask:
              call: openapi
              with:
                document: {{ endpoint: {{ uri: '{pets.url}/swagger.json', authentication: {{ bearer: {{ token: d }} }} }} }}
                operationId: getPetById
                parameters: {{ petId: 1 }}
    """
    assert bench.run(text).output == PETS[1]
    assert "authorization" not in pets.asked[-1].headers


def test_a_document_that_can_not_be_had_is_an_error(bench: Bench, pets: Service) -> None:
    missing = bench.run(call(pets, "getPetById", "{ petId: 1 }", document="/nowhere.json"))
    assert missing.error is not None
    assert (missing.error["type"], missing.error["status"]) == (STANDARD + "communication", 404)
    pets.answers["/other.json"] = Answer({"hello": "world"})
    other = bench.run(call(pets, "getPetById", "{ petId: 1 }", document="/other.json"))
    assert other.error is not None
    assert other.error["type"] == STANDARD + "configuration"


def test_a_document_beside_the_workflow(bench: Bench, pets: Service) -> None:
    text = "do: [ { a: { call: openapi, with: { document: { endpoint: ./pets.json }, operationId: getPetById, parameters: { petId: 1 } } } } ]"
    assert bench.run(text, files={"pets.json": orjson.dumps(swagger(pets)).decode()}).output == PETS[1]
