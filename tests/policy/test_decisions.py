"""The rule: errors deny, forbids beat gates, gates hold or count, and what nothing permits is denied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reach_workbench.policy.decision import Decision
from reach_workbench.policy.policyset import PolicySet, load
from reach_workbench.policy.request import Request, request_of
from reach_workbench.policy.terms import ApprovalTerms, RateTerms

ALL = '@id("all") permit (principal, action, resource);'


def policies(*texts: str) -> PolicySet:
    loaded = load({"local.cedar": "\n".join(texts)})
    assert loaded.policies is not None, loaded.diagnostics
    return loaded.policies


def ask(kind: str = "http.call", arguments: Any = None, who: str = "ada", groups: tuple[str, ...] = ()) -> Request:
    given = arguments or {"method": "GET", "endpoint": {"uri": "https://a.example/v1"}}
    return request_of(
        kind,
        given,
        requester=who,
        groups=groups,
        run="01run",
        workflow="shop/orders",
        version="1.0.0",
        program="5f",
        task="/do/0/a",
        tenant="default",
    )


def decided(*texts: str, request: Request | None = None) -> Decision:
    found, asked = policies(*texts), request or ask()
    decision = found.decide(asked)
    assert decision == found.decide(asked) == found.judge(asked) == found.unsliced(asked)
    return decision


def test_a_permit_allows_and_nothing_else_does() -> None:
    assert decided(ALL) == Decision("allow", ("all",))
    assert decided() == Decision("deny")
    assert decided('@id("x") permit (principal == User::"grace", action, resource);') == Decision("deny")


def test_a_forbid_beats_every_permit_and_every_gate() -> None:
    forbid = '@id("no") forbid (principal, action == Action::"http.call", resource == Host::"a.example");'
    gate = '@id("gate") @gate("approval") forbid (principal, action, resource);'
    assert decided(ALL, gate, forbid) == Decision("deny", ("no",))


def test_a_gate_holds_what_would_be_allowed() -> None:
    gate = '@id("gate") @gate("approval") @quorum("2") @from("finance") forbid (principal, action, resource);'
    assert decided(ALL, gate) == Decision("hold", ("gate",), ApprovalTerms(2, ("finance",)))
    assert decided(gate) == Decision("deny")


def test_several_gates_hold_together_and_rates_are_told_with_them() -> None:
    one = '@id("one") @gate("approval") @from("legal") forbid (principal, action, resource);'
    two = '@id("two") @gate("approval") @from("finance") @risk("high") forbid (principal, action, resource);'
    rate = '@id("slow") @gate("rate") @limit("10/1m") @per("principal") forbid (principal, action, resource);'
    slow = ("slow", RateTerms(10, 60_000, ("principal",)))
    together = ApprovalTerms(1, ("legal", "finance"), risk="high")
    assert decided(one, ALL, rate, two) == Decision("hold", ("one", "slow", "two"), together, (slow,))
    assert decided(rate, ALL) == Decision("allow", ("all",), rates=(slow,))


def test_an_error_denies_even_beside_a_permit() -> None:
    overflow = (
        '@id("sum") @gate("approval") forbid (principal, action == Action::"http.call", resource) '
        "when { context.args.port + 9223372036854775807 > 0 };"
    )
    decision = decided(ALL, overflow)
    assert (decision.verdict, decision.policies) == ("deny", ("sum",))
    assert decision.error is not None
    assert "policy `sum`" in decision.error
    assert "overflow" in decision.error


def test_policies_of_mode_warn_only_say_so() -> None:
    warned = [
        '@id("a") @mode("warn") forbid (principal, action, resource);',
        '@id("b") @mode("warn") permit (principal, action, resource);',
        '@id("c") @mode("warn") @gate("approval") forbid (principal, action, resource);',
        '@id("d") @mode("warn") forbid (principal == User::"grace", action, resource);',
        '@id("e") @mode("warn") forbid (principal, action == Action::"http.call", resource) '
        "when { context.args.port + 9223372036854775807 > 0 };",
    ]
    assert decided(ALL, *warned) == Decision("allow", ("all",), warnings=("a", "b", "c", "e"))
    assert decided(*warned) == Decision("deny", warnings=("a", "b", "c", "e"))


def test_groups_are_those_of_the_request() -> None:
    gate = '@id("g") permit (principal in Group::"finance", action, resource);'
    assert decided(gate, request=ask(groups=("ops", "finance"))).verdict == "allow"
    assert decided(gate, request=ask(groups=("ops",))).verdict == "deny"
    assert decided(gate, request=ask(who="finance")).verdict == "deny"


def test_an_action_that_nothing_knows_is_denied_whatever_is_remembered() -> None:
    found = policies(ALL)
    assert found.decide(ask()).verdict == "allow"
    for decide in (found.decide, found.judge, found.unsliced):
        decision = decide(ask("mail.send"))
        assert (decision.verdict, decision.policies) == ("deny", ())
        assert "no policy can speak about the action 'mail.send'" in (decision.error or "")


@pytest.mark.parametrize(
    "broken",
    [
        {"context": {"args": None}},
        {"context": {"args": {"port": 0.5}}},
        {"context": {"args": {"port": 10**30}}},
        {"context": {"args": {"x": "\ud800"}}},
        {"context": {"args": {"x": {"__extn": {"fn": "ip", "arg": "x"}}}}},
        {"context": {1: 2}},
        {"context": None},
        {"action": "http.cal"},
        {"action": None},
        {"principal": 7},
        {"groups": ["a"]},
        {"groups": (None,)},
        {"resource": None},
        {"principal": "\ud800"},
    ],
    ids=str,
)
def test_a_request_that_is_none_is_denied(broken: dict[str, Any]) -> None:
    found = policies(ALL)
    assert found.decide(ask()).verdict == "allow"
    for decide in (found.decide, found.judge, found.unsliced):
        decision = decide(replace(ask(), **broken))
        assert decision.verdict == "deny"
        assert decision.error


def test_what_is_remembered_depends_on_all_that_is_read() -> None:
    found = policies(
        '@id("p") permit (principal, action == Action::"http.call", resource) when { context.args.method == "GET" };',
        '@id("q") permit (principal, action, resource) when { principal == User::"grace" };',
        '@id("r") permit (principal, action, resource) when { context.args has code };',
    )
    post = {"method": "POST", "endpoint": {"uri": "https://a.example/v1"}}
    for _ in range(2):
        assert found.decide(ask()).policies == ("p",)
        assert found.decide(ask(arguments=post)).policies == ()
        assert found.decide(ask(arguments=post, who="grace")).policies == ("q",)
        assert found.decide(ask("script.run")).policies == ("r",)
        assert found.decide(ask("workflow.run")).policies == ()


@pytest.mark.parametrize("name", ["context.arg", "context.run.wrkflow", "context.args.methd"])
def test_a_name_that_does_not_exist_is_no_hindrance_where_its_condition_never_comes(name: str) -> None:
    never = (
        f'@id("never") permit (principal, action, resource) when {{ action == Action::"tool.call" && {name} == "x" }};'
    )
    text = never.replace("action, resource", 'action == Action::"http.call", resource')
    assert decided(ALL, text) == Decision("allow", ("all",))


def test_a_remembered_decision_is_the_same_object_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from reach_workbench.policy import policyset

    monkeypatch.setattr(policyset, "_DECISIONS", 4)
    found = policies(
        '@id("p") permit (principal, action == Action::"http.call", resource) when { context.args.path like "/v1*" };'
    )
    assert found.decide(ask()) is found.decide(ask())
    for number in range(20):
        assert found.decide(ask(arguments={"endpoint": {"uri": f"https://a.example/v1/{number}"}})).verdict == "allow"
    assert len(found._decisions) == 4


def test_a_condition_on_a_whole_record_is_never_remembered() -> None:
    record = '{id: "01run", workflow: "shop/orders", version: "1.0.0", program: "5f", task: "/do/0/a", origin: ""}'
    found = policies(f'@id("p") permit (principal, action, resource) when {{ context.run == {record} }};')
    assert found.decide(ask()) == found.unsliced(ask()) == Decision("allow", ("p",))
    assert len(found._decisions) == 0


def test_long_values_are_not_kept() -> None:
    found = policies(
        '@id("p") permit (principal, action == Action::"http.call", resource) when { context.args.body like "x*" };'
    )
    request = ask(arguments={"body": "x" * 10_000})
    assert found.decide(request).verdict == "allow"
    assert len(found._decisions) == 0
