"""Record the histories that later versions must still be able to replay.

`python tests/histories/record.py NAME…` runs the named documents below (all that have no
archive yet by default) and writes `NAME.reach` beside this file. A history that is there is never
recorded again: it stands for the version that wrote it. New constructs get new documents.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from reach_workbench.effects.functions import Functions
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import load
from tests import unheld

HERE: Final = Path(__file__).parent

HEAD: Final = "document: {dsl: 1.0.3, namespace: histories, name: %s, version: 1.0.0}\n"

DOCUMENTS: Final = {
    "data-and-loops": """
input: {from: .order}
do:
- total:
    for: {each: line, in: .lines, at: place}
    while: $place < 3
    do: [{add: {set: {lines: '${ .lines }', sum: '${ (.sum // 0) + $line.price }'}}}]
    export: {as: '${ $context + {sum: .sum} }'}
- choose:
    switch:
    - dear: {when: .sum > 10, then: dear}
    - cheap: {then: end}
- dear: {set: {kind: dear, sum: '${ $context.sum }'}, output: {as: '${ [.kind, $task.name] }'}}
output: {as: '{answer: .}'}
""",
    "errors-and-retries": """
use: {errors: {sour: {type: 'https://example.com/sour', status: 418, title: Sour}}}
do:
- attempt:
    try: [{flaky: {call: 'flaky:1.0.0@python', with: {n: 1}}}]
    catch:
      errors: {with: {status: 500}}
      retry:
        delay: {milliseconds: 1}
        backoff: {exponential: {}}
        jitter: {from: {milliseconds: 0}, to: {milliseconds: 2}}
        limit: {attempt: {count: 5}}
- guarded:
    try: [{fails: {raise: {error: sour}}}]
    catch: {as: problem, do: [{note: {set: {caught: '${ $problem.title }'}}}], then: last}
- skipped: {set: {never: true}}
- last: {if: '${ .caught == "Sour" }', set: {done: '${ . }'}}
""",
    "branches-and-events": """
use:
  extensions: [{note: {extend: set, before: [{mark: {set: {m: 1}}}]}}]
  functions: {double: {set: {n: '${ .n * 2 }'}}}
do:
- both:
    fork:
      branches:
      - hear: {listen: {to: {one: {with: {type: a.b}}}}}
      - tell: {do: [{nap: {wait: {milliseconds: 40}}}, {emit: {emit: {event: {with: {type: a.b, data: {n: 21}}}}}}]}
- race:
    fork: {compete: true, branches: [{quick: {set: {n: 4}}}, {slow: {wait: {seconds: 30}}}]}
- twice: {call: double, with: {n: '${ .n }'}}
- bounded: {timeout: {after: {milliseconds: 20}}, wait: {seconds: 30}}
""",
    "commands-and-a-fork": """
do:
- shell: {run: {shell: {command: 'printf %s "$1"', arguments: [hello]}}}
- part: {run: {shell: {command: cat, stdin: '${ . }'}, return: all}}
- count: {call: 'flaky:1.0.0@python', with: {n: 3}}
""",
}


async def record(name: str) -> None:
    calls = 0

    def flaky(given: dict[str, int]) -> dict[str, int]:
        nonlocal calls
        calls += 1
        if given["n"] == 1 and calls < 3:
            raise RuntimeError("not yet")
        return {"calls": calls}

    functions = Functions()
    functions.register("flaky", "1.0.0", flaky)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        node = await LocalNode.open(load(folder / "home", unheld.VARIABLES), functions=functions)
        try:
            given = {"order": {"lines": [{"price": 7}, {"price": 5.5}, {"price": 1}, {"price": 100}]}}
            run = await node.start(StartRun(HEAD % name + DOCUMENTS[name], folder / "workflow.yaml", given))
            run = await node.wait(run.id)
            if name == "commands-and-a-fork":
                run = await node.wait((await node.fork(run.id, 7, edits={"/data": "another"})).id)
            await node.export(run.id, HERE / f"{name}.reach")
            print(f"{name}: {run.status}, {run.seq} events, {run.output or run.error}")
        finally:
            await node.close()


if __name__ == "__main__":
    for each in sys.argv[1:] or [name for name in DOCUMENTS if not (HERE / f"{name}.reach").exists()]:
        asyncio.run(record(each))
