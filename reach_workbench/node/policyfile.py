"""The tenant's policy file: what is in force, checking and testing a text, and writing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reach_workbench.engine.document import load_plain
from reach_workbench.engine.values import Json
from reach_workbench.errors import CompileError, HomeUnusable, LimitExceeded, PolicyInvalid, UsageError
from reach_workbench.node.policyviews import policy_view
from reach_workbench.policy.cases import BadCase, cases_of, in_words, outcome, run_cases
from reach_workbench.policy.default import DEFAULT, FILE
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.protocol.policies import CaseView, PolicyCheck, PolicyFile, PolicyProblem, PolicyStatus
from reach_workbench.runner.shelf import WORKSPACE, PolicyShelf
from reach_workbench.settings import Limits

BEFORE: Final = ".before"
"""What the name of the file with the text before ends with."""

_CASES: Final = (".yaml", ".yml", ".json")


def status(shelf: PolicyShelf) -> PolicyStatus:
    """See `protocol.Node.policies`."""
    file = shelf.own_file
    try:
        own: PolicySet | None = shelf.own()
    except PolicyInvalid:
        own = None
    files = [] if own is None else [_file(name, text, file, None) for name, text in own.files.items()]
    policies = [] if own is None else [policy_view(policy) for policy in own.policies]
    for folder, held in shelf.workspaces:
        files += [_file(name, text, file, folder) for name, text in held.files.items() if name.startswith(WORKSPACE)]
        policies += [policy_view(policy) for policy in held.policies if policy.file.startswith(WORKSPACE)]
    return PolicyStatus(
        file=str(file),
        text=_text(file),
        digest=own.digest if own is not None else None,
        builtin=not file.exists(),
        files=tuple(files),
        policies=tuple(policies),
        problems=tuple(PolicyProblem(each.message, each.where, each.hint) for each in shelf.problems),
    )


def _file(name: str, text: str, own: Path, workspace: Path | None) -> PolicyFile:
    if workspace is not None:
        bare = name.removeprefix(WORKSPACE)
        return PolicyFile(bare, text, str(workspace / "policies" / bare), str(workspace))
    return PolicyFile(name, text, None if name == FILE and name != own.name else str(own))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace") if file.exists() else DEFAULT
    except OSError:
        return ""


def check(shelf: PolicyShelf, text: str, limits: Limits) -> PolicyCheck:
    """Everything there is to say about a text in the place of the tenant's file."""
    _bound(text, limits)
    loaded = load({shelf.own_file.name: text})
    policies = loaded.policies
    return PolicyCheck(
        loaded.diagnostics,
        () if policies is None else tuple(policy_view(policy) for policy in policies.policies),
        None if policies is None else policies.digest,
    )


def sound(files: dict[str, str], limits: Limits) -> PolicySet:
    """The policies of these texts. Raises CompileError with everything that is wrong with them, or UsageError."""
    if not files:
        raise UsageError("no policy file is given", hint="name the files that are to be tried")
    for name, text in files.items():
        if not name or name.startswith(WORKSPACE):
            raise UsageError(f"a policy file can't be called {name!r}", hint="give it a name such as new.cedar")
        _bound(text, limits)
    loaded = load(files)
    if loaded.policies is None:
        errors = sum(each.severity == "error" for each in loaded.diagnostics)
        raise CompileError(
            "the policies have 1 error" if errors == 1 else f"the policies have {errors} errors",
            diagnostics=loaded.diagnostics,
            hint="`reach policy check` shows them all",
        )
    return loaded.policies


def _bound(text: str, limits: Limits) -> None:
    size = len(text.encode("utf-8", "replace"))
    if size > limits.document_bytes:
        raise LimitExceeded(
            f"the policies have {size:,} bytes, more than setting limits.document_bytes allows",
            hint="make them smaller, or raise the setting",
        )


# ------------------------------------------------------------ cases


def test(shelf: PolicyShelf, text: str | None, limits: Limits) -> list[CaseView]:
    """The cases of every file beside the tenant's, decided; with a text, by that in the place of the tenant's file.

    Raises CompileError for a text with errors.
    """
    own = shelf.own_file
    texts = {own.name: text if text is not None else _text(own)}
    policies = sound(texts, limits)
    return [view for file in _case_files(own.parent) for view in _cases(file, own, policies, limits)]


def _case_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix in _CASES and file.is_file())


def _cases(file: Path, own: Path, policies: PolicySet, limits: Limits) -> Iterator[CaseView]:
    try:
        text = file.read_text("utf-8")
        _bound(text, limits)
        document = load_plain(text)
        if not isinstance(document, dict) or "cases" not in document:
            return  # something else that lies here
        policies = _named(document, file, own, policies, limits)
        cases = cases_of(document)
    except (OSError, ValueError, LimitExceeded, CompileError) as wrong:
        place = f"{wrong.where}: " if isinstance(wrong, BadCase) and wrong.where else ""
        yield CaseView(file.name, file.name, False, "cases", "nothing", f"{place}{wrong}")
        return
    for case, decision in run_cases(cases, policies):
        passed = not case.differs(decision)
        given = in_words(outcome(decision))
        yield CaseView(file.name, case.name, passed, in_words(dict(case.expect)), given, decision.error)


def _named(document: dict[str, Json], file: Path, own: Path, policies: PolicySet, limits: Limits) -> PolicySet:
    """The policies that a file of cases names, with the text at hand in the place of the tenant's file."""
    given = document.get("policies")
    if given is None:
        return policies
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise BadCase("/policies", "policies must be a file or a list of files")
    paths = [file.parent / name for name in names]
    return sound(
        {
            path.name: policies.files[own.name] if path.resolve() == own.resolve() else path.read_text("utf-8")
            for path in paths
        },
        limits,
    )


# ------------------------------------------------------------ writing


def write(shelf: PolicyShelf, text: str, limits: Limits) -> None:
    """Put the text into the tenant's file, whole or not at all; what stood there is kept beside it.

    Raises CompileError for a text with errors, HomeUnusable when the file can't be written.
    """
    sound({shelf.own_file.name: text}, limits)
    own = shelf.own_file.resolve()  # a link goes on to lead to it
    part = own.with_name(f".{own.name}.part")
    try:
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if own.exists():
            _put(part, own.read_bytes())
            part.replace(own.with_name(own.name + BEFORE))
        _put(part, text.encode("utf-8"))
        part.replace(own)
    except OSError as wrong:
        part.unlink(missing_ok=True)
        raise HomeUnusable(
            f"the policy can't be written: {wrong.strerror or wrong}",
            where=str(own),
            hint="the policies before stay in force; see who may write there",
        ) from None


def _put(file: Path, content: bytes) -> None:
    """On the disk before it takes the other's place."""
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
