"""Scripts in Python and JavaScript: argv, stdin, variables, returned values, sources."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.effects.effect import Limits
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Answer, Perform, Server

node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("language", ["python", pytest.param("js", marks=node)])


def script(
    language: str, code: str | None, result: str = "stdout", *, wait: bool = True, **members: Any
) -> dict[str, Any]:
    process = {"language": language, **({} if code is None else {"code": code}), **members}
    return {"process": process, "await": wait, "return": result}


@node
async def test_the_example_of_the_specification(perform: Perform) -> None:
    code = """\
// Reading Input from STDIN
import { readFileSync } from 'node:fs';
const stdin = readFileSync(process.stdin.fd, 'utf8');
console.log('stdin > ', stdin) // Output: stdin > Hello Workflow

// Reading from argv
const [_, __, arg] = process.argv;
console.log('arg > ', arg) // Output: arg > hello

// Reading from env
const foo = process.env.foo;
console.log('env > ', foo) // Output: env > bar
"""
    process = script("js", code, stdin="Hello Workflow", environment={"foo": "bar"}, arguments=["hello"])
    assert await perform("script.run", process) == "stdin >  Hello Workflow\narg >  hello\nenv >  bar\n"


async def test_python_reads_stdin_argv_and_environment(perform: Perform) -> None:
    code = "import os, sys\nprint(sys.stdin.read(), sys.argv[1:], os.environ['foo'], 'ü')\n"
    process = script("python", code, stdin="in", environment={"foo": "bar"}, arguments=["a", 1])
    assert await perform("script.run", process) == "in ['a', '1'] bar ü\n"


@node
async def test_the_cataloged_function_of_the_specification_returns_its_value(perform: Perform) -> None:
    code = """\
