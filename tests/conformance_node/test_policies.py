"""Policies are told, checked, saved, explained and tried alike through every door."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.errors import CompileError, NotFound, PolicyInvalid
from reach_workbench.policy.default import DEFAULT
from reach_workbench.protocol.policies import TryPolicies, without_said

from .conftest import Meet, Visit
from .doors import Place

ALL = '@id("all")\n@reason("Nothing speaks against it.")\npermit (principal, action, resource);\n'
NO_SHELLS = ALL + '@id("shells") @reason("not here")\nforbid (principal, action == Action::"shell.run", resource);\n'
HELD = (
    ALL + '@id("look") @gate("approval") @quorum("2") @from("ops") @expires("2h")\n'
    'forbid (principal, action == Action::"shell.run", resource);\n'
)
WARNED = ALL + '@id("soon") @mode("warn")\nforbid (principal, action == Action::"shell.run", resource);\n'

TWO_SHELLS = "do: [{one: {run: {shell: {command: 'echo one'}}}}, {two: {run: {shell: {command: 'true'}}}}]"
NOTHING = "do: [{one: {set: {x: 1}}}]"


def policy(text: str, name: str = "policy.cedar"):
    """A place whose policy file has that text."""

    def prepare(place: Place) -> None:
        place.variables["REACH_POLICY_FILE"] = str(place.folder / name)
        (place.folder / name).write_text(text, "utf-8")

    return prepare


def test_the_policies_in_force_are_told_with_what_they_cover(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        found = await visit.node.policies()
        assert (found.text, found.builtin, found.problems) == (HELD, False, ())
        assert found.digest is not None and len(found.digest) == 64
        [every, look] = found.policies
        assert (every.id, every.kind, every.covers, every.reason) == (
            "all",
            "permit",
            "everything",
            "Nothing speaks against it.",
        )
        assert (look.kind, look.covers, look.line) == ("gate", "shell.run", 4)
        assert look.asks == "2 approvals, one of ops, not by who asked, within 2h"
        assert look.text.startswith('@id("look")')

    meet(body, policy(HELD))


def test_without_a_file_the_built_in_policy_is_in_force(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        found = await visit.node.policies()
        assert (found.builtin, found.text) == (True, DEFAULT)
        assert found.file == str(visit.place.home / "policies" / "local.cedar")
        assert [each.id for each in found.policies][:2] == ["everything", "hold-shell"]
        assert [each.path for each in found.files] == [None]

    meet(body, lambda place: place.variables.pop("REACH_POLICY_FILE", None))


def test_a_broken_file_is_told_while_the_one_before_stays_in_force(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        before = await visit.node.policies()
        (visit.place.folder / "policy.cedar").write_text("permit (principal", "utf-8")
        after = await visit.node.policies()
        assert (after.digest, after.text) == (before.digest, "permit (principal")
        [problem] = after.problems
        assert problem.where is not None and problem.where.endswith("policy.cedar:1:9")

    meet(body, policy(ALL))


def test_a_text_is_checked_before_anybody_uses_it(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        good = await visit.node.check_policy(NO_SHELLS)
        assert ([each.id for each in good.policies], list(good.diagnostics)) == (["all", "shells"], [])
        bad = await visit.node.check_policy('permit (principal, action == Action::"shell.rn", resource);')
        [flaw] = bad.diagnostics
        assert (flaw.code, flaw.line, flaw.file) == ("unknown-action", 1, "policy.cedar")
        assert (bad.policies, bad.digest) == ((), None)

    meet(body, policy(ALL))


def test_a_policy_is_saved_and_audited_with_both_digests(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        before = await visit.node.policies()
        after = await visit.node.save_policy(NO_SHELLS, by="grace")
        file = visit.place.folder / "policy.cedar"
        assert (after.text, file.read_text("utf-8")) == (NO_SHELLS, NO_SHELLS)
        assert file.with_name("policy.cedar.before").read_text("utf-8") == ALL
        [record] = await visit.node.audit(type="policy.changed")
        assert record.data == {
            "before": before.digest,
            "after": after.digest,
            "files": ["policy.cedar"],
            "by": "grace",
        }
        run = await visit.run(TWO_SHELLS)
        assert run.error is not None and "denied by policy shells" in run.error["detail"]

    meet(body, policy(ALL))


def test_a_broken_policy_is_not_saved_and_every_flaw_is_told(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        await visit.node.policies()
        with pytest.raises(CompileError) as refused:
            await visit.node.save_policy('permit (principal, action, resource) when { context.nothing == "a" };')
        assert [each.code for each in refused.value.diagnostics] == ["unknown-attribute"]
        assert (visit.place.folder / "policy.cedar").read_text("utf-8") == ALL
        assert not (visit.place.folder / "policy.cedar.before").exists()
        assert list(await visit.node.audit(type="policy.changed")) == []

    meet(body, policy(ALL))


def test_a_file_that_was_changed_by_hand_is_audited_once(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        before = await visit.node.policies()
        (visit.place.folder / "policy.cedar").write_text(WARNED, "utf-8")
        after = await visit.node.policies()
        await visit.node.policies()
        await visit.run(TWO_SHELLS)
        [record] = await visit.node.audit(type="policy.changed")
        assert record.data == {"before": before.digest, "after": after.digest, "files": ["policy.cedar"]}

    meet(body, policy(ALL))


def test_the_cases_beside_the_file_are_tested_by_it_or_by_a_text(meet: Meet) -> None:
    def prepare(place: Place) -> None:
        policy(ALL)(place)
        (place.folder / "cases.yaml").write_text(
            "cases:\n"
            "  - {name: no shells, action: shell.run, arguments: {process: {command: ls}}, expect: deny}\n"
            "  - {name: calls, action: http.call, expect: {verdict: allow, policies: [all]}}\n",
            "utf-8",
        )
        (place.folder / "broken.yaml").write_text("cases: [{action: shell.rn, expect: deny}]", "utf-8")
        (place.folder / "other.yaml").write_text("document: {dsl: 1.0.3}", "utf-8")

    async def body(visit: Visit) -> None:
        broken, shells, calls = await visit.node.test_policy()
        assert (broken.passed, broken.file) == (False, "broken.yaml")
        assert broken.error is not None and broken.error.startswith("/cases/0/action: there is no action")
        assert (shells.passed, shells.name, shells.expected, shells.given) == (
            False,
            "no shells",
            "deny",
            "allow by all",
        )
        assert (calls.passed, calls.given) == (True, "allow by all")
        assert [each.passed for each in await visit.node.test_policy(NO_SHELLS)] == [False, True, True]
        with pytest.raises(CompileError):
            await visit.node.test_policy("permit")

    meet(body, prepare)


def test_a_denial_is_explained_with_what_would_change_it(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS)
        [ruling] = await visit.node.explain_policy(run.id)
        assert (ruling.kind, ruling.task, ruling.request.principal) == ("shell.run", "/do/0/one", "ada")
        assert (ruling.request.resource_type, ruling.request.resource) == ("Program", "echo")
        assert ruling.request.context["args"]["command"] == "echo one"
        assert ruling.request.context["run"]["workflow"] == "tests/example"
        [decision] = ruling.decisions
        assert (decision.verdict, decision.policies, decision.reason) == (
            "deny",
            ("shells",),
            "denied by policy shells: not here",
        )
        assert ruling.then is not None
        [shells] = ruling.then.policies
        assert (shells.file, shells.line, shells.reason) == ("policy.cedar", 4, "not here")
        assert ruling.then.digest == decision.digest == ruling.now.digest
        assert [without_said(each) for each in ruling.then.without] == ['without "shells" it would be allowed by all']

    def prepare(place: Place) -> None:
        policy(NO_SHELLS)(place)
        place.variables["REACH_KEYS_USER"] = "ada"

    meet(body, prepare)


def test_what_decided_then_and_what_would_decide_now_are_told_apart(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS)
        assert run.status == "completed"
        await visit.node.save_policy(HELD)
        one, two = await visit.node.explain_policy(run.id)
        assert one.then is not None and (one.then.verdict, one.now.verdict) == ("allow", "hold")
        assert [each.id for each in one.then.warnings] == ["soon"]
        assert one.decisions[0].warnings == ("soon",)
        assert one.now.gate is not None and (one.now.gate.quorum, one.now.gate.groups) == (2, ("ops",))
        assert one.now.asks == "2 approvals, one of ops, not by who asked, within 2h"
        assert [without_said(each) for each in one.now.without] == ['without "look" it would be allowed by all']
        assert [without_said(each) for each in one.then.without] == [
            'without "all" it would be denied: nothing permits it'
        ]
        assert [each.command for each in await visit.node.explain_policy(run.id, two.command)] == [two.command]
        with pytest.raises(NotFound, match="no command 1"):
            await visit.node.explain_policy(run.id, 1)
        with pytest.raises(NotFound):
            await visit.node.explain_policy("nothing")
        plain = await visit.run(NOTHING)
        assert list(await visit.node.explain_policy(plain.id)) == []

    meet(body, policy(WARNED))


def test_a_command_outside_the_runs_capabilities_is_explained_by_them(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS, may=("http.call", "shell.run:echo"))
        one, two = await visit.node.explain_policy(run.id)
        assert one.now.verdict == "allow"
        assert (two.now.verdict, two.then) == ("deny", None)
        assert two.now.reason == two.decisions[0].reason == "the run was not given the capability shell.run:true"
        assert run.error is not None and "shell.run:true" in run.error["detail"]

    meet(body, policy(ALL))


def test_trying_other_policies_tells_which_verdicts_would_change(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        first = await visit.run(TWO_SHELLS)
        await visit.run(TWO_SHELLS)
        told: list[tuple[int, int]] = []
        same = await visit.node.try_policies(TryPolicies({"same.cedar": ALL}), progress=lambda *at: told.append(at))
        assert (same.runs, same.actions, same.changed, same.changes) == (2, 4, 0, ())
        assert told and told[-1][0] == told[-1][1] > 0
        report = await visit.node.try_policies(TryPolicies({"new.cedar": NO_SHELLS}))
        assert (report.changed, report.groups, report.undecided) == (4, 2, 0)
        echo, true = report.changes
        assert (echo.before, echo.after, echo.action, echo.resource) == ("allow", "deny", "shell.run", "echo")
        assert (echo.by, echo.was_by, echo.count, echo.run) == (("shells",), ("all",), 2, first.id)
        assert (true.resource, true.count) == ("true", 2)
        assert (await visit.node.explain_policy(first.id, echo.command))[0].request.resource == "echo"
        one = await visit.node.try_policies(TryPolicies({"new.cedar": NO_SHELLS}, limit=1))
        assert (one.changed, one.groups, len(one.changes)) == (4, 2, 1)
        warned = await visit.node.try_policies(TryPolicies({"new.cedar": WARNED}))
        assert (warned.changed, [(each.policy, each.count) for each in warned.warnings]) == (0, [("soon", 4)])

    meet(body, policy(ALL))


def test_a_trial_asks_only_about_the_time_it_is_given(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS)
        issued = [event for event in await visit.events(run.id) if event.type == "command.issued"]
        files = {"new.cedar": NO_SHELLS}
        assert (await visit.node.try_policies(TryPolicies(files, since=issued[-1].at + 1))).actions == 0
        assert (await visit.node.try_policies(TryPolicies(files, until=issued[0].at - 1))).actions == 0
        both = TryPolicies(files, since=issued[0].at, until=issued[-1].at)
        assert (await visit.node.try_policies(both)).actions == 2

    meet(body, policy(ALL))


def test_a_trial_compares_with_the_record_or_with_the_policies_of_now(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        await visit.run(TWO_SHELLS)
        await visit.node.save_policy(NO_SHELLS)
        files = {"new.cedar": NO_SHELLS}
        assert (await visit.node.try_policies(TryPolicies(files))).changed == 2
        assert (await visit.node.try_policies(TryPolicies(files, basis="now"))).changed == 0
        back = await visit.node.try_policies(TryPolicies({"new.cedar": ALL}, basis="now"))
        assert [(each.before, each.after, each.was_by) for each in back.changes] == [
            ("deny", "allow", ("shells",)),
            ("deny", "allow", ("shells",)),
        ]

    meet(body, policy(ALL))


def test_the_rate_gates_of_a_trial_count_what_was_done_in_its_time(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS)
        slow = (
            '@id("slow") @gate("rate") @limit("1/1h")\nforbid (principal, action == Action::"shell.run", resource);\n'
        )
        report = await visit.node.try_policies(TryPolicies({"new.cedar": ALL + slow}))
        [change] = report.changes
        assert (change.before, change.after, change.by, change.run) == ("allow", "wait", ("slow",), run.id)
        assert change.resource == "true"

    meet(body, policy(ALL))


def test_a_workspace_keeps_its_policies_in_a_trial(meet: Meet) -> None:
    def prepare(place: Place) -> None:
        policy(ALL)(place)
        folder = place.files / "policies"
        folder.mkdir()
        (folder / "here.cedar").write_text(
            '@id("here") forbid (principal, action == Action::"shell.run", resource == Program::"true");', "utf-8"
        )

    async def body(visit: Visit) -> None:
        run = await visit.run(TWO_SHELLS)
        assert run.status == "faulted"
        report = await visit.node.try_policies(TryPolicies({"new.cedar": NO_SHELLS}))
        assert [(each.resource, each.by) for each in report.changes] == [("echo", ("shells",))]
        found = await visit.node.policies()
        assert [(Path(each.workspace).name, each.name) for each in found.files if each.workspace] == [
            ("files", "here.cedar")
        ]
        assert [each.id for each in found.policies] == ["all", "here"]
        with pytest.raises(PolicyInvalid, match="already that of the policy"):
            await visit.node.try_policies(TryPolicies({"new.cedar": ALL.replace('"all"', '"here"')}))

    meet(body, prepare)


def test_policies_with_errors_are_not_tried(meet: Meet) -> None:
    async def body(visit: Visit) -> None:
        with pytest.raises(CompileError) as refused:
            await visit.node.try_policies(TryPolicies({"new.cedar": "permit (principal, action, resouce);"}))
        assert refused.value.diagnostics[0].file == "new.cedar"

    meet(body, policy(ALL))
