"""Proves of an expression that it can neither loop nor blow up, by an upper bound of its cost.

The proof reads the expression by jq's grammar (jq 1.8, `src/parser.y`) and knows a list of
harmless words; anything else, iteration and recursion above all, has no bound here. Each
part gets a `Cost` for data of `size` characters: how many results it gives, how long they
are together and the longest of them, and how many characters jq works through for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from reach_workbench.engine.costs import (
    CONSTANTS,
    FORMATS,
    NUMBER,
    OF_INPUT,
    WORD,
    Cost,
    Unbounded,
    both,
    combined,
    one,
    one_of,
    piped,
    with_argument,
)
from reach_workbench.engine.jq_tokens import Token, UnreadableText, tokens
from reach_workbench.engine.paths import quoted, read_step

SIZES: Final = (200_000, 2_000)
"""The amounts of data, in characters of JSON, for which the proof is tried."""

GROWTH: Final = 64
"""Results may be this many times the data, plus `SLACK` characters for what the text itself holds."""

SLACK: Final = 64_000
WORK: Final = 8_000_000
RESULTS: Final = 64
_DEPTH: Final = 40
_TOKENS: Final = 600


@lru_cache(maxsize=8192)
def limit(source: str) -> int:
    """How much data, in characters of JSON, `source` may be run on without a deadline; 0 is none at all."""
    try:
        found = tokens(source)
    except UnreadableText:
        return 0
    if len(found) > _TOKENS:
        return 0
    for size in SIZES:
        try:
            cost = _Reader(found, size).whole()
        except Unbounded:
            continue
        if cost.results <= RESULTS and cost.total <= GROWTH * size + SLACK and cost.work + cost.total <= WORK:
            return size
    return 0


_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_ASSIGNMENTS: Final = ("=", "|=", "+=", "-=", "//=")


class _Reader:
    """One pass over the tokens. `dot` is the length of what `.` is where the pass has got to."""

    def __init__(self, found: Sequence[Token], size: int) -> None:
        self._found = found
        self._place = 0
        self._size = float(size)
        self._depth = 0
        self._bound: dict[str, float] = {}

    def whole(self) -> Cost:
        cost = self._query(self._size)
        if self._place != len(self._found):
            raise Unbounded
        return cost

    def _is(self, *texts: str) -> bool:
        if self._place >= len(self._found):
            return False
        token = self._found[self._place]
        return token.text in texts and token.kind in ("operator", "name", "open", "close")

    def _take(self, *texts: str) -> bool:
        if self._is(*texts):
            self._place += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise Unbounded

    def _query(self, dot: float) -> Cost:
        self._depth += 1
        if self._depth > _DEPTH:
            raise Unbounded
        cost = self._listed(dot)
        while self._take("|"):
            cost = piped(cost, self._listed(cost.most))
        self._depth -= 1
        return cost

    def _listed(self, dot: float) -> Cost:
        cost = self._element(dot)
        while self._take(","):
            cost = both(cost, self._element(dot))
        return cost

    def _element(self, dot: float) -> Cost:
        """An operand of `,`: an expression, or `… as $x | …`, whose body reaches as far as it can."""
        cost = self._alternative(dot)
        if not self._take("as"):
            return cost
        name = self._found[self._place] if self._place < len(self._found) else None
        if name is None or name.kind != "variable":
            raise Unbounded
        self._place += 1
        self._need("|")
        before = self._bound
        self._bound = {**before, name.text: cost.most}
        body = self._query(dot)
        self._bound = before
        return Cost(
            cost.results * body.results, cost.results * body.total, body.most, cost.work + cost.results * body.work
        )

    def _alternative(self, dot: float) -> Cost:
        cost = self._assigned(dot)
        while self._take("//"):
            cost = one_of(cost, self._assigned(dot))
        return cost

    def _assigned(self, dot: float) -> Cost:
        start = self._place
        cost = self._either(dot)
        for sign in _ASSIGNMENTS:
            if self._take(sign):
                if not _only_names(self._found[start : self._place - 1]):
                    raise Unbounded  # .[1000000000] = 1 makes an array that long
                value = self._either(dot)
                factor = value.most + 1 if sign == "-=" else 1
                most = dot + value.most + self._place - start
                return Cost(
                    value.results, value.results * most, most, value.work + value.results * (dot + most) * factor
                )
        return cost

    def _either(self, dot: float) -> Cost:
        cost = self._also(dot)
        while self._take("or"):
            cost = combined(cost, self._also(dot), WORD, 0)
        return cost

    def _also(self, dot: float) -> Cost:
        cost = self._compared(dot)
        while self._take("and"):
            cost = combined(cost, self._compared(dot), WORD, 0)
        return cost

    def _compared(self, dot: float) -> Cost:
        cost = self._sum(dot)
        if self._take(*_COMPARISONS):
            other = self._sum(dot)
            cost = combined(cost, other, WORD, cost.most + other.most)
        return cost

    def _sum(self, dot: float) -> Cost:
        cost = self._product(dot)
        while self._is("+", "-"):
            minus = self._found[self._place].text == "-"
            self._place += 1
            other = self._product(dot)
            work = cost.most * other.most if minus else cost.most + other.most  # arrays: each with each
            cost = combined(cost, other, cost.most + other.most + NUMBER, work)
        return cost

    def _product(self, dot: float) -> Cost:
        start = self._place
        cost = self._postfix(dot)
        while self._is("*", "/", "%"):
            sign = self._found[self._place].text
            left = self._literal(start, self._place)
            self._place += 1
            start = self._place
            other = self._postfix(dot)
            right = self._literal(start, self._place)
            if sign == "*":
                if left is None and right is None:
                    raise Unbounded  # a string times a number that only the data knows
                most = (other.most if left is not None else cost.most) * max(left or 0, right or 0, 1) + NUMBER
            else:
                most = 5 * (cost.most + other.most) + NUMBER
            cost = combined(cost, other, most, most)
            start = len(self._found)  # from here on the left side is no literal
        return cost

    def _literal(self, start: int, end: int) -> float | None:
        if end - start == 1 and self._found[start].kind == "number":
            return float(self._found[start].text) + 1
        return None

    def _postfix(self, dot: float) -> Cost:
        self._depth += 1
        if self._depth > _DEPTH:
            raise Unbounded
        cost = self._term(dot)
        while self._place < len(self._found):
            step = read_step(self._found, self._place)
            if step is not None:
                self._place = step[1]
            elif self._take("?"):
                pass
            elif self._is("["):
                cost = self._sliced(cost, dot)
            else:
                break
        self._depth -= 1
        return cost

    def _sliced(self, cost: Cost, dot: float) -> Cost:
        """`[from:to]`, either left out; an index that is not written out may be an array, and that has no bound."""
        self._need("[")
        if not self._is(":"):
            cost = combined(cost, self._query(dot), cost.most, cost.most)
        self._need(":")
        if not self._is("]"):
            cost = combined(cost, self._query(dot), cost.most, cost.most)
        self._need("]")
        return cost

    def _term(self, dot: float) -> Cost:
        if self._place >= len(self._found):
            raise Unbounded
        token = self._found[self._place]
        if token.kind == "string-start":
            return self._string(dot, 2.0)
        self._place += 1
        if token.kind == "number":
            return one(len(token.text) + NUMBER)
        if token.kind == "field":
            return one(dot)
        if token.kind == "variable":
            return one(self._bound.get(token.text, self._size))
        if token.kind == "format":
            factor = FORMATS.get(token.text)
            if factor is None:
                raise Unbounded
            if self._place < len(self._found) and self._found[self._place].kind == "string-start":
                return self._string(dot, factor)
            return Cost(1, factor * dot + 2, factor * dot + 2, factor * dot)
        if token.kind == "name":
            return self._named(token.text, dot)
        if token.text == ".":
            text = quoted(self._found, self._place)
            if text is not None:
                self._place = text[1]
            return one(dot)
        if token.text == "-":
            return self._postfix(dot)._replace(most=NUMBER)
        if token.text == "(":
            cost = self._query(dot)
            self._need(")")
            return cost
        if token.text == "[":
            if self._take("]"):
                return one(2)
            cost = self._query(dot)
            self._need("]")
            length = cost.total + cost.results + 2
            return Cost(1, length, length, cost.work)
        if token.text == "{":
            return self._object(dot)
        raise Unbounded

    def _string(self, dot: float, factor: float) -> Cost:
        self._place += 1
        cost = one(2)
        while True:
            token = self._found[self._place]
            self._place += 1
            if token.kind == "string-end":
                return cost
            if token.kind == "text":
                cost = combined(cost, one(len(token.text)), cost.most + 6 * len(token.text), 0)
            else:
                part = self._query(dot)
                self._need(")")
                most = cost.most + factor * part.most + 2
                cost = combined(cost, part, most, most)

    def _object(self, dot: float) -> Cost:
        cost = one(2)
        while not self._take("}"):
            token = self._found[self._place]
            if token.text == "(" and token.kind == "open":
                self._place += 1
                key = self._query(dot)
                self._need(")")
            elif token.kind == "string-start":
                key = self._string(dot, 2.0)
            elif token.kind in ("name", "variable"):
                self._place += 1
                key = one(self._bound.get(token.text, self._size) if token.kind == "variable" else len(token.text))
            else:
                raise Unbounded
            if self._take(":"):
                value = self._member(dot)
            elif token.kind == "variable":
                value = key
            else:
                value = one(dot)
            member = combined(key, value, key.most + value.most + 4, 0)
            cost = combined(cost, member, cost.most + member.most, 0)
            if not self._take(","):
                self._need("}")
                break
        return cost

    def _member(self, dot: float) -> Cost:
        cost = self._alternative(dot)
        while self._take("|"):
            cost = piped(cost, self._alternative(cost.most))
        return cost

    def _named(self, name: str, dot: float) -> Cost:
        if name == "if":
            return self._choice(dot)
        if name == "try":
            cost = self._postfix(dot)
            if self._take("catch"):
                cost = both(cost, self._postfix(max(dot, cost.work) + 100))
            return cost
        if self._take("("):
            if name == "range":
                return self._range()
            argument = self._query(dot)
            self._need(")")
            return with_argument(name, dot, argument)
        if name in CONSTANTS:
            return one(CONSTANTS[name])
        if name in OF_INPUT:
            factor, besides, work = OF_INPUT[name]
            return Cost(1, factor * dot + besides, factor * dot + besides, work * dot + 10)
        raise Unbounded

    def _range(self) -> Cost:
        """`range(upto)` or `range(from; upto)` of numbers written out: others may count for ever."""
        ends = [self._written_number()]
        if self._take(";"):
            ends.append(self._written_number())
        self._need(")")
        count = max(ends[-1] - (ends[0] if len(ends) > 1 else 0), 0) + 1
        return Cost(int(count), count * NUMBER, NUMBER, count * NUMBER)

    def _written_number(self) -> float:
        place = self._place
        self._place += 1
        number = self._literal(place, self._place) if place < len(self._found) else None
        if number is None or number > WORK:
            raise Unbounded
        return number

    def _choice(self, dot: float) -> Cost:
        condition = self._query(dot)
        self._need("then")
        cost = self._query(dot)
        if self._take("elif"):
            cost = one_of(cost, self._choice(dot))
        elif self._take("else"):
            cost = one_of(cost, self._query(dot))
            self._need("end")
        else:
            self._need("end")
            cost = one_of(cost, one(dot))
        return piped(condition, cost)


def _only_names(found: Sequence[Token]) -> bool:
    return all(
        token.kind in ("field", "string-start", "text", "string-end") or token.text in (".", "[", "]")
        for token in found
    ) and not any(token.kind == "open" and token.text != "[" for token in found)
