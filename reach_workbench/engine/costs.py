"""What each of jq's harmless words costs, and how costs add up."""

from __future__ import annotations

from typing import Final, NamedTuple

NUMBER: Final = 25
"""Characters that a number may have."""

WORD: Final = 10
"""Characters that true, false, null and the name of a type may have."""


class Unbounded(Exception):
    """There is no bound, or none that is known here."""


class Cost(NamedTuple):
    """`total` is the length of all results, `most` that of the longest, `work` the characters worked through."""

    results: int
    total: float
    most: float
    work: float


CONSTANTS: Final = {
    "true": WORD, "false": WORD, "null": WORD, "infinite": NUMBER, "nan": NUMBER, "empty": 0,
}  # fmt: skip

OF_INPUT: Final[dict[str, tuple[float, float, float]]] = {
    # name: (characters of the result for each of the input, and besides, work for each of the input)
    **dict.fromkeys(("length", "utf8bytelength", "floor", "ceil", "round", "trunc", "sqrt", "abs", "fabs", "tonumber",
                     "log", "log2", "log10", "exp", "exp2", "exp10"), (1, NUMBER, 1)),
    **dict.fromkeys(("not", "type", "toboolean", "any", "all", "isnan", "isinfinite", "isnormal"), (0, WORD, 4)),
    **dict.fromkeys(("first", "last", "reverse", "sort", "unique", "min", "max", "add", "from_entries"), (1, 10, 8)),
    **dict.fromkeys(("trim", "ltrim", "rtrim", "values", "nulls", "strings", "numbers", "objects", "arrays",
                     "booleans", "scalars", "iterables", "error"), (1, 10, 1)),
    **dict.fromkeys(("ascii_downcase", "ascii_upcase"), (1, 2, 20)),
    **dict.fromkeys(("keys", "keys_unsorted"), (4, 2, 4)),
    **dict.fromkeys(("tostring", "tojson", "fromjson"), (2, 2, 2)),
    "to_entries": (6, 2, 20),
    "explode": (8, 2, 8),
    "implode": (1, 2, 4),
}  # fmt: skip

_OF_ONE: Final[dict[str, tuple[float, float]]] = {
    # name: (characters of the result for each of input and argument together, work for each of them)
    **dict.fromkeys(("has", "in", "startswith", "endswith"), (0, 1)),
    **dict.fromkeys(("ltrimstr", "rtrimstr", "trimstr", "getpath", "error"), (1, 2)),
    "split": (5, 5),
}

FORMATS: Final = {
    # name: characters of the result for each of the value
    "text": 2.0, "json": 2.0, "html": 12.0, "uri": 6.0, "csv": 4.0, "tsv": 4.0, "sh": 8.0,
    "urid": 2.0, "base64": 3.0, "base64d": 2.0,
}  # fmt: skip


def one(length: float) -> Cost:
    """One result of that length, at hand without work."""
    return Cost(1, length, length, 10)


def both(first: Cost, second: Cost) -> Cost:
    """The results of the one and then those of the other, as `,` gives them."""
    return Cost(
        first.results + second.results,
        first.total + second.total,
        max(first.most, second.most),
        first.work + second.work,
    )


def one_of(first: Cost, second: Cost) -> Cost:
    """The results of either, as `//` and `if` give them; both may be worked out."""
    return Cost(
        max(first.results, second.results),
        max(first.total, second.total),
        max(first.most, second.most),
        first.work + second.work,
    )


def piped(first: Cost, second: Cost) -> Cost:
    """`second` comes once for each result of `first`, and was read for the longest of them."""
    return Cost(
        first.results * second.results,
        first.results * second.total,
        second.most,
        first.work + first.results * second.work,
    )


def combined(first: Cost, second: Cost, most: float, work: float) -> Cost:
    """One result of length `most` at a cost of `work` for each pair of results."""
    count = first.results * second.results
    return Cost(
        count, count * most, most, first.work * second.results + second.work * first.results + count * (work + 10)
    )


def with_argument(name: str, dot: float, argument: Cost) -> Cost:
    """A call of `name` with one argument, on an input of length `dot`. Raises Unbounded for an unknown word."""
    most, each = argument.most, dot + argument.most
    if name in _OF_ONE:
        factor, work = _OF_ONE[name]
        length = factor * each + WORD
        return combined(one(0), argument, length, work * each)
    if name == "select":
        return Cost(argument.results, argument.results * dot, dot, argument.work + dot)
    if name == "IN":
        return Cost(1, WORD, WORD, argument.work + argument.total + argument.results * dot)
    if name == "del":
        return Cost(1, dot, dot, argument.work + (argument.results + 1) * dot)
    if name == "join":
        return combined(one(0), argument, dot * (2 + most), dot * (2 + most))
    if name in ("contains", "inside", "index", "rindex", "indices"):
        return combined(one(0), argument, 8 * dot + WORD, 8 * dot * (1 + most))
    raise Unbounded
