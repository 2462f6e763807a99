"""The languages of scripts: how each is run, and how a script that returns a value is made a function."""

from __future__ import annotations

import ast
import keyword
import re
import sys
from pathlib import Path
from typing import Final, Protocol

from reach_workbench.effects.process import program
from reach_workbench.engine.faults import Fault

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_RETURN: Final = re.compile(r"^return\b", re.MULTILINE)
"""A statement that no block indents: YAML's block texts leave the outermost code in the first column."""

_IMPORTS: Final = re.compile(
    r"""\A(?:\s+|//[^\n]*(?:\n|\Z)|/\*.*?\*/|import\b(?!\s*[(.])[^;'"]*?['"][^'"\n]+['"][ \t]*;?)*""", re.DOTALL
)
"""Comments and import declarations at the top of JavaScript: they may not stand inside a function."""

_RESERVED: Final = re.compile(
    r"arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|"
    r"enum|eval|export|extends|false|finally|for|function|if|implements|import|in|instanceof|"
    r"interface|let|new|null|package|private|protected|public|return|static|super|switch|this|"
    r"throw|true|try|typeof|var|void|while|with|yield"
)
"""Names that ECMAScript does not allow as a parameter in strict code."""

_JAVASCRIPT_BEFORE: Final = (
    "import * as reach$files from 'node:fs'; const reach$given = JSON.parse(reach$files.readFileSync("
    "new URL('arguments.json', import.meta.url), 'utf8')); "
)
_JAVASCRIPT_AFTER: Final = """
};
const reach$value = await reach$main(reach$given);
if (reach$value !== undefined) {
  reach$files.writeFileSync(new URL('result.json', import.meta.url), JSON.stringify(reach$value));
}
"""

_PYTHON_RUNNER: Final = """\
import ast, json, os, sys

folder = os.path.dirname(os.path.abspath(__file__))
path = os.path.join(folder, "script.py")
with open(os.path.join(folder, "arguments.json"), encoding="utf-8") as file:
    given = json.load(file)
with open(path, encoding="utf-8") as file:
    tree = ast.parse(file.read(), path)
future = [part for part in tree.body if isinstance(part, ast.ImportFrom) and part.module == "__future__"]
function = ast.parse("def main(%s): pass" % ", ".join(given)).body[0]
function.body = [part for part in tree.body if part not in future] or [ast.Pass()]
tree.body = [*future, function]
sys.argv[0] = path
variables = {"__name__": "__main__", "__file__": path}
exec(compile(ast.fix_missing_locations(tree), path, "exec"), variables)
value = variables["main"](**given)
if value is not None:
    with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False)
"""
"""Runs script.py beside it as the body of a function. The script's code keeps its line numbers."""


class Language(Protocol):
    """A language. `suffixes` are those of its files, first the one given to a script written inline."""

    name: str

    suffixes: tuple[str, ...]

    def interpreter(self, variables: dict[str, str]) -> tuple[str, ...]:
        """How a process with these environment variables starts a script; Fault `configuration` if it can't."""

    def returns(self, code: str) -> bool:
        """Whether the code returns a value outside any function, so that it must be made the body of one."""

    def function(self, code: str, parameters: tuple[str, ...], folder: Path) -> Path:
        """The file to run, in `folder`, for code that is the body of a function.

        Its arguments are in `arguments.json` there; what it returns will be in `result.json`.
        Raises Fault `validation` when a parameter can't be a variable.
        """


class JavaScript:
    name = "JavaScript"
    suffixes: tuple[str, ...] = (".mjs", ".js", ".cjs")

    def interpreter(self, variables: dict[str, str]) -> tuple[str, ...]:
        node = program("node", variables)
        if node is None:
            raise Fault(
                "configuration",
                "JavaScript needs `node`, which is not on the PATH: install Node.js 20 or later (https://nodejs.org)",
                code="program-missing",
            )
        return (node,)

    def returns(self, code: str) -> bool:
        return _RETURN.search(code) is not None

    def function(self, code: str, parameters: tuple[str, ...], folder: Path) -> Path:
        for name in parameters:
            if not _NAME.fullmatch(name.replace("$", "_")) or _RESERVED.fullmatch(name):
                raise _unfit(name, self.name)
        top = _IMPORTS.match(code)
        split = top.end() if top else 0
        file = folder / "script.mjs"
        # All on the first line, so that errors tell the author's own line numbers.
        opening = f"const reach$main = async ({{ {', '.join(parameters)} }}) => {{ "
        file.write_text(_JAVASCRIPT_BEFORE + code[:split] + opening + code[split:] + _JAVASCRIPT_AFTER, "utf-8")
        return file


class Python:
    name = "Python"
    suffixes: tuple[str, ...] = (".py",)

    def interpreter(self, variables: dict[str, str]) -> tuple[str, ...]:
        # Its version is known to be recent enough, unlike that of any `python3` on the PATH.
        return (sys.executable, "-X", "utf8")

    def returns(self, code: str) -> bool:
        try:
            waiting: list[ast.AST] = list(ast.parse(code).body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False  # the interpreter will say what is wrong
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Return):
                return True
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
                waiting.extend(ast.iter_child_nodes(node))
        return False

    def function(self, code: str, parameters: tuple[str, ...], folder: Path) -> Path:
        for name in parameters:
            if not _NAME.fullmatch(name) or keyword.iskeyword(name):
                raise _unfit(name, self.name)
        (folder / "script.py").write_text(code, "utf-8")
        file = folder / "run.py"
        file.write_text(_PYTHON_RUNNER, "utf-8")
        return file


LANGUAGES: Final[dict[str, Language]] = {"js": JavaScript(), "javascript": JavaScript(), "python": Python()}


def _unfit(name: str, language: str) -> Fault:
    return Fault(
        "validation", f"the argument {name!r} can't be the name of a variable in {language}", code="bad-argument"
    )
