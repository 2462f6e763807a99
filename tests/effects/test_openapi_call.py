"""Operations of Swagger 2.0 and OpenAPI 3 documents: where each parameter goes, and which documents are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Answer, Asked, Perform, Server

pytestmark = pytest.mark.anyio


class Service:
    """Serves one document at /spec, and echoes what its operations are asked."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.document: Any = {}
        self.fetched = 0
        server.reply = self.reply

    def reply(self, asked: Asked) -> Answer:
        if asked.target.startswith("/spec"):
            self.fetched += 1
            return Answer(self.document)
        return Answer({"target": asked.target, "method": asked.method})

    @property
    def last(self) -> Asked:
        return self.server.last


@pytest.fixture
def service(server: Server) -> Service:
    return Service(server)


def v3(path: str, operation: dict[str, Any], method: str = "get", **root: Any) -> dict[str, Any]:
    item = {method: {"operationId": "op", "responses": {}, **operation}}
    return {"openapi": "3.1.0", "info": {}, "paths": {path: item}, **root}


def v2(path: str, operation: dict[str, Any], method: str = "get", **root: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "basePath": "/v2", "paths": {path: {method: {"operationId": "op", **operation}}}, **root}


def call(service: Service, parameters: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    document = {"endpoint": {"uri": service.server.url + "/spec"}}
    return {"document": document, "operationId": "op", "parameters": parameters or {}, **members}


async def test_swagger_operation(service: Service, perform: Perform) -> None:
    status = {"name": "status", "in": "query", "type": "array", "collectionFormat": "multi", "required": True}
    service.document = v2(
        "/pet/findByStatus", {"parameters": [status], "produces": ["application/xml", "application/json"]}
    )
    result = await perform("openapi.call", call(service, {"status": ["a", "b c"]}))
    assert result == {"target": "/v2/pet/findByStatus?status=a&status=b%20c", "method": "GET"}
    assert service.last.headers["accept"] == "application/json, application/xml"


@pytest.mark.parametrize(
    ("collection", "query"),
    [(None, "a,b"), ("csv", "a,b"), ("ssv", "a%20b"), ("tsv", "a%09b"), ("pipes", "a%7Cb"), ("multi", "a&x=b")],
)
async def test_swagger_collection_formats(
    service: Service, perform: Perform, collection: str | None, query: str
) -> None:
    declared = {"name": "x", "in": "query", "type": "array"} | ({"collectionFormat": collection} if collection else {})
    service.document = v2("/p", {"parameters": [declared]})
    await perform("openapi.call", call(service, {"x": ["a", "b"]}))
    assert service.last.target == f"/v2/p?x={query}"


@pytest.mark.parametrize("name", ["pet", "body"])
async def test_swagger_body(service: Service, perform: Perform, name: str) -> None:
    pet = {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
    definitions = {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}}
    service.document = v2("/pet", {"parameters": [pet]}, "post", definitions=definitions)
    await perform("openapi.call", call(service, {name: {"name": "Rex"}}))
    assert service.last.json() == {"name": "Rex"}
    assert service.last.headers["content-type"] == "application/json"
    assert service.last.headers["idempotency-key"] == "run1:7"


async def test_swagger_form_and_file(service: Service, perform: Perform) -> None:
    fields = [{"name": "a", "in": "formData", "type": "string"}, {"name": "b", "in": "formData", "type": "array"}]
    service.document = v2("/f", {"parameters": fields}, "post")
    await perform("openapi.call", call(service, {"a": "x y", "b": [1, 2]}))
    assert service.last.body == b"a=x+y&b=1%2C2"
    file = {"name": "file", "in": "formData", "type": "file", "required": True}
    service.document = v2("/f", {"parameters": [*fields, file]}, "post")
    adapters = Adapters()
    command = Command(7, "run1:7", "openapi.call", "/do/0/x", 3, call(service, {"file": "content"}), None)
    await adapters.perform(command, Surroundings(Path()))
    await adapters.close()
    assert b'name="file"; filename="file"' in service.last.body
    assert service.last.headers["content-type"].startswith("multipart/form-data; boundary=")


async def test_swagger_host_and_schemes(service: Service, other: Server, perform: Perform) -> None:
    host = other.url.removeprefix("http://")
    service.document = v2("/p", {}, host=host, schemes=["https", "http"])
    await perform("openapi.call", call(service))
    assert other.last.target == "/v2/p"


@pytest.mark.parametrize(
    ("declared", "value", "query"),
    [
        ({}, "a b", "x=a%20b"),
        ({}, ["a", "b"], "x=a&x=b"),
        ({"explode": False}, ["a", "b,c"], "x=a,b%2Cc"),
        ({}, {"k": "v", "l": 1}, "k=v&l=1"),
        ({"explode": False}, {"k": "v", "l": 1}, "x=k,v,l,1"),
        ({"style": "spaceDelimited"}, ["a", "b"], "x=a%20b"),
        ({"style": "pipeDelimited"}, ["a", "b"], "x=a%7Cb"),
        ({"style": "deepObject"}, {"k": "v", "l": {"m": [1, 2]}}, "x[k]=v&x[l][m]=1&x[l][m]=2"),
        ({"content": {"application/json": {}}}, {"k": 1}, "x=%7B%22k%22%3A1%7D"),
        ({"allowReserved": True}, "a/b?c", "x=a/b?c"),
        ({}, True, "x=true"),
    ],
)
async def test_query_styles(service: Service, perform: Perform, declared: Any, value: Any, query: str) -> None:
    service.document = v3("/p", {"parameters": [{"name": "x", "in": "query", **declared}]})
    await perform("openapi.call", call(service, {"x": value}))
    assert service.last.target == f"/p?{query}"


@pytest.mark.parametrize(
    ("declared", "value", "path"),
    [
        ({}, "a/b", "a%2Fb"),
        ({}, [1, 2], "1,2"),
        ({"explode": True}, {"k": 1, "l": 2}, "k=1,l=2"),
        ({}, {"k": 1, "l": 2}, "k,1,l,2"),
        ({"style": "label"}, [1, 2], ".1,2"),
        ({"style": "label", "explode": True}, [1, 2], ".1.2"),
        ({"style": "matrix"}, [1, 2], ";x=1,2"),
        ({"style": "matrix", "explode": True}, [1, 2], ";x=1;x=2"),
        ({"style": "matrix", "explode": True}, {"k": 1, "l": 2}, ";k=1;l=2"),
    ],
)
async def test_path_styles(service: Service, perform: Perform, declared: Any, value: Any, path: str) -> None:
    service.document = v3("/p/{x}/end", {"parameters": [{"name": "x", "in": "path", "required": True, **declared}]})
    await perform("openapi.call", call(service, {"x": value}))
    assert service.last.target == f"/p/{path}/end"


async def test_header_and_cookie_parameters(service: Service, perform: Perform) -> None:
    parameters = [
        {"name": "X-List", "in": "header"},
        {"name": "session", "in": "cookie"},
        {"name": "Accept", "in": "header"},
    ]
    responses = {"200": {"content": {"application/json": {}}}}
    service.document = v3("/p", {"parameters": parameters, "responses": responses})
    await perform("openapi.call", call(service, {"X-List": ["a", "b"], "session": "s 1"}))
    assert service.last.headers["x-list"] == "a,b"
    assert service.last.headers["cookie"] == "session=s%201"
    assert service.last.headers["accept"] == "application/json"


async def test_parameters_of_the_path_and_references(service: Service, perform: Perform) -> None:
    parameters = {
        "Id": {"$ref": "#/components/parameters/Real~1Id"},
        "Real/Id": {"name": "id", "in": "path", "required": True},
        "Page": {"name": "page", "in": "query", "required": True},
    }
    service.document = v3("/p/{id}", {"parameters": [{"name": "page", "in": "query", "required": False}]})
    service.document["components"] = {"parameters": parameters}
    references = [{"$ref": "#/components/parameters/Id"}, {"$ref": "#/components/parameters/Page"}]
    service.document["paths"]["/p/{id}"]["parameters"] = references
    await perform("openapi.call", call(service, {"id": 7}))
    assert service.last.target == "/p/7"


@pytest.mark.parametrize(
    ("servers", "target"),
    [
        ([{"url": "/api/v1/"}], "/api/v1/p"),
        ([{"url": "api"}], "/api/p"),
        ([{"url": "/{stage}/x", "variables": {"stage": {"default": "test"}}}], "/test/x/p"),
    ],
)
async def test_servers(service: Service, perform: Perform, servers: Any, target: str) -> None:
    service.document = v3("/p", {}, servers=servers)
    await perform("openapi.call", call(service))
    assert service.last.target == target


async def test_a_server_of_the_operation_wins(service: Service, other: Server, perform: Perform) -> None:
    service.document = v3("/p", {"servers": [{"url": other.url + "/deep"}]}, servers=[{"url": "/x"}])
    await perform("openapi.call", call(service))
    assert other.last.target == "/deep/p"


def body(media: str, **schema: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}


async def test_a_json_body_given_whole_or_by_its_properties(service: Service, perform: Perform) -> None:
    parameters = [{"name": "id", "in": "path", "required": True}]
    service.document = v3("/p/{id}", {"parameters": parameters, **body("application/json", type="object")}, "put")
    for given in ({"id": 1, "body": {"name": "Rex"}}, {"id": 1, "name": "Rex"}):
        await perform("openapi.call", call(service, given))
        assert service.last.json() == {"name": "Rex"}
        assert (service.last.method, service.last.target) == ("PUT", "/p/1")


async def test_a_json_body_that_is_a_string(service: Service, perform: Perform) -> None:
    service.document = v3("/p", body("application/json", type="string"), "post")
    await perform("openapi.call", call(service, {"body": "text"}))
    assert service.last.body == b'"text"'


async def test_form_and_multipart_bodies(service: Service, perform: Perform, adapters: Adapters) -> None:
    service.document = v3("/p", body("application/x-www-form-urlencoded", type="object"), "post")
    await perform("openapi.call", call(service, {"a": 1, "b": ["x", "y"]}))
    assert service.last.body == b"a=1&b=x&b=y"
    file = {"file": {"type": "string", "format": "binary"}, "n": {"type": "integer"}}
    service.document = v3("/p", body("multipart/form-data", type="object", properties=file), "post")
    document = {"endpoint": {"uri": service.server.url + "/spec?2"}}
    await perform("openapi.call", call(service, {"file": "content", "n": 5}, document=document))
    assert b'name="file"; filename="file"' in service.last.body
    assert b'name="n"\r\n\r\n5' in service.last.body


async def test_text_bodies(service: Service, perform: Perform) -> None:
    service.document = v3("/p", body("application/xml", type="object"), "post")
    await perform("openapi.call", call(service, {"body": "<a/>"}))
    assert (service.last.body, service.last.headers["content-type"]) == (b"<a/>", "application/xml")
    with pytest.raises(Fault, match="application/xml"):
        await perform("openapi.call", call(service, {"body": {"a": 1}}))


async def test_an_api_key_can_be_given_as_a_parameter(service: Service, perform: Perform) -> None:
    schemes = {"key": {"type": "apiKey", "name": "X-Api-Key", "in": "header"}}
    service.document = v3("/p", {"security": [{"key": []}]}, components={"securitySchemes": schemes})
    secrets = {"k": "s3cr3t-key"}
    result = await perform(
        "openapi.call", call(service, {"X-Api-Key": "⟦secret:k⟧"}, output="response"), secrets=secrets
    )
    assert service.last.headers["x-api-key"] == "s3cr3t-key"
    assert result["request"]["headers"]["X-Api-Key"] == "⟦secret:k⟧"


async def test_authentication_of_document_and_call_are_separate(service: Service, perform: Perform) -> None:
    service.document = v3("/p", {})
    endpoint = {"uri": service.server.url + "/spec", "authentication": {"bearer": {"token": "doc"}}}
    arguments = call(service, document={"endpoint": endpoint}, authentication={"bearer": {"token": "api"}})
    await perform("openapi.call", arguments)
    assert [asked.headers["authorization"] for asked in service.server.asked] == ["Bearer doc", "Bearer api"]


async def test_outputs_and_redirect(service: Service, perform: Perform) -> None:
    service.document = v3("/p", {})
    result = await perform("openapi.call", call(service, output="response"))
    assert result["statusCode"] == 200
    assert result["request"]["method"] == "get"
    service.server.reply = lambda _: Answer(b"", 302, {"Location": "/x"})
    with pytest.raises(Fault) as caught:
        await perform("openapi.call", call(service))
    assert caught.value.status == 302
    assert await perform("openapi.call", call(service, redirect=True)) is None


async def test_a_document_is_fetched_once(service: Service, perform: Perform) -> None:
    service.document = v3("/p", {})
    for _ in range(3):
        await perform("openapi.call", call(service))
    assert service.fetched == 1


async def test_a_yaml_file_is_read_again_when_it_changed(service: Service, perform: Perform, tmp_path: Path) -> None:
    file = tmp_path / "api" / "spec.yaml"
    file.parent.mkdir()
    template = "openapi: 3.0.3\nservers: [{{url: '{url}'}}]\npaths:\n  {path}:\n    get: {{operationId: op}}\n"
    for path in ("/one", "/twotwo"):
        file.write_text(template.format(url=service.server.url, path=path))
        for uri in ("api/spec.yaml", file.as_uri()):
            await perform("openapi.call", call(service, document={"endpoint": uri}))
            assert service.last.target == path


async def test_an_unknown_operation_names_close_ones(service: Service, perform: Perform) -> None:
    service.document = v3("/p", {"operationId": "findPetsByStatus"})
    with pytest.raises(Fault, match="did you mean findPetsByStatus") as caught:
        await perform("openapi.call", call(service) | {"operationId": "findPetByStatus"})
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "configuration", "unknown-operation")


