"""What is wrong with a policy file is found at load, with file, line and column."""

from __future__ import annotations

from hashlib import sha256

import pytest

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.diagnostics import Diagnostic
from reach_workbench.policy.policyset import load

ALL = "permit (principal, action, resource);\n"
ON = "forbid (principal, action, resource == "
HTTP = 'forbid (principal, action == Action::"http.call", resource) '


def findings(text: str) -> list[Diagnostic]:
    result = load({"local.cedar": text})
    found = list(result.diagnostics)
    assert (result.policies is None) == any(each.severity == "error" for each in found)
    assert all(each.file == "local.cedar" for each in found)
    return found


def only(text: str) -> Diagnostic:
    found = findings(text)
    assert len(found) == 1, found
    return found[0]


def gate(annotations: str) -> str:
    return f"{ALL}{annotations}\nforbid (principal, action, resource);"


@pytest.mark.parametrize(
    ("text", "place", "code", "says"),
    [
        # what Cedar's parser is against
        (ALL + "permit (principal, action, resource)\nwhen {\n  context.tenant ==\n};", (5, 1), "policy-syntax", "`}`"),
        (ALL + "permit (principle, action, resource);", (2, 9), "policy-syntax", "principle"),
        (ALL + "permit (principal, action, resource)\nwhn { true };", (3, 1), "policy-syntax", "whn"),
        (ALL + "permit (principal, action, resource) when { tenant == 1 };", (2, 45), "policy-syntax", "tenant"),
        (ALL + "permit (principal, action, resource) when { foo(1) };", (2, 45), "policy-syntax", "foo"),
        (
            ALL + "permit (principal, action, resource) when { 'a' == context.tenant };",
            (2, 45),
            "policy-syntax",
            "token",
        ),
        (ALL + "// last\npermit (principal, action, resource)", (3, 36), "policy-syntax", "not finished"),
        (ALL + "permit (principal, action, resource)\n\n" + ALL, (4, 1), "policy-syntax", "unexpected `permit`"),
        (ALL + "permit (principal == ?principal, action, resource);", (2, 22), "policy-syntax", "template"),
        (ALL + ";", (2, 1), "policy-syntax", "`;`"),
        (ALL + '@id("a")\n@id("b")\n' + ALL, (2, 1), "policy-syntax", "duplicate annotation"),
        ("\ufeff" + ALL, (1, 1), "policy-syntax", "invalid token"),
        (ALL + "\x1c" + ALL, (1, 1), "policy-syntax", "as a whole"),
        (
            ALL + 'permit (principal, action, resource) when { context.tenant == "a };\n' + ALL,
            (2, 63),
            "unfinished-text",
            "ends",
        ),
        # what would end the process, if Cedar saw it
        (
            ALL + "permit (principal, action, resource) when {" + "(" * 9999 + "};",
            (2, 75),
            "policy-too-large",
            "too deeply",
        ),
        (
            ALL + f"permit (principal, action, resource) when {{{' && '.join(['true'] * 9999)}}};",
            (2, 4049),
            "policy-too-large",
            "long",
        ),
        (
            ALL + f"permit (principal, action, resource) when {{ {' && '.join(['true'] * 200)} }};",
            (2, 1),
            "policy-too-large",
            "too deeply",
        ),
        # what the schema is against
        (ALL + 'permit (principal, action == Action::"htp.call", resource);', (2, 38), "unknown-action", "htp.call"),
        (
            ALL + 'permit (principal, action in [Action::"http.call", Action::"x"], resource);',
            (2, 60),
            "unknown-action",
            '"x"',
        ),
        (ALL + "permit (principal, action, resource is Hst);", (2, 40), "unknown-type", "Hst"),
        (
            ALL + 'permit (principal, action, resource)\nwhen { context.run.wrkflow == "" };',
            (3, 20),
            "unknown-attribute",
            "run.wrkflow",
        ),
        (
            ALL + 'permit (principal, action, resource) when { context.args.method == "GET" };',
            (2, 58),
            "unknown-attribute",
            "method",
        ),
        (
            ALL + "permit (principal, action, resource) when { context.args has methd };",
            (2, 62),
            "unknown-attribute",
            "methd",
        ),
        (
            ALL + "permit (principal, action, resource) when { principal.name == 1 };",
            (2, 55),
            "unknown-attribute",
            "name",
        ),
        (
            ALL + 'permit (principal, action == Action::"http.call", resource)\nwhen {\n  context.tenant == "a" &&\n'
            '  context.args.port == "80"\n};',
            (5, 3),
            "wrong-type",
            "Long and String",
        ),
        (
            ALL + 'permit (principal, action == Action::"http.call", resource is Program);',
            (2, 1),
            "never-applies",
            "together",
        ),
        (ALL + 'permit (principal == Group::"a", action, resource);', (2, 1), "never-applies", "together"),
        # what we are against
        ('@id("a")\n' + ALL + '\n@id("a")\n' + ALL, (4, 2), "duplicate-id", "local.cedar:1"),
        (ALL + '@id("local#1")\n' + ALL, (2, 2), "duplicate-id", "local.cedar:1"),
        (ALL + '@gate("approval")\n' + ALL, (2, 1), "gate-on-permit", "permit"),
        (gate('@gte("approval")'), (2, 1), "unknown-annotation", "@gte"),
        (gate("@id"), (2, 1), "wrong-annotation", "@id"),
        (gate('@reason(" ")'), (2, 1), "wrong-annotation", "@reason"),
        (gate('@mode("wran")'), (2, 1), "wrong-annotation", "wran"),
        (gate('@gate("aproval")'), (2, 1), "wrong-annotation", "aproval"),
        (gate('@reason("x")\n@quorum("2")'), (3, 1), "wrong-annotation", "no gate"),
        (gate('@gate("rate")\n@limit("1/1m")\n@expires("1h")'), (4, 1), "wrong-annotation", "of kind rate"),
        (gate('@gate("approval")\n@limit("1/1m")'), (3, 1), "wrong-annotation", "of kind approval"),
        (gate('@gate("approval")\n@quorum("0")'), (3, 1), "wrong-annotation", "'0'"),
        (gate('@gate("approval")\n@quorum("101")'), (3, 1), "wrong-annotation", "'101'"),
        (gate('@gate("approval")\n@from("a,,b")'), (3, 1), "wrong-annotation", "a,,b"),
        (gate('@gate("approval")\n@from("a, a")'), (3, 1), "wrong-annotation", "a, a"),
        (gate('@gate("approval")\n@not("me")'), (3, 1), "wrong-annotation", "me"),
        (gate('@gate("approval")\n@self("yes")'), (3, 1), "wrong-annotation", "yes"),
        (gate('@gate("approval")\n@not("requester")\n@self("allowed")'), (4, 1), "wrong-annotation", "contradicts"),
        (gate('@gate("approval")\n@expires("1w")'), (3, 1), "wrong-annotation", "1w"),
        (gate('@gate("approval")\n@expires("0h")'), (3, 1), "wrong-annotation", "0h"),
        (gate('@gate("approval")\n@otherwise("retry")'), (3, 1), "wrong-annotation", "retry"),
        (gate('@gate("approval")\n@risk("low")'), (3, 1), "wrong-annotation", "low"),
        (gate('@gate("rate")'), (2, 1), "wrong-annotation", "@limit"),
        (gate('@gate("rate")\n@limit("10 a minute")'), (3, 1), "wrong-annotation", "10 a minute"),
        (gate('@gate("rate")\n@limit("0/1m")'), (3, 1), "wrong-annotation", "0/1m"),
        (gate('@gate("rate")\n@limit("1/1m")\n@per("person")'), (4, 1), "wrong-annotation", "person"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_a_flaw_is_found_where_it_is(text: str, place: tuple[int, int], code: str, says: str) -> None:
    found = only(text)
    assert ((found.line, found.column), found.code) == (place, code)
    assert says in found.message
    assert found.severity == "error"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (ALL + 'permit (principal, action == Action::"htp.call", resource);', "did you mean http.call?"),
        (ALL + "permit (principal, action, resource) when { context.args has methd };", "did you mean method?"),
        (
            ALL + 'permit (principal, action, resource) when { context.args.method == "GET" };',
            "it is there for http.call",
        ),
        (ALL + 'permit (principal, action == Action::"http.call", resource is Program);', "http.call is about Host"),
        (ALL + 'permit (principal == Group::"a", action, resource);', 'principal in Group::"…"'),
        (ALL + "permit (principal, action, resource)\n\n" + ALL, "end the one before it with `;`"),
        (gate('@quorum("2")'), 'add @gate("approval")'),
        (gate('@gte("rate")'), "did you mean @gate?"),
        (gate('@zzz("rate")'), "known: @id, @reason"),
    ],
)
def test_a_hint_says_what_to_do(text: str, hint: str) -> None:
    assert hint in only(text).hint


def test_every_flaw_of_every_file_is_told_in_the_order_of_places() -> None:
    bad = "permit (principal, action, resource) when { x };\n\npermit (principal, action, resource) when { y };"
    found = load({"b.cedar": bad, "a.cedar": gate('@gate("x")')}).diagnostics
    assert [(each.file, each.line) for each in found] == [("a.cedar", 2), ("b.cedar", 1), ("b.cedar", 3)]


@pytest.mark.parametrize(
    "text",
    [")" * 5_000 + "(" * 5_000, ";" * 100_000, '"' * 99_999, "@" * 9_999, "permit" * 9_999],
    ids=["brackets", "semicolons", "quotes", "signs", "words"],
)
def test_a_file_that_is_no_policies_at_all_is_soon_done_with(text: str) -> None:
    found = load({"local.cedar": ALL + text}).diagnostics
    assert 1 <= len(found) <= 201
    assert all(each.line == 2 for each in found)


def test_a_file_that_permits_nothing_is_warned_about() -> None:
    for text in ("", "// nothing yet", "forbid (principal, action, resource);", '@mode("warn")\n' + ALL):
        assert (only(text).code, only(text).severity) == ("nothing-permits", "warning")


def test_a_policy_about_what_nothing_does_yet_is_warned_about_and_counts() -> None:
    ahead = 'forbid (principal, action in [Action::"http.call", Action::"model.call"], resource);'
    found = only(ALL + ahead)
    assert (found.code, found.severity, found.line) == ("action-not-performed", "warning", 2)
    assert load({"local.cedar": ALL + ahead}).policies is not None
    assert only(ALL + ahead.replace("model.call", "modle.call")).code == "unknown-action"
    assert only('permit (principal, action == Action::"tool.call", resource == Tool::"web");').code == found.code


@pytest.mark.parametrize(
    ("policy", "text", "hint"),
    [
        (
            'forbid (principal, action, resource == Host::"API.Shop.example");',
            "API.Shop.example",
            'Host::"api.shop.example"',
        ),
        (
            'forbid (principal, action, resource is Host in Host::"https://shop.example/a");',
            "https://shop.example/a",
            'Host::"shop.example"',
        ),
        (
            'forbid (principal, action, resource == Host::"shop.example:8443");',
            "shop.example:8443",
            'Host::"shop.example"',
        ),
        (ON + 'Host::"shop.example.");', "shop.example.", 'Host::"shop.example"'),
        (ON + 'Host::"[::1]:80");', "[::1]:80", 'Host::"::1"'),
        (
            'forbid (principal, action, resource == Host::"bücher.example");',
            "bücher.example",
            'Host::"xn--bcher-kva.example"',
        ),
        (ON + 'Host::"https://");', "https://", "without scheme"),
        (
            'forbid (principal, action, resource == Host::"*.shop.example");',
            "*.shop.example",
            'host like "*.shop.example"',
        ),
        (
            'forbid (principal, action, resource) when { resource == Host::"A.example" };',
            "A.example",
            'Host::"a.example"',
        ),
        ('@id("A") forbid (principal, action, resource == Host::"A");', "A", 'Host::"a"'),
        (HTTP + 'when { context.args.method == "post" };', "post", '"POST": methods are compared in capitals'),
        (HTTP + 'unless { "get" == context.args["method"] };', "get", '"GET"'),
        (HTTP + 'when { ["GET", "post"].contains(context.args.method) };', "post", '"POST"'),
        (HTTP + 'when { context.args.headers.containsAny(["X-Key"]) };', "X-Key", '"x-key"'),
        (HTTP + 'when { context.args.host like "*.Shop.example" };', "*.Shop.example", '"*.shop.example"'),
        (HTTP + 'when { context.args.scheme != "HTTPS" };', "HTTPS", '"https"'),
        ('forbid (principal, action, resource == Language::"JavaScript");', "JavaScript", 'Language::"js"'),
    ],
)
def test_what_no_command_is_ever_spelled_like_is_warned_of_with_the_right_spelling(policy, text, hint) -> None:
    found = only(ALL + policy)
    assert (found.code, found.severity, found.line, found.column) == (
        "never-fits",
        "warning",
        2,
        policy.rindex(f'"{text}"') + 1,
    )
    assert hint in found.hint
    assert load({"local.cedar": ALL + policy}).policies is not None


def test_what_is_spelled_as_commands_are_is_not_warned_of() -> None:
    for host in ("shop.example", "::1", "127.0.0.1", "localhost", "xn--bcher-kva.example", ""):
        assert findings(ALL + f'forbid (principal, action, resource == Host::"{host}");') == []
    assert findings(ALL + HTTP + 'when { context.args.method == "PATCH" || context.args.path == "/A" };') == []
    assert findings(ALL + 'forbid (principal == User::"Ada", action, resource == Program::"Make");') == []


def test_comments_texts_and_line_ends_of_all_kinds_are_read_as_cedar_reads_them() -> None:
    text = (
        '// permit; "\rpermit (principal, action, resource) // ;\r\n'
        'when { context.tenant == "a;b // \\"" };\r\npermit (principal, action, resource);'
    )
    policies = load({"local.cedar": text}).policies
    assert policies is not None
    assert [(policy.id, policy.line) for policy in policies.policies] == [("local#1", 2), ("local#2", 4)]


def test_a_policy_is_called_by_its_id_or_by_file_and_place() -> None:
    loaded = load({"b.cedar": ALL + '@id("named")\n' + ALL, "a.cedar": ALL}).policies
    assert loaded is not None
    assert [policy.id for policy in loaded.policies] == ["a#1", "b#1", "named"]
    assert loaded.policies[2].annotations == {"id": "named"}
    assert loaded.policies[2].text == '@id("named")\npermit (principal, action, resource);'


def test_the_digest_is_that_of_names_and_texts() -> None:
    one, other = load({"a.cedar": ALL}).policies, load({"a.cedar": ALL + " "}).policies
    assert one is not None and other is not None
    assert one.digest != other.digest
    assert one.digest == sha256(canonical({"a.cedar": ALL})).hexdigest()
