"""Requests made up from the API's own description, valid and not: no 5xx, and no answer that breaks the description.

Names of runs and texts of workflows are mostly ones that exist, so that requests get further than a 404.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conformance_node.doors import HEAD

from .serving import Serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

ENDLESS = {"/v1/activity"}
"""Streams without an end: tested elsewhere."""

TEXT = HEAD + "do: [{one: {set: {n: 1}}}, {each: {for: {in: '${ [1, 2] }'}, do: [{two: {set: {n: '${ .n }'}}}]}}]\n"

SLOW = ("/wait", "/step", "/cancel", "/suspend")
"""Operations that wait when asked to."""

_PATIENCE = 20.0


@schemathesis.serializer("application/zip")
def _archive(_: object, value: Any) -> Any:
    """Bytes that are no archive."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class Fuzz:
    """Requests to one node. `answers` counts them by operation and status, `broken` says what went wrong."""

    def __init__(self, node: Serving) -> None:
        self._node = node
        self._runs = [
            node.run("do: [{one: {set: {n: 1}}}, {two: {set: {n: 2}}}]"),
            node.run("do: [{one: {set: {n: 1}}}, {two: {set: {n: 2}}}]", hold=True),
            node.run("do: [{one: {raise: {error: {type: 'https://example.com/no', status: 400}}}}]"),
            "last",
        ]
        self._session = requests.Session()
        self._session.headers.update(node.headers)
        self._session.trust_env = False
        self.answers: Counter[tuple[str, int]] = Counter()
        self.broken: list[str] = []

    @property
    def cases(self) -> int:
        return sum(self.answers.values())

    def run(self, each: int, number: int = 0) -> None:
        """`each` valid and as many invalid requests to every operation; `number` begins the chance."""
        written = self._session.get(f"{self._node.url}/openapi.json", timeout=_PATIENCE).json()
        schema = schemathesis.openapi.from_dict(written)
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path not in ENDLESS:
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    self._ask(operation, mode, each, number)

    def _ask(self, operation: Any, mode: GenerationMode, each: int, number: int) -> None:
        chance = random.Random(f"{number} {operation.label} {mode.value}")

        @seed(number)
        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            self._aim(case, chance)
            try:
                response = case.call(
                    base_url=self._node.url, session=self._session, headers=self._node.headers, timeout=_PATIENCE
                )
                self.answers[operation.label, response.status_code] += 1
                case.validate_response(response, checks=CHECKS, headers=self._node.headers)
            except (Exception, FailureGroup) as wrong:
                self.broken.append(f"{operation.label}: {wrong}"[:3000])

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ask()
        except Exception as wrong:  # an operation without parameters has no invalid requests
            if "Unsatisfiable" not in type(wrong).__name__ and "Skip" not in type(wrong).__name__:
                self.broken.append(f"{operation.label}: {type(wrong).__name__}: {wrong}"[:3000])

    def _aim(self, case: Any, chance: random.Random) -> None:
        """Let a request get further: a run that exists, a text that compiles, and no long wait."""
        if case.path_parameters and "run" in case.path_parameters and chance.random() < 0.8:
            case.path_parameters["run"] = chance.choice(self._runs)
        if isinstance(case.body, dict) and isinstance(case.body.get("source"), str) and chance.random() < 0.5:
            case.body["source"] = TEXT
        if isinstance(case.body, dict) and isinstance(case.body.get("at"), int) and chance.random() < 0.5:
            case.body["at"] = chance.randint(1, 8)
        if case.path.endswith(SLOW):
            case.query = {**(case.query or {}), "seconds": 0.05}
        if isinstance(case.query, dict) and "at" in case.query and chance.random() < 0.5:
            case.query["at"] = chance.randint(0, 8)

    def report(self) -> str:
        lines = [f"{self.cases:,} requests"]
        statuses: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            statuses[status] += count
        lines += [f"  {status}  {count:,}" for status, count in sorted(statuses.items())]
        return "\n".join(lines + self.broken[:20])
