"""Settings: `REACH_*` variables over `config.json` in the home over the defaults below.

A variable is named after the setting: `limits.value_bytes` is `REACH_LIMITS_VALUE_BYTES`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from reach_workbench.errors import BadInput


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may cost. Reaching a limit faults that run with an error that names the setting."""

    value_bytes: int = 16 * 1024 * 1024  # one recorded value as canonical JSON
    input_bytes: int = 32 * 1024 * 1024  # the text of a run's input
    document_bytes: int = 1024 * 1024  # the text of a workflow document
    document_depth: int = 200  # nesting of a document or of an input
    document_nodes: int = 100_000  # nodes of a document once YAML aliases are expanded
    document_words: int = 200_000  # words of all jq expressions of a document that are more than paths
    pure_tasks: int = 100_000  # tasks in a row without waiting for the world
    pure_bytes: int = 128 * 1024 * 1024  # what is recorded in a row without waiting for the world
    events: int = 10_000_000  # events of one run
    task_depth: int = 500  # tasks inside each other, through functions too
    workflow_depth: int = 50  # workflows that run inside each other
    sub_workflows: int = 2_000  # runs that one run starts, directly or through others
    expression_seconds: float = 5.0  # one jq expression
    expression_megabytes: int = 512  # memory of the process that evaluates jq expressions
    output_bytes: int = 16 * 1024 * 1024  # what a process prints or a server answers
    effect_seconds: float = 300.0  # one effect without a timeout of its own


@dataclass(frozen=True, slots=True)
class Runner:
    concurrent_runs: int = 100  # runs advanced at the same time; more wait in the queue
    snapshot_events: int = 2_000  # events between two snapshots of a run's state
    job_attempts: int = 5  # times a job is tried before it goes to the dead letters
    lease_seconds: float = 30.0  # how long a lease lasts without a heartbeat
    poll_seconds: float = 0.1  # how often a node looks for requests of other processes


@dataclass(frozen=True, slots=True)
class Store:
    busy_seconds: float = 5.0  # how long to wait for another writer of the database
    max_pages: int = 0  # PRAGMA max_page_count; 0 leaves it to the disk


@dataclass(frozen=True, slots=True)
class Audit:
    """When the audit log is vouched for by a signed checkpoint, and where those are kept."""

    checkpoint_records: int = 1_000  # records after which one is made
    checkpoint_seconds: float = 60.0  # how long a record waits for one
    checkpoint_file: str = ""  # the file; empty for checkpoints in the home
    copy_values: bool = False  # whether the record of an effect has its input and output, not only where they stand
    redact: str = ""  # names of members, by commas, whose values are left out of what is copied


@dataclass(frozen=True, slots=True)
class Lifecycle:
    sink: str = ""  # URL that lifecycle CloudEvents are posted to; empty for none


@dataclass(frozen=True, slots=True)
class Policy:
    file: str = ""  # the policy file of this home; empty for policies/local.cedar in it, or the built-in policy


@dataclass(frozen=True, slots=True)
class Notify:
    """How reviewers are told of a gate that opens."""

    terminal: bool = True  # whether the workbench notifies its terminal (OSC 9 and OSC 777)
    command: str = ""  # a shell command that is run for it, see docs/approvals.md; empty for none
    webhook: str = ""  # URL that it is posted to, signed with the kept secret `notify`; empty for none
    desktop: bool = False  # whether notify-send shows it, where there is one
    seconds: float = 10.0  # how long telling of one gate one way may take


