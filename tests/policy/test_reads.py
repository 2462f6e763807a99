"""What a condition reads decides what is handed to Cedar and what a decision is remembered by."""

from __future__ import annotations

import pytest

from reach_workbench.policy.cedar import parse
from reach_workbench.policy.reads import Reads, reads_of

METHOD = ("args", "method")


def reads(condition: str) -> Reads:
    return reads_of(parse(f"permit (principal, action, resource) when {{ {condition} }};")[0])


@pytest.mark.parametrize(
    ("condition", "values", "names", "variables"),
    [
        ('context.args.method == "a"', {METHOD}, set(), set()),
        ('context["args"]["method"] like "a*"', {METHOD}, set(), set()),
        ('["a"].contains(context.tenant) || !(context.run.id == "")', {("tenant",), ("run", "id")}, set(), set()),
        ("context has args.method", set(), {("args",), METHOD}, set()),
        ('context.args has method && context.args.method == "a"', {METHOD}, {METHOD}, set()),
        (
            'if context.secrets.isEmpty() then true else context.tenant == "a"',
            {("secrets",), ("tenant",)},
            set(),
            set(),
        ),
        ('principal in Group::"a" && resource is Host', set(), set(), {"principal", "resource"}),
        ('action == Action::"x"', set(), set(), {"action"}),
        ('{a: context.tenant}.a == "Var"', {("tenant",)}, set(), set()),
        ('"context" == "args"', set(), set(), set()),
    ],
)
def test_paths_of_the_context_and_variables_are_found(
    condition: str, values: set[tuple[str, ...]], names: set[tuple[str, ...]], variables: set[str]
) -> None:
    assert reads(condition) == Reads(frozenset(values), frozenset(names), False, frozenset(variables))


@pytest.mark.parametrize(
    "condition",
    [
        'context == {tenant: "a"}',
        'context.run == {id: "a"}',
        "[context.args].contains({})",
        "{a: context}.a.args.port == 1",
        'context.getTag("x") == 1',
        '(if true then context.run else context.run).id == ""',
    ],
)
def test_a_record_that_is_used_whole_is_told(condition: str) -> None:
    assert reads(condition).whole
