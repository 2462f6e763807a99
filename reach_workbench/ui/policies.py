"""The policies: what is in force, the tenant's file to be changed, its cases, and what other text would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Static, TextArea

from reach_workbench.errors import ReachError
from reach_workbench.protocol.policies import (
    CaseView,
    PolicyCheck,
    PolicyStatus,
    PolicyView,
    Ruled,
    TryPolicies,
    TryReport,
)
from reach_workbench.ui.flows.editor import Editor, Mark
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import shortened

_REST: Final = 0.3
"""Seconds without typing after which the text is checked."""

_GROUPS: Final = 500
"""Groups of changed verdicts that are listed."""

_SIGNS: Final[dict[Ruled, str]] = {"allow": "✓ allow", "hold": "◆ hold", "wait": "◷ wait", "deny": "✗ deny"}

_POLICIES: Final = (Column("policy", 16), Column("kind", 7, rank=1), Column("covers", 0))
_RESULTS: Final = (Column("", 17), Column("what", 0), Column("where", 24, rank=1))

_NO_RESULTS: Final = (
    "No problem in the text.\n\nF6  test its cases     F5  try it on every recorded action     ^s  save it"
)


class PoliciesScreen(WorkbenchScreen):
    """The text is checked by the node as one types; nothing is in force before it is saved."""

    scope = "policies"
    title_text = "Policies"
    AUTO_FOCUS: ClassVar[str] = "#policies"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("policies"), ("escape", "leave_text", "Leave the text")]
    CSS = """
    PoliciesScreen #panes { height: 2fr; }
    PoliciesScreen.-narrow #panes { layout: vertical; }
    PoliciesScreen #left { width: 2fr; height: 1fr; }
    PoliciesScreen #policies { height: 2fr; }
    PoliciesScreen #about { height: 5; padding: 0 1; }
    PoliciesScreen.-narrow #about { display: none; }
    PoliciesScreen #text { width: 3fr; height: 1fr; }
    PoliciesScreen.-narrow #left { width: 1fr; height: 6; }
    PoliciesScreen.-narrow #text { width: 1fr; height: 1fr; }
    PoliciesScreen #below { height: 1fr; min-height: 5; }
    PoliciesScreen #problem { display: none; height: auto; max-height: 3; padding: 0 1; color: $text-error; }
    PoliciesScreen #problem.-said { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._status: PolicyStatus | None = None
        self._policies: dict[str, PolicyView] = {}
        self._saved = ""
        self._resting: Timer | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self._runs: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="problem", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                policies = Table(_POLICIES, id="policies", classes="pane")
                policies.border_title = "In force"
                yield policies
                about = Static(id="about", classes="pane", markup=False)
                about.border_title = "Policy"
                yield about
            yield Editor(id="text", classes="pane")
        with Vertical(id="below"):
            yield Table(_RESULTS, id="results", classes="pane")
            yield Static(_NO_RESULTS, id="none", classes="pane empty", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._list("Problems", [])

    def on_screen_resume(self) -> None:
        self._read()

    @property
    def editor(self) -> Editor:
        return self.query_one("#text", Editor)

    @property
    def policies(self) -> Table:
        return self.query_one("#policies", Table)

    @property
    def results(self) -> Table:
        return self.query_one("#results", Table)

    @property
    def changed(self) -> bool:
        """Whether the text is another than that of the file."""
        return self._status is not None and self.editor.text != self._saved

    def look_again(self) -> None:
        self._read()

    def copied(self) -> str | None:
        policy = self._policies.get(self.policies.key or "")
        if self.focused is self.policies and policy is not None:
            return policy.text
        row = next((row for row in self.results.rows if row.key == self.results.key), None)
        return "\t".join(row.cells) if self.focused is self.results and row is not None else None

    # ------------------------------------------------------------ what is in force

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            status = await self.node.policies()
        except ReachError as wrong:
            if self.workbench.connected:
                self.report(wrong)
            return
        self._show(status)

    def _show(self, status: PolicyStatus) -> None:
        """A text that was changed here stays, whatever the file says meanwhile."""
        kept = self.changed
        self._status, self._saved = status, status.text
        if not kept and self.editor.text != status.text:
            self.editor.show_text(status.text, None)
        self._policies = {policy.id: policy for policy in status.policies}
        self.policies.show([_policy_row(policy) for policy in status.policies])
        self.policies.border_subtitle = f"{len(status.policies)}" + (", built in" if status.builtin else "")
        said = "\n".join(f"✗ {each.message}" + (f"  ({each.where})" if each.where else "") for each in status.problems)
        problem = self.query_one("#problem", Static)
        problem.update(f"{said}\n  the policies before stay in force" if said else "")
        problem.set_class(bool(said), "-said")
        self._title()
        self._about()
        self._check()

    def _title(self) -> None:
        name = Path(self._status.file).name if self._status is not None else ""
        new = " (not there yet)" if self._status is not None and self._status.builtin else ""
        self.editor.border_title = f"● {name}, not saved" if self.changed else f"{name}{new}"

    def on_table_moved(self, event: Table.Moved) -> None:
        if event.table is self.policies:
            self._about()

    def _about(self) -> None:
        policy = self._policies.get(self.policies.key or "")
        about = self.query_one("#about", Static)
        about.border_title = policy.id if policy is not None else "Policy"
        about.update(_about(policy) if policy is not None else "")

    # ------------------------------------------------------------ the text

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._title()
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(_REST, self._check)

    @work(group="check", exclusive=True)
    async def _check(self) -> None:
        try:
            found = await self.node.check_policy(self.editor.text)
        except ReachError as wrong:
            if self.workbench.connected:
                self.report(wrong)
            return
        self._show_check(found)

    def _show_check(self, found: PolicyCheck) -> None:
        marks: dict[tuple[int, int], Mark] = {}
        self._places = {}
        rows = []
        for place, each in enumerate(found.diagnostics):
            error = each.severity == "error"
            marks.setdefault((each.line, each.column), "error" if error else "warning")
            self._places[str(place)] = (each.line, each.column)
            cells = ("✗ error" if error else "! warning", each.message, f"{each.line}:{each.column}")
            rows.append(Row(str(place), cells, "bad" if error else "busy"))
            if each.hint:
                self._places[f"{place}→"] = (each.line, each.column)
                rows.append(Row(f"{place}→", ("", f"→ {each.hint}", "")))
        self.editor.show_marks(marks)
        if rows or self.results.border_title == "Problems":
            self._list("Problems", rows, f"{len(found.diagnostics)}" if rows else "")

    def _list(self, title: str, rows: Sequence[Row], subtitle: str = "") -> None:
        results, none = self.results, self.query_one("#none", Static)
        results.border_title = title
        results.border_subtitle = subtitle or (f"{len(rows)}" if rows else "")
        results.show(rows)
        results.display, none.display = bool(rows), not rows
        none.border_title = title
        none.update(_NO_RESULTS if title == "Problems" else subtitle)

    async def may_leave(self) -> bool:
        """Whether the workbench may be left: a changed text would be lost. To be awaited in a worker."""
        if not self.changed:
            return True
        text = "The policy's text was changed and is not saved. Leaving now loses it."
        return await self.workbench.confirm("Leave without saving?", text, "d", "leave, and lose it")

    def action_leave_text(self) -> None:
        self.policies.focus()

    def action_next_problem(self) -> None:
        """To the next problem after the cursor, and around."""
        places = sorted(self._places.values())
        if not places:
            self.notify("There is no problem in the text.", timeout=2)
            return
        here = (self.editor.line, self.editor.column)
        self.editor.go_to(*next((place for place in places if place > here), places[0]))
        self.editor.focus()

    def action_open(self) -> None:
        """To where the policy stands, to the problem, or to the run of an example."""
        if self.focused is self.policies:
            self._go_to_policy()
        elif (key := self.results.key) is not None and key in self._places and self.results.border_title == "Problems":
            self.editor.go_to(*self._places[key])
            self.editor.focus()
        elif key is not None and key in self._runs:
            run, _, command = self._runs[key].partition(":")
            self.workbench.open_run(run, int(command))

    def _go_to_policy(self) -> None:
        policy = self._policies.get(self.policies.key or "")
        if policy is None or self._status is None:
            return
        if policy.file.startswith("workspace/"):
            self.notify("It is a workspace's: its own file says it.", timeout=3)
            return
        self.editor.go_to(policy.line)
        self.editor.focus()

    # ------------------------------------------------------------ saving, testing, trying

    @work(group="ask", exclusive=True)
    async def action_save(self) -> None:
        if self._status is None:
            return
        if not self.changed and not self._status.builtin:
            self.notify("The file says this already.", timeout=2)
            return
        text = self.editor.text
        try:
            found = await self.node.check_policy(text)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._show_check(found)
        if any(each.severity == "error" for each in found.diagnostics):
            self.notify("The text has errors: F10 goes to them.", title="Not saved", severity="error", timeout=4)
            return
        means = (
            f"{self._status.file}\n\nIt is in force from then on, for every run. What stands there is kept as .before."
        )
        if not await self.workbench.confirm("Save the policy?", means, "y", "save it"):
            return
        try:
            status = await self.node.save_policy(text)
        except ReachError as wrong:
            self.report(wrong)
            return
        self._saved = text
        self._show(status)
        self.notify("Saved; it is in force.", timeout=3)

    @work(group="ask", exclusive=True)
    async def action_test(self) -> None:
        try:
            cases = await self.node.test_policy(self.editor.text)
        except ReachError as wrong:
            self.report(wrong)
            return
        folder = Path(self._status.file).parent if self._status is not None else Path()
        passed = sum(case.passed for case in cases)
        self._runs = {}
        told = f"{passed} of {len(cases)} passed" if cases else f"No file with `cases` lies in {folder}."
        self._list("Cases", [_case_row(place, case) for place, case in enumerate(cases)], told)

    @work(group="ask", exclusive=True)
    async def action_try(self) -> None:
        name = Path(self._status.file).name if self._status is not None else "local.cedar"
        asked = TryPolicies({name: self.editor.text}, limit=_GROUPS)
        found = await self.workbench.progress(
            "Trial on every recorded action", lambda progress: self.node.try_policies(asked, progress=progress)
        )
        if found is not None:
            self._show_trial(found)

    def _show_trial(self, found: TryReport) -> None:
        rows, self._runs = [], {}
        for place, each in enumerate(found.changes):
            self._runs[f"c{place}"] = each.example
            at = f" at {each.resource}" if each.resource else ""
            by = f" by {', '.join(each.by)}" if each.by else ""
            what = f"{each.count:,} × {each.action}{at}{by}"
            cells = (f"{_SIGNS[each.before]} → {each.after}", what, _example(each.run, each.command))
            rows.append(Row(f"c{place}", cells, "bad" if each.after == "deny" else "busy"))
        for place, warning in enumerate(found.warnings):
            self._runs[f"w{place}"] = f"{warning.run}:{warning.command}"
            what = f"{warning.count:,} × {warning.action} by {warning.policy}"
            rows.append(Row(f"w{place}", ("! would warn", what, _example(warning.run, warning.command))))
        asked = f"{found.actions:,} recorded actions"
        told = f"{found.changed:,} of {asked} would change" if rows else f"None of {asked} would be decided otherwise."
        self._list("Trial", rows, told)
        if rows:
            self.results.focus()

    def action_refresh(self) -> None:
        self._read()


def _policy_row(policy: PolicyView) -> Row:
    return Row(policy.id, (policy.id, policy.kind, policy.covers), "quiet" if policy.mode == "warn" else "")


def _about(policy: PolicyView) -> str:
    lines = [f"{policy.kind}: {policy.covers}"]
    lines += [policy.asks] if policy.asks else []
    return "\n".join([*lines, policy.reason or "no @reason"])


def _case_row(place: int, case: CaseView) -> Row:
    wrong = "" if case.passed else f", expected {case.expected}"
    error = f": {case.error}" if case.error else ""
    sign = "✓ passed" if case.passed else "✗ failed"
    what = f"{case.name}: {case.given}{wrong}{error}"
    return Row(str(place), (sign, what, case.file), "ok" if case.passed else "bad")


def _example(run: str, command: int) -> str:
    return f"{shortened(run)}:{command}"
