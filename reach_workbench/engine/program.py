"""A compiled workflow: what `compile` makes of a document and `step` walks over.

Everything here is immutable data. Tasks form a tree; each has its JSON pointer
reference (`/do/0/getPet`), the kind of the task, its compiled expressions and a body
that depends on the kind. Nothing is looked up by name at run time that could have been
resolved when compiling. All are named tuples but the program: Python makes those four times
as fast as dataclasses, and a short run does little else than start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from reach_workbench.engine.templates import Expression, Template
from reach_workbench.engine.values import Json

Then: TypeAlias = str
"""A flow directive: `continue`, `exit`, `end` or the name of a task of the same block."""


class Duration(NamedTuple):
    """Fixed (`milliseconds`) or computed: `template` gives an ISO 8601 string or a duration object."""

    milliseconds: int | None
    template: Template | None = None


class Resource(NamedTuple):
    """An external resource (dsl-reference.md, External Resource): `endpoint` evaluates to {uri, authentication?}."""

    name: str | None
    endpoint: Template


class Schema(NamedTuple):
    """A JSON schema, inline (`document`) or external (`resource`)."""

    format: str
    document: Json | None
    resource: Resource | None = None


class Block(NamedTuple):
    """A list of tasks run in order; `positions` maps a task's name to its place."""

    tasks: tuple[Task, ...]
    positions: dict[str, int]


class Task(NamedTuple):
    """A task of any kind, with all that tasks have in common (dsl-reference.md, Task).

    `condition` is `if`; `definition` is the task as written (the `$task.definition` argument).
    `before` and `after` are the extensions that apply to it, outermost first for `before`
    and innermost first for `after`. `line` counts from 1 in the source, 0 if unknown.
    `idempotent` is `metadata.idempotent`: what a person declared about repeating its effect.
    """

    name: str
    reference: str
    kind: Kind
    body: Body
    definition: Json
    condition: Expression | None = None
    input_schema: Schema | None = None
    input_from: Template | None = None
    output_as: Template | None = None
    output_schema: Schema | None = None
    export_as: Template | None = None
    export_schema: Schema | None = None
    timeout: Duration | None = None
    then: Then = "continue"
    extensions: tuple[Extension, ...] = ()
    idempotent: bool | None = None
    line: int = 0


Kind: TypeAlias = Literal[
    "do", "set", "for", "fork", "switch", "try", "raise", "wait", "emit", "listen", "call", "function", "run"
]


class Extension(NamedTuple):
    """One entry of `use.extensions` that applies to a task, compiled once for each task it extends."""

    name: str
    when: Expression | None
    before: Block | None
    after: Block | None


class Do(NamedTuple):
    block: Block


class Set(NamedTuple):
    value: Template


class For(NamedTuple):
    """`items` evaluates to the collection; `condition` is `while`."""

    each: str
    at: str
    items: Template
    condition: Expression | None
    block: Block


class Fork(NamedTuple):
    branches: tuple[Task, ...]
    compete: bool


class Case(NamedTuple):
    name: str
    when: Expression | None
    then: Then


class Switch(NamedTuple):
    cases: tuple[Case, ...]


class Retry(NamedTuple):
    """A retry policy, references already resolved (dsl-reference.md, Retry)."""

    when: Expression | None = None
    except_when: Expression | None = None
    delay: Duration | None = None
    backoff: Literal["constant", "linear", "exponential"] = "constant"
    attempts: int | None = None
    attempt_duration: Duration | None = None
    duration: Duration | None = None
    jitter: tuple[Duration, Duration] | None = None


class Catch(NamedTuple):
    """`errors` is the static filter `catch.errors.with`: property to wanted value."""

    errors: dict[str, Json] | None
    variable: str
    when: Expression | None
    except_when: Expression | None
    retry: Retry | None
    block: Block | None
    then: Then | None


class Try(NamedTuple):
    block: Block
    catch: Catch


class Raise(NamedTuple):
    """`error` evaluates to a problem object {type, status, title?, detail?, instance?}."""

    error: Template


class Wait(NamedTuple):
    duration: Duration


class Emit(NamedTuple):
    """`event` evaluates to the CloudEvent's attributes as written; the engine fills in the rest."""

    event: Template


class Correlation(NamedTuple):
    """`expect` is a constant or an expression; None means the first extracted value is the expectation."""

    name: str
    extract: Expression
    expect: Template | None


class EventFilter(NamedTuple):
    """`attributes` maps an event attribute to what it must be.

    A Template that is an expression is evaluated on the attribute's value with the task's
    variables: a boolean result decides, any other result is compared for equality. A
    constant string is compared for equality, or matched whole as a regular expression.
    """

    attributes: dict[str, Template]
    correlations: tuple[Correlation, ...]


class Strategy(NamedTuple):
    """An event consumption strategy; `until` applies to `any` only."""

    mode: Literal["one", "any", "all"]
    filters: tuple[EventFilter, ...]
    until_condition: Expression | None = None
    until: Strategy | None = None


class Foreach(NamedTuple):
    """The subscription iterator of a listen task."""

    item: str
    at: str
    block: Block | None
    output_as: Template | None
    output_schema: Schema | None
    export_as: Template | None
    export_schema: Schema | None


class Listen(NamedTuple):
    strategy: Strategy
    read: Literal["data", "envelope", "raw"]
    foreach: Foreach | None


class Call(NamedTuple):
    """A call performed by an adapter. `command` is the command's kind (see engine.commands).

    `arguments` evaluates to the whole `with` object: authentication references are inlined,
    URI templates expanded, secrets present as placeholders only.
    """

    command: str
    arguments: Template


class CallFunction(NamedTuple):
    """A call of a function of `use.functions` (`task`), or of one found by URL or catalog (`resource`).

    The function's task runs with the evaluated `arguments` as its input.
    """

    name: str
    arguments: Template | None
    task: Task | None
    resource: Resource | None


class Run(NamedTuple):
    """A process. `command` is its kind: shell.run, script.run, container.run or workflow.run."""

    command: str
    arguments: Template
    wait: bool
    result: Literal["stdout", "stderr", "code", "all", "none"]


class Unsupported(NamedTuple):
    """Compiles in full, but running it faults: `feature` names what is not there yet."""

    feature: str


Body: TypeAlias = (
    Do | Set | For | Fork | Switch | Try | Raise | Wait | Emit | Listen | Call | CallFunction | Run | Unsupported
)


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled document.

    `digest` is the hex SHA-256 over the canonical JSON (RFC 8785) of the parsed document.
    `tasks` maps every task's reference to the task, in document order. `schedule` is the
    document's `schedule` object as written (checked, not yet executed). `source` is the
    text it was compiled from.
    """

    digest: str
    document: Json
    source: str
    namespace: str
    name: str
    version: str
    block: Block
    tasks: dict[str, Task]
    input_schema: Schema | None = None
    input_from: Template | None = None
    output_as: Template | None = None
    output_schema: Schema | None = None
    timeout: Duration | None = None
    secrets: tuple[str, ...] = ()
    schedule: Json | None = None
    mode: Literal["strict", "loose"] = "strict"
    catalogs: dict[str, Template] = field(default_factory=dict)
