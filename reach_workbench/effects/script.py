"""Performs `script.run` (dsl-reference.md, Script Process)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import orjson

from reach_workbench.effects import process
from reach_workbench.effects.arguments import endpoint, mapping, optional_text, revealed, text
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.languages import LANGUAGES, Language
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.effects.web import Web, local_path
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

RESULT: Final = "result.json"
ARGUMENTS: Final = "arguments.json"


class Scripts:
    """Runs Python with the interpreter that runs Reach, and JavaScript with `node`, as an ES module.

    `arguments` may be an array, passed as argv, or an object (dsl.md, Creating a Custom
    Function): then each is a variable of the script. A script with an object of arguments, or
    with a `return` outside any function, is the body of a function; the value it returns, if
    any, takes the place of standard output as the task's output. A script that is a local file
    runs where it is, so that it finds what it imports.
    """

    kinds: tuple[str, ...] = ("script.run",)

    def __init__(self, web: Web) -> None:
        self._web = web

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        scrubber = Scrubber(surroundings.secrets)
        scratch = Path(tempfile.mkdtemp(prefix="reach-script-"))
        handed_over = False
        try:
            arguments = revealed(command, surroundings)
            wanted = process.Wanted.of(arguments)
            launch = await self._launch(process.described(arguments), command, surroundings, scrubber, scratch)
            if not wanted.wait:
                await process.detach(launch, scratch)
                handed_over = True
                return None
            ended = await process.run(launch, surroundings.limits)
            output = process.result(ended, wanted, scrubber, launch.what)
            returned = scratch / RESULT
            if wanted.result == "stdout" and returned.exists():
                return scrubber.value(_returned(returned, surroundings.limits.output_bytes))
            return output
        except Fault as fault:
            raise scrubber.fault(fault) from None
        finally:
            if not handed_over:
                shutil.rmtree(scratch, ignore_errors=True)

    def idempotent(self, command: Command) -> bool:
        return False

    async def close(self) -> None:
        """Every process ends with its command; one that is not awaited is its own master."""

    async def _launch(
        self, script: dict[str, Json], command: Command, surroundings: Surroundings, scrubber: Scrubber, scratch: Path
    ) -> process.Launch:
        named = text(script, "language")
        language = LANGUAGES.get(named.lower())
        if language is None:
            raise Fault(
                "configuration",
                f"scripts in {named!r} are not supported: the language is js or python; run another in a container",
                code="unsupported-language",
            )
        variables = process.environment(command, mapping(script, "environment"))
        interpreter = language.interpreter(variables)
        code, file = await self._code(script, language, surroundings, scrubber)
        given = script.get("arguments")
        values = given if isinstance(given, dict) else {}
        words = () if isinstance(given, dict) else process.words(script)
        if isinstance(given, dict) or language.returns(code):
            (scratch / ARGUMENTS).write_bytes(orjson.dumps(values))
            file = language.function(code, tuple(values), scratch)
        elif file is None:
            file = scratch / f"script{language.suffixes[0]}"
            file.write_text(code, "utf-8")
        return process.Launch(
            argv=(*interpreter, str(file), *words),
            environment=variables,
            folder=surroundings.base,
            what=f"the {language.name} script",
            stdin=process.stdin(script),
        )

    async def _code(
        self, script: dict[str, Json], language: Language, surroundings: Surroundings, scrubber: Scrubber
    ) -> tuple[str, Path | None]:
        """The script's text, and the file it can run from if it is a local one."""
        code = optional_text(script, "code")
        if code is not None:
            return code, None
        uri, policy = endpoint(mapping(script, "source"), where="source.")
        async with deadline(surroundings.limits, f"fetching {uri}"):
            found = await self._web.fetch(uri, policy, surroundings, scrubber)
        local = local_path(found.uri, surroundings.base) if found.uri.startswith("file:") else None
        return found.text(), local if local is not None and local.suffix in language.suffixes else None


def _returned(file: Path, most: int) -> Json:
    if file.stat().st_size > most:
        raise Fault(
            "runtime", f"the script returned more than {most} bytes, the setting `limits.output_bytes`", code="limit"
        )
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as broken:
        raise Fault("runtime", f"what the script returned is not JSON: {broken}", code="not-json") from None
