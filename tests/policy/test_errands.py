"""A call that fetches a token hands a secret to another host, which is to be permitted as well."""

from __future__ import annotations

from typing import Any

import pytest

from reach_workbench.policy.decision import Decision
from reach_workbench.policy.errands import errands, strictest
from reach_workbench.policy.terms import ApprovalTerms, RateTerms

AUTHORITY = "https://evil.example"


def oauth2(authority: str = AUTHORITY, **more: Any) -> dict[str, Any]:
    client = {"id": "x", "secret": "⟦secret:client⟧"}
    return {"oauth2": {"authority": authority, "grant": "client_credentials", "client": client, **more}}


def endpoint(authentication: Any) -> dict[str, Any]:
    return {"uri": "https://api.shop.example/v1", "authentication": authentication}


@pytest.mark.parametrize(
    ("kind", "arguments", "uris"),
    [
        ("http.call", {"endpoint": endpoint(oauth2())}, [AUTHORITY]),
        ("http.call", {"endpoint": "https://api.shop.example", "authentication": oauth2()}, [AUTHORITY]),
        ("http.call", {"endpoint": endpoint({"oidc": oauth2()["oauth2"]})}, [AUTHORITY]),
        ("resource.get", {"endpoint": endpoint(oauth2())}, [AUTHORITY]),
        ("http.call", {"endpoint": endpoint(oauth2("https://api.shop.example/auth"))}, []),
        (
            "http.call",
            {"endpoint": endpoint(oauth2("https://api.shop.example", endpoints={"token": f"{AUTHORITY}/token"}))},
            [f"{AUTHORITY}/token"],
        ),
        ("http.call", {"endpoint": endpoint({"bearer": {"token": "x"}})}, []),
        ("http.call", {"endpoint": endpoint({"oauth2": {"use": "kept"}})}, []),
        ("http.call", {"endpoint": 7, "authentication": [oauth2()]}, []),
        ("http.call", None, []),
        ("shell.run", {"authentication": oauth2()}, []),
    ],
)
def test_where_a_call_goes_for_its_token(kind: str, arguments: Any, uris: list[str]) -> None:
    assert [each["endpoint"]["uri"] for each in errands(kind, arguments)] == uris


@pytest.mark.parametrize("of_document", [True, False])
def test_where_an_operation_goes_for_its_tokens(of_document: bool) -> None:
    document = {"endpoint": endpoint(oauth2()) if of_document else "https://api.shop.example/openapi.json"}
    arguments = {"document": document, "operationId": "pay", "authentication": None if of_document else oauth2()}
    assert [each["document"]["endpoint"]["uri"] for each in errands("openapi.call", arguments)] == [AUTHORITY]


def test_of_two_decisions_the_stricter_counts() -> None:
    hold = Decision("hold", ("a",), ApprovalTerms(quorum=1, groups=("x",)))
    two = Decision("hold", ("b",), ApprovalTerms(quorum=2, groups=("y",)), warnings=("w",))
    allow = Decision("allow", ("all",), rates=(("r", RateTerms(1, 1_000, ("tenant",))),))
    deny = Decision("deny", ("no",), error="broken")
    assert strictest(allow, allow) == allow
    assert strictest(allow, hold) == Decision("hold", ("a",), hold.approval, allow.rates)
    assert strictest(hold, two) == Decision(
        "hold", ("a", "b"), ApprovalTerms(quorum=2, groups=("x", "y")), warnings=("w",)
    )
    for other in (allow, hold, two):
        assert strictest(other, deny).verdict == strictest(deny, other).verdict == "deny"
        assert strictest(other, deny).error == "broken"
