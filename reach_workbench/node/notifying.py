"""Reviewers are told of the gates that open: by a command of the user's, a signed webhook, the desktop.

It observes what the runner has committed, and tells of it in the background. What fails is logged; no run waits for
it or learns of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reach_workbench.clock import Clock
from reach_workbench.effects.effect import Surroundings
from reach_workbench.engine.events import Event
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.state import State
from reach_workbench.engine.times import iso8601
from reach_workbench.errors import KeyMissing, ReachError
from reach_workbench.keys.aside import aside
from reach_workbench.keys.keystore import NEW_PASSPHRASE, PASSPHRASE, KeyStore
from reach_workbench.node.gating import gate_view
from reach_workbench.protocol import wire
from reach_workbench.protocol.gates import GateView
from reach_workbench.settings import Settings
from reach_workbench.storage.store import Store

if TYPE_CHECKING:
    from reach_workbench.effects.web import Web

SECRET: Final = "notify"
"""The kept secret that webhooks are signed with."""

QUEUE: Final = 1_000
"""Gates that wait to be told of at most; what comes while it is full is logged and dropped."""

ATTEMPTS: Final = 3
_PAUSE: Final = 0.5
"""Seconds between the first two attempts at a webhook, and twice as long before the next."""

_HIDDEN: Final = (PASSPHRASE, NEW_PASSPHRASE, "REACH_SECRET_")
"""What the names of variables begin with that the command is not given."""

_LOG: Final = logging.getLogger(__name__)

Way = Callable[[GateView], Awaitable[None]]


class Unsaid(Exception):
    """Why a gate could not be told of."""


class Notifier:
    """One for a node that writes, where a setting asks for it. `web` gives the node's connections."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, web: Callable[[], Web]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._web = web
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._telling: asyncio.Task[None] | None = None
        wanted = settings.notify
        self._ways: list[tuple[str, Way]] = []
        if wanted.command:
            self._ways.append(("notify.command", self._command))
        if wanted.webhook:
            self._ways.append(("notify.webhook", self._webhook))
        if wanted.desktop:
            self._ways.append(("notify.desktop", self._desktop))

    def take(self, _: State, events: list[Event]) -> None:
        """A run has committed these events."""
        for event in events:
            if event.type == "gate.opened":
                self._put((event.data or {})["gate"])

    def _put(self, gate: str) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._work())
        try:
            self._queue.put_nowait(gate)
        except asyncio.QueueFull:
            _LOG.warning("gate %s is told to nobody: %d others wait to be", gate, QUEUE)

    async def close(self) -> None:
        """Give what is to be told the time that one gate may take, then give up on it."""
        if self._telling is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.notify.seconds):
                await self._queue.join()
        self._telling.cancel()
        await asyncio.gather(self._telling, return_exceptions=True)
        self._telling = None

    async def _work(self) -> None:
        while True:
            name = await self._queue.get()
            try:
                gate = gate_view(self._store, self._store.read.gate(name), whole=True)
                await asyncio.gather(*(self._tell(setting, way, gate) for setting, way in self._ways))
            except ReachError as wrong:
                _LOG.warning("gate %s is told to nobody: %s", name, wrong.message)
            finally:
                self._queue.task_done()

    async def _tell(self, setting: str, way: Way, gate: GateView) -> None:
        seconds = self._settings.notify.seconds
        try:
            async with asyncio.timeout(seconds):
                await way(gate)
        except TimeoutError:
            _LOG.warning("%s took longer than %g seconds for gate %s", setting, seconds, gate.id)
        except (Unsaid, ReachError, OSError, ValueError) as wrong:
            _LOG.warning("%s failed for gate %s: %s", setting, gate.id, getattr(wrong, "message", wrong))

    # ------------------------------------------------------------ the ways

    async def _command(self, gate: GateView) -> None:
        hidden = {name for name in os.environ if name.startswith(_HIDDEN)}
        variables = {name: value for name, value in os.environ.items() if name not in hidden}
        words = ("/bin/sh", "-c", self._settings.notify.command)
        await _run(words, variables | facts(gate), wire.dumps(gate))

    async def _webhook(self, gate: GateView) -> None:
        from reach_workbench.effects.exchange import Request
        from reach_workbench.effects.scrubber import Scrubber

        body = wire.dumps(gate)
        secret = await aside(self._secret)
        home = self._settings.home
        surroundings = Surroundings(base=home, secrets={}, catalog=home / "catalog")
        said = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE * 2 ** (attempt - 1))
            headers = signed(body, secret, gate, self._clock.now())
            request = Request("POST", self._settings.notify.webhook, headers, body)
            try:
                reply = await self._web().send(request, None, surroundings, Scrubber({}))
            except Fault as fault:
                said = fault.detail.replace(self._settings.notify.webhook, _origin(self._settings.notify.webhook))
                continue
            if 200 <= reply.status < 300:
                return
            said = f"the answer was {reply.status}"
            if reply.status < 500 and reply.status != 429:
                break  # it will not be taken the next time either
        raise Unsaid(said)

    def _secret(self) -> bytes:
        keys = KeyStore.open(self._settings.home, self._clock, settings=self._settings.keys)
        try:
            secret = keys.secret(SECRET)
        except KeyMissing:
            raise Unsaid(f"there is no secret to sign with; `reach secret set {SECRET}` keeps one") from None
        return (secret if isinstance(secret, str) else wire.dumps(secret).decode()).encode()

    async def _desktop(self, gate: GateView) -> None:
        program = shutil.which("notify-send")
        if program is None:
            raise Unsaid("notify-send is not installed")
        text = _shown(f"{gate.kind} by {gate.requester}, {gate.task} of run {gate.run}") + f"\nreach gates {gate.id}"
        for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(mark, written)
        await _run((program, "--app-name=Reach", "An action waits for a decision", text), dict(os.environ), b"")


