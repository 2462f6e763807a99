"""dsl-reference.md, Workflow Process: workflows that run workflows."""

from __future__ import annotations

from typing import Any

from .harness import STANDARD, Bench
from .service import Service


def document(name: str, body: str, version: str = "1.0.0", namespace: str = "tests") -> str:
    return f"document: {{ dsl: '1.0.3', namespace: {namespace}, name: {name}, version: {version} }}\n{body}"


CHILD = document(
    "child", "do: [ { make: { set: { got: '${ . }', name: '${ $workflow.definition.document.name }' } } } ]"
)


def run(name: str = "child", rest: str = "", version: str = "1.0.0", namespace: str = "tests") -> str:
    return f"run: {{ workflow: {{ namespace: {namespace}, name: {name}, version: {version} {rest} }} }}"


def test_a_workflow_beside_the_document_runs_with_the_given_input(bench: Bench) -> None:
    given = ", input: { n: '${ .n }' }"
    result = bench.run(f"do: [ {{ sub: {{ {run(rest=given)} }} }} ]", input={"n": 7}, files={"child.yaml": CHILD})
    assert result.output == {"got": {"n": 7}, "name": "child"}, result.error


def test_without_input_it_gets_an_empty_object(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ sub: {{ {run()} }} }} ]", input={"n": 7}, files={"child.yaml": CHILD})
    assert result.output["got"] == {}


def test_each_workflow_is_a_run_of_its_own(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ a: {{ {run()} }} }}, {{ b: {{ {run()} }} }} ]", files={"child.yaml": CHILD})
    children = bench.children(result.id)
    assert [(each.name, each.status) for each in children] == [("child", "completed")] * 2


def test_its_input_is_validated_against_its_schema(bench: Bench) -> None:
    child = document("child", "input: { schema: { document: { required: [ n ] } } }\ndo: [ { a: { set: '${ . }' } } ]")
    result = bench.run(f"do: [ {{ sub: {{ {run()} }} }} ]", files={"child.yaml": child})
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["instance"]) == (
        STANDARD + "validation",
        400,
        "/do/0/sub",
    )


def test_its_error_is_the_callers_to_catch(bench: Bench) -> None:
    child = document(
        "child",
        "do: [ { a: { raise: { error: { type: https://example.com/bad, status: 418, title: T, detail: d } } } } ]",
    )
    result = bench.run(
        f"do: [ {{ t: {{ try: [ {{ sub: {{ {run()} }} }} ], catch: {{ do: [ {{ c: {{ set: '${{ $error }}' }} }} ] }} }} }} ]",
        files={"child.yaml": child},
    )
    assert result.output == {
        "type": "https://example.com/bad",
        "status": 418,
        "title": "T",
        "detail": "d",
        "instance": "/do/0/t/try/0/sub",
    }


def test_end_in_a_sub_workflow_ends_only_that_one(bench: Bench) -> None:
    child = document("child", "do: [ { a: { set: { n: 1 }, then: end } }, { b: { set: { n: 2 } } } ]")
    result = bench.run(
        f"do: [ {{ sub: {{ {run()} }} }}, {{ next: {{ set: {{ got: '${{ .n }}' }} }} }} ]", files={"child.yaml": child}
    )
    assert result.output == {"got": 1}


def test_the_version_is_the_one_that_is_asked_for(bench: Bench) -> None:
    def child(version: str) -> str:
        return document("child", f"do: [ {{ a: {{ set: {{ v: {version} }} }} }} ]", version)

    files = {f"child{n}.yaml": child(version) for n, version in enumerate(["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"])}
    assert bench.run(f"do: [ {{ s: {{ {run(version='1.9.0')} }} }} ]", files=files).output == {"v": "1.9.0"}
    assert bench.run(f"do: [ {{ s: {{ {run(version='latest')} }} }} ]", files=files).output == {"v": "2.0.0-rc.1"}


def test_a_workflow_that_is_unknown_is_a_configuration_error(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ s: {{ {run('nobody')} }} }} ]")
    assert result.error is not None
    assert (result.error["type"], result.error["code"]) == (STANDARD + "configuration", "workflow-unknown")


def test_a_workflow_that_was_added_to_the_node_is_found(bench: Bench) -> None:
    bench.do(
        bench.node.add(document("added", "do: [ { a: { set: { from: store } } } ]"), bench.folder / "elsewhere.yaml")
    )
    assert bench.run(f"do: [ {{ s: {{ {run('added')} }} }} ]").output == {"from": "store"}


