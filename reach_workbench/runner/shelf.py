"""The policies in force: the tenant's file, and those of the workspace that a workflow lies in.

The tenant's file is `policies/TENANT.cedar` in the home, or the one that the setting `policy.file` names; without one
the built-in policy holds. A workspace is the nearest folder above a workflow that has `policies/*.cedar`. It is not
trusted: its policies can only forbid, so that nobody is given more by opening a document.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from reach_workbench.clock import Clock
from reach_workbench.errors import PolicyInvalid
from reach_workbench.policy.default import DEFAULT, FILE
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.settings import Settings
from reach_workbench.storage.records import PoliciesRecord
from reach_workbench.storage.store import Store

_LOG: Final = logging.getLogger(__name__)

FOLDER: Final = "policies"
WORKSPACE: Final = "workspace/"
"""What the names of a workspace's files begin with."""

_LOOK: Final = 1.0
"""Seconds between two looks at the files."""

_GONE: Final = 2 * _LOOK
"""Seconds for which a file that is no more leaves what it said in force."""

_UP: Final = 12
"""Folders looked at above a workflow."""


@dataclass(slots=True)
class _Kept:
    """What is known of one workspace: `stamps` of its files, the policies that hold, what is wrong with newer ones."""

    stamps: tuple[tuple[str, int, int], ...] = ()
    policies: PolicySet | None = None
    problem: PolicyInvalid | None = None


class Changed(NamedTuple):
    """Other policies than before are in force: the tenant's own, or those of a workspace.

    `before` is the digest of those before.
    """

    workspace: Path | None
    before: str
    policies: PolicySet


class PolicyShelf:
    """Reads the files again when they change. A broken file never takes the place of a good one."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, tenant: str = "local") -> None:
        self._own = Path(settings.policy.file) if settings.policy.file else settings.home / FOLDER / f"{tenant}.cedar"
        self._named = bool(settings.policy.file)
        self._store = store
        self._clock = clock
        self._kept: dict[Path | None, _Kept] = {}
        self._there = -_GONE
        self._seen: dict[Path, tuple[float, _Kept]] = {}
        self.edition = 0
        """Changes when the files are to be looked at again before their time."""
        self._seen_workspaces: dict[Path, tuple[float, Path | None]] = {}
        self._others: dict[tuple[object, ...], PolicySet] = {}
        self.changes: list[Changed] = []
        """What changed since the files were looked at first, or since the node ran before; who audits it takes it."""

    @property
    def problems(self) -> tuple[PolicyInvalid, ...]:
        """What is wrong with files whose predecessors therefore stay in force, each told once."""
        found = (kept.problem for kept in self._kept.values() if kept.problem is not None)
        return tuple({(each.message, each.where): each for each in found}.values())

    @property
    def workspaces(self) -> tuple[tuple[Path, PolicySet], ...]:
        """The workspaces that were looked at, with the policies for what lies in them."""
        return tuple(
            (folder, kept.policies)
            for folder, kept in self._kept.items()
            if folder is not None and kept.policies is not None
        )

    @property
    def own_file(self) -> Path:
        """The tenant's file, which need not exist."""
        return self._own

    def in_force(self, base: Path) -> PolicySet:
        """The policies for a workflow in that folder. Raises PolicyInvalid when none of its files was ever good."""
        now = self._clock.elapsed()
        seen = self._seen.get(base)
        if seen is None or not 0 <= now - seen[0] < _LOOK:
            own = self._look(None)
            workspace = self._workspace(base)
            seen = self._seen[base] = (now, own if workspace is None else self._look(workspace))
        return _good(seen[1])

    def own(self) -> PolicySet:
        """The tenant's policies as they are at this moment. Raises as `in_force` does."""
        self._seen.clear()
        self.edition += 1
        return _good(self._look(None))

    def fresh_until(self, base: Path) -> float:
        """Until when (on the clock that never goes back) what `in_force` gave for that folder counts."""
        seen = self._seen.get(base)
        return seen[0] + _LOOK if seen is not None else 0.0

    def with_own(self, own: PolicySet, base: Path) -> PolicySet:
        """What would be in force for a workflow in that folder, were these the tenant's own policies.

        Raises PolicyInvalid for policies that are at odds with those of the workspace.
        """
        now = self._clock.elapsed()
        seen = self._seen_workspaces.get(base)
        if seen is None or not 0 <= now - seen[0] < _LOOK:
            seen = self._seen_workspaces[base] = (now, self._workspace(base))
        if seen[1] is None:
            return own
        try:
            kept = _of(seen[1], self.in_force(base).files)
        except PolicyInvalid:
            return own
        key = (own.digest, *kept.items())
        if key not in self._others:
            self._others[key] = policies_of(own.files | kept)
        return self._others[key]

    def by_digest(self, digest: str) -> PolicySet | None:
        """The policies in force with that digest."""
        held = (kept.policies for kept in self._kept.values())
        return next((policies for policies in held if policies is not None and policies.digest == digest), None)

    def _workspace(self, base: Path) -> Path | None:
        found = next((folder for folder in (base, *base.parents)[:_UP] if any((folder / FOLDER).glob("*.cedar"))), None)
        if found is not None and (found / FOLDER).resolve() == self._own.parent.resolve():
            return None
        return found

    def _look(self, workspace: Path | None) -> _Kept:
        kept = self._kept.get(workspace)
        own = self._look(None) if workspace is not None else None
        files = self._files() if workspace is None else self._files_of(workspace)
        try:
            stamps = tuple((name, (at := file.stat()).st_mtime_ns, at.st_size) for name, file in files.items())
        except OSError:
            stamps = ()  # read it, to say what is wrong
        if own is not None:  # other policies of the tenant's count here at once, too
            stamps = ((own.policies.digest if own.policies is not None else "", 0, 0), *stamps)
        if kept is not None and kept.stamps == stamps and (kept.policies or kept.problem):
            return kept
        before = kept.policies if kept is not None else None
        policies: PolicySet | None
        problem = None
        try:
            policies = self._read(files) if own is None else policies_of(_good(own).files | _texts(files), files)
        except PolicyInvalid as wrong:
            policies, problem = self._fallback(files, own, before), wrong
        if problem is not None and (kept is None or str(kept.problem) != str(problem)):
            what = "the policies before stay in force" if policies is not None else "every action is denied"
            _LOG.warning("%s: %s; %s", problem.where, problem.message, what)
        self._kept[workspace] = _Kept(stamps, policies, problem)
        if policies is not None:
            self._compare(workspace, before, policies)
        return self._kept[workspace]

    def _fallback(self, files: dict[str, Path], own: _Kept | None, before: PolicySet | None) -> PolicySet | None:
        """What is in force while these files have errors; None when nothing ever was.

        What a workspace breaks is its own: beside it are the tenant's policies of now, never those of before.
        """
        if own is None:
            return before or self._last_good(files)
        earlier = before or next((each for each in self._recent() if _workspace_names(each.files) == set(files)), None)
        if own.policies is None or earlier is None:
            return None
        kept = {name: text for name, text in earlier.files.items() if name.startswith(WORKSPACE)}
        return load(own.policies.files | kept).policies

    def _compare(self, workspace: Path | None, before: PolicySet | None, policies: PolicySet) -> None:
        """Note a change. What is known of before the node began is only what the tenant's own were."""
        if before is not None:
            if _of(workspace, before.files) != _of(workspace, policies.files):
                self.changes.append(Changed(workspace, before.digest, policies))
        elif workspace is None:
            last = next((record for record in self._recent() if record.files == _of(None, record.files)), None)
            if last is not None and last.digest != policies.digest:
                self.changes.append(Changed(None, last.digest, policies))

    def _recent(self) -> tuple[PoliciesRecord, ...]:
        return self._store.read.newest_policies(limit=20)

    def _files(self) -> dict[str, Path]:
        now = self._clock.elapsed()
        if self._own.exists():
            self._there = now
        elif now - self._there >= _GONE:
            return {}
        return {self._own.name: self._own}  # or an editor is just putting another in its place

    def _files_of(self, workspace: Path) -> dict[str, Path]:
        return {WORKSPACE + file.name: file for file in sorted((workspace / FOLDER).glob("*.cedar"))}

    def _read(self, files: dict[str, Path]) -> PolicySet:
        if self._named and not files:
            raise PolicyInvalid(
                "the policy file that the setting policy.file names does not exist",
                where=str(self._own),
                hint="`reach policy init` writes one; without the setting the built-in policy is in force",
            )
        texts = {} if self._own.name in files else {FILE: DEFAULT}
        return policies_of(texts | _texts(files), files)

    def _last_good(self, files: dict[str, Path]) -> PolicySet | None:
        """What was in force when the node last ran, of the same files."""
        names = set(files) | (set() if self._own.name in files else {FILE})
        for record in self._recent():
            if set(record.files) == names:
                return load(record.files).policies
        return None


