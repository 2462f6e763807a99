#!/usr/bin/env python3
"""Play the console blocks of the pages again: `make docs` writes what they show now.

A block that starts with ```console holds commands after `$ ` and what they print. A YAML block
whose first line is `# NAME.yaml` is put into the folder in which the commands run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SHOWN_ROOT: Final = "/home/you/reach-workbench"
PAGES: Final = ("README.md", "docs/getting-started.md")

_CONSOLE: Final = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"^```yaml\n(# (\S+\.yaml)\n.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING: Final = (
    (re.compile(r"(?:(?<=root )|(?<=key )|(?<=audit/))[0-9a-f]{16}\b"), "DIGEST"),  # else one with 0 is an ID
    (re.compile(r"\b0[0-9a-hjkmnp-tv-z]{11}(?:[0-9a-hjkmnp-tv-z]{8})?\b"), "ID"),
    (re.compile(r"\b(?=[a-z]*\d)[0-9a-hjkmnp-tv-z]{13}\b"), "GATE"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d\d:\d\d:\d\d\.\d+"), "MOMENT"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "SPAN"),
    (re.compile(r"(?<=--key )[A-Za-z0-9+/]{43}="), "KEY"),
    (re.compile(r'(?<="commits": )\d+'), "COUNT"),
    # A run that was held for more than a moment records that it was resumed.
    (re.compile(r"^(completed in .*, )\d+(?= events, )", re.MULTILINE), r"\1COUNT"),
    (re.compile(r"^events \d+ to \d+$", re.MULTILINE), "events FROM to TO"),
    (re.compile(r'^    "[A-Z][A-Za-z ]+": \d+,?\n', re.MULTILINE), ""),
    (re.compile(r" +$", re.MULTILINE), ""),
    (re.compile(r"(?<=\S)  +"), "  "),
)


def play(page: str, text: str) -> str:
    """The page's text with what its commands print now. README's commands run in the project's own folder."""
    with tempfile.TemporaryDirectory(prefix="reach-tour-") as scratch:
        folder = ROOT if page == "README.md" else Path(scratch)
        for content, name in _FILE.findall(text):
            (Path(scratch) / name).write_text(content, "utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REACH_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
        environment = kept | {
            "REACH_HOME": f"{scratch}/home",
            "REACH_KEYS_USER": "you",
            "REACH_KEYS_BACKEND": "file",
            "REACH_PASSPHRASE": "of the tour",  # so that nobody is asked
            "PATH": path,
            "PYTHONIOENCODING": "utf-8",
        }

        def again(block: re.Match[str]) -> str:
            commands = [line[2:] for line in block[0].splitlines() if line.startswith("$ ")]
            return "".join(f"$ {command}\n{_printed(command, folder, environment)}" for command in commands)

        return _CONSOLE.sub(again, text)


def settled(text: str) -> str:
    """The text without what differs from one time, history and machine to the next."""
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text


def _printed(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    printed = re.sub(r" +$", "", done.stdout.decode().replace(str(ROOT), SHOWN_ROOT), flags=re.MULTILINE)
    return printed if printed.endswith("\n") or not printed else printed + "\n"


if __name__ == "__main__":
    for name in PAGES:
        file = ROOT / name
        before = file.read_text("utf-8")
        after = play(name, before)
        if settled(after) != settled(before):
            file.write_text(after, "utf-8")
