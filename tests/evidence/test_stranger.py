"""A capsule can be verified by a program that shares nothing with this one, written from docs/capsule.md."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.exceptions import VerificationError

from tests.evidence.stranger import verify

REACH = Path(sys.executable).with_name("reach")
EXAMPLE = Path(__file__).parent.parent / "data" / "capsule-2.reach"
OPEN = EXAMPLE.with_name("open.cedar")
WORKFLOW = """
document: {dsl: 1.0.3, namespace: tests, name: example, version: 1.0.0}
do:
- say: {run: {shell: {command: 'echo hello'}}}
- more: {set: {n: 1.0, "\\U0001F600\\uE000": "ä\\u2028"}}
"""


def public_of(file: Path) -> bytes:
    with zipfile.ZipFile(file) as bundle:
        return base64.b64decode(json.loads(bundle.read("keys.json"))["node"]["key"])


def test_the_stranger_shares_nothing_with_this_project() -> None:
    text = Path(__file__).with_name("stranger.py").read_text()
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported <= {
        "__future__",
        "base64",
        "hashlib",
        "json",
        "re",
        "zipfile",
        "pathlib",
        "typing",
        "securesystemslib",
    }


def test_the_example_of_the_documentation_is_verified(root: Path) -> None:
    public = public_of(EXAMPLE)
    assert verify(EXAMPLE, public) == {"events": 15, "effects": 2, "approvals": 2, "records": 8}
    page = (root / "docs" / "capsule.md").read_text()
    with zipfile.ZipFile(EXAMPLE) as bundle:
        assert base64.b64encode(public).decode() in page
        for line in bundle.read("events.ndjson").decode().splitlines()[:2]:
            assert line in page


@pytest.fixture
def reach(tmp_path: Path) -> Callable[..., Any]:
    """Carries out a command as a person would, and gives what it prints with --json."""
    (tmp_path / "w.yaml").write_text(WORKFLOW)
    environment = {
        "REACH_HOME": str(tmp_path / "home"),
        "REACH_PASSPHRASE": "of the tests",
        "REACH_KEYS_BACKEND": "file",
        "REACH_POLICY_FILE": str(OPEN),
        "PATH": "/usr/bin:/bin",
    }

    def run(*words: str) -> Any:
        done = subprocess.run(
            [REACH, *words, "--json"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_capsule_that_a_person_exports_is_verified(tmp_path: Path, reach: Callable[..., Any]) -> None:
    reach("run", "w.yaml")
    key = reach("export", "last", "run.reach")["key"]
    found = verify(tmp_path / "run.reach", base64.b64decode(key))
    assert (found["effects"], found["records"]) == (1, 2)


def test_after_the_nodes_key_was_changed_the_stranger_follows_from_the_old_one(
    tmp_path: Path, reach: Callable[..., Any]
) -> None:
    reach("run", "w.yaml")
    keys = [reach("export", "last", "before.reach")["key"]]
    keys += [reach("key", "rotate")["public_key"] for _ in range(2)]
    reach("export", "last", "run.reach")
    for key in keys:
        assert verify(tmp_path / "run.reach", base64.b64decode(key))["records"] == 2
    with pytest.raises(AssertionError):
        verify(tmp_path / "before.reach", base64.b64decode(keys[1]))
    with pytest.raises(AssertionError):
        verify(tmp_path / "run.reach", public_of(EXAMPLE))


@pytest.mark.parametrize(
    "name", ["manifest.json", "events.ndjson", "approvals.ndjson", "audit.ndjson", "envelope.json"]
)
def test_the_stranger_finds_what_was_changed(tmp_path: Path, name: str) -> None:
    forged = tmp_path / "forged.reach"
    with zipfile.ZipFile(EXAMPLE) as source, zipfile.ZipFile(forged, "w") as target:
        for each in source.namelist():
            content = source.read(each)
            if each == name:
                at = len(content) // 2
                content = content[:at] + (b"1" if content[at : at + 1] != b"1" else b"2") + content[at + 1 :]
            target.writestr(each, content)
    with pytest.raises((AssertionError, ValueError, KeyError, VerificationError)):
        verify(forged, public_of(EXAMPLE))
