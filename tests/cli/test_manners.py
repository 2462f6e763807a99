"""How the program behaves towards terminals, pipes, shells, and when it is wrong itself."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reach_workbench import __version__
from reach_workbench.cli import catalogue
from reach_workbench.cli.main import main
from reach_workbench.cli.terminal import Painted, Terminal
from reach_workbench.clock import FixedClock
from reach_workbench.node.local import LocalNode
from tests.cli.conftest import HEAD, REACH, Reach

Write = Callable[..., Path]
SET = "do:\n  - only: { set: { a: 1 } }\n"


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_only_and_not_with_no_color() -> None:
    for stream, variables, coloured in (
        (Screen(), {}, True),
        (Screen(), {"NO_COLOR": "1"}, False),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ):
        Terminal(stream, stream, variables).show(Painted("done", "green"))
        assert ("\x1b[" in stream.getvalue()) is coloured
        assert "done" in stream.getvalue()


def test_a_line_that_is_written_over_stands_for_a_moment() -> None:
    clock, stream = FixedClock(), Screen()
    terminal = Terminal(stream, stream, {}, clock=clock)
    for number in range(1000):
        terminal.hint_at(f"round {number}")
    clock.advance(100)
    terminal.hint_at("round 1000")
    assert stream.getvalue().count("round") == 2
    assert stream.getvalue().endswith("round 1000")


def test_data_can_not_act_on_the_terminal() -> None:
    stream = Screen()
    terminal = Terminal(stream, stream, {"NO_COLOR": "1"})
    terminal.show("title\x1b]0;owned\x07", "\x9b31m")
    terminal.print_json({"a": "\x1b[2J\x7f\x9b"})
    assert not {"\x1b", "\x07", "\x7f", "\x9b"} & set(stream.getvalue())


def test_a_stream_that_can_not_show_a_letter_gets_a_plain_one() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Terminal(stream, stream, {}).say("✓ done … für")
    assert raw.getvalue() == b"+ done ... f\\xfcr\n"


def test_the_version_and_the_overview(reach: Reach) -> None:
    assert reach("--version").out == f"reach {__version__}\n"
    overview = reach("--help")
    assert overview.code == 0
    assert reach().out == overview.out
    for name in catalogue.names():
        assert f"  {name} " in overview.out


@pytest.mark.parametrize("name", catalogue.names())
def test_every_command_explains_itself_with_examples(reach: Reach, name: str) -> None:
    done = reach(*name.split(), "--help")
    assert done.code == 0
    assert f"usage: reach {name}" in done.out
    assert f"reach {name}" in done.out.split("Examples\n")[1]
    command = catalogue.find(name)
    assert all(option.name in done.out for option in command.all_options)
    assert max(map(len, done.out.splitlines())) <= 110


def test_the_home_may_be_named_before_or_after_the_command(home: Path, reach: Reach, workflow: Write) -> None:
    file = workflow(SET)
    assert reach("--home", "a", "run", file, "--json").code == 0
    assert reach("run", file, "--home", "b", "--json").code == 0
    assert reach("--home=c", "run", file, "--json").code == 0
    assert all((home.parent / name / "reach.db").is_file() for name in "abc")
    assert not home.exists()


def test_shown_command_lines_reach_the_same_home(reach: Reach, workflow: Write) -> None:
    done = reach("run", workflow(SET), "--step", "--home", "my home")
    assert "--home 'my home'" in done.err


def test_the_pipe_may_close_early(home: Path, workflow: Write) -> None:
    file = workflow("do:\n  - only: { set: { a: '${ [range(20000)] }' } }\n")
    done = subprocess.run(
        ["sh", "-c", '"$0" run "$1" | head -c 1; "$0" events last --json | head -n 1 | wc -l', REACH, file],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["{1"] or done.stdout.strip().endswith("1")
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert "completed" in done.stderr


def test_a_bug_is_one_line_and_its_details_go_to_a_file(
    reach: Reach, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setattr(LocalNode, "runs", broken)
    done = reach("runs")
    assert done.code == 1
    assert "this is a bug" in done.err
    assert "code: bug" in done.err
    assert "Traceback" not in done.err
    (kept,) = (home / "logs").iterdir()
    assert str(kept) in done.err
    assert "ZeroDivisionError: the secret cause" in kept.read_text("utf-8")
    assert reach("runs", "--json").error["code"] == "bug"


def test_the_doctor_finds_a_new_home_sound(reach: Reach) -> None:
    done = reach("doctor", "--json")
    assert done.code == 0
    assert done.json["ok"]
    assert {"python", "home", "store"} <= {check["name"] for check in done.json["checks"]}
    assert "ok" in reach("doctor").out


def test_the_engine_answers_line_by_line() -> None:
    done = subprocess.run(
        [REACH, "engine"],
        input='{"id": 1, "op": "evaluate", "expression": ".a + 1", "data": {"a": 1}}\n',
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == '{"id":1,"ok":2}\n'


def test_completion_offers_commands_options_choices_runs_and_files(reach: Reach, workflow: Write) -> None:
    def offered(*words: str) -> list[str]:
        return reach("completion", "--words", *words).out.split()

    assert offered("ru") == ["run", "runs"]
    assert offered("run", "") == [":files"]
    assert offered("run", "x.yaml", "--in") == ["--input"]
    assert offered("runs", "--status", "co") == ["completed"]
    assert offered("--home", "") == [":files"]
    assert offered("completion", "b") == ["bash"]
    reach("run", workflow(SET), "--json")
    run = reach("show", "last", "--json").json["id"]
    assert offered("show", "") == ["last", run]
    assert offered("step", "") == ["last"]
    assert offered("nonsense", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_scripts_are_scripts(reach: Reach, shell: str) -> None:
    script = reach("completion", shell).out
    assert "reach completion --words" in script
    checked = subprocess.run(
        ["bash", "-c", f"command -v {shell} >/dev/null || exit 0; exec {shell} -n"],
        input=script,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_bash_completes_with_the_script(home: Path) -> None:
    path = os.pathsep.join([str(REACH.parent), os.environ["PATH"]])
    done = subprocess.run(
        [
            "bash",
            "-c",
            'source <(reach completion bash); COMP_WORDS=(reach ver); COMP_CWORD=1; _reach; echo "${COMPREPLY[@]}"',
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PATH": path},
    )
    assert done.stdout == "verify\n"


def test_nothing_shown_ever_holds_a_traceback(home: Path, tmp_path: Path) -> None:
    """The sum of the above from outside, with warnings as errors."""
    (tmp_path / "x.yaml").write_text(HEAD + SET)
    for words in (("run", "x.yaml"), ("run", "gone.yaml"), ("show", "gone"), ("verify", "x.yaml"), ("oops",)):
        done = subprocess.run(
            [REACH, *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        assert done.returncode in (0, 1, 2)
        assert "Traceback" not in done.stderr + done.stdout


def test_an_interrupt_before_anything_started_is_quiet(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "find", interrupted)
    assert main(["runs"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