def test_a_file_beside_the_document_comes_before_one_that_was_added(bench: Bench) -> None:
    bench.do(
        bench.node.add(document("both", "do: [ { a: { set: { from: store } } } ]"), bench.folder / "elsewhere.yaml")
    )
    beside = {"both.yaml": document("both", "do: [ { a: { set: { from: file } } } ]")}
    assert bench.run(f"do: [ {{ s: {{ {run('both')} }} }} ]", files=beside).output == {"from": "file"}


def test_a_sub_workflow_that_is_not_awaited_goes_on_by_itself(bench: Bench) -> None:
    child = document("child", "do: [ { hear: { listen: { to: { one: { with: { type: com.example.go } } } } } } ]")
    text = f"do: [ {{ sub: {{ {run()[:-1]}, await: false }} }} }} ]"
    result = bench.run(text, input={"kept": 1}, files={"child.yaml": child})
    assert (result.status, result.output) == ("completed", {"kept": 1})
    (left,) = bench.children(result.id)
    assert left.status in ("running", "waiting")
    assert bench.attach(left.id).publish({"type": "com.example.go", "data": 5}).finish().output == [5]


def test_return_none_gives_nothing(bench: Bench) -> None:
    result = bench.run(f"do: [ {{ sub: {{ {run()[:-1]}, return: none }} }} }} ]", files={"child.yaml": CHILD})
    assert (result.status, result.output) == ("completed", None)


def test_cancelling_the_caller_cancels_the_called(bench: Bench) -> None:
    child = document("child", "do: [ { w: { wait: PT1H } } ]")
    live = bench.start(f"do: [ {{ sub: {{ {run()} }} }} ]", files={"child.yaml": child})
    started = bench.child_of(live.id)
    assert live.cancel().finish().status == "cancelled"
    assert started.finish().status == "cancelled"


def test_a_timeout_of_the_task_cancels_the_called(bench: Bench) -> None:
    child = document("child", "do: [ { w: { wait: PT1H } } ]")
    text = f"do: [ {{ sub: {{ {run()}, timeout: {{ after: PT0.3S }} }} }} ]"
    live = bench.start(text, files={"child.yaml": child})
    started = bench.child_of(live.id)
    result = live.finish()
    assert (result.error or {})["type"] == STANDARD + "timeout"
    assert started.finish().status == "cancelled"


def test_workflows_nest(bench: Bench) -> None:
    files = {
        f"w{n}.yaml": document(
            f"w{n}", f"do: [ {{ next: {{ {run(f'w{n + 1}')}, output: {{ as: '${{ . + 1 }}' }} }} }} ]"
        )
        for n in range(5)
    }
    files["w5.yaml"] = document("w5", "do: [ { a: { set: '${ 0 }' } } ]")
    assert bench.run(f"do: [ {{ a: {{ {run('w0')} }} }} ]", files=files).output == 5


def test_the_secrets_of_the_caller_are_the_called_workflows_too(bench: Bench, service: Service) -> None:
    got: list[Any] = []
    child = document(
        "child",
        "use: { secrets: [ key ] }\ndo: [ { a: { call: 'take:1.0.0@python', with: { key: '${ $secrets.key }' } } } ]",
    )
    bench.run(
        f"use: {{ secrets: [ key ] }}\ndo: [ {{ a: {{ {run()} }} }} ]",
        files={"child.yaml": child},
        secrets={"key": "value-of-key"},
        functions={"take:1.0.0": got.append},
    )
    assert got == [{"key": "value-of-key"}]


def test_a_sub_workflow_whose_document_is_wrong_is_a_configuration_error(bench: Bench) -> None:
    result = bench.run(
        f"do: [ {{ a: {{ {run()} }} }} ]", files={"child.yaml": document("child", "do: [ { a: { set: '${ .[' } } ]")}
    )
    assert result.error is not None
    assert (result.error["type"], result.error["code"]) == (STANDARD + "configuration", "compile-failed")


def test_a_workflow_that_runs_itself_without_end_costs_an_error(bench: Bench) -> None:
    again = document("again", f"do: [ {{ a: {{ {run('again')} }} }} ]")
    result = bench.run(f"do: [ {{ a: {{ {run('again')} }} }} ]", files={"again.yaml": again})
    assert result.status == "faulted"
    assert (result.error or {})["code"] == "limit"