function validateEmail(email) {
  const re = /^[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+\\.[a-zA-Z]{2,6}$/;
  return re.test(email);
}
return { isValid: validateEmail(emailAddress) };
"""
    for address, valid in (("ada@example.org", True), ("nobody", False)):
        process = script("js", code, arguments={"emailAddress": address})
        assert await perform("script.run", process) == {"isValid": valid}


async def test_a_python_function_returns_its_value(perform: Perform) -> None:
    code = '''\
"""What it does."""
from __future__ import annotations
import re
def valid(address: Undefined) -> bool:
    return bool(re.fullmatch(pattern, address))
address = address.strip()
if valid(address):
    return {"valid": True, "address": address}
print("not returned")
return {"valid": False}
'''
    for address, wanted in ((" a@b ", {"valid": True, "address": "a@b"}), ("x", {"valid": False})):
        process = script("python", code, arguments={"address": address, "pattern": ".@."})
        assert await perform("script.run", process) == wanted


@both
async def test_an_object_of_arguments_without_a_return_gives_variables_and_prints(
    perform: Perform, language: str
) -> None:
    code = {"python": "print(a['b'], flag)", "js": "console.log(a.b, flag)"}[language]
    output = await perform("script.run", script(language, code, arguments={"a": {"b": 1}, "flag": None}))
    assert output == {"python": "1 None\n", "js": "1 null\n"}[language]


@node
async def test_imports_stay_at_the_top_of_a_function_in_javascript(perform: Perform) -> None:
    code = """\
// first a comment
import { basename } from 'node:path';
import os, {
  platform
} from "node:os"
const later = await import('node:path');
return [basename(path), typeof platform(), later.basename(path)];
"""
    output = await perform("script.run", script("js", code, arguments={"path": "/a/b"}))
    assert output == ["b", "string", "b"]


@both
@pytest.mark.parametrize("value", [0, False, "", [1], {"a": None}])
async def test_a_return_needs_no_arguments_and_may_be_false(perform: Perform, language: str, value: Any) -> None:
    import json

    code = json.dumps(value)
    if language == "python":
        code = repr(value)
    assert (
        await perform(
            "script.run", script(language, f"x = 1\nreturn {code}" if language == "python" else f"return {code}")
        )
        == value
    )


@both
async def test_returned_values_do_not_replace_what_was_asked_for(perform: Perform, language: str) -> None:
    code = {"python": "print('said')\nreturn 5", "js": "console.log('said');\nreturn 5;"}[language]
    assert await perform("script.run", script(language, code, "all")) == {"code": 0, "stdout": "said\n", "stderr": ""}
    assert await perform("script.run", script(language, code, "code")) == 0
    assert await perform("script.run", script(language, code, "none")) is None


@both
async def test_errors_tell_the_authors_line(perform: Perform, language: str) -> None:
    code = {"python": "a = 1\nb = 2\nraise ValueError(x)\n", "js": "const a = 1;\nconst b = 2;\nthrow new Error(x);\n"}
    for arguments in ({"x": "boom"}, {"x": "boom", "y": 1}):
        with pytest.raises(Fault) as caught:
            await perform("script.run", script(language, code[language], arguments=arguments))
        assert caught.value.code == "process-failed"
        assert "boom" in caught.value.detail
    failed = await perform("script.run", script(language, code[language], "all", arguments={"x": "boom"}))
    assert {"python": "line 3", "js": "script.mjs:3"}[language] in failed["stderr"]


@both
@pytest.mark.parametrize("name", ["a-b", "class", "1a", "a, b", ""])
async def test_an_argument_that_cannot_be_a_variable_is_refused(perform: Perform, language: str, name: str) -> None:
    with pytest.raises(Fault, match="variable") as caught:
        await perform("script.run", script(language, "return 1", arguments={name: 1}))
    assert caught.value.type == STANDARD_TYPES + "validation"


async def test_a_value_json_cannot_carry_is_an_error(perform: Perform) -> None:
    for code in ("return {1, 2}", "return float('nan')"):
        with pytest.raises(Fault) as caught:
            await perform("script.run", script("python", code))
        assert caught.value.code == "process-failed"


async def test_a_returned_value_has_a_limit(perform: Perform) -> None:
    with pytest.raises(Fault, match=r"limits\.output_bytes"):
        await perform("script.run", script("python", "return 'x' * 5000"), limits=Limits(output_bytes=1000))


async def test_a_syntax_error_is_told_by_the_interpreter(perform: Perform) -> None:
    with pytest.raises(Fault, match="SyntaxError"):
        await perform("script.run", script("python", "def ("))


async def test_another_language_is_a_configuration_error(perform: Perform) -> None:
    with pytest.raises(Fault, match="js or python") as caught:
        await perform("script.run", script("ruby", "puts 1"))
    assert (caught.value.type, caught.value.code) == (STANDARD_TYPES + "configuration", "unsupported-language")


async def test_without_node_the_error_says_what_to_install(
    perform: Perform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Fault, match=r"install Node\.js") as caught:
        await perform("script.run", script("javascript", "1"))
    assert caught.value.code == "program-missing"


@both
async def test_a_local_source_runs_where_it_is_and_finds_its_neighbours(
    perform: Perform, tmp_path: Path, language: str
) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    suffix = {"python": "py", "js": "mjs"}[language]
    main = {"python": "import part\nprint(part.x)", "js": "import { x } from './part.mjs';\nconsole.log(x);"}
    part = {"python": "x = 5", "js": "export const x = 5;"}
    (folder / f"main.{suffix}").write_text(main[language])
    (folder / f"part.{suffix}").write_text(part[language])
    for uri in (f"scripts/main.{suffix}", (folder / f"main.{suffix}").as_uri()):
        assert await perform("script.run", script(language, None, source={"endpoint": {"uri": uri}})) == "5\n"


async def test_a_source_is_fetched(perform: Perform, server: Server) -> None:
    server.reply = lambda _: Answer("return n + 1", headers={"Content-Type": "text/x-python"})
    source = {"endpoint": {"uri": server.url + "/x.py", "authentication": {"bearer": {"token": "abc"}}}}
    assert await perform("script.run", script("python", None, source=source, arguments={"n": 1})) == 2
    assert server.last.headers["authorization"] == "Bearer abc"


async def test_a_source_that_is_missing_is_an_error(perform: Perform) -> None:
    with pytest.raises(Fault, match=r"none\.py"):
        await perform("script.run", script("python", None, source={"endpoint": "none.py"}))


async def test_secrets_in_arguments_and_results(perform: Perform) -> None:
    process = script("python", "return [len(key), key]", arguments={"key": "⟦secret:vault/key⟧"})
    output = await perform("script.run", process, secrets={"vault": {"key": "s3cr3t-key"}})
    assert output == [10, "⟦secret:vault/key⟧"]


async def test_no_scratch_folder_is_left(perform: Perform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    await perform("script.run", script("python", "return 1"))
    with pytest.raises(Fault):
        await perform("script.run", script("python", "raise SystemExit(3)"))
    with pytest.raises(Fault):
        await perform("script.run", script("cobol", ""))
    assert list(scratch.iterdir()) == []
    done = tmp_path / "done"
    code = f"import pathlib\npathlib.Path({str(done)!r}).write_text(word)"
    assert await perform("script.run", script("python", code, wait=False, arguments={"word": "x"})) is None
    async with asyncio.timeout(10):
        while not done.exists() or list(scratch.iterdir()):
            await asyncio.sleep(0.02)
