"""Nothing of the machine gets into an expression: no clock, no environment, no input, no module."""

from __future__ import annotations

import jq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reach_workbench.engine.evaluate import InProcess, evaluate
from reach_workbench.engine.expressions import ExpressionSyntaxError, compile_expression

WORDS = [
    "now", "env", "input", "inputs", "debug", "stderr", "input_filename", "input_line_number", "localtime",
    "strflocaltime", "get_search_list", "get_prog_origin", "get_jq_origin", "modulemeta", "halt", "halt_error",
    "import", "include", "module",
]  # fmt: skip

KNOWN_TO_BE_PURE = set(
    """IN INDEX JOIN abs acos acosh add all any arrays ascii_downcase ascii_upcase asin asinh atan atan2 atanh booleans
    bsearch builtins capture cbrt ceil combinations contains copysign cos cosh del delpaths drem empty endswith erf erfc
    error exp exp10 exp2 explode expm1 fabs fdim finites first flatten floor fma fmax fmin fmod format frexp
    from_entries fromdate fromdateiso8601 fromjson fromstream gamma getpath gmtime group_by gsub has have_decnum
    have_literal_numbers hypot implode in index indices infinite inside isempty isfinite isinfinite isnan isnormal
    iterables j0 j1 jn join keys keys_unsorted last ldexp length lgamma lgamma_r limit log log10 log1p log2 logb ltrim
    ltrimstr map map_values match max max_by min min_by mktime modf nan nearbyint nextafter nexttoward normals not nth
    nulls numbers objects path paths pick pow range recurse remainder repeat reverse rindex rint round rtrim rtrimstr
    scalars scalb scalbln scan select setpath significand sin sinh skip sort sort_by split splits sqrt startswith
    strftime strings strptime sub tan tanh test tgamma to_entries toboolean todate todateiso8601 tojson tonumber
    tostream tostring transpose trim trimstr trunc truncate_stream type unique unique_by until utf8bytelength values
    walk while with_entries y0 y1 yn""".split()  # noqa: SIM905
)


def test_every_word_of_jq_was_judged():
    builtins = {name.split("/")[0] for name in jq.compile("builtins").input_text("null").first()}
    assert builtins - KNOWN_TO_BE_PURE - set(WORDS) == set()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "form",
    ["{}", "[{}]", '"\\({})"', '"a \\("b \\({})")"', "{{a: {}}}", "{{({}): 1}}", '{{"\\({})": 1}}', ". | {}",
     "if {} then 1 else 2 end", "{{a: if 1, {}, 2 then 1 else 2 end}}", "try {}", ".[{}]", "def f: {}; f", "f({})",
     "def {}: 1; {}", "reduce {} as $x (0; 1)", "1 # comment\n | {}", "1 # \\\\\n | {}", "@base64 \"\\({})\"", "..|{}",
     "{{$x, a: {}}}", "$x|{}", "label $now | {}", "{{a: 1 | {}}}", "-{}", "{}?", "[1, {}, 2]", "({}, 1)"],
)  # fmt: skip
def test_an_impure_word_is_refused_wherever_it_stands(word, form):
    source = form.format(*[word] * form.count("{}"))
    with pytest.raises(ExpressionSyntaxError) as wrong:
        compile_expression(source)
    assert wrong.value.message == f"`{word}` is not available in a workflow"
    assert source[wrong.value.offset :].startswith(word)
    assert wrong.value.hint


@pytest.mark.parametrize(
    "source", ["$ENV", "$ENV.PATH", '"\\($ENV)"', "$__loc__", "{$__loc__}", "$__prog_args", "$__in", ". as $ENV | 1"]
)
def test_variables_of_jq_itself_are_refused(source):
    with pytest.raises(ExpressionSyntaxError, match="is not available in a workflow"):
        compile_expression(source)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (".now", 1),
        ('."now"', 1),
        ('.["now"]', 1),
        ("{now}", {"now": 1}),
        ("{now: 2}", {"now": 2}),
        ("{a: 1, now: 2, env}", {"a": 1, "now": 2, "env": None}),
        ("{import: 1, if: 2, end: 3, module}", {"import": 1, "if": 2, "end": 3, "module": None}),
        ("{a: if .now then {now: 5} else 2 end, now: 3}", {"a": {"now": 5}, "now": 3}),
        (". as {now: $now} | $now", 1),
        (". as {a: $x, now: $y} | $y", 1),
        ("label $now | 1, break $now", 1),
        ('"now"', "now"),
        ('"\\"now\\" # now"', '"now" # now'),
        ("1 # now", 1),
        ("1 # now \\\nnow \\\r\nnow\n", 1),
        ("$now", 7),
        ("{$now}", {"now": 7}),
        ("def nowadays: 3; nowadays", 3),
        ('"2026-01-02T03:04:05Z" | fromdate | todate', "2026-01-02T03:04:05Z"),
        ('0 | strftime("%H:%M")', "00:00"),
        ("0 | gmtime | mktime", 0),
    ],
)
def test_the_same_words_as_names_of_data_are_fine(source, result):
    assert evaluate(compile_expression(source), {"now": 1}, {"now": 7}, InProcess()) == result


TRAPS = ["now", "env", "input", "debug", "localtime", "halt"]
pieces = st.sampled_from(
    [*TRAPS, ".", ".a", "|", ",", "{", "}", "{", "}", "(", ")", "[", "]", ":", "if", "then", "else", "end", "as", "$x",
     '"', "\\(", "a", "1", "1", "def", "f", ";", "reduce", "try", "catch", "?", "//", "?//", "=", "#", "\n", "\\", " ",
     "{a:", "if 1,", ", 2 then", "{now", "1 as {", "} | ", "label", "@json", "..", "\r\n", "then 1 end", '"\\(']
)  # fmt: skip


@settings(max_examples=2_000, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=14), st.sampled_from(["", " "]))
def test_jq_finds_no_impure_call_in_a_text_that_passes(parts, between):
    """jq itself is the judge: it reports a word it does not know only where that word is called."""
    source = between.join(parts)
    try:
        compile_expression(source)
    except ExpressionSyntaxError:
        return
    for word in TRAPS:
        if word in source:
            with_unknown_word = source.replace(word, f"{word}_")
            try:
                jq.compile(f". as [$x] | $x | (\n{with_unknown_word}\n)")
            except ValueError as wrong:
                assert f"{word}_/0 is not defined" not in str(wrong), source