async def test_missing_and_unknown_parameters_are_validation_errors(service: Service, perform: Perform) -> None:
    parameters = [{"name": "status", "in": "query", "required": True}, {"name": "id", "in": "path", "required": True}]
    service.document = v3("/p/{id}", {"parameters": parameters})
    with pytest.raises(Fault, match="needs the parameters status, id") as caught:
        await perform("openapi.call", call(service))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "validation", "missing-parameter")
    with pytest.raises(Fault, match="'state'; did you mean status") as caught:
        await perform("openapi.call", call(service, {"state": 1, "status": 1, "id": 1}))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "validation", "unknown-parameter")
    assert service.last.target == "/spec"


async def test_a_missing_body_is_a_validation_error(service: Service, perform: Perform) -> None:
    service.document = v3("/p", body("application/json", type="object"), "post")
    with pytest.raises(Fault, match="needs the parameter body"):
        await perform("openapi.call", call(service))


async def test_a_required_parameter_may_have_a_default(service: Service, perform: Perform) -> None:
    parameters = [{"name": "page", "in": "query", "required": True, "schema": {"default": 1}}]
    service.document = v3("/p", {"parameters": parameters})
    await perform("openapi.call", call(service))
    assert service.last.target == "/p?page=1"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"asyncapi": "2.6.0"}, "not an OpenAPI document"),
        ([1], "not an OpenAPI document"),
        ("a: [", "neither JSON nor YAML"),
        ("&a [*a]", "not an OpenAPI document"),
        (v3("/p", {"parameters": [{"$ref": "other.yaml#/x"}]}), r"another document \(other\.yaml#/x\)"),
        (v3("/p", {"parameters": [{"$ref": "#/no/where"}]}), "nothing is at #/no/where"),
        (v3("/p", {"parameters": [{"$ref": "#/l"}]}, l={"$ref": "#/l"}), "circle"),
        (v3("/p", {"parameters": [5]}), "an object is expected"),
        (v3("/p", {"parameters": [{"name": "x", "in": "moon"}]}), "in moon"),
        (v3("/p", {}, servers=[{"url": "ws://x"}]), "no http or https server"),
    ],
)
async def test_documents_that_cannot_be_used(service: Service, perform: Perform, document: Any, told: str) -> None:
    service.document = document
    with pytest.raises(Fault, match=told) as caught:
        await perform("openapi.call", call(service))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "configuration", "bad-document")


async def test_a_document_that_is_not_there(service: Service, perform: Perform) -> None:
    service.server.reply = lambda _: Answer(b"", 404)
    with pytest.raises(Fault) as caught:
        await perform("openapi.call", call(service))
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 404)


async def test_a_relative_server_of_a_local_file_is_refused(service: Service, perform: Perform, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_bytes(orjson.dumps(v3("/p", {})))
    with pytest.raises(Fault, match="no http or https server"):
        await perform("openapi.call", call(service, document={"endpoint": "spec.json"}))


async def test_aliases_that_multiply_cost_little(service: Service, perform: Perform) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    service.document = bomb + "openapi: 3.0.0\npaths: {/p: {get: {operationId: op}}}\n"
    async with asyncio.timeout(5):
        await perform("openapi.call", call(service))
    assert service.last.target == "/p"


async def test_whether_it_may_be_repeated_is_known_once_it_was_performed(
    service: Service, adapters: Adapters, surroundings: Surroundings
) -> None:
    service.document = v3("/p", {})
    command = Command(7, "run1:7", "openapi.call", "/do/0/x", 3, call(service), None)
    assert adapters.idempotent(command) is False
    await adapters.perform(command, surroundings)
    assert adapters.idempotent(command) is True
