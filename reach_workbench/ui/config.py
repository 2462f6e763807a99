"""The person's own settings of the workbench: theme and keys, in a TOML file under XDG's config folder."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reach_workbench.errors import BadInput
from reach_workbench.ui.keys import ACTIONS, FORBIDDEN, Action

FILE: Final = "workbench.toml"
"""Its name in the config folder."""

DARK: Final = "textual-dark"

_THEME: Final = re.compile(r"^\s*theme\s*=.*$", re.MULTILINE)
_ANY_LETTER: Final = re.compile(r"ctrl\+shift\+[a-z]$")


@dataclass(frozen=True, slots=True)
class Config:
    """`keymap` gives keys by action id, as Textual takes them: `"debug.over" = "n,f10"`.

    `problems` are the lines that were left out, in words.
    """

    theme: str = DARK
    keymap: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def keys_of(self, action: Action) -> tuple[str, ...]:
        """The keys in force for an action; the first is shown."""
        given = self.keymap.get(action.id)
        return tuple(key.strip() for key in given.split(",")) if given else action.keys


def folder() -> Path:
    """Where the configuration stands: XDG's config folder, or the platform's."""
    from platformdirs import user_config_path

    return user_config_path("reach", appauthor=False)


def state_folder() -> Path:
    """Where the session is remembered: XDG's state folder, or the platform's."""
    from platformdirs import user_state_path

    return user_state_path("reach", appauthor=False)


def read(folder: Path) -> Config:
    """The configuration of that folder; what is wrong in it is left out and told of, never fatal."""
    file = folder / FILE
    try:
        written = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as wrong:
        return Config(problems=(f"{file} can't be read: {wrong}",))
    problems = [f"unknown setting {name!r}" for name in written if name not in ("theme", "keys")]
    theme = written.get("theme", DARK)
    if not isinstance(theme, str):
        problems.append("theme must be text")
        theme = DARK
    keymap: dict[str, str] = {}
    known = {action.id for action in ACTIONS}
    keys = written.get("keys", {})
    if not isinstance(keys, dict):
        problems.append("keys must be a table of action = keys")
        keys = {}
    for id, given in _flat(keys):
        if id not in known:
            problems.append(f"there is no action {id!r}; `reach keys` lists them")
        elif not isinstance(given, str) or not given.strip():
            problems.append(f"the keys of {id} must be text, like 'n,f10'")
        elif eaten := [key for key in given.split(",") if key in FORBIDDEN or _ANY_LETTER.match(key)]:
            problems.append(f"{id}: terminals keep {eaten[0]} for themselves")
        else:
            keymap[id] = given.replace(" ", "")
    config = Config(theme, keymap, ())
    problems += _shared(config, keymap)
    return Config(theme, keymap, tuple(f"{problem}, in {file}" for problem in problems))


def put_theme(folder: Path, theme: str) -> None:
    """Write the theme into the file, leaving everything else of it as it stands. Raises BadInput."""
    file = folder / FILE
    line = f'theme = "{theme}"'
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        top, table, rest = re.match(r"(?s)(.*?)(^\[|\Z)(.*)", text, re.MULTILINE).groups()  # type: ignore[union-attr]
        top = _THEME.sub(line, top, count=1) if _THEME.search(top) else f"{line}\n{top}"
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(top + table + rest, "utf-8")
    except OSError as wrong:
        raise BadInput(f"the theme can't be remembered: {wrong}", where=str(file)) from None


def _flat(keys: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """TOML reads `debug.over = "n"` as a table in a table."""
    found: list[tuple[str, object]] = []
    for name, value in keys.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return found


def _shared(config: Config, changed: dict[str, str]) -> list[str]:
    """Keys that a change gave to two actions of one screen."""
    found = []
    for action in ACTIONS:
        if action.id not in changed:
            continue
        for other in ACTIONS:
            if other.id == action.id or not (other.scope == action.scope or "app" in (other.scope, action.scope)):
                continue
            if other.id in changed and other.id < action.id:
                continue
            both = set(config.keys_of(action)) & set(config.keys_of(other))
            found += [f"{action.id} and {other.id} share the key {key}" for key in sorted(both)]
    return found
