"""Templates for new workflows: the YAML files beside this one. A file's first line is its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent

NAME: Final = "new-workflow"
"""The name that every template has; a new file puts its own there."""


@dataclass(frozen=True, slots=True)
class Template:
    """`name` is the file's without its ending, `text` the workflow without the sentence."""

    name: str
    title: str
    sentence: str
    text: str

    def filled(self, name: str) -> str:
        """The text of a new workflow of that name."""
        return self.text.replace(f"name: {NAME}\n", f"name: {name}\n", 1)


def templates() -> tuple[Template, ...]:
    """All of them, the simplest first."""
    return tuple(_read(file) for file in sorted(FOLDER.glob("*.yaml")))


def _read(file: Path) -> Template:
    sentence, _, text = file.read_text("utf-8").partition("\n")
    name = file.stem.partition("-")[2]
    return Template(name, name.replace("-", " ").capitalize(), sentence.removeprefix("#").strip(), text)
