"""What a node knows about a workflow's text: for editors, run forms and drawings of its flow."""

from __future__ import annotations

from dataclasses import dataclass

from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.engine.values import Json


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """One task of a document, in the order of the text. Lines count from 1; `end_line` is its last.

    `parent` is the reference of the task it stands in, None at the top. `role` says as what:
    empty for a task of a list, `branch` of a fork, `catch` for the tasks of a catch, `each` of a loop
    or a listener; `function` and `extension` for those under `use`, whose references begin with /use/.
    `leads_to` are the tasks that may follow it by a directive or a case, each as (where, words): where is a
    reference, or `end` or `exit`; words are what chooses it (`then`, `catch`, or the case's name).
    """

    reference: str
    name: str
    kind: str
    line: int
    column: int
    end_line: int
    parent: str | None = None
    role: str = ""
    summary: str = ""
    leads_to: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Compilation:
    """What the compiler says about a text. Without errors, `workflow` and what follows are there too.

    `tasks` is the outline: as far as the text could be read even when it has errors. `input_schema` is
    `input.schema` when it is inline JSON Schema; `secrets` are the names under `use.secrets`.
    """

    diagnostics: tuple[Diagnostic, ...]
    workflow: str | None = None
    title: str | None = None
    summary: str | None = None
    tasks: tuple[TaskPlace, ...] = ()
    input_schema: Json = None
    secrets: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(each.severity == "error" for each in self.diagnostics)


@dataclass(frozen=True, slots=True)
class ProgramView:
    """The workflow of a run, as it was when the run was started or forked."""

    digest: str
    source: str
    file: str | None
    compilation: Compilation


@dataclass(frozen=True, slots=True)
class Completion:
    """One thing that may be written at a place. `insert` replaces what stands from `column` (from 1) to the cursor."""

    label: str
    kind: str
    detail: str
    insert: str
    column: int
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands at a place of the text: `text` is Markdown of a few lines; `reference` its task, if any."""

    title: str
    text: str
    line: int
    end_line: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """A workflow kept by the node (`add`). `digest` names its program."""

    namespace: str
    name: str
    version: str
    digest: str
    file: str | None
    created_at: int

    @property
    def workflow(self) -> str:
        return f"{self.namespace}/{self.name}:{self.version}"
