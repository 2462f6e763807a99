"""Runtime expressions: what is one, what it gives, and what is said about one that is wrong."""

from __future__ import annotations

import pytest

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.evaluate import InProcess, evaluate, holds
from reach_workbench.engine.expression_texts import compile_condition, compile_template, compile_uri_template
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression
from reach_workbench.engine.faults import STANDARD_TYPES, Fault
from reach_workbench.engine.templates import Constant, Expression, Text, UriTemplate

DATA = {"a": {"b": [1, 2, {"c": "x"}]}, "n": 5, "s": "é x", "yes": True, "none": None, "half": 0.5}


def value(template, data=DATA, variables=None, **options):
    return evaluate(compile_template(template, **options), data, variables or {}, InProcess())


def refused(template, **options):
    with pytest.raises(ExpressionSyntaxError) as wrong:
        compile_template(template, **options)
    return wrong.value


class TestWhole:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            ("${ . }", DATA),
            ("${ .n }", 5),
            ("${.n}", 5),
            ("  ${ .n }\n", 5),
            ("${\n  .n\n  + 1\n}\n", 6),
            ("${ .a.b | length }", 3),
            ("${ {x: {y: .n}} }", {"x": {"y": 5}}),
            ('${ "}" + "\\(.n)}" }', "}5}"),
            ('${ "\\("}" + "\\(.n)")" }', "}5"),
            ("${ .n # a comment } with a brace\n + 1 }", 6),
            ('${ .n # a comment with a "quote\n + 1 }', 6),
            ("${ .n + 1 # \\\\\n }", 6),
            ("${ .missing }", None),
            ("${ empty }", None),
            ("${ @base64 }", "eyJhIjp7ImIiOlsxLDIseyJjIjoieCJ9XX0sImhhbGYiOjAuNSwibiI6NSwibm9uZSI6bnVsbCwicyI6"
             "IsOpIHgiLCJ5ZXMiOnRydWV9"),
            ('${ @sh "echo \\(.s)" }', "echo 'é x'"),
            ("${ 1e1000 }", 1.7976931348623157e308),
            ("${ -1e1000 }", -1.7976931348623157e308),
            ("${ nan }", None),
            ("${ 100000000000000000000 }", 10**20),
            ("${ [.n / 2, .n * 2, 0.1 + 0.2] }", [2.5, 10, 0.30000000000000004]),
        ],
    )  # fmt: skip
    def test_it_keeps_the_type_of_the_result(self, text, result):
        found = value(text)
        assert found == result
        assert type(found) is type(result)

    def test_a_path_gives_the_very_object(self):
        assert value("${ .a }") is DATA["a"]
        assert value("${ $context.a.b[-1] }", None, {"context": DATA}) is DATA["a"]["b"][2]

    def test_integers_beyond_a_double_come_through(self):
        large = 12345678901234567890123
        assert value("${ .x }", {"x": large}) == large
        assert value("${ [.x] }", {"x": large}) == [large]
        assert value("${ {y: .x, z: .w} }", {"x": -large, "w": 2**63}) == {"y": -large, "z": 2**63}

    def test_a_value_gives_the_same_result_before_and_after_it_was_stored(self):
        made = {"z": 1.0, "a": {"d": 1e17, "c": -0.0}, "m": [2.0, 2.5, "1.0,"]}
        stored = {"a": {"c": 0, "d": 10**17}, "m": [2, 2.5, "1.0,"], "z": 1}
        assert canonical(made) == canonical(stored)
        for text in ("${ tojson }", "${ to_entries }", "${ [.. | tostring] }", "${ [.[]] }", "made of ${ . }"):
            assert canonical(value(text, made)) == canonical(value(text, stored))


