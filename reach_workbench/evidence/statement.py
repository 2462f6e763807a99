"""What an envelope states about files (in-toto Statement v1): their names and digests, and a predicate."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reach_workbench.errors import EvidenceDamaged

Json = Any

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Statement:
    """Subjects (name to SHA-256 in hex), and a predicate of a type named by a URI."""

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: Mapping[str, Json]

    def to_json(self) -> bytes:
        """The statement as JSON: sorted, so that one statement has one form."""
        subjects = [{"name": name, "digest": {"sha256": self.subjects[name]}} for name in sorted(self.subjects)]
        statement = {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }
        return json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_statement(data: bytes) -> Statement:
    """Read a payload whose signatures were verified; raises EvidenceDamaged when it is no such statement."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EvidenceDamaged("the statement is no JSON") from error
    match found:
        case {"_type": str(kind), "subject": [_, *_] as listed, "predicateType": str(predicate_type)} if (
            kind == STATEMENT_TYPE
        ):
            predicate = found.get("predicate", {})
        case _:
            raise EvidenceDamaged("the statement is no in-toto statement of version 1")
    subjects: dict[str, str] = {}
    for each in listed:
        match each:
            case {"name": str(name), "digest": {"sha256": str(digest)}} if _SHA256.match(digest):
                if name in subjects:
                    raise EvidenceDamaged(f"the statement names {name} twice")
                subjects[name] = digest
            case _:
                raise EvidenceDamaged("the statement has a subject without a name or a SHA-256")
    if not isinstance(predicate, dict):
        raise EvidenceDamaged("the statement's predicate is no object")
    return Statement(subjects, predicate_type, predicate)
