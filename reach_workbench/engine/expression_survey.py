"""Looks a whole document over for expressions, so that libjq is asked about many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from reach_workbench.engine import jq_check
from reach_workbench.engine.expression_texts import sources_in
from reach_workbench.engine.expressions import (
    ExpressionSyntaxError,
    Reading,
    compile_expression,
    finish,
    read,
)
from reach_workbench.engine.purity import may_bind, variable_names
from reach_workbench.engine.templates import Expression
from reach_workbench.engine.values import Json

_BY_NATURE: Final = frozenset(
    ("as", "each", "exceptWhen", "filter", "from", "if", "in", "set", "until", "when", "while")
)
"""Properties whose text may be an expression without `${ }`. One that is missing here costs time, nothing else."""

_BATCH_WORDS: Final = 1_500
_BATCH_SOURCES: Final = 128
_BATCH_NAMES: Final = 32
"""What libjq is asked about at once: its time grows faster than the number of words and variables."""

FAULT: Final = 20
"""Words that asking libjq about a single expression counts for, beyond its own: as long as it takes for so many."""


class TooManyWords(Exception):
    """The document's expressions have more words than its limits allow."""


class Survey:
    """Compiles the expressions of one document. `look_over` first, and most of them cost next to nothing.

    `words` is how many words of jq the document may hold. `in_vain` tells that nobody will see
    another error: what has not been looked over by then is refused unread.
    """

    def __init__(self, words: int, in_vain: Callable[[], bool]) -> None:
        self._left = words
        self._in_vain = in_vain
        self._known: dict[tuple[str, bool], Expression | ExpressionSyntaxError] = {}

    def look_over(self, value: Json, *, loose: bool) -> None:
        """Find the expressions in a document and compile those that are right. Raises TooManyWords."""
        batch: list[Reading] = []
        words = 0
        names: frozenset[str] = frozenset()
        seen: set[str] = set()
        for source in _sources(value, loose):
            if source in seen:
                continue
            seen.add(source)
            reading = self._read(source, loose)
            if reading is None:
                continue
            size = len(reading.tokens)
            more = names | variable_names(reading.tokens)
            if words + size > _BATCH_WORDS or len(batch) == _BATCH_SOURCES or len(more) > _BATCH_NAMES:
                self._judge(batch, names, loose)
                batch, words, more = [], 0, variable_names(reading.tokens)
            batch.append(reading)
            words += size
            names = more
        self._judge(batch, names, loose)

    def compile(self, source: str, *, loose: bool = False) -> Expression:
        """As `compile_expression`. Raises ExpressionSyntaxError and TooManyWords."""
        known = self._known.get((source, loose))
        if known is None:
            known = self._known[source, loose] = self._compile(source, loose)
        if isinstance(known, ExpressionSyntaxError):
            raise ExpressionSyntaxError(known.message, hint=known.hint, offset=known.offset)
        return known

    def _compile(self, source: str, loose: bool) -> Expression | ExpressionSyntaxError:
        if self._in_vain():
            return ExpressionSyntaxError("one of many faulty expressions")
        self._spend(FAULT)
        try:
            return compile_expression(source, loose=loose)
        except ExpressionSyntaxError as wrong:
            return wrong

    def _read(self, source: str, loose: bool) -> Reading | None:
        """What is left for libjq to judge."""
        try:
            reading = read(source)
        except ExpressionSyntaxError as wrong:
            self._known[source, loose] = wrong
            return None
        if reading.path is not None:
            self._known[source, loose] = finish(reading, frozenset({reading.path[0]} - {""}), loose=loose)
            return None
        if reading.unknown is not None:
            return None
        self._spend(len(reading.tokens))
        return reading

    def _spend(self, words: int) -> None:
        self._left -= words
        if self._left < 0:
            raise TooManyWords

    def _judge(self, batch: list[Reading], names: frozenset[str], loose: bool) -> None:
        if not batch:
            return
        texts = [reading.judged for reading in batch]
        right = jq_check.approved(texts, sorted(names))
        needed = {place: variable_names(batch[place].tokens) for place in right}
        binding = [place for place, mentioned in needed.items() if mentioned and may_bind(batch[place].tokens)]
        if binding:
            free = jq_check.undefined_variables([texts[place] for place in binding])
            needed.update((place, needed[place] & names) for place, names in zip(binding, free, strict=True))
        for place in right:
            self._known[batch[place].source, loose] = finish(batch[place], needed[place], loose=loose)


def _sources(value: Json, loose: bool) -> Iterator[str]:
    """All texts of a value that may be compiled as expressions."""
    rest: list[tuple[Json, bool]] = [(value, loose)]
    while rest:
        part, is_expression = rest.pop()
        if isinstance(part, dict):
            rest += ((member, loose or name in _BY_NATURE) for name, member in part.items())
        elif isinstance(part, list):
            rest += ((item, loose) for item in part)
        elif isinstance(part, str):
            if "${" in part:
                yield from sources_in(part)
            elif is_expression:
                yield part