class TestEmbedded:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            ("n is ${ .n }!", "n is 5!"),
            ("${ .n }${ .n }", "55"),
            ("${ .s }/${ .yes }/${ .none }/${ .half }", "é x/true/null/0.5"),
            ("got ${ .a }", 'got {"b":[1,2,{"c":"x"}]}'),
            ("a } b ${ .n } } c", "a } b 5 } c"),
            ("$ {.n} $.n", "$ {.n} $.n"),
        ],
    )
    def test_strings_go_in_raw_and_other_results_as_json(self, text, result):
        assert value(text) == result

    def test_data_is_never_read_as_an_expression(self):
        assert value("got ${ .s }", {"s": "${ 1 + 1 }"}) == "got ${ 1 + 1 }"
        assert value("${ .s }", {"s": "${ 1 + 1 }"}) == "${ 1 + 1 }"

    def test_only_whole_expressions_count_where_the_field_wants_it(self):
        assert value("n is ${ .n }", interpolate="whole") == "n is ${ .n }"
        assert value("${ .n }", interpolate="whole") == 5
        assert value("${ .n }", interpolate="none") == "${ .n }"

    def test_the_shell_keeps_its_own_variables(self):
        command = 'echo ${HOME} "${1:-x}" ${#list} $((1+1)) ${ .n } ${.s} ${"q"} ${'
        assert value(command, interpolate="shell") == 'echo ${HOME} "${1:-x}" ${#list} $((1+1)) 5 é x q ${'
        assert value("${HOME}", interpolate="shell") == "${HOME}"
        assert value("${ .n }", interpolate="shell") == 5


class TestTemplates:
    def test_a_value_without_expressions_is_one_constant(self):
        plain = {"a": [1, "x", {"b": None}], "${ .n }": "a key is never an expression"}
        assert compile_template(plain) == Constant(plain)
        assert compile_template("x") == Constant("x")

    def test_expressions_are_found_at_any_depth(self):
        assert value({"a": ["${ .n }", {"b": "x${ .n }"}], "c": 1}) == {"a": [5, {"b": "x5"}], "c": 1}

    def test_an_error_names_its_place_in_the_tree_and_in_the_text(self):
        wrong = refused({"a": ["x", {"b": "12 ${ .n | nope }"}]})
        assert wrong.path == ("a", 1, "b")
        assert "12 ${ .n | nope }"[wrong.offset :].startswith("nope")
        assert wrong.message == "nope/0 is not defined"
        assert wrong.hint


class TestSyntaxErrors:
    @pytest.mark.parametrize(
        ("text", "message", "rest"),
        [
            ("${ .a", "the closing `}` is missing", " .a"),
            ("ok ${ .a } ${ .b", "the closing `}` is missing", " .b"),
            ('${ "x }', "the string is not closed", '"x }'),
            ("${ (.a ]}", "`]` where `)` is due", "]}"),
            ("${ }", "the expression is empty", " }"),
            ("${ .a | }", "syntax error, unexpected end of the expression", " }"),
            ("${ 1) | (2 }", "`)` closes nothing", ") | (2 }"),
            ("${ nope }", "nope/0 is not defined", "nope }"),
            ('${ "é" |\n "é" + nope(1) }', "nope/1 is not defined", "nope(1) }"),
            ("${ .a ~ 1 }", "jq has no such character: '~'", "~ 1 }"),
            ("${ .a = = 1 }", "syntax error, unexpected '='", "= 1 }"),
            ("${ if . then 1 }", "syntax error, unexpected end of the expression", " }"),
            ("${ {a: 1 b: 2} }", "syntax error, unexpected a name, expecting '}'", "b: 2} }"),
            ("${ .a | @nope }", "jq has no format @nope", "@nope }"),
            ('${ "\\(1 +)" }', "syntax error, unexpected `)`", ')" }'),
            ("${ . as $x | $y | nope }", "nope/0 is not defined", "nope }"),
            ('${ import "a" as a; 1 }', "`import` is not available in a workflow", 'import "a" as a; 1 }'),
            ("${ \ud800 }", "jq has no such character: '\\ud800'", "\ud800 }"),
            ('${ "\ud800" }', "the expression holds half a surrogate pair", '\ud800" }'),
            ('${ "\0" }', "the expression holds a NUL character", '\0" }'),
        ],
    )
    def test_each_has_a_message_a_place_and_a_hint(self, text, message, rest):
        wrong = refused(text)
        assert wrong.message == message
        assert text[wrong.offset :] == rest
        assert wrong.hint

    def test_a_very_long_expression_is_refused_before_jq_chokes_on_it(self):
        wrong = refused("${ " + "+".join([".a"] * 5_000) + " }")
        assert "9999 parts" in wrong.message
        assert wrong.hint

    def test_compiling_works_nothing_out(self):
        expression = compile_expression('"x" * 1000000000 * 1000000000 | length')
        assert not expression.bounded


