"""Every kind of bad input has a code, an exit code and a sentence that helps; nothing has started by then."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import HEAD, Answer, Reach
from tests.tamper.forging import members_of, write

Write = Callable[..., Path]

SET = "do:\n  - only: { set: { a: 1 } }\n"


def refused(done: Answer, code: str, *words: str, exits: int = 2) -> None:
    """The answer is an error of that code whose message, place or hint has all the words."""
    assert done.code == exits, done
    said = " ".join(done.error.values())
    assert done.error["code"] == code, done
    assert all(word in said for word in words), said
    assert done.err == ""


@pytest.mark.parametrize("command", ["run", "compile", "add"])
def test_an_unknown_file(reach: Reach, command: str) -> None:
    refused(reach(command, "nowhere.yaml", "--json"), "not-found", "there is no file nowhere.yaml")
    refused(reach(command, "no/where.yaml", "--json"), "not-found", "there is no folder no either")


def test_an_empty_file(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    done = reach("run", "empty.yaml", "--json")
    refused(done, "compile-failed")
    (found,) = done.json["diagnostics"]
    assert (found["line"], found["code"], found["message"]) == (1, "empty-document", "the document is empty")
    assert found["hint"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x7fELF\x00\x00", "NUL"),
        (b"\x89PNG\r\n\x1a\n", "byte 1"),
        ("name: x".encode("utf-16"), "UTF-16: save it as UTF-8"),
    ],
)
def test_binary_data(reach: Reach, tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "some.yaml").write_bytes(content)
    refused(reach("run", "some.yaml", "--json"), "bad-input", word, "some.yaml")


def test_a_folder(reach: Reach, tmp_path: Path) -> None:
    refused(reach("run", tmp_path, "--json"), "usage", "is a folder", "name a file in it")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission(reach: Reach, workflow: Write) -> None:
    file = workflow(SET)
    file.chmod(0)
    refused(reach("run", file, "--json"), "usage", "no permission to read")


def test_a_document_that_is_too_large(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow("#" * 1_100_000 + "\n" + SET), "--json")
    assert done.code == 2
    assert "limits.document_bytes" in done.json["diagnostics"][0]["message"]


def test_text_where_a_files_name_was_expected(reach: Reach) -> None:
    refused(reach("run", HEAD * 100, "--json"), "usage", "a file's name was expected here, not its content")


def test_wrong_yaml(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("document: [1, 2\ndo: x\n")
    done = reach("run", "wrong.yaml")
    assert done.code == 2
    assert "wrong.yaml:2:" in done.err
    assert "error yaml-syntax: not valid YAML" in done.err
    assert "hint:" in done.err


def test_another_version_of_the_language(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(HEAD.replace("1.0.3", "2.0.0") + SET)
    done = reach("run", "old.yaml", "--json")
    assert done.code == 2
    (found,) = done.json["diagnostics"]
    assert (found["line"], found["code"]) == (1, "dsl-version")
    assert "1.0.0 to 1.0.3" in found["hint"]


def test_an_input_that_breaks_its_schema_faults_the_run_as_the_specification_says(
    reach: Reach, workflow: Write
) -> None:
    file = workflow("input: { schema: { document: { type: object, required: [ name ] } } }\n" + SET)
    done = reach("run", file, "--input", "{}", "--json")
    assert (done.code, done.json["status"]) == (1, "faulted")
    assert done.json["error"]["type"].endswith("/errors/validation")
    assert "name" in done.json["error"]["detail"]


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
def test_an_output_that_json_can_not_carry_is_found_when_compiling(reach: Reach, workflow: Write, value: str) -> None:
    done = reach("run", workflow(f"do:\n  - only: {{ set: {{ a: {value} }} }}\n"), "--json")
    assert done.code == 2
    (found,) = done.json["diagnostics"]
    assert (found["line"], found["code"], found["message"]) == (3, "not-finite", f"JSON can't carry {value}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{name: 1}", ("--input:1:2", "double quotes")),
        ("Ada", ("a text needs double quotes",)),
        ("", ("--input is empty",)),
        ("NaN", ("is not JSON",)),
        ("1e999", ("is not JSON",)),
        ("sample.yaml", ("write @sample.yaml",)),
    ],
)
def test_an_input_that_is_not_json(reach: Reach, workflow: Write, given: str, words: tuple[str, ...]) -> None:
    refused(reach("run", workflow(SET), "--input", given, "--json"), "bad-input", *words)


def test_an_input_file_that_is_missing_or_wrong(reach: Reach, workflow: Write, tmp_path: Path) -> None:
    refused(reach("run", workflow(SET), "--input", "@no.json", "--json"), "not-found", "no.json")
    (tmp_path / "bad.json").write_text('{\n  "a": oops\n}')
    refused(reach("run", workflow(SET), "--input", "@bad.json", "--json"), "bad-input", "bad.json:2:8")


def test_an_input_that_is_too_large_names_the_setting(
    reach: Reach, workflow: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACH_LIMITS_INPUT_BYTES", "1000")
    (tmp_path / "large.json").write_text('"' + "a" * 1000 + '"')
    done = reach("run", workflow(SET), "--input", "@large.json", "--json")
    refused(done, "limit", "limits.input_bytes", "1,000", exits=1)


@pytest.mark.parametrize("depth", [201, 1_000, 100_000])
def test_an_input_that_nests_too_deep_names_the_setting(
    reach: Reach, workflow: Write, tmp_path: Path, depth: int
) -> None:
    (tmp_path / "deep.json").write_text("[" * depth + "]" * depth)
    done = reach("run", workflow(SET), "--input", "@deep.json", "--json")
    refused(done, "limit", "limits.document_depth", exits=1)


def test_an_input_that_nests_as_deep_as_it_may_is_taken(reach: Reach, workflow: Write, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200 + '"[[["' + "]" * 200)
    assert reach("run", workflow(SET), "--input", "@deep.json", "--json").code == 0


@pytest.mark.parametrize(
    "words",
    [("show",), ("events",), ("state",), ("verify",), ("resume",), ("cancel",), ("diff", "1", "2"), ("fork", "--at=1")],
)
def test_a_run_that_does_not_exist(reach: Reach, words: tuple[str, ...]) -> None:
    refused(reach(words[0], "zzzz", *words[1:], "--json"), "not-found", "there is no run 'zzzz'", "reach runs")


def test_the_last_run_of_an_empty_home(reach: Reach) -> None:
    refused(reach("show", "last", "--json"), "not-found", "there is no run yet", "reach run FILE")


def test_an_event_that_the_run_does_not_have(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    refused(reach("state", "last", "--at", "99", "--json"), "not-found", "has no event 99", "1 to 5")
    refused(reach("state", "last", "--at", "x", "--json"), "usage", "'x' is not a whole number")
    refused(reach("diff", "last", "one", "2", "--json"), "usage", "'one' is no event's number")


def test_a_run_that_has_ended_can_not_go_on(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    for command in ("resume", "step", "suspend", "cancel"):
        refused(reach(command, "last", "--json"), "run-state", "has completed", "reach fork")


def test_a_home_that_can_only_be_read(reach: Reach, workflow: Write, home: Path) -> None:
    file = workflow(SET)
    reach("run", file, "--json")
    home.chmod(0o500)
    try:
        refused(reach("run", file, "--json"), "home-read-only", str(home), "--home", exits=1)
    finally:
        home.chmod(0o700)


def test_a_home_that_is_a_file(reach: Reach, workflow: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = reach("run", workflow(SET), "--home", "file", "--json")
    refused(done, "home-unusable", "is a file", "--home", exits=1)


def test_a_home_that_a_newer_program_wrote(reach: Reach, workflow: Write, home: Path) -> None:
    file = workflow(SET)
    reach("run", file, "--json")
    connection = sqlite3.connect(home / "reach.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '999'")
    connection.close()
    for words in (("run", file), ("runs",)):
        refused(reach(*words, "--json"), "store-newer", "999", exits=1)
    doctor = reach("doctor")
    assert doctor.code == 1
    assert "store-newer" in doctor.out


def test_a_home_that_is_damaged(reach: Reach, workflow: Write, home: Path) -> None:
    home.mkdir()
    (home / "reach.db").write_bytes(b"this is a diary\n" * 1000)
    refused(reach("run", workflow(SET), "--json"), "store-damaged", "reach.db", exits=1)


def test_settings_that_make_no_sense(reach: Reach, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "config.json").write_text('{"limit": {}}')
    refused(reach("runs", "--json"), "bad-input", "unknown setting 'limit'", "limits")
    (home / "config.json").unlink()
    monkeypatch.setenv("REACH_LIMITS_EVENTS", "many")
    refused(reach("runs", "--json"), "bad-input", "limits.events", "REACH_LIMITS_EVENTS")


@pytest.fixture
def exported(reach: Reach, workflow: Write, tmp_path: Path) -> Path:
    reach("run", workflow(SET), "--json")
    file = tmp_path / "run.reach"
    assert reach("export", "last", file, "--unsigned").code == 0
    return file


def test_an_archive_proves_a_run_without_its_home(reach: Reach, exported: Path, tmp_path: Path) -> None:
    digest = reach("show", "last", "--json").json["digest"]
    elsewhere = tmp_path / "elsewhere"
    found = reach("verify", exported, "--home", elsewhere, "--json")
    assert (found.code, found.json["ok"], found.json["digest"]) == (0, True, digest)
    assert reach("state", exported, "--at", "4", "--home", elsewhere, "--json").json["data"] == {"a": 1}
    assert not elsewhere.exists()
    assert reach("import", exported, "--home", elsewhere, "--json").json["digest"] == digest
    assert reach("verify", "last", "--home", elsewhere).code == 0


def test_an_archive_that_was_tampered_with(reach: Reach, exported: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.reach"
    members = members_of(exported)
    content = members["events.ndjson"]
    assert content.count(b'{"output":{"a":1}}') == 1
    members["events.ndjson"] = content.replace(b'{"output":{"a":1}}', b'{"output":{"a":9}}')
    write(forged, members)
    found = reach("verify", forged, "--json")
    assert found.code == 1
    assert (found.json["ok"], found.json["problem"], found.json["seq"]) == (False, "damaged", 4)
    assert found.json["task"] == "/do/0/only"
    shown = reach("verify", forged)
    assert shown.code == 1
    for words in ("event     4", "/do/0/only", '"a":9', '"a":1'):
        assert words in shown.out
    imported = reach("import", forged, "--home", tmp_path / "elsewhere", "--json")
    assert imported.code == 1
    assert imported.error["code"] in ("archive", "history-damaged")


def test_a_file_that_is_no_archive(reach: Reach, workflow: Write) -> None:
    for command in ("verify", "import"):
        refused(reach(command, workflow(SET), "--json"), "archive", "this is no archive", exits=1)
    refused(reach("verify", "./gone.reach", "--json"), "not-found", "there is no file ./gone.reach")
    refused(reach("import", "gone.reach", "--json"), "not-found", "there is no file gone.reach")


def test_a_place_that_an_archive_can_not_be_written_to(reach: Reach, exported: Path, tmp_path: Path) -> None:
    refused(reach("export", "last", "-o", tmp_path, "--json"), "usage", "is a folder", "run.reach")
    refused(reach("export", "last", "-o", "no/where.reach", "--json"), "not-found", "there is no folder no")


def test_an_events_file_that_can_not_be_written_stops_before_the_run(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(SET), "--events", "no/where.ndjson", "--json")
    refused(done, "usage", "can't write the events to no/where.ndjson")
    assert reach("runs", "--json").json == {"runs": []}


def test_an_event_that_nobody_waits_for(reach: Reach) -> None:
    done = reach("publish", "--type", "com.example.nobody", "--json")
    refused(done, "nobody-waits", "com.example.nobody", "reach runs --status waiting", exits=1)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), "usage", "an event needs a type"),
        (("[]",), "bad-input", "a CloudEvent is a JSON object"),
        (("{}",), "bad-input", "needs a type"),
        (("{",), "bad-input", "is not JSON"),
        (("--type", "a", "--data", "{"), "bad-input", "--data is not JSON"),
    ],
)
def test_an_event_that_is_none(reach: Reach, words: tuple[str, ...], code: str, says: str) -> None:
    refused(reach("publish", *words, "--json"), code, says)


NO_EVENTS = [
    ({"specversion": "0.3"}, "specversion must be 1.0"),
    ({"specversion": 1.0}, "specversion must be 1.0"),
    ({"id": ""}, "id must be a non-empty string"),
    ({"source": 7}, "source must be a non-empty string"),
    ({"time": "yesterday"}, "time must be a timestamp of RFC 3339"),
    ({"time": "2026-02-30T12:00:00Z"}, "time must be a timestamp of RFC 3339"),
    ({"time": "2026-01-31T12:00:00"}, "time must be a timestamp of RFC 3339"),
    ({"time": 1}, "time must be a non-empty string"),
    ({"datacontenttype": 7}, "datacontenttype must be a non-empty string"),
    ({"dataschema": ""}, "dataschema must be a non-empty string"),
    ({"subject": ["a"]}, "subject must be a non-empty string"),
    ({"data": 1, "data_base64": "AA=="}, "not both"),
    ({"data_base64": "A"}, "data_base64 must be base64"),
    ({"data_base64": 7}, "data_base64 must be base64"),
    ({"partitionKey": "x"}, "'partitionKey' can't be an attribute"),
    ({"partition_key": "x"}, "'partition_key' can't be an attribute"),
    ({"extension": {"a": 1}}, "extension must be text, true or false, or an integer"),
    ({"extension": 1.5}, "extension must be text, true or false, or an integer"),
]
"""Members beside a type, and why no CloudEvent 1.0 has them."""


@pytest.mark.parametrize(("members", "says"), NO_EVENTS)
def test_what_no_cloudevent_has(reach: Reach, members: dict[str, Any], says: str) -> None:
    refused(reach("publish", json.dumps({"type": "a", **members}), "--json"), "bad-input", says)


@pytest.mark.parametrize(
    "members",
    [
        {"specversion": "1.0", "time": "2026-06-30T23:59:60.123456789+01:00", "subject": None, "id": None},
        {"data_base64": "AA==", "datacontenttype": "image/png", "dataschema": "https://example.com/a"},
        {"partitionkey": "x", "sampled": True, "sequence1": 7, "data": None},
    ],
)
def test_what_a_cloudevent_may_have(reach: Reach, members: dict[str, Any]) -> None:
    refused(reach("publish", json.dumps({"type": "a", **members}), "--json"), "nobody-waits", exits=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rnu",), "did you mean `reach run`?"),
        (("flow.yaml",), "a workflow is run with `reach run flow.yaml`"),
        (("xyzzy",), "`reach --help` lists the commands"),
        (("run",), "FILE"),
        (("run", "a", "b"), "does not take b"),
        (("run", "a", "--inptu", "1"), "did you mean --input?"),
        (("run", "a", "--input"), "--input"),
        (("fork", "last"), "--at"),
        (("runs", "--status", "happy"), "completed"),
        (("runs", "--limit", "0"), "--limit"),
        (("resume",), "--all"),
        (("resume", "last", "--all"), "--all"),
        (("completion", "tcsh"), "bash, zsh, fish"),
        (("--frobnicate",), "--frobnicate"),
        (("--home",), "--home needs a folder"),
    ],
)
def test_a_command_line_that_makes_no_sense(reach: Reach, words: tuple[str, ...], says: str) -> None:
    done = reach(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "code: usage" in done.err


@pytest.mark.parametrize("word", ["token", "=value"])
def test_a_secret_that_is_not_given_right_is_not_repeated(reach: Reach, workflow: Write, word: str) -> None:
    done = reach("run", workflow(SET), "--secret", word)
    assert done.code == 2
    assert "NAME=VALUE" in done.err
    assert "value" not in done.err.replace("VALUE", "")


def test_an_edit_that_fits_nothing(reach: Reach, workflow: Write) -> None:
    reach("run", workflow(SET), "--json")
    refused(reach("fork", "last", "--at", "2", "--set", "oops", "--json"), "usage", "POINTER=JSON")
    refused(reach("fork", "last", "--at", "2", "--set", "/elsewhere=1", "--json"), "usage", "/data", "/context")
