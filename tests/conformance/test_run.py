"""dsl-reference.md, Run, Shell, Script and Container Process, Process Result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import STANDARD, Bench

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


# ---------------------------------------------------------------- shell


def test_a_shell_command_gives_what_it_prints(bench: Bench) -> None:
    assert bench.run("do: [ { a: { run: { shell: { command: echo hello } } } } ]").output == "hello\n"


def test_a_shell_command_takes_stdin_arguments_and_environment(bench: Bench) -> None:
    """The example of dsl-reference.md, Shell Process."""
    result = bench.run(
        """
        do:
          - setInput: { set: { message: Hello World } }
          - runShell:
              input: { from: '${ .message }' }
              run:
                shell:
                  stdin: ${ . }
                  command: |
                    input=$(cat)
                    echo "STDIN was: $input"
                    echo "ARGS are $1 $2"
                    echo "ENV is $COLOUR"
                  arguments: [ Foo, '${ . | length }' ]
                  environment: { COLOUR: '${ "bl" + "ue" }' }
        """
    )
    assert result.output == "STDIN was: Hello World\nARGS are Foo 11\nENV is blue\n"


def test_expressions_stand_in_a_command_and_shell_variables_are_left_alone(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { run: { shell: { command: 'NAME=x; echo \"Hello, ${ .user.name } ${NAME} $NAME\"' } } } } ]",
        input={"user": {"name": "Ann"}},
    )
    assert result.output == "Hello, Ann x x\n"


@pytest.mark.parametrize(
    ("wanted", "output"),
    [
        ("stdout", "out\n"),
        ("stderr", "err\n"),
        ("code", 0),
        ("all", {"code": 0, "stdout": "out\n", "stderr": "err\n"}),
        ("none", None),
    ],
)
def test_return_says_what_the_task_gives(bench: Bench, wanted: str, output: object) -> None:
    result = bench.run(
        f"do: [ {{ a: {{ run: {{ shell: {{ command: 'echo out; echo err >&2' }}, return: {wanted} }} }} }} ]",
        input={"x": 1},
    )
    assert (result.status, result.output) == ("completed", output)


def test_a_command_that_fails_is_a_runtime_error(bench: Bench) -> None:
    result = bench.run("do: [ { a: { run: { shell: { command: 'echo why >&2; exit 3' } } } } ]")
    assert result.error is not None
    assert (result.error["type"], result.error["status"], result.error["instance"]) == (
        STANDARD + "runtime",
        500,
        "/do/0/a",
    )
    assert "3" in result.error["detail"]
    assert "why" in result.error["detail"]


@pytest.mark.parametrize(("wanted", "output"), [("code", 3), ("all", {"code": 3, "stdout": "", "stderr": "why\n"})])
def test_a_failure_that_is_asked_for_is_a_result(bench: Bench, wanted: str, output: object) -> None:
    result = bench.run(
        f"do: [ {{ a: {{ run: {{ shell: {{ command: 'echo why >&2; exit 3' }}, return: {wanted} }} }} }} ]"
    )
    assert result.output == output


def test_what_is_not_awaited_gives_the_input_and_goes_on_by_itself(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    result = bench.run(
        "do: [ { a: { input: { from: .keep }, run: { shell: { command: 'sleep 0.2; echo done > mark' }, await: false } } } ]",
        input={"keep": {"n": 1}},
    )
    assert (result.status, result.output) == ("completed", {"n": 1})
    for _ in range(500):
        if mark.exists() and mark.read_text():
            break
        bench.pause(0.01)
    assert mark.read_text() == "done\n"


def test_a_process_runs_in_the_folder_of_the_workflow(bench: Bench) -> None:
    assert (
        bench.run("do: [ { a: { run: { shell: { command: cat here.txt } } } } ]", files={"here.txt": "found"}).output
        == "found"
    )


# ---------------------------------------------------------------- script


def test_a_python_script(bench: Bench) -> None:
    result = bench.run(
        """
        do:
          - a:
              run:
                script:
                  language: python
                  stdin: ${ .text }
                  arguments: [ hello, '${ .n }' ]
                  environment: { COLOUR: blue }
                  code: |
                    import os, sys
                    print(sys.argv[1:], sys.stdin.read(), os.environ["COLOUR"])
        """,
        input={"text": "in", "n": 7},
    )
    assert result.output == "['hello', '7'] in blue\n"


@needs_node
def test_a_javascript_script(bench: Bench) -> None:
    """The example run-script-with-stdin-and-arguments of the specification."""
    result = bench.run(
        """
        do:
          - runScript:
              run:
                script:
                  language: js
                  stdin: Hello Workflow
                  environment: { foo: bar }
                  arguments: [ hello ]
                  code: |
                    import { readFileSync } from 'node:fs';
                    const stdin = readFileSync(process.stdin.fd, 'utf8');
                    const [_, __, arg] = process.argv;
                    console.log(`${stdin} ${arg} ${process.env.foo}`);
        """
    )
    assert result.output == "Hello Workflow hello bar\n"


@needs_node
def test_a_script_that_returns_a_value_gives_it(bench: Bench) -> None:
    """The custom function of dsl.md, Creating a Custom Function."""
    result = bench.run(
        """
        do:
          - check:
              run:
                script:
                  language: js
                  arguments: { emailAddress: '${ .emailAddress }' }
                  code: |
                    function validateEmail(email) {
                      const re = /^[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+\\.[a-zA-Z]{2,6}$/;
                      return re.test(email);
                    }
                    return { isValid: validateEmail(emailAddress) };
        """,
        input={"emailAddress": "a@b.org"},
    )
    assert result.output == {"isValid": True}


def test_a_script_from_a_resource(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { run: { script: { language: python, source: { endpoint: ./script.py }, arguments: [ x ] } } } } ]",
        files={"script.py": "import sys\nprint('from a file', sys.argv[1])"},
    )
    assert result.output == "from a file x\n"


def test_a_script_in_another_language_is_a_configuration_error(bench: Bench) -> None:
    result = bench.run("do: [ { a: { run: { script: { language: cobol, code: DISPLAY } } } } ]")
    assert result.error is not None
    assert (result.error["type"], result.error["code"]) == (STANDARD + "configuration", "unsupported-language")


def test_a_script_that_fails_is_a_runtime_error(bench: Bench) -> None:
    result = bench.run("do: [ { a: { run: { script: { language: python, code: '1/0' } } } } ]")
    assert result.error is not None
    assert result.error["type"] == STANDARD + "runtime"
    assert "ZeroDivisionError" in result.error["detail"]


def test_expressions_in_the_code_of_a_script_are_the_scripts_own(bench: Bench) -> None:
    result = bench.run(
        "do: [ { a: { run: { script: { language: python, code: 'print(\"${ .n }\")' } } } } ]", input={"n": 1}
    )
    assert result.output == "${ .n }\n"


# ---------------------------------------------------------------- container


FAKE = """#!/bin/sh
if [ "$1" = version ]; then exit 0; fi
if [ "$1" = run ]; then
  for word in "$@"; do echo "$word" >> "%(log)s"; done
  if [ -n "$GREETING" ]; then echo "greeting $GREETING"; fi
  cat
  exit 0
fi
echo "$@" >> "%(log)s"
"""


@pytest.fixture
def engine(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A docker that writes down what it is asked, on a node of its own: a node remembers its engine."""
    log = tmp_path / "asked"
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(FAKE % {"log": log})
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    yield log


def test_a_container_gets_all_that_is_said_about_it(engine: Path, tmp_path: Path) -> None:
    own = Bench(tmp_path / "home")
    own.folder = tmp_path
    try:
        result = own.run(
            """
            do:
              - setInput: { set: { message: Hello World } }
              - runContainer:
                  input: { from: '${ .message }' }
                  run:
                    container:
                      image: alpine
                      name: '${ "box-" + "7" }'
                      stdin: ${ . }
                      command: 'cat; echo $1'
                      arguments: [ Foo, Bar ]
                      ports: { '8080': 80 }
                      volumes: { ./data: /data }
                      environment: { GREETING: '${ . }' }
                      pullPolicy: always
                      lifetime: { cleanup: always }
            """
        )
        unnamed = own.run(
            "do: [ { box: { run: { container: { image: alpine, stdin: x, lifetime: { cleanup: always } } } } } ]"
        )
    finally:
        own.close()
    assert result.output == "greeting Hello World\nHello World"
    asked = engine.read_text().splitlines()
    for word in (
        "--name=box-7",
        "--pull=always",
        "--publish=8080:80",
        "--rm",
        "--env=GREETING",
        "alpine",
        "Foo",
        "Bar",
    ):
        assert word in asked
    assert f"--volume={tmp_path / 'data'}:/data" in asked
    assert unnamed.output == "x"
    assert any(line.startswith("--name=case-") and line.endswith(".tests-box") for line in asked)


def test_without_an_engine_a_container_is_a_configuration_error(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    own = Bench(tmp_path / "home")
    own.folder = tmp_path
    try:
        result = own.run("do: [ { a: { run: { container: { image: alpine } } } } ]")
    finally:
        own.close()
    assert result.error is not None
    assert result.error["type"] == STANDARD + "configuration"
    assert "docker" in result.error["detail"]
    assert "podman" in result.error["detail"]


def test_exactly_one_process_is_run(bench: Bench) -> None:
    assert bench.diagnostics("do: [ { a: { run: { shell: { command: x }, script: { language: js, code: y } } } } ]")
    assert bench.diagnostics("do: [ { a: { run: { return: none } } } ]")


def test_the_exact_arguments_are_on_record_before_the_process_starts(bench: Bench) -> None:
    result = bench.run("do: [ { a: { run: { shell: { command: 'echo ${ .n }' }, return: all } } } ]", input={"n": 1})
    issued = result.of("command.issued")[0]
    assert issued.data == {
        "kind": "shell.run",
        "arguments": {"process": {"command": "echo 1"}, "await": True, "return": "all"},
    }
    assert result.types.index("command.issued") < result.types.index("command.completed")
    assert json.dumps(result.output)
