"""`reach export`, `verify` and `import` of capsules, as people type them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench.keys.ed25519 import SigningKey
from tests.cli.conftest import REACH, Reach
from tests.tamper.forging import members_of, stated, write

SET = "do:\n  - only: { set: { a: 1 } }\n"
OTHER = SigningKey.from_seed(b"\7" * 32)
Write = Callable[..., Path]


def text_of(key: SigningKey) -> str:
    return base64.b64encode(key.public).decode()


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch, quick_derivation: None) -> None:
    """Keys in a file of the home, and the passphrase at hand."""
    monkeypatch.setenv("REACH_KEYS_BACKEND", "file")
    monkeypatch.setenv("REACH_PASSPHRASE", "of the tests")


@pytest.mark.usefixtures("sealed")
def test_a_capsule_is_signed_and_verified_elsewhere_with_the_key_that_export_prints(
    reach: Reach, workflow: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach("run", workflow(SET), "--json")
    exported = reach("export", "last", "run.reach", "--json").json
    assert exported["file"] == "run.reach"
    assert "the node of this home" in reach("verify", "run.reach").out
    monkeypatch.delenv("REACH_PASSPHRASE")
    elsewhere = ("--home", tmp_path / "elsewhere")
    found = reach("verify", "run.reach", *elsewhere, "--key", text_of(OTHER), "--key", exported["key"], "--json")
    assert (found.code, found.json["ok"], found.json["digest"]) == (0, True, exported["digest"])
    assert {step["status"] for step in found.json["steps"]} == {"held"}
    shown = reach("verify", "run.reach", *elsewhere)
    assert (shown.code, "not known here" in shown.out) == (0, True)
    names = [line.split()[1] for line in shown.out.splitlines() if line[2:3] in "✓!"]
    assert names == [step["name"] for step in found.json["steps"]]
    assert not (tmp_path / "elsewhere").exists()
    other = reach("verify", "run.reach", *elsewhere, "--key", text_of(OTHER))
    assert other.code == 1
    assert "none of those that were asked for" in other.out
    write(tmp_path / "forged.reach", stated(members_of(Path("run.reach")), OTHER))
    forged = reach("verify", "forged.reach", *elsewhere, "--key", exported["key"])
    assert (forged.code, "✗ signature" in forged.out, "✗ checkpoint" in forged.out) == (1, True, True)


@pytest.mark.usefixtures("sealed")
def test_a_locked_key_store_says_how_to_export_without_it(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    reach("export", "last", "run.reach")
    variables = {name: value for name, value in os.environ.items() if name != "REACH_PASSPHRASE"}
    words = [REACH, "export", "last", "again.reach", "--json"]
    refused = subprocess.run(words, env=variables, capture_output=True, timeout=60, check=False)
    assert refused.returncode == 1
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "keys-locked"
    assert "--unsigned" in error["hint"]
    assert not Path("again.reach").exists()
    said = subprocess.run([*words[:-1], "--unsigned"], env=variables, capture_output=True, timeout=60, check=True)
    assert b"UNSIGNED" in said.stdout + said.stderr
    assert "UNSIGNED" in reach("verify", "again.reach").out


def test_the_file_may_be_left_out_and_not_be_named_twice(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    run = reach("show", "last", "--json").json["id"]
    assert reach("export", run, "--unsigned", "--json").json["file"] == f"{run}.reach"
    assert Path(f"{run}.reach").exists()
    assert reach("export", run, "a.reach", "-o", "b.reach", "--unsigned", "--json").error["code"] == "usage"


def test_a_key_that_is_none_and_a_run_that_has_no_signature(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    run = reach("show", "last", "--json").json["id"]
    reach("export", run, "run.reach", "--unsigned")
    for wrong in ("x", "AAAA", base64.b64encode(bytes(32)).decode()):
        assert reach("verify", "run.reach", "--key", wrong, "--json").error["code"] == "usage"
    assert "is not signed" in reach("verify", run, "--key", text_of(OTHER), "--json").error["message"]


def test_half_a_capsule_names_what_is_wrong_and_imports_nothing(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    reach("export", "last", "run.reach", "--unsigned")
    os.truncate("run.reach", Path("run.reach").stat().st_size // 2)
    for words in (("verify", "run.reach"), ("import", "run.reach", "--home", "elsewhere")):
        refused = reach(*words, "--json")
        assert (refused.code, refused.error["code"]) == (1, "archive")
        assert "the capsule is cut off in " in refused.error["message"]
        assert refused.error["hint"] == "it was not copied whole: ask for it again"


def test_a_capsule_takes_the_place_of_a_capsule_and_of_nothing_else(
    reach: Reach, workflow: Write, tmp_path: Path
) -> None:
    file = workflow("do: [{a: {set: {b: 1}}}]")
    reach("run", file)
    refused = reach("export", "last", file, "--unsigned")
    assert refused.code == 2 and "is there already, and is no capsule" in refused.err
    assert "document:" in file.read_text("utf-8")
    assert reach("export", "last", "run.reach", "--unsigned").code == 0
    assert reach("export", "last", "run.reach", "--unsigned").code == 0
