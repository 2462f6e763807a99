"""dsl.md, Catalogs: functions found as NAME:VERSION@CATALOG."""

from __future__ import annotations

from .harness import STANDARD, Bench
from .service import Answer, Service

LOG = "do: [ { note: { set: { logged: '${ .message }' } } } ]"
YAML = {"content-type": "application/yaml"}


def test_a_function_of_a_catalog_is_fetched_from_its_place_in_the_structure(bench: Bench, service: Service) -> None:
    service.answers["/catalog/functions/log/0.5.2/function.yaml"] = Answer(LOG, headers=YAML)
    result = bench.run(
        f"""
        use: {{ catalogs: {{ global: {{ endpoint: {{ uri: '{service.url}/catalog' }} }} }} }}
        do: [ {{ log: {{ call: log:0.5.2@global, with: {{ message: The cataloged function has been called }} }} }} ]
        """
    )
    assert result.output == {"logged": "The cataloged function has been called"}


def test_the_endpoint_may_be_a_bare_uri_and_end_with_a_slash(bench: Bench, service: Service) -> None:
    service.answers["/functions/log/1.0.0/function.yaml"] = Answer(LOG, headers=YAML)
    result = bench.run(
        f"use: {{ catalogs: {{ c: {{ endpoint: '{service.url}/' }} }} }}\ndo: [ {{ log: {{ call: log:1.0.0@c, with: {{ message: m }} }} }} ]"
    )
    assert result.output == {"logged": "m"}


def test_a_catalog_may_need_authentication(bench: Bench, service: Service) -> None:
    service.answers["/functions/log/1.0.0/function.yaml"] = lambda asked: (
        Answer(LOG, headers=YAML) if asked.headers.get("authorization", "").startswith("Basic ") else Answer({}, 401)
    )
    document = f"""
        use:
          catalogs: {{ c: {{ endpoint: {{ uri: '{service.url}', authentication: {{ basic: {{ username: user, password: '012345' }} }} }} }} }}
        do: [ {{ log: {{ call: log:1.0.0@c, with: {{ message: m }} }} }} ]
    """
    assert bench.run(document).output == {"logged": "m"}


def test_the_default_catalog_is_a_folder_of_the_home(bench: Bench) -> None:
    folder = bench.home / "catalog" / "functions" / "log" / "1.2.3"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function.yaml").write_text(LOG)
    result = bench.run("do: [ { log: { call: log:1.2.3@default, with: { message: m } } } ]")
    assert result.output == {"logged": "m"}


def test_a_catalog_of_the_document_may_take_the_place_of_the_default_one(bench: Bench, service: Service) -> None:
    service.answers["/functions/log/9.9.9/function.yaml"] = Answer(LOG, headers=YAML)
    result = bench.run(
        f"use: {{ catalogs: {{ default: {{ endpoint: '{service.url}' }} }} }}\ndo: [ {{ log: {{ call: log:9.9.9@default, with: {{ message: m }} }} }} ]"
    )
    assert result.output == {"logged": "m"}


def test_an_unknown_catalog_is_refused(bench: Bench) -> None:
    assert any("unknown-catalog" in each for each in bench.diagnostics("do: [ { a: { call: log:1.0.0@nowhere } } ]"))


def test_a_function_the_catalog_does_not_have_is_an_error(bench: Bench, service: Service) -> None:
    result = bench.run(
        f"use: {{ catalogs: {{ c: {{ endpoint: '{service.url}' }} }} }}\ndo: [ {{ a: {{ call: log:7.7.7@c, with: {{ message: m }} }} }} ]"
    )
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "communication", 404)
    missing = bench.run("do: [ { a: { call: missing:1.0.0@default } } ]")
    assert missing.error is not None
    assert missing.error["type"] == STANDARD + "configuration"
