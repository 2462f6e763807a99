"""What requests carry, as JSON.

A member that is not known here is refused, unlike on the way back: who misspells `may` must not get a run without
bounds.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from reach_workbench.api.parameters import MOST, Json
from reach_workbench.protocol.debugging import BreakOn
from reach_workbench.protocol.node_views import Decision, StepMode
from reach_workbench.protocol.policies import GROUPS_MOST, Basis

Source = Annotated[str, Field(max_length=16 * 1024 * 1024, description="a workflow's text, YAML or JSON")]
File = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00]*$", description="names the text")]
Reference = Annotated[str, Field(max_length=4000, description="a task's JSON pointer")]
Text = Annotated[str, Field(max_length=100_000)]
Number = Annotated[int, Field(ge=0, le=MOST)]
Place = Annotated[int, Field(ge=1, le=MOST)]
Secrets = dict[str, Json]
FILE = "workflow.yaml"


class Body(BaseModel, extra="forbid"):
    """What all bodies have in common."""


class Start(Body):
    source: Source
    file: File = FILE
    input: Json = None
    secrets: Secrets = {}
    breakpoints: Annotated[list[Reference], Field(max_length=1000)] = []
    hold: bool = False
    requester: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    may: Annotated[list[Reference], Field(max_length=1000)] | None = None


class Verdict(Body):
    """What a reviewer signed, canonical JSON as text; the id of the key; the signature in base64."""

    body: Annotated[str, Field(max_length=64 * 1024 * 1024)]
    key: Annotated[str, Field(max_length=64)]
    signature: Annotated[str, Field(max_length=200)]


class RotationBody(Body):
    """That one key of the node takes the place of another: canonical JSON as text, and both signatures in base64."""

    body: Annotated[str, Field(max_length=1000)]
    before: Annotated[str, Field(max_length=200)]
    after: Annotated[str, Field(max_length=200)]


class EditGate(Body):
    """The arguments that a held action is to have instead."""

    arguments: Json
    by: Text | None = None


PolicyText = Annotated[str, Field(max_length=16 * 1024 * 1024, description="policies in Cedar")]


class PolicyBody(Body):
    text: PolicyText


class PolicyOrNone(Body):
    """Without a text, the tenant's file as it is."""

    text: PolicyText | None = None


class SavePolicy(Body):
    text: PolicyText
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Trial(Body):
    """See `TryPolicies`."""

    files: Annotated[dict[str, PolicyText], Field(min_length=1, max_length=100)]
    basis: Basis = "recorded"
    since: Number | None = None
    until: Number | None = None
    limit: Annotated[int, Field(ge=0, le=GROUPS_MOST)] = 100


class Reason(Body):
    reason: Text | None = None


class Step(Body):
    mode: StepMode = "over"
    until: Reference | None = None
    secrets: Secrets | None = None


class Resume(Body):
    breakpoints: Annotated[list[Reference], Field(max_length=1000)] | None = None
    secrets: Secrets | None = None


class Resolve(Body):
    command: Number
    decision: Decision
    value: Json = None


class OutcomeBody(Body):
    output: Json = None
    error: Text | None = None


class Fork(Body):
    at: Number
    edits: dict[str, Json] = {}
    source: Source | None = None
    file: File | None = None
    secrets: Secrets = {}
    hold: bool = False
    outcome: OutcomeBody | None = None
    requester: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Evaluate(Body):
    expression: Text
    at: Number | None = None
    data: Json = None


class BreakpointBody(Body):
    """See `Breakpoint`; `id`, `count` and `problem` are the node's to say, and passed over."""

    on: BreakOn = "task"
    task: Reference | None = None
    command: Text | None = None
    workflow: Text | None = None
    run: Text | None = None
    condition: Text | None = None
    hits: Number = 0
    log: Text | None = None
    enabled: bool = True
    id: Annotated[Text | None, Field(exclude=True)] = None
    count: Annotated[Number | None, Field(exclude=True)] = None
    problem: Annotated[Text | None, Field(exclude=True)] = None


class ReviewerBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    public_key: Annotated[str, Field(max_length=64, description="the 32 bytes of an Ed25519 key in base64")]
    groups: Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=100)] = []


class Document(Body):
    source: Source
    file: File = FILE


class Cursor(Body):
    source: Source
    line: Place
    column: Place


class Rename(Body):
    source: Source
    reference: Reference
    name: Annotated[str, Field(min_length=1, max_length=1000)]


class TextOnly(Body):
    source: Source


class CloudEvent(BaseModel, extra="allow"):
    """A CloudEvent 1.0 in its JSON form; what is missing but `type` is filled in."""

    type: Annotated[str, Field(min_length=1, max_length=4000)]