@dataclass(frozen=True, slots=True)
class Api:
    """What a serving node takes in one request."""

    body_bytes: int = 64 * 1024 * 1024  # the body of a request
    archive_bytes: int = 2 * 1024 * 1024 * 1024  # an archive to import
    quiet_seconds: int = 60  # how long `reach serve --while-needed` goes on when nobody needs it


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a serving node tells those who look after it."""

    log_level: str = ""  # the least that is logged: debug, info, warning or error; empty for info
    log_file: str = ""  # where to; empty for node.log in the home, - for standard error


@dataclass(frozen=True, slots=True)
class Keys:
    """Where keys and kept secrets live, and whose this machine's own is."""

    backend: str = ""  # keyring or file; empty for the keyring where there is one that is fit, else the file
    user: str = ""  # the name of the key that `reach key` and `reach reviewer` mean; empty for the login name
    wait_seconds: float = 30.0  # how long a keyring may take to answer, its own dialog included


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one home. Immutable; `load` reads them, nothing else does."""

    home: Path
    limits: Limits = field(default_factory=Limits)
    runner: Runner = field(default_factory=Runner)
    store: Store = field(default_factory=Store)
    audit: Audit = field(default_factory=Audit)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    policy: Policy = field(default_factory=Policy)
    api: Api = field(default_factory=Api)
    telemetry: Telemetry = field(default_factory=Telemetry)
    keys: Keys = field(default_factory=Keys)
    notify: Notify = field(default_factory=Notify)


def load(home: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force for `home` (or `REACH_HOME`, or the platform's data folder).

    Raises BadInput naming the file or variable when a setting is unknown or has the wrong type.
    """
    variables = os.environ if environment is None else environment
    folder = home or _home(variables)
    file = folder / "config.json"
    written: Any = {}
    if file.is_file():
        try:
            written = json.loads(file.read_text("utf-8"))
        except (ValueError, OSError) as wrong:
            raise BadInput(
                f"can't read the settings: {wrong}", where=str(file), hint="correct the file, or move it away"
            ) from None
    settings: Settings = _overlay(Settings(home=folder), written, variables, "", str(file))
    return settings


def _home(variables: Mapping[str, str]) -> Path:
    if named := variables.get("REACH_HOME"):
        return Path(named).expanduser()
    from platformdirs import user_data_path  # slow to import, and rarely needed in scripts

    return user_data_path("reach", appauthor=False)


def _overlay(base: Any, written: Any, variables: Mapping[str, str], prefix: str, file: str) -> Any:
    if not isinstance(written, dict):
        raise BadInput(f"the settings{' under ' * bool(prefix)}{prefix.rstrip('.')} must be an object", where=file)
    names = {part.name for part in fields(base)} - ({"home"} if not prefix else set())
    for name in written:
        if name not in names:
            raise BadInput(
                f"unknown setting {prefix + name!r}", where=file, hint="known here: " + ", ".join(sorted(names))
            )
    changes: dict[str, Any] = {}
    for name in sorted(names):
        current = getattr(base, name)
        if is_dataclass(current):
            changes[name] = _overlay(current, written.get(name, {}), variables, f"{prefix}{name}.", file)
            continue
        variable = "REACH_" + (prefix + name).replace(".", "_").upper()
        if variable in variables:
            changes[name] = _parse(current, variables[variable], prefix + name, variable)
        elif name in written:
            changes[name] = _parse(current, written[name], prefix + name, file)
    return replace(base, **changes)


def _parse(current: Any, given: Any, name: str, where: str) -> Any:
    kind = type(current)
    if kind is str:
        if isinstance(given, str):
            return given
        raise BadInput(f"setting {name!r} must be text, not {given!r}", where=where)
    if kind is bool:
        words = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
        found = given if isinstance(given, bool) else words.get(given.lower()) if isinstance(given, str) else None
        if found is None:
            raise BadInput(f"setting {name!r} must be true or false, not {given!r}", where=where)
        return found
    try:
        if isinstance(given, bool) or (not isinstance(given, str) and not isinstance(given, (int, float))):
            raise ValueError
        value = kind(given)
        if value < 0:
            raise ValueError
        return value
    except ValueError:
        raise BadInput(f"setting {name!r} must be a non-negative {kind.__name__}, not {given!r}", where=where) from None