class TestVariables:
    @pytest.mark.parametrize(
        ("source", "variables"),
        [
            (".a", set()),
            ("$context.a", {"context"}),
            ("$a + $b", {"a", "b"}),
            (". as $x | $x + $y", {"y"}),
            ("$x as $x | $x", {"x"}),
            (". as [$a, {b: $c}] | $a + $c + $d", {"d"}),
            ("reduce .[] as $i (0; . + $i + $k)", {"k"}),
            ("def f($p): $p + $q; f(1)", {"q"}),
            ("label $out | ., break $out", set()),
            ("{$x, y: $z}", {"x", "z"}),
            ('"\\($x)"', {"x"}),
            (". as {$a} ?// [$a] | $a, $b", {"b"}),
        ],
    )
    def test_it_tells_which_it_needs(self, source, variables):
        assert compile_expression(source).variables == variables

    @pytest.mark.parametrize(
        ("source", "secrets"),
        [
            ("$secrets.a", {"a"}),
            ('$secrets["a"] + $secrets.["b-c"] + $secrets."d e" + $secrets.f.g', {"a", "b-c", "d e", "f"}),
            ('"Bearer \\($secrets.token)"', {"token"}),
            ("$secrets", set()),
            ("$other.a", set()),
            (".secrets.a", set()),
        ],
    )
    def test_it_tells_which_secrets_it_reads(self, source, secrets):
        assert compile_expression(source).secrets == secrets

    def test_a_variable_without_a_value_is_a_fault(self):
        for source in ("${ $nothing }", "${ $nothing + 1 }", "${ [range($nothing)] }"):
            with pytest.raises(Fault, match=r"\$nothing has no value here"):
                value(source)

    def test_only_variables_it_mentions_are_asked_for(self):
        asked = []

        class Variables(dict):
            def __getitem__(self, name):
                asked.append(name)
                return super().__getitem__(name)

        everything = Variables(context={"x": 1}, input=object(), task=object())
        assert value("${ $context.x + 1 }", None, everything) == 2
        assert set(asked) == {"context"}


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ("${ .n.x }", 'Cannot index number with string ("x")'),
            ("${ .a.b.x }", 'Cannot index array with string ("x")'),
            ("${ .s[0] }", "Cannot index string with number (0)"),
            ("${ .n + .s }", 'number (5) and string ("é x") cannot be added'),
            ("${ .n | keys }", "number (5) has no keys"),
            ('${ error("boo") }', "boo"),
            ("${ error({a: 1}) }", '{"a": 1}'),
            ("${ .n, .n }", "more than one result"),
            ("${ .n | test(1) }", "number not a string or array"),
            ("x ${ .n.x } y", "Cannot index number"),
        ],
    )
    def test_jq_says_what_is_wrong(self, text, detail):
        with pytest.raises(Fault) as wrong:
            value(text)
        assert detail in wrong.value.detail
        assert wrong.value.problem()["type"] == STANDARD_TYPES + "expression"
        assert wrong.value.status == 400

    def test_an_expression_works_again_after_it_failed(self):
        expression = compile_template("${ .x + 1 }")
        for _ in range(3):
            with pytest.raises(Fault):
                evaluate(expression, {"x": []}, {}, InProcess())
            assert evaluate(expression, {"x": 1}, {}, InProcess()) == 2

    def test_data_that_json_cannot_carry_is_a_fault(self):
        for data in ({"x": 2**70, "y": float("inf")}, {"x": b"bytes"}, {"x": "\ud800"}):
            with pytest.raises(Fault):
                value("${ [.] }", data)

    def test_deep_data_and_deep_results_are_faults(self):
        deep = []
        for _ in range(10_000):
            deep = [deep]
        with pytest.raises(Fault, match="the data is nested deeper than"):
            value("${ [.] }", deep)
        assert value("${ .[0] }", deep) is deep[0]
        for levels in (251, 2_000, 20_000):
            with pytest.raises(Fault, match="the result is nested deeper than"):
                value(f"${{ reduce range({levels}) as $i (0; [.]) }}")
        assert value("${ reduce range(250) as $i (0; [.]) }") is not None