def facts(gate: GateView) -> dict[str, str]:
    """What is worth knowing of a gate as variables of an environment. The arguments are on standard input."""
    known = {
        "ID": gate.id,
        "KIND": gate.kind,
        "TASK": gate.task,
        "RUN": gate.run,
        "WORKFLOW": gate.workflow,
        "REQUESTER": gate.requester,
        "RISK": gate.terms.risk,
        "GROUPS": ",".join(gate.terms.groups),
        "POLICIES": ",".join(gate.policies),
        "DIGEST": gate.digest,
        "OPENED": iso8601(gate.opened_at),
        "EXPIRES": iso8601(gate.expires_at) if gate.expires_at is not None else "",
    }
    return {f"REACH_GATE_{name}": value.replace("\0", "") for name, value in known.items()}


def signed(body: bytes, secret: bytes, gate: GateView, now: int) -> tuple[tuple[str, str], ...]:
    """The headers of a webhook: the signature is HMAC-SHA256 over the time, a full stop and the body."""
    time = str(now // 1000)
    code = hmac.new(secret, time.encode() + b"." + body, hashlib.sha256).hexdigest()
    return (
        ("Content-Type", "application/json"),
        ("Reach-Gate", gate.id),
        ("Reach-Time", time),
        ("Reach-Signature", f"sha256={code}"),
    )


def _shown(text: str) -> str:
    """Without what would act on a terminal or begin another line."""
    return "".join(char if char.isprintable() else "·" for char in text)


def _origin(uri: str) -> str:
    """What a log may say of an address: its path and query are what lets people in at many services."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.hostname}/…"


async def _run(words: Sequence[str], environment: dict[str, str], given: bytes) -> None:
    """Run a command to its end; it, and all that it started, is killed when this is cancelled. Raises Unsaid."""
    process = await asyncio.create_subprocess_exec(
        *words,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it is given
            _, errors = await process.communicate(given)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        last = _shown(errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:200])
        raise Unsaid(f"it ended with {process.returncode}" + (f": {last}" if last else ""))
