"""Each layer can be imported in a fresh process, and the light ones load nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "alembic",
    "fastapi",
    "httpx",
    "joserfc",
    "keyring",
    "pydantic",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "sqlmodel",
}
"""Libraries that cost 40 to 300 ms to import: only what needs them may pay."""

LAYERS = (
    "errors",
    "clock",
    "settings",
    "telemetry",
    "keys",
    "engine",
    "policy",
    "evidence",
    "protocol",
    "storage",
    "jobs",
    "effects",
    "engineclient",
    "client",
    "runner",
    "federation",
    "ui",
    "api",
    "node",
    "cli",
)


def loaded_after(*modules: str) -> set[str]:
    """The top-level modules that a fresh process holds once it has imported `modules`."""
    program = "import importlib, json, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    program += "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *modules],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_can_be_imported_by_itself_and_loads_nothing_heavy(layer: str) -> None:
    assert loaded_after(f"reach_workbench.{layer}") & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    [
        "cli.main",
        "engine.compile",
        "engine.step",
        "node.local",
        "runner.runner",
        "storage.store",
    ],
)
def test_what_every_command_loads_stays_light(module: str) -> None:
    assert loaded_after(f"reach_workbench.{module}") & HEAVY == set()


def test_policies_load_cedar_only_when_they_are_read() -> None:
    assert "cedarpy" not in loaded_after("reach_workbench.policy.policyset", "reach_workbench.policy.default")


def test_a_heavy_import_would_be_seen() -> None:
    assert "sqlalchemy" in loaded_after("sqlalchemy") & HEAVY


def test_a_run_of_a_simple_workflow_loads_nothing_heavy(tmp_path: Path) -> None:
    """Neither on a home that is used again nor on a new one: its schema is written without the migrations' library."""
    workflow = tmp_path / "simple.yaml"
    workflow.write_text(
        "document: { dsl: '1.0.3', namespace: tests, name: simple, version: '1.0.0' }\n"
        "do: [ { make: { set: { n: '${ 1 + 1 }' } } }, { shout: { run: { shell: { command: printf hi } } } } ]\n",
        "utf-8",
    )
    command = [sys.executable, "-X", "importtime", str(Path(sys.executable).with_name("reach"))]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--home", str(tmp_path / "home"), "run", str(workflow), "--quiet"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
        assert {"reach_workbench", "orjson"} <= loaded
        assert loaded & HEAVY == set()
