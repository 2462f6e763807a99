"""The samples do what their first lines promise, run as a user runs them: under the built-in policy."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unheld import as_users_have_it

Reach = Callable[..., "subprocess.CompletedProcess[str]"]

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SAMPLES = sorted(path.name for path in WORKFLOWS.glob("*.yaml"))
REACH = str(Path(sys.executable).with_name("reach"))
PATIENCE = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def reach(home: Path) -> Reach:
    """`reach`, with a home that is thrown away."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [REACH, *words]
        environment = as_users_have_it() | {"REACH_HOME": str(home)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    return call


def run(reach: Reach, sample: str, **given: Any) -> Any:
    """The output of a sample that completes."""
    done = reach("run", str(WORKFLOWS / sample), "--input", json.dumps(given), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["output"]


def events(reach: Reach, kind: str) -> list[dict[str, Any]]:
    listed = [json.loads(line) for line in reach("events", "last", "--json").stdout.splitlines()]
    return [event for event in listed if event.get("type") == kind]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_samples_are_the_four_that_the_readme_names() -> None:
    assert SAMPLES == ["call-with-retries.yaml", "release-notes.yaml", "triage-tickets.yaml", "wait-for-event.yaml"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_compiles_without_a_word(reach: Reach, sample: str) -> None:
    compiled = reach("compile", str(WORKFLOWS / sample), "--json")
    assert compiled.returncode == 0, compiled.stdout
    assert '"severity"' not in compiled.stdout


# ------------------------------------------------------------------ release-notes


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for subject in (
        "Lay the first stone",
        "feat(door): a door with a bell",
        "Fix the bell: it rang at night",
        'Odd "quotes", a | pipe, a\ttab and $(true) `backticks` – ümlaut',
    ):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)
    return folder


def test_release_notes_group_and_write_the_history(reach: Reach, repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "made" / "notes.md"
    output = run(reach, "release-notes.yaml", repository=str(repository), file=str(file))
    assert output == {"file": str(file), "commits": 4, "groups": {"New": 2, "Fixed": 1, "Changed": 1}}
    text = file.read_text("utf-8")
    assert text.startswith("# Release notes\n\n4 commits, ")
    assert "\n## Fixed\n\n- Fix the bell: it rang at night (`" in text
    assert '- Odd "quotes", a | pipe, a\ttab and $(true) `backticks` – ümlaut (`' in text
    assert text.index("## New") < text.index("## Fixed") < text.index("## Changed")


def test_release_notes_start_at_the_last_tag(reach: Reach, repository: Path, tmp_path: Path) -> None:
    git(repository, "tag", "v1.0.0")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Add a window")
    file = tmp_path / "notes.md"
    assert run(reach, "release-notes.yaml", repository=str(repository), file=str(file))["groups"] == {"New": 1}
    assert "1 commits, v1.0.0..HEAD, " in file.read_text("utf-8")


def test_release_notes_of_a_shallow_clone_or_a_tag_without_news_cover_what_is_there(
    reach: Reach, repository: Path, tmp_path: Path
) -> None:
    git(repository, "tag", "v1.0.0")
    file = str(tmp_path / "notes.md")
    assert run(reach, "release-notes.yaml", repository=str(repository), file=file)["commits"] == 4
    git(tmp_path, "clone", "--quiet", "--no-tags", "--depth=2", repository.as_uri(), "shallow")
    assert run(reach, "release-notes.yaml", repository=str(tmp_path / "shallow"), file=file)["commits"] == 2
    assert run(reach, "release-notes.yaml", repository=str(repository), file=file, limit=3)["commits"] == 3


def test_release_notes_of_no_repository_say_so(reach: Reach, tmp_path: Path) -> None:
    done = reach("run", str(WORKFLOWS / "release-notes.yaml"), "--input", json.dumps({"repository": str(tmp_path)}))
    assert done.returncode == 1
    assert "not a git repository" in done.stderr


# ------------------------------------------------------------------ triage-tickets


def test_the_tickets_are_what_their_script_writes(tmp_path: Path) -> None:
    shutil.copy(WORKFLOWS / "data/make_tickets.py", tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make_tickets.py")], check=True, timeout=30)
    assert (tmp_path / "tickets.json").read_bytes() == (WORKFLOWS / "data/tickets.json").read_bytes()


def test_triage_sorts_every_ticket_and_sets_the_malformed_aside(reach: Reach, tmp_path: Path) -> None:
    file = tmp_path / "triage.md"
    output = run(reach, "triage-tickets.yaml", report=str(file))
    assert (output["tickets"], output["rejected"]) == (300, 12)
    assert sum(output["queues"].values()) == 288
    report = file.read_text("utf-8")
    assert all(f"| {queue} | {count} |\n" in report for queue, count in output["queues"].items())
    assert report.count("\n- **T-") == output["urgent"]
    assert "- ticket T-0013: it has no subject\n" in report
    assert len(events(reach, "task.caught")) == 12


def test_triage_reads_an_export_again_that_is_still_being_written(reach: Reach, tmp_path: Path) -> None:
    whole = (WORKFLOWS / "data/tickets.json").read_text("utf-8")
    export, later = tmp_path / "export.json", tmp_path / "later.json"
    os.mkfifo(export)
    os.mkfifo(later)

    def write() -> None:
        """Half to who reads first, all to who reads next: each has a pipe of its own."""
        with export.open("w", encoding="utf-8") as first:
            later.replace(export)
            first.write(whole[:5000])
        export.write_text(whole, "utf-8")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    output = run(reach, "triage-tickets.yaml", tickets=str(export), report=str(tmp_path / "triage.md"))
    writer.join(PATIENCE)
    assert output["tickets"] == 300
    assert len(events(reach, "task.retried")) == 1


# ------------------------------------------------------------------ call-with-retries


def test_calls_are_retried_fall_back_and_time_out_and_the_service_is_gone(reach: Reach) -> None:
    port = free_port()
    output = run(reach, "call-with-retries.yaml", item="lamp", port=port)
    assert output == {
        "item": "lamp",
        "pieces": 40,
        "price": 25,
        "because": "the service answered 503",
        "stars": None,
    }
    retried = [event["task"] for event in events(reach, "task.retried")]
    assert retried.count("/do/1/askForStock") >= 2
    assert retried.count("/do/2/askForPrice") == 2
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                break
        assert time.monotonic() < deadline, "the service still listens"
        time.sleep(0.05)


# ------------------------------------------------------------------ wait-for-event


def test_an_order_is_shipped_when_its_own_payment_comes(reach: Reach, home: Path) -> None:
    order = json.dumps({"order": "B-3", "total": 10, "packing": 0.2})
    with subprocess.Popen(
        [REACH, "run", str(WORKFLOWS / "wait-for-event.yaml"), "--json", "--quiet", "--input", order],
        env=as_users_have_it() | {"REACH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as waiting:
        try:
            deadline = time.monotonic() + PATIENCE
            while not home.exists() or not events(reach, "event.awaited"):
                assert time.monotonic() < deadline, "the run never listened"
                time.sleep(0.05)
            for data in ({"order": "B-4", "amount": 10}, {"order": "B-3", "amount": 9}):
                left_alone = reach("publish", "--type", "com.example.shop.payment.received", "--data", json.dumps(data))
                assert left_alone.returncode == 1, left_alone.stdout
            paid = json.dumps({"order": "B-3", "amount": 12})
            taken = reach("publish", "--type", "com.example.shop.payment.received", "--data", paid)
            assert taken.returncode == 0, taken.stderr
            output, _ = waiting.communicate(timeout=PATIENCE)
        finally:
            waiting.kill()
    assert json.loads(output)["output"] == {"order": "B-3", "parcel": "P-B-3", "paid": 12, "status": "shipped"}


def test_an_order_that_nobody_pays_is_given_up(reach: Reach) -> None:
    output = run(reach, "wait-for-event.yaml", order="B-5", packing=0, patience=0.3)
    assert output == {"order": "B-5", "status": "never paid"}
