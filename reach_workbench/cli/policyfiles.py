"""Policy files and files of cases, as they lie in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reach_workbench.cli.reading import read_document
from reach_workbench.engine.values import Json
from reach_workbench.errors import BadInput, CompileError, UsageError
from reach_workbench.policy.default import DEFAULT, FILE
from reach_workbench.policy.policyset import Loaded, PolicySet, load
from reach_workbench.settings import Limits, Settings

FOLDER: Final = "policies"
"""Where in a home its policies are."""


OWN: Final = "local.cedar"
"""The file of the tenant of this home."""


def folder_of(settings: Settings) -> Path:
    return settings.home / FOLDER


def own(settings: Settings) -> dict[str, str]:
    """The text of the tenant's policy file by its name; the built-in policy if there is none."""
    file = Path(settings.policy.file) if settings.policy.file else folder_of(settings) / OWN
    return {file.name: read_document(str(file), settings.limits)} if file.exists() else {FILE: DEFAULT}


def texts(folder: Path, limits: Limits) -> dict[str, str]:
    """The texts of the policy files in a folder by their names; the built-in policy if there are none."""
    files = sorted(folder.glob("*.cedar"))
    return {file.name: read_document(str(file), limits) for file in files} or {FILE: DEFAULT}


def named(files: Sequence[str], limits: Limits) -> dict[str, str]:
    """The texts of these files, by what they were called."""
    return {file: read_document(file, limits) for file in files}


def sound(texts: dict[str, str]) -> PolicySet:
    """The policies of these texts. Raises CompileError with what is wrong with them."""
    loaded: Loaded = load(texts)
    if loaded.policies is None:
        raise CompileError(
            "the policies have errors",
            diagnostics=loaded.diagnostics,
            hint="cases are about the files that they name under `policies`, else about every *.cedar beside them",
        )
    return loaded.policies


def read_cases(file: str, limits: Limits) -> tuple[Json, dict[str, str]]:
    """A file of cases, parsed, and the texts of the policies it is about.

    These are the files it names under `policies`, else all beside it, else the built-in policy.
    Raises BadInput and what `read_document` raises.
    """
    from reach_workbench.engine.document import load_plain

    try:
        document = load_plain(read_document(file, limits))
    except ValueError as wrong:
        raise BadInput(
            f"the cases can't be read: {wrong}", where=file, hint="they are written in YAML or JSON"
        ) from None
    beside = Path(file).parent
    given = document.get("policies") if isinstance(document, dict) else None
    if given is None:
        return document, texts(beside, limits)
    files = [given] if isinstance(given, str) else given
    if not isinstance(files, list) or not files or not all(isinstance(each, str) for each in files):
        raise BadInput("policies must be a file or a list of files", where=f"{file}#/policies")
    return document, {Path(each).name: read_document(str(beside / each), limits) for each in files}


def write_default(settings: Settings) -> Path:
    """Write the built-in policy into the home, to be changed. Raises UsageError when there is a policy already."""
    from reach_workbench.storage.home import prepare

    prepare(settings.home)
    folder = folder_of(settings)
    file = folder / OWN
    if folder.is_dir() and (there := sorted(folder.glob("*.cedar"))):
        raise UsageError(
            "this home has policies of its own already",
            where=str(there[0]),
            hint="change that file, or move it away first",
        )
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(DEFAULT)
    except OSError as wrong:
        raise UsageError(f"the policy can't be written: {wrong.strerror}", where=str(file)) from None
    return file