class TestConditions:
    @pytest.mark.parametrize(
        ("text", "truth"),
        [
            (".yes", True),
            ("${ .yes }", True),
            (".none", False),
            ("false", False),
            ("0", True),
            ('""', True),
            ("[]", True),
            (".n > 4 and (.a.b | length) == 3", True),
            ("${ .n > 4 } ", True),
            ("empty", False),
        ],
    )
    def test_all_but_null_and_false_is_true(self, text, truth):
        assert holds(compile_condition(text), DATA, {}, InProcess()) is truth

    def test_an_error_counts_from_the_start_of_the_text(self):
        with pytest.raises(ExpressionSyntaxError) as wrong:
            compile_condition("${ nope }")
        assert wrong.value.offset == 3


class TestLoose:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            (".n", 5),
            ("${ .n }", 5),
            (".n + 1", 6),
            ("hello", "hello"),
            ("Hello, world!", "Hello, world!"),
            ("", ""),
            (" ", " "),
            ("now", "now"),
            ("env", "env"),
            (".n.x", ".n.x"),
            ("n is ${ .n }", "n is 5"),
            ("broken ${ ", "broken ${ "),
            ("${ nope }", "${ nope }"),
            ("5", 5),
            ("https://example.com/{id}", "https://example.com/{id}"),
        ],
    )
    def test_what_is_no_expression_is_text(self, text, result):
        assert value(text, loose=True) == result

    def test_strict_mode_evaluates_nothing_of_the_kind(self):
        assert value(".n") == ".n"


class TestUris:
    def test_a_template_takes_the_properties_of_the_data(self):
        template = compile_uri_template("https://x.test/pets/{petId}/{a.b}?q={q}{gone}")
        assert isinstance(template, UriTemplate)
        data = {"petId": 7, "a.b": "ü/ ~", "q": True}
        assert evaluate(template, data, {}, InProcess()) == "https://x.test/pets/7/%C3%BC%2F%20~?q=true"

    def test_expressions_and_templates_go_together(self):
        template = compile_uri_template("https://${ .host }/pets/{petId}?q=${ .n }")
        assert isinstance(template, Text)
        data = {"host": "x.test", "petId": "a/b", "n": 1}
        assert evaluate(template, data, {}, InProcess()) == "https://x.test/pets/a%2Fb?q=1"

    def test_one_expression_is_the_uri(self):
        assert isinstance(compile_uri_template("${ .url }"), Expression)
        assert isinstance(compile_uri_template("https://x.test/"), Constant)

    @pytest.mark.parametrize("text", ["/{+path}", "/{?a,b}", "/{}", "/x/{a b}", "${ .x }/{#frag}"])
    def test_higher_levels_are_refused(self, text):
        with pytest.raises(ExpressionSyntaxError) as wrong:
            compile_uri_template(text)
        assert text[wrong.value.offset] == "{"
        assert "level 1" in wrong.value.hint

    def test_an_object_does_not_fit_into_a_uri(self):
        with pytest.raises(Fault, match="whole object"):
            evaluate(compile_uri_template("/{a}"), {"a": {}}, {}, InProcess())
