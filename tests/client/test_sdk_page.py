"""The code of docs/sdk.md does what the page says, from the first block to the last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reach_workbench.client import find_or_start

from .test_finding import home, until  # noqa: F401


def test_the_code_of_the_page_runs(
    home: Path,  # noqa: F811
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import asyncio

    async def start() -> None:
        await (await find_or_start(home)).close()

    asyncio.run(start())
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs/sdk.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {"HOME": str(home), "__name__": "sdk"}
    for block in blocks:
        exec(compile(block, "docs/sdk.md", "exec"), names)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "completed Hello, Ada"
    assert shown[1] == "1 workflow.created"
    assert "completed {'text': 'Hello, Grace'}" in shown
    assert shown[-1] == "not-found there is no run 'nosuchrun'"
