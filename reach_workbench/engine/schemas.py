"""Validation of data against JSON schemas, with every external reference refused."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from reach_workbench.engine.canonical import canonical
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_SHOWN = 5


def validate(schema: Json, value: Json, what: str) -> None:
    """Check `value` against a JSON schema (draft 2020-12 unless `$schema` says otherwise).

    Raises Fault("validation") that names up to five places that do not fit; `what` says in the
    message which value was checked. A `$ref` outside the schema itself is a configuration fault:
    the engine fetches nothing.
    """
    try:
        validator = _validator(canonical(schema))
    except ValueError as wrong:
        raise Fault("configuration", f"the schema for {what} can't be used: {str(wrong).splitlines()[0]}") from None
    if validator.is_valid(value):
        return
    found = []
    for error in validator.iter_errors(value):
        place = "/" + "/".join(str(step) for step in error.instance_path) if error.instance_path else "the value"
        found.append(f"{place}: {error.message}")
        if len(found) == _SHOWN:
            break
    raise Fault("validation", f"{what} does not fit its schema: " + "; ".join(found))


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    import jsonschema_rs  # 30 ms to import, and most workflows have no schema

    return jsonschema_rs.validator_for(orjson.loads(schema), retriever=_refuse)


def _refuse(uri: str) -> Json:
    raise ValueError(f"the schema refers to {uri}, which is outside the document")
