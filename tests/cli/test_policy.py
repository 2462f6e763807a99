"""`reach policy`: checking, testing and beginning policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.cli.completion import candidates
from reach_workbench.policy.default import DEFAULT
from tests.cli.conftest import Reach

ALL = "permit (principal, action, resource);\n"

CASES = """\
cases:
  - name: reading is free
    principal: ada
    groups: [finance]
    action: http.call
    arguments: {method: GET, endpoint: {uri: "https://a.example/v1"}}
    run: {workflow: shop/orders, version: 1.0.0}
    expect: allow
  - action: shell.run
    arguments: {process: {command: ls}}
    expect: {verdict: hold, policies: [hold-shell]}
"""


def test_without_policies_the_built_in_one_is_checked(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REACH_POLICY_FILE", raising=False)
    answer = reach("policy", "check")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "the built-in policy, 4 policies: no errors\n"


def test_every_file_is_checked_and_each_flaw_has_its_place(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text(ALL, "utf-8")
    (tmp_path / "b.cedar").write_text('\n@gate("approvl")\nforbid (principal, action, resource);', "utf-8")
    answer = reach("policy", "check", "a.cedar", "b.cedar")
    assert answer.code == 2
    assert "b.cedar:2:1: error wrong-annotation: @gate can't be 'approvl'" in answer.err
    assert "2 files: 1 error" in answer.err
    told = reach("policy", "check", "b.cedar", "--json")
    assert told.code == 2
    assert [(each["line"], each["code"]) for each in told.json["diagnostics"]] == [(2, "wrong-annotation")]
    fine = reach("policy", "check", "a.cedar", "--json")
    assert (fine.code, fine.json["diagnostics"], fine.json["policies"], len(fine.json["digest"])) == (0, [], 1, 64)


def test_init_writes_what_was_in_force_and_never_over_anything(
    reach: Reach, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REACH_POLICY_FILE", raising=False)
    written = reach("policy", "init", "--json")
    file = home / "policies/local.cedar"
    assert (written.code, written.json) == (0, {"file": str(file)})
    assert file.read_text("utf-8") == DEFAULT
    assert "1 file, 4 policies: no errors" in reach("policy", "check").err
    file.write_text(ALL, "utf-8")
    again = reach("policy", "init", "--json")
    assert (again.code, again.error["code"]) == (2, "usage")
    assert file.read_text("utf-8") == ALL
    file.rename(file.with_name("team.cedar"))
    assert reach("policy", "init").code == 2


def test_a_home_that_is_a_file_gets_no_policy(reach: Reach, home: Path) -> None:
    home.write_text("", "utf-8")
    assert reach("policy", "init", "--json").error["code"] == "home-unusable"


def test_cases_that_hold_and_one_that_does_not(reach: Reach, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES, "utf-8")
    answer = reach("policy", "test", file)
    assert (answer.code, answer.err) == (0, "2 cases passed\n")
    assert answer.out.splitlines() == [
        "  ✓ reading is free: allow by everything",
        "  ✓ shell.run 1: hold by hold-shell",
    ]
    (tmp_path / "local.cedar").write_text('@id("all") ' + ALL, "utf-8")
    answer = reach("policy", "test", file)
    assert (answer.code, answer.err) == (1, "1 of 2 cases failed\n")
    assert "  ✗ shell.run 1: allow by all\n      expected hold by hold-shell\n" in answer.out
    rows = reach("policy", "test", file, "--json").json["cases"]
    assert [(row["passed"], row["verdict"], row["policies"]) for row in rows] == [
        (True, "allow", ["all"]),
        (False, "allow", ["all"]),
    ]


def test_cases_may_name_their_policies(reach: Reach, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "slow.cedar").write_text(
        f'@id("all") {ALL}@id("slow") @gate("rate") @limit("1/1s") forbid (principal, action, resource);'
        '@id("soon") @mode("warn") forbid (principal, action, resource);',
        "utf-8",
    )
    (tmp_path / "cases.yaml").write_text(
        "policies: rules/slow.cedar\n"
        "cases: [{action: function.call, expect: {rates: [slow], warnings: [soon], policies: [all]}}]",
        "utf-8",
    )
    answer = reach("policy", "test", "cases.yaml")
    assert answer.code == 0
    assert answer.out == "  ✓ function.call 0: allow by all rates slow warnings soon\n"


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("7", "", "list of cases"),
        ("cases: []", "/cases", "list of cases"),
        ("case: []", "/case", "nothing is called 'case'"),
        ("[7]", "/0", "object"),
        ("[{action: htp.call, expect: allow}]", "/0/action", "htp.call"),
        ("[{expect: allow}]", "/0/action", "missing"),
        ("[{action: http.call}]", "/0/expect", "expects"),
        ("[{action: http.call, expect: alow}]", "/0/expect/verdict", "alow"),
        ("[{action: http.call, expect: {polices: []}}]", "/0/expect/polices", "polices"),
        ("[{action: http.call, expect: allow, run: {wrkflow: a}}]", "/0/run/wrkflow", "wrkflow"),
        ("[{action: http.call, expect: allow, run: {version: 1}}]", "/0/run/version", "text"),
        ("[{action: http.call, expect: allow, groups: a}]", "/0/groups", "list"),
        ("{policies: 7, cases: []}", "/policies", "file"),
    ],
)
def test_a_file_of_cases_that_is_none_is_refused_at_its_place(
    reach: Reach, tmp_path: Path, text: str, place: str, says: str
) -> None:
    (tmp_path / "cases.yaml").write_text(text, "utf-8")
    answer = reach("policy", "test", "cases.yaml", "--json")
    assert (answer.code, answer.error["code"]) == (2, "bad-input")
    assert answer.error["where"] == (f"cases.yaml#{place}" if place else "cases.yaml")
    assert says in answer.error["message"]


def test_cases_in_broken_yaml_or_about_broken_policies(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("cases: [", "utf-8")
    assert reach("policy", "test", "cases.yaml", "--json").error["code"] == "bad-input"
    (tmp_path / "cases.yaml").write_text(CASES, "utf-8")
    (tmp_path / "local.cedar").write_text("permit", "utf-8")
    broken = reach("policy", "test", "cases.yaml", "--json")
    assert (broken.code, broken.error["code"]) == (2, "compile-failed")
    assert broken.json["diagnostics"][0]["code"] == "policy-syntax"


def test_what_makes_no_sense_is_refused_with_a_hint(reach: Reach) -> None:
    assert reach("policy", "chek", "--json").error["hint"] == "did you mean `reach policy check`?"
    assert reach("policy", "--json").error["message"] == "`reach policy` needs one word more"
    assert reach("policy", "test", "--json").error["code"] == "usage"
    assert reach("policy", "init", "x.cedar", "--json").error["code"] == "usage"
    assert reach("policy", "check", "none.cedar", "--json").error["code"] == "not-found"


def test_completion_offers_what_can_be_done() -> None:
    assert candidates(["policy", ""]) == ["check", "test", "init", "explain", "try"]
    assert candidates(["policy", "check", ""]) == [":files"]


SLIPS = {
    "permit (principal, action, resource) when { context.args.method == GET };": 'a text stands in quotes: "GET"',
    'permit (principal, action, resource) when { context.args.method = "GET" };': "compared with ==",
    "permit (principal action, resource);": "parted by commas",
    "deny (principal, action, resource);": "permit or forbid",
    'permit (principal, action, resource == "a.example");': 'Host::"a.example"',
    '@quorum(2) @gate("approval") forbid (principal, action, resource);': 'a text in quotes: "2"',
    '@expire("24h") @gate("approval") forbid (principal, action, resource);': "did you mean @expires?",
    'permit (principal, action, resource) when { context.run.task in ["a"] };': ".contains(",
    '@gate("rate") @limit("3") forbid (principal, action, resource);': "a slash and a time",
}


@pytest.mark.parametrize("text", SLIPS)
def test_a_slip_of_somebody_new_to_cedar_says_what_to_write(reach: Reach, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.cedar").write_text(text + "\n", "utf-8")
    answer = reach("policy", "check", "a.cedar")
    assert answer.code == 2
    assert SLIPS[text] in answer.err


def test_a_single_equals_sign_is_marked_itself(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text('permit (\n  principal,\n  action,\n  resource = Host::"a"\n);\n', "utf-8")
    assert "a.cedar:4:12: error" in reach("policy", "check", "a.cedar").err


def test_broken_policies_beside_cases_are_told_from_those_of_the_home(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES, "utf-8")
    (tmp_path / "a.cedar").write_text("nothing", "utf-8")
    assert "every *.cedar beside them" in reach("policy", "test", "cases.yaml").err
