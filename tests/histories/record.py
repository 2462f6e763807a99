"""Record the histories that later versions must still be able to replay.

`python tests/histories/record.py NAME…` runs the named documents below (all that have no
archive yet by default) and writes `NAME.reach` beside this file. A history that is there is never
recorded again: it stands for the version that wrote it. New constructs get new documents.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from reach_workbench.effects.functions import Functions
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.protocol.gates import GateView, Verdict, signed_verdict
from reach_workbench.protocol.node_views import RunView, StartRun
from reach_workbench.settings import load
from tests import unheld

Json = Any

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
    "decisions-and-gates": """
do:
- free: {call: 'plain:1.0.0@python', with: {n: 1}}
- again: {call: 'plain:1.0.0@python', with: {n: 2}}
- ask:
    call: approve:1.0.0@default
    with: {title: Go on?, groups: [finance], form: {type: object, properties: {n: {type: integer}}}}
- edited: {call: 'held:1.0.0@python', with: {n: '${ .n }'}}
- refused:
    try: [{no: {call: 'held:1.0.0@python', with: {n: 0}}}]
    catch: {errors: {with: {status: 403}}, as: problem, do: [{note: {set: {code: '${ $problem.code }'}}}]}
- never:
    try: [{forbidden: {call: 'forbidden:1.0.0@python', with: {}}}]
    catch: {as: problem, do: [{last: {set: {codes: ['${ .code }', '${ $problem.code }']}}}]}
""",
    "events-decided-about": """
do:
- free: {emit: {event: {with: {type: a.free, data: {n: 1}}}}}
- held: {emit: {event: {with: {type: a.held, data: {n: '${ .data.n + 1 }'}}}}}
- refused:
    try: [{no: {emit: {event: {with: {type: a.held, data: {n: 0}}}}}}]
    catch: {as: problem, do: [{note: {set: {n: '${ .data.n }', code: '${ $problem.code }'}}}]}
""",
}

POLICY: Final = """
@id("all") permit(principal, action, resource);
@id("held") @gate("approval") @quorum("2") forbid(principal, action, resource == Function::"held:1.0.0");
@id("events") @gate("approval") forbid(principal, action, resource == EventType::"a.held");
@id("never") forbid(principal, action, resource == Function::"forbidden:1.0.0");
"""


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
        for plain in ("plain", "held", "forbidden"):
            functions.register(plain, "1.0.0", lambda given: given)
        policy = folder / "policy.cedar"
        policy.write_text(POLICY)
        decide = DECIDING.get(name)
        variables = unheld.VARIABLES if decide is None else {"REACH_POLICY_FILE": str(policy)}
        node = await LocalNode.open(load(folder / "home", variables | {"REACH_KEYS_USER": "tess"}), functions=functions)
        try:
            given = {"order": {"lines": [{"price": 7}, {"price": 5.5}, {"price": 1}, {"price": 100}]}}
            run = await node.start(StartRun(HEAD % name + DOCUMENTS[name], folder / "workflow.yaml", given))
            run = await node.wait(run.id)
            if name == "commands-and-a-fork":
                run = await node.wait((await node.fork(run.id, 7, edits={"/data": "another"})).id)
            if decide is not None:
                run = await decide(node, run)
            await node.export(run.id, HERE / f"{name}.reach", unsigned=True)
            print(f"{name}: {run.status}, {run.seq} events, {run.output or run.error}")
        finally:
            await node.close()


async def decided(node: LocalNode, run: RunView) -> RunView:
    """The run once reviewers have handed over, approved, edited and denied what it asked for."""
    keys = {name: SigningKey.from_seed(bytes([number]) * 32) for number, name in enumerate(("ada", "grace", "lin"))}
    for name, key in keys.items():
        await node.add_reviewer(name, b64encode(key.public).decode(), ["finance"] if name == "lin" else [])

    async def say(gate: GateView, verdict: Verdict, name: str, answer: Json = None) -> None:
        reason = "no" if verdict == "deny" else None
        await node.decide(gate.id, signed_verdict(gate, verdict, name, keys[name], reason=reason, answer=answer))

    [gate] = await node.gates()
    await say(gate, "delegate", "lin", {"to": "grace"})
    await say(gate, "approve", "grace", {"n": 5})
    await node.wait(run.id)
    [gate] = await node.gates()
    newer = await node.edit_gate(gate.id, {**gate.arguments, "arguments": {"n": 6}}, by="ada")
    assert newer is not None
    await say(newer, "approve", "ada")
    await say(newer, "approve", "lin")
    await node.wait(run.id)
    [gate] = await node.gates()
    await say(gate, "deny", "ada")
    return await node.wait(run.id)


async def events_decided(node: LocalNode, run: RunView) -> RunView:
    """The run once a reviewer has approved an event as it was edited, and denied another."""
    key = SigningKey.from_seed(bytes([1]) * 32)
    await node.add_reviewer("ada", b64encode(key.public).decode(), [])
    [gate] = await node.gates()
    newer = await node.edit_gate(gate.id, {**gate.arguments, "data": {"n": 7}}, by="ada")
    assert newer is not None
    await node.decide(newer.id, signed_verdict(newer, "approve", "ada", key))
    await node.wait(run.id)
    [gate] = await node.gates()
    await node.decide(gate.id, signed_verdict(gate, "deny", "ada", key, reason="no"))
    return await node.wait(run.id)


DECIDING: Final = {"decisions-and-gates": decided, "events-decided-about": events_decided}
"""What people do about the gates of a document."""


if __name__ == "__main__":
    for each in sys.argv[1:] or [name for name in DOCUMENTS if not (HERE / f"{name}.reach").exists()]:
        asyncio.run(record(each))
