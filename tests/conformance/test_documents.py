"""dsl-reference.md, Workflow, Document and Use: what a document says about itself, and which ones are accepted."""

from __future__ import annotations

import json

import pytest

from .harness import Bench

BODY = "do: [ { a: { set: '${ $workflow.definition.document }' } } ]"


@pytest.mark.parametrize("version", ["1.0.0-alpha1", "1.0.0-alpha5", "1.0.0", "1.0.1", "1.0.2", "1.0.3"])
def test_documents_of_this_and_older_versions_run(bench: Bench, version: str) -> None:
    result = bench.run(f"document: {{ dsl: '{version}', namespace: tests, name: old, version: 1.0.0 }}\n{BODY}")
    assert result.output["dsl"] == version


@pytest.mark.parametrize("version", ["0.8", "0.9.0", "1.0.4", "1.1.0", "2.0.0", "one", ""])
def test_documents_of_other_versions_are_refused(bench: Bench, version: str) -> None:
    assert bench.diagnostics(f"document: {{ dsl: '{version}', namespace: tests, name: new, version: 1.0.0 }}\n{BODY}")


def test_everything_a_document_says_about_itself_can_be_read(bench: Bench) -> None:
    described = {
        "dsl": "1.0.3",
        "namespace": "tests",
        "name": "described",
        "version": "1.2.3-rc.1",
        "title": "A title",
        "summary": "# Markdown",
        "tags": {"team": "a"},
        "metadata": {"any": [{"thing": True}]},
    }
    document = {
        "document": described,
        "do": [{"a": {"set": "${ $workflow.definition.document }", "metadata": {"x": 1}}}],
    }
    assert bench.run(json.dumps(document)).output == described


@pytest.mark.parametrize("missing", ["dsl", "namespace", "name", "version"])
def test_a_document_needs_its_version_namespace_name_and_dsl(bench: Bench, missing: str) -> None:
    described = {"dsl": "1.0.3", "namespace": "tests", "name": "x", "version": "1.0.0"}
    del described[missing]
    document = {"document": described, "do": [{"a": {"set": {"n": 1}}}]}
    assert any(missing in each for each in bench.diagnostics(json.dumps(document)))


def test_a_document_needs_tasks(bench: Bench) -> None:
    assert any("do" in each for each in bench.diagnostics("input: {}"))


@pytest.mark.parametrize("unknown", ["extra: 1", "doo: []", "x-extension: {}"])
def test_a_property_that_the_reference_does_not_know_is_refused(bench: Bench, unknown: str) -> None:
    assert any(unknown.partition(":")[0] in each for each in bench.diagnostics(f"{unknown}\n{BODY}"))


def test_what_is_defined_for_reuse_and_not_used_changes_nothing(bench: Bench) -> None:
    result = bench.run(
        """
        use:
          authentications: { a: { bearer: { token: t } } }
          catalogs: { c: { endpoint: https://example.com } }
          errors: { e: { type: https://example.com/e, status: 400 } }
          extensions: []
          functions: { f: { set: { n: 1 } } }
          retries: { r: { delay: PT1S } }
          secrets: [ s ]
          timeouts: { t: { after: PT1S } }
        do: [ { a: { set: { n: 2 } } } ]
        """
    )
    assert result.output == {"n": 2}


def test_the_same_workflow_in_json_and_yaml_gives_the_same_program(bench: Bench) -> None:
    yaml = bench.run(
        "document: { dsl: '1.0.3', namespace: t, name: n, version: 1.0.0 }\ndo: [ { a: { set: { n: 1 } } } ]"
    )
    plain = {
        "document": {"dsl": "1.0.3", "namespace": "t", "name": "n", "version": "1.0.0"},
        "do": [{"a": {"set": {"n": 1}}}],
    }
    both = [bench.run(json.dumps(plain)), yaml]
    programs = {result.events[0].data["program"] for result in both if result.events[0].data}
    assert len(programs) == 1
