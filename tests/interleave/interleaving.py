"""One interleaving: a home in which everything happens at once, in an order that a seed gives."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import shutil
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from reach_workbench.engine.evaluate import InProcess
from reach_workbench.errors import Bug, ReachError
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node.local import LocalNode
from reach_workbench.policy.policyset import Loaded, load
from reach_workbench.protocol.gates import GateView, SignedVerdict, signed_verdict
from reach_workbench.protocol.node_views import StartRun
from reach_workbench.settings import Policy, Runner, Settings
from tests.interleave import rules
from tests.interleave.bodies import BODIES, CHILD, source
from tests.interleave.judge import Broken, Judge, must
from tests.interleave.outside import POINTS, Killed, Outside, Process, WorldClock

Json = Any

ENDED: Final = ("completed", "faulted", "cancelled")
PEOPLE: Final = {
    "ada": frozenset[str](),
    "grace": frozenset({"finance"}),
    "lin": frozenset({"finance", "legal"}),
    "max": frozenset({"legal"}),
}
KEYS: Final = {name: SigningKey.from_seed(bytes([number + 1]) * 32) for number, name in enumerate(PEOPLE)}
_PATIENCE: Final = 10.0
_ROUNDS: Final = 80


def _loaded(files: dict[str, str]) -> Loaded:
    """Policies as they are loaded; the same ones again cost nothing."""
    known = tuple(files.items())
    if known not in _LOADED:
        _LOADED[known] = load(files)
    return _LOADED[known]


_LOADED: Final[dict[tuple[tuple[str, str], ...], Loaded]] = {}


class Interleaving:
    """`told` is what was done, a line a step."""

    def __init__(self, folder: Path, seed: int, steps: int = 24) -> None:
        self.folder = folder
        self.seed = seed
        self.random = random.Random(seed)
        self.steps = steps
        self.clock = WorldClock()
        self.outside = Outside(self.clock)
        self.judge = Judge()
        self.told: list[str] = []
        self.done: Counter[str] = Counter()
        self.stale: list[tuple[str, SignedVerdict]] = []
        self.starts = 0
        self.homes = 0
        self.home = folder / "home0"
        self.workflows = folder.parent / "workflows"  # the same for all, so that nothing is compiled twice
        self.policy = folder / rules.FILE
        self.node: LocalNode | None = None
        for name, groups in PEOPLE.items():
            self.judge.reviewers[KEYS[name].public] = (name, [groups])

    def go(self) -> None:
        """Play it; raises Broken with what was done when something does not hold."""
        self.folder.mkdir(parents=True)
        self.workflows.mkdir(exist_ok=True)
        (self.workflows / "child.yaml").write_text(source("child", CHILD))
        self.policy.write_text(rules.TEXTS[0])
        with (
            self.outside.watching(),
            patch("reach_workbench.runner.fleet._GLANCE", 0.0),
            patch("reach_workbench.runner.shelf.load", _loaded),
        ):
            try:
                while not asyncio.run(self._life()):
                    pass
            except Broken as wrong:
                story = "\n".join(self.told[-60:])
                raise Broken(f"seed {self.seed}: {wrong}\n{story}") from wrong
            finally:
                shutil.rmtree(self.folder)

    # ------------------------------------------------------------ lives

    async def _life(self) -> bool:
        """One process, to its end; whether that was the last."""
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        process = self.outside.process = Process()
        self.outside.at_kill = self._keep_what_was_committed
        settings = Settings(
            home=self.home,
            policy=Policy(file=str(self.policy)),
            runner=Runner(snapshot_events=7, poll_seconds=1_000.0),
        )
        node = await LocalNode.open(
            settings, clock=self.clock, evaluator=InProcess(), functions=self.outside.functions(process)
        )
        self.node = node
        self.outside.seq = lambda run: node.store.read.run(run).seq
        if self.homes == 0 and self.starts == 0:
            for name, groups in PEOPLE.items():
                await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), tuple(groups))
        ends = False
        try:
            if self.random.random() < 0.8 or self.steps == 0:
                await self._do([("recover", node.recover())])
            while not process.dead and self.steps > 0:
                self.steps -= 1
                if self.random.random() < 0.08:
                    self._tell("the node is closed and opened again")
                    break
                await self._tick()
            else:
                if not process.dead:
                    await self._wind_up()
                    ends = True
        finally:
            if process.dead:
                await self._bury(node)
            else:
                await self._close(node, process)
        return ends

    async def _close(self, node: LocalNode, process: Process) -> None:
        """Close the node as people do; it may be killed meanwhile."""
        self.outside.release()
        closing = asyncio.ensure_future(node.close())
        killed = asyncio.ensure_future(process.killed.wait())
        await asyncio.wait([closing, killed], timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if process.dead:
            await self._bury(node)
            return
        must(closing.done(), "the node does not come to its end")
        closing.result()

    def _keep_what_was_committed(self) -> None:
        """The files as a killed process leaves them."""
        self.homes += 1
        self.judge.crashes += 1
        after = self.folder / f"home{self.homes}"
        after.mkdir(mode=0o700)
        for name in ("reach.db", "reach.db-wal"):
            if (self.home / name).exists():
                shutil.copyfile(self.home / name, after / name)
        self.home = after

    async def _bury(self, node: LocalNode) -> None:
        """What is left of a killed process must not go on."""
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for _ in range(3):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=0.2) if tasks else None
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        try:
            node.store.close()
        except BaseException:
            return

    # ------------------------------------------------------------ steps

    async def _tick(self) -> None:
        assert self.node is not None
        if self.random.random() < 0.07:
            point, count = self.random.choice(POINTS), self.random.randint(1, 6)
            self.outside.process.armed = (point, count)
            self._tell(f"dies at {point}:{count}")
        many = 1 if self.random.random() < 0.7 else self.random.randint(2, 4)
        if not self.starts:
            many = 1
        chosen = ["start"] if not self.starts else self.random.choices(list(_STEPS), list(_STEPS.values()), k=many)
        await self._do([(name, getattr(self, f"_{name}")(self.node)) for name in chosen])

    async def _do(self, works: list[tuple[str, Awaitable[Any]]]) -> None:
        """Do these at the same moment, wait until nothing moves any more, and look at what came of it."""
        assert self.node is not None
        process = self.outside.process
        tasks = [asyncio.ensure_future(self._one(name, work)) for name, work in works]
        killed = asyncio.ensure_future(process.killed.wait())
        try:
            async with asyncio.timeout(_PATIENCE):
                while not process.dead and not all(task.done() for task in tasks):
                    await asyncio.wait([*tasks, killed], return_when=asyncio.FIRST_COMPLETED)
                if not process.dead:
                    await self._rest()
        except TimeoutError:
            hung = [name for (name, _), task in zip(works, tasks, strict=True) if not task.done()]
            raise Broken(f"{hung or works} did not come to an end") from None
        finally:
            killed.cancel()
        if process.dead:
            for task in tasks:
                task.cancel()
            return
        for task in tasks:
            task.result()
        self._look(self.node)

    async def _one(self, name: str, work: Awaitable[Any]) -> None:
        self.done[name] += 1
        try:
            said = await work
        except Bug as wrong:
            raise Broken(f"{name}: {wrong!r} {wrong.__cause__!r}") from wrong
        except ReachError as wrong:
            self.done[f"{name} refused"] += 1
            self._tell(f"{name}: refused, {wrong}")
        except Killed:
            return
        else:
            self._tell(f"{name}: {said}")

    async def _rest(self) -> None:
        """Until everything that is driven waits for the world."""
        loop: Any = asyncio.get_running_loop()
        for _ in range(20_000):
            await asyncio.sleep(0)
            if not loop._ready or self.outside.process.dead:
                return
        raise Broken("it never comes to rest")

    def _rouse(self) -> None:
        """What a timer of the loop does once time has gone by."""
        assert self.node is not None
        for driver in self.node.runner.driven():
            driver.rouse()

    def _look(self, node: LocalNode) -> None:
        self.judge.look(node.store, self.outside.performed)
        for run, failure in node.runner.failures.items():
            raise Broken(f"driving {run} failed: {failure!r} {failure.__cause__!r}")

    def _tell(self, line: str) -> None:
        self.told.append(line)

    # ------------------------------------------------------------ what may be done

    async def _start(self, node: LocalNode) -> str | None:
        if self.starts >= 4:
            return None
        self.starts += 1
        name = self.random.choice(list(BODIES))
        may = None
        if self.random.random() < 0.15:
            may = ("function.call:plain:1.0.0", "function.call:gated:1.0.0", "workflow.run")
        requester = self.random.choice(("ada", "grace"))
        hold = self.random.random() < 0.1
        text = source(name, BODIES[name])
        request = StartRun(text, self.workflows / f"{name}.yaml", requester=requester, may=may, hold=hold)
        view = await node.start(request)
        return f"{name} {view.id[-4:]} of {requester}{' held' if hold else ''}{' with less' if may else ''}"

    async def _gate(self, node: LocalNode) -> GateView | None:
        gates = await node.gates()
        return self.random.choice(gates) if gates else None

    def _sign(self, gate: GateView, verdict: str, name: str, reason: str | None = None) -> SignedVerdict:
        signed = signed_verdict(gate, verdict, name, KEYS[name], reason=reason)  # type: ignore[arg-type]
        self.stale.append((gate.id, signed))
        return signed

    async def _approve(self, node: LocalNode) -> str | None:
        gate = await self._gate(node)
        if gate is None:
            return None
        name = self.random.choice(list(PEOPLE))
        after = await node.decide(gate.id, self._sign(gate, "approve", name))
        return f"{name} at {gate.id[:4]} command {gate.command} of {gate.run[-4:]}: {after.outcome}"

    async def _deny(self, node: LocalNode) -> str | None:
        gate = await self._gate(node)
        if gate is None:
            return None
        name = self.random.choice(list(PEOPLE))
        after = await node.decide(gate.id, self._sign(gate, "deny", name, "no"))
        return f"{name} at {gate.id[:4]} of {gate.run[-4:]}: {after.outcome}"

    async def _delegate(self, node: LocalNode) -> str | None:
        gate = await self._gate(node)
        if gate is None:
            return None
        name, to = self.random.sample(list(PEOPLE), 2)
        signed = signed_verdict(gate, "delegate", name, KEYS[name], answer={"to": to})
        self.stale.append((gate.id, signed))
        await node.decide(gate.id, signed)
        return f"{name} to {to} at {gate.id[:4]} of {gate.run[-4:]}"

    async def _edit(self, node: LocalNode) -> str | None:
        gate = await self._gate(node)
        if gate is None:
            return None
        if gate.kind == "workflow.run":
            arguments = {**gate.arguments, "process": {**gate.arguments["process"], "input": {"k": 2}}}
        else:
            other = self.random.choice(("", "", "never", "pair", "plain", "both"))
            arguments = {**gate.arguments, "arguments": {"n": self.random.choice((7, 8, rules.POISON))}}
            if other:
                arguments["function"] = f"{other}:1.0.0"
        after = await node.edit_gate(gate.id, arguments, by=gate.requester)
        return f"{gate.id[:4]} of {gate.run[-4:]} to {arguments}: {after.id[:4] if after else None}"

    async def _stale(self, node: LocalNode) -> str | None:
        """A verdict that was given before, at its own gate or at another."""
        if not self.stale:
            return None
        id, verdict = self.random.choice(self.stale)
        gate = await self._gate(node)
        if gate is not None and self.random.random() < 0.5:
            id = gate.id
        after = await node.decide(id, verdict)
        return f"at {id[:4]}: {after.outcome}"

    async def _forged(self, node: LocalNode) -> str | None:
        """A verdict of which one byte was changed."""
        gate = await self._gate(node)
        if gate is None:
            return None
        name = self.random.choice(list(PEOPLE))
        good = signed_verdict(gate, "approve", name, KEYS[name])
        field = self.random.choice(("body", "signature", "key"))
        written = getattr(good, field)
        place = self.random.randrange(len(written))
        letter = self.random.choice([each for each in "abcdef0123456789" if each != written[place]])
        bad = dataclasses.replace(good, **{field: written[:place] + letter + written[place + 1 :]})
        try:
            await node.decide(gate.id, bad)
        except ReachError as wrong:
            must(wrong.code in ("approval-refused", "gate-closed"), f"a forged verdict: {wrong!r}")
            return f"{field} at {gate.id[:4]}: {wrong.code}"
        raise Broken(f"a verdict with a changed {field} was taken: {bad}")

    async def _run_id(self, node: LocalNode, *, ended: bool = False) -> str | None:
        runs = [view.id for view in await node.runs(limit=1_000) if ended or view.status not in ENDED]
        return self.random.choice(sorted(runs)) if runs else None

    def _on_run(what: str) -> Callable[[Interleaving, LocalNode], Awaitable[str | None]]:  # type: ignore[misc] # noqa: N805
        async def act(self: Interleaving, node: LocalNode) -> str | None:
            run = await self._run_id(node)
            if run is None:
                return None
            work = getattr(node, what)(run)
            if what in ("suspend", "cancel", "step"):  # they wait for what may need a person, or the clock
                task = asyncio.ensure_future(work)
                for _ in range(50):
                    await asyncio.sleep(0)
                if not task.done():
                    task.cancel()
                    return f"{run[-4:]}, under way"
                work = task
            view = await work
            return f"{run[-4:]}: {view.status}"

        return act

    _cancel = _on_run("cancel")
    _suspend = _on_run("suspend")
    _resume = _on_run("resume")
    _pause = _on_run("pause")
    _step = _on_run("step")

    async def _fork(self, node: LocalNode) -> str | None:
        if self.starts >= 6:
            return None
        run = await self._run_id(node, ended=True)
        if run is None:
            return None
        self.starts += 1
        at = self.random.randint(1, (await node.run(run)).seq)
        view = await node.fork(run, at, hold=self.random.random() < 0.2)
        return f"{run[-4:]} at {at}: {view.id[-4:]}"

    async def _resolve(self, node: LocalNode) -> str | None:
        doubtful = [view for view in await node.runs(limit=1_000) if view.in_doubt]
        if not doubtful:
            return None
        view = self.random.choice(doubtful)
        how = self.random.choice(("repeat", "repeat", "result", "fail"))
        await node.resolve(view.id, view.in_doubt[0], how, value={"n": 0} if how == "result" else None)  # type: ignore[arg-type]
        return f"{view.id[-4:]}, {how}"

    async def _wait(self, node: LocalNode) -> str:
        milliseconds = self.random.choice((100, 1_100, 5_100, 9_000, 31_000, 61_000))
        self.clock.pass_(milliseconds)
        self._rouse()
        return f"{milliseconds} ms"

    async def _set_clock(self, node: LocalNode) -> str:
        milliseconds = self.random.choice((-86_400_000, -20_000, -3_000, 4_000, 3_600_000))
        self.clock.set(milliseconds)
        self._rouse()
        return f"{milliseconds} ms"

    async def _policies(self, node: LocalNode) -> str:
        number = self.random.randrange(len(rules.TEXTS))
        self.policy.write_text(rules.TEXTS[number])
        self.clock.pass_(1_100)
        self._rouse()
        return str(number)

    async def _break_policies(self, node: LocalNode) -> str:
        self.policy.write_text(self.random.choice(rules.BROKEN))
        self.clock.pass_(1_100)
        self._rouse()
        return "broken"

    async def _regroup(self, node: LocalNode) -> str:
        name = self.random.choice(("grace", "lin", "max"))
        groups = frozenset(self.random.sample(("finance", "legal"), self.random.randint(0, 2)))
        self.judge.reviewers[KEYS[name].public][1].append(groups)
        await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), tuple(groups))
        return f"{name}: {sorted(groups)}"

    async def _release(self, node: LocalNode) -> str:
        self.outside.release()
        return "what was slow"

    # ------------------------------------------------------------ the end

    async def _wind_up(self) -> None:
        """With people who decide about all there is, every run comes to its end; then everything is proved."""
        assert self.node is not None
        node = self.node
        self._tell("--- from here on people see to everything")
        self.policy.write_text(rules.TEXTS[0])
        self.outside.process.armed = None
        await self._do([("regroup", self._restore_groups(node))])
        await self._do([("recover", node.recover())])
        for _ in range(_ROUNDS):
            left = [view for view in await node.runs(limit=1_000) if view.status not in ENDED]
            if not left:
                break
            for view in left:
                said = view.waiting not in (None, "something") or view.status != "waiting"
                must(said, f"run {view.id} is {view.status} and waits for {view.waiting}")
                await self._see_to(node, view)
            for gate in await node.gates(limit=1_000):
                for name in ("lin", "max", "grace"):
                    if (await node.gate(gate.id)).outcome is None:
                        verdict = self._sign(gate, "approve", name)
                        await self._do([("approve", node.decide(gate.id, verdict))])
                if (after := await node.gate(gate.id)).outcome is None and len(after.verdicts) > 1:
                    # They were in other groups when they said so, and nobody may say it twice.
                    await self._do([("cancel", node.cancel(gate.run))])
            self.outside.release()
            self.clock.pass_(5_100)
            self._rouse()
            await self._do([])
        left = [view for view in await node.runs(limit=1_000) if view.status not in ENDED]
        must(not left, f"these never end: {[(view.id, view.status, view.waiting, view.position) for view in left]}")
        for view in await node.runs(limit=1_000):
            proof = await node.verify(view.id)
            must(proof.ok, f"run {view.id}: event {proof.seq}: {proof.message}")
            self.judge.prove(node.store, view.id)

    async def _restore_groups(self, node: LocalNode) -> str:
        for name, groups in PEOPLE.items():
            await node.add_reviewer(name, b64encode(KEYS[name].public).decode(), tuple(groups))
        return "as they were"

    async def _see_to(self, node: LocalNode, view: Any) -> None:
        if view.status in ("held", "suspended"):
            await self._do([("resume", node.resume(view.id, breakpoints=()))])
        for number in view.in_doubt:
            await self._do([("resolve", node.resolve(view.id, number, "result", value={"n": 0}))])


_STEPS: Final = {
    "start": 14,
    "approve": 22,
    "deny": 5,
    "edit": 6,
    "delegate": 4,
    "stale": 5,
    "forged": 3,
    "cancel": 3,
    "suspend": 4,
    "resume": 7,
    "pause": 2,
    "step": 4,
    "fork": 4,
    "resolve": 6,
    "wait": 9,
    "set_clock": 3,
    "policies": 3,
    "break_policies": 2,
    "regroup": 2,
    "release": 4,
}