def _good(kept: _Kept) -> PolicySet:
    if kept.policies is None:
        assert kept.problem is not None
        raise kept.problem
    return kept.policies


def _of(workspace: Path | None, files: Mapping[str, str]) -> dict[str, str]:
    """The files that are the tenant's own, or, with a workspace, those that are that one's."""
    return {name: text for name, text in files.items() if name.startswith(WORKSPACE) == (workspace is not None)}


def _workspace_names(files: Mapping[str, str]) -> set[str]:
    return {name for name in files if name.startswith(WORKSPACE)}


def _texts(files: Mapping[str, Path]) -> dict[str, str]:
    texts = {}
    for name, file in files.items():
        try:
            texts[name] = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as wrong:
            raise PolicyInvalid(
                f"can't read the policy file: {wrong}", where=str(file), hint="the policies before stay in force"
            ) from None
    return texts


def policies_of(texts: dict[str, str], files: dict[str, Path] | None = None) -> PolicySet:
    """The policies of these files. Raises PolicyInvalid naming the first thing that is wrong, and its place."""
    loaded = load(texts)
    wrong = [each for each in loaded.diagnostics if each.severity == "error"]
    if loaded.policies is None:
        first = wrong[0]
        file = str((files or {}).get(first.file, first.file))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise PolicyInvalid(
            f"{first.message}{more}",
            where=f"{file}:{first.line}:{first.column}",
            hint=first.hint or "`reach policy check` lists all problems; the policies before stay in force",
        )
    if files is not None:  # else they were told when the files were read
        for each in loaded.diagnostics:
            _LOG.warning("%s:%d: %s", files.get(each.file, each.file), each.line, each.message)
    for policy in loaded.policies.policies:
        if policy.file.startswith(WORKSPACE) and policy.effect == "permit":
            raise PolicyInvalid(
                "a workspace's policies can only forbid: they come with documents of other people",
                where=f"{(files or {}).get(policy.file, policy.file)}:{policy.line}",
                hint="write `permit` into the policy file of your home (`reach policy init` makes one)",
            )
    return loaded.policies
