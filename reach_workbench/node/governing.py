"""What a node answers about what its runs may do: gates, policies, reviewers, and the audit log of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from reach_workbench.engine.values import Json
from reach_workbench.errors import (
    KeyMissing,
    PolicyInvalid,
    ReachError,
)
from reach_workbench.keys.aside import aside as keys_aside
from reach_workbench.keys.ed25519 import SigningKey
from reach_workbench.node import auditlog, gating, reviewers, rotating
from reach_workbench.node.aside import Stopped, aside
from reach_workbench.node.ground import Ground
from reach_workbench.node.mailbox import ask
from reach_workbench.node.person import person
from reach_workbench.node.pinning import Pinning
from reach_workbench.node.refusals import Refusals
from reach_workbench.protocol import wire
from reach_workbench.protocol.audit import AuditVerification, AuditView
from reach_workbench.protocol.gates import GateState, GateView, SignedVerdict
from reach_workbench.protocol.node_views import Progress
from reach_workbench.protocol.policies import (
    CaseView,
    CommandRuling,
    PolicyCheck,
    PolicyStatus,
    TryPolicies,
    TryReport,
)
from reach_workbench.protocol.reviewing import ReviewerView
from reach_workbench.protocol.rotating import KeyRotation, NodeKeyView
from reach_workbench.storage.unit import Unit


class Governing(Ground):
    """The part of `LocalNode` that is about what runs may do."""

    _signer: rotating.Signer | None
    _pinning: Pinning | None
    _refusals: Refusals | None

    # ------------------------------------------------------------ gates

    async def gates(
        self, *, state: GateState = "open", run: str | None = None, limit: int = 100, after: str | None = None
    ) -> Sequence[GateView]:
        return gating.views(self.store, state, run, limit, after)

    async def gate(self, gate: str) -> GateView:
        return gating.gate_view(self.store, self.store.read.gate(gate), whole=True)

    async def decide(self, gate: str, verdict: SignedVerdict) -> GateView:
        record = self.store.read.gate(gate)
        if self.store.writable:
            gating.refuse_restored(self.store, self.settings)
            record = await gating.decide(self.runner, self.store, self.clock, record.id, verdict)
        else:
            written = {"gate": record.id, "verdict": wire.tree(verdict)}
            await ask(self.store, self.settings, "decide", {"run": record.run, **written})
        return await self.gate(record.id)

    async def edit_gate(self, gate: str, arguments: Json, *, by: str | None = None) -> GateView | None:
        record = self.store.read.gate(gate)
        if not self.store.writable:
            asked = {"run": record.run, "gate": record.id, "arguments": arguments, "by": by}
            answer = await ask(self.store, self.settings, "edit-gate", asked)
            return await self.gate(answer["gate"]) if answer.get("gate") else None
        opened = await gating.edit(
            self.runner, self.store, self.clock, record.id, arguments, by or person(self.settings)
        )
        return await self.gate(opened.id) if opened is not None else None

    # ------------------------------------------------------------ policies

    async def policies(self) -> PolicyStatus:
        from reach_workbench.node import policyfile  # with Cedar, which runs load when they need it

        found = policyfile.status(self.runner.guard.shelf)
        await self._note_policies()
        return found

    async def check_policy(self, text: str) -> PolicyCheck:
        from reach_workbench.node import policyfile

        return await asyncio.to_thread(policyfile.check, self.runner.guard.shelf, text, self.settings.limits)

    async def test_policy(self, text: str | None = None) -> Sequence[CaseView]:
        from reach_workbench.node import policyfile

        return await asyncio.to_thread(policyfile.test, self.runner.guard.shelf, text, self.settings.limits)

    async def save_policy(self, text: str, *, by: str | None = None) -> PolicyStatus:
        from reach_workbench.node import policyfile

        shelf, limits = self.runner.guard.shelf, self.settings.limits
        await asyncio.to_thread(policyfile.sound, {shelf.own_file.name: text}, limits)
        if not self.store.writable:
            await ask(self.store, self.settings, "save-policy", {"text": text, "by": by})
            return await self.policies()
        with suppress(PolicyInvalid):
            shelf.own()
        await self._note_policies()  # what was changed by hand before is nobody else's doing
        await asyncio.to_thread(policyfile.write, shelf, text, limits)
        shelf.own()
        await self._note_policies(by=by or person(self.settings))
        return await self.policies()

    async def _note_policies(self, *, by: str | None = None) -> None:
        """Audit what was noticed to have changed."""
        if self.store.writable:
            writes: list[Callable[[Unit], None]] = []
            self.runner.guard.keep_changes(writes, by=by)
            if writes:
                unit = self.store.unit()
                for write in writes:
                    write(unit)
                await self.store.commit(unit)

    async def explain_policy(self, run: str, command: int | None = None) -> Sequence[CommandRuling]:
        from reach_workbench.node import rulings

        record = self.store.read.run(run)
        return await asyncio.to_thread(rulings.explain, self.store, self.runner.guard, record, command)

    async def try_policies(self, asked: TryPolicies, *, progress: Progress | None = None) -> TryReport:
        from reach_workbench.node import policyfile
        from reach_workbench.node.trying import Trying

        trying = Trying(self.settings, self.store, self.clock, self.runner.guard, asked)

        def work(stopped: Stopped) -> TryReport:
            return trying.report(policyfile.sound(dict(asked.files), self.settings.limits), stopped, progress)

        return await aside(work)

    # ------------------------------------------------------------ reviewers

    async def reviewers(self) -> Sequence[ReviewerView]:
        return reviewers.listed(self.store)

    async def add_reviewer(self, name: str, public_key: str, groups: Sequence[str] = ()) -> ReviewerView:
        if not self.store.writable:
            given = {"name": name, "public_key": public_key, "groups": list(groups)}
            answer = await ask(self.store, self.settings, "add-reviewer", given)
            return wire.decode(ReviewerView, answer["reviewer"])
        added = await reviewers.add(self.store, self.clock, name, public_key, groups)
        self.runner.guard.forget_groups()
        return added

    async def revoke_reviewer(self, key_id: str) -> ReviewerView:
        if not self.store.writable:
            answer = await ask(self.store, self.settings, "revoke-reviewer", {"key_id": key_id})
            return wire.decode(ReviewerView, answer["reviewer"])
        revoked = await reviewers.revoke(self.store, self.clock, key_id)
        self.runner.guard.forget_groups()
        return revoked

    # ------------------------------------------------------------ the node's key

    async def node_keys(self) -> Sequence[NodeKeyView]:
        return rotating.views(self.store)

    async def rotate_key(self, rotation: KeyRotation) -> NodeKeyView:
        self._owner("change the node's key")
        given = rotating.read_given(rotation)
        key: SigningKey | ReachError
        try:
            key = await self._own_key()
        except ReachError as wrong:
            key = wrong
        return await rotating.rotate(self.store, self.settings, self.clock, given, key)

    async def _own_key(self) -> SigningKey:
        """The node's key, to sign with. Raises a KeysError."""
        signer = self._signer
        if signer is None:
            raise KeyMissing(
                "this node was opened without a key to sign with",
                hint="open it with a signer, or export without a signature: `unsigned`",
            )
        due = rotating.due_key(self.store)
        return await keys_aside(lambda: rotating.own_key(signer, due))

    # ------------------------------------------------------------ the audit log

    async def audit(
        self,
        run: str | None = None,
        *,
        type: str = "",
        text: str = "",
        since: int | None = None,
        until: int | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[AuditView]:
        return await auditlog.read(
            self.store,
            run,
            type=type,
            text=text,
            since=since,
            until=until,
            after=after,
            before=before,
            limit=limit,
        )

    async def audit_verify(self, *, progress: Progress | None = None) -> AuditVerification:
        return await auditlog.verify(self.store, self.settings, self._signer, progress)

    def refused(self, code: str, client: str, path: str) -> None:
        """Audit that the API refused a request of that client; many make few records. Returns at once."""
        if self._refusals is None:
            self._refusals = Refusals(self.store, self.clock)
        self._refusals.refused(code, client, path)

    async def audit_evidence(
        self, run: str, *, until: int | None = None, key: SigningKey | None = None
    ) -> auditlog.AuditEvidence:
        """All audit records about a run up to event `until`, with proofs that a checkpoint covers them.

        One is made now if need be; with `key` one that it signed, or a key of this node before it. Raises
        EvidenceDamaged when the log does not hold.
        """
        record = self.store.read.run(run)
        keys = rotating.lineage_of(self.store, key.public) if key is not None else ()
        size, last = self.store.read.audit_head().tree.size, auditlog.last_about(self.store, record.id)
        if self._pinning is not None and auditlog.covering(self.settings, size, last, keys) is None:
            with suppress(ReachError):  # then the evidence says that nobody vouches for it
                await self._pinning.now()
        work = partial(auditlog.prove, until=until, keys=keys)
        return await asyncio.to_thread(work, self.store, self.settings, record.id)
