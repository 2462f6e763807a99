"""Screen 7: how the node fares: figures over time, the queue with its dead letters, schedules, errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from reach_workbench.errors import ReachError
from reach_workbench.protocol.node_views import RunView
from reach_workbench.protocol.system import JobView, ScheduleView
from reach_workbench.ui.frame import Footer, Header
from reach_workbench.ui.gauges import Gauges
from reach_workbench.ui.keys import bindings
from reach_workbench.ui.screen import WorkbenchScreen
from reach_workbench.ui.table import Column, Row, Table
from reach_workbench.ui.words import ago, moment, shortened

_SECONDS: Final = 2.0
"""Between two measures while the screen is in front."""

_FAULTS: Final = 30
"""Faulted runs shown, the newest first."""

_JOBS: Final = (
    Column("job", 15),
    Column("kind", 12, rank=2),
    Column("status", 13),
    Column("tries", 7, rank=1, right=True),
    Column("next", 10, rank=3, right=True),
    Column("error", 0, rank=4),
)
_SCHEDULES: Final = (
    Column("workflow", 0),
    Column("starts", 24),
    Column("next", 19),
    Column("last", 10, rank=1, right=True),
    Column("started", 8, rank=2, right=True),
    Column("skipped", 8, rank=3, right=True),
)
_NO_JOBS: Final = "The queue is empty: no job waits, and there is no dead letter."
_NO_SCHEDULES: Final = (
    "Nothing starts by itself.\n\nStore a workflow that has a `schedule` with `reach add FILE`:\n"
    "every, cron, after or on; a node that serves starts it."
)


class SystemScreen(WorkbenchScreen):
    """Measures are taken only while the screen is in front."""

    scope = "system"
    title_text = "System"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("system")]
    CSS = """
    SystemScreen #top { height: 10; }
    SystemScreen.-idle #top { height: 1fr; }
    SystemScreen #gauges { width: 3fr; height: 1fr; padding: 0 1; }
    SystemScreen #errors { width: 2fr; height: 1fr; padding: 0 1; }
    SystemScreen #faults { height: auto; }
    SystemScreen.-narrow #errors { display: none; }
    SystemScreen #queue, SystemScreen #schedules { height: 1fr; }
    SystemScreen.-idle #queue, SystemScreen.-idle #schedules { height: 7; }
    SystemScreen.-narrow.-idle #top { height: 10; }
    SystemScreen.-narrow.-idle #queue, SystemScreen.-narrow.-idle #schedules { height: 1fr; }
    SystemScreen #jobs { height: 1fr; }
    SystemScreen #schedules { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, JobView] = {}

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="top"):
            gauges = Gauges(id="gauges", classes="pane")
            gauges.border_title = "Vitals"
            yield gauges
            with VerticalScroll(id="errors", classes="pane") as errors:
                errors.border_title = "Last faults"
                yield Static("No run has faulted.", id="faults", markup=False)
        with Vertical(id="queue"):
            jobs = Table(_JOBS, id="jobs", classes="pane")
            jobs.border_title = "Queue"
            yield jobs
            no_jobs = Static(_NO_JOBS, id="no-jobs", classes="pane empty", markup=False)
            no_jobs.border_title = "Queue"
            yield no_jobs
        with Vertical(id="schedules"):
            schedules = Table(_SCHEDULES, id="plan", classes="pane")
            schedules.border_title = "Schedules"
            yield schedules
            no_plan = Static(_NO_SCHEDULES, id="no-plan", classes="pane empty", markup=False)
            no_plan.border_title = "Schedules"
            yield no_plan
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(_SECONDS, self._measure)
        self._show_jobs([])
        self._show_schedules([])

    def on_screen_resume(self) -> None:
        self.look_again()

    @property
    def jobs(self) -> Table:
        return self.query_one("#jobs", Table)

    @property
    def current(self) -> JobView | None:
        """The job under the cursor."""
        return self._jobs.get(self.jobs.key or "")

    def copied(self) -> str | None:
        job = self.current
        return f"{job.id}\t{job.run or ''}\t{job.error or ''}" if job is not None else None

    def _measure(self) -> None:
        if self.is_current and self.workbench.connected:
            self.look_again()

    def look_again(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        node = self.node
        try:
            vitals = await node.vitals()
            jobs = [*await node.jobs(status="dead_letter"), *await node.jobs(status="leased")]
            jobs += await node.jobs(status="queued")
            faulted = await node.runs(status="faulted", limit=_FAULTS)
            schedules = await node.schedules()
        except ReachError as wrong:
            if self.workbench.connected:
                self.report(wrong)
            return
        self.query_one(Gauges).take(vitals)
        self._show_jobs(jobs)
        self.query_one("#faults", Static).update(_faults(list(faulted)))
        self._show_schedules(list(schedules))

    def _show_jobs(self, jobs: list[JobView]) -> None:
        self._jobs = {job.id: job for job in jobs}
        self.jobs.show([_job_row(job) for job in jobs])
        dead = sum(job.status == "dead_letter" for job in jobs)
        self.jobs.border_subtitle = f"{len(jobs)}, dead letters {dead}"
        self.jobs.display = bool(jobs)
        self.query_one("#no-jobs").display = not jobs
        self._share()
        if jobs and self.focused is None:
            self.jobs.focus()

    def _show_schedules(self, schedules: list[ScheduleView]) -> None:
        table = self.query_one("#plan", Table)
        table.show([_schedule_row(schedule) for schedule in schedules])
        table.display = bool(schedules)
        self.query_one("#no-plan").display = not schedules
        self._share()

    def _share(self) -> None:
        """The list below takes the room that it can use; the figures take the rest."""
        shown = "#no-plan" if self.query_one("#schedules").display else "#no-jobs"
        self.set_class(self.query_one(shown).display, "-idle")

    def action_schedules(self) -> None:
        """Schedules in the place of the queue, and back."""
        plan = self.query_one("#schedules")
        plan.display = not plan.display
        self.query_one("#queue").display = not plan.display
        self._share()
        table = self.query_one("#plan", Table) if plan.display else self.jobs
        if table.display:
            table.focus()

    @work(group="ask", exclusive=True)
    async def action_requeue(self) -> None:
        await self._bury("Try it again?", "It begins with its first attempt.", "try again", self.node.requeue)

    @work(group="ask", exclusive=True)
    async def action_drop(self) -> None:
        await self._bury("Delete the dead letter?", "It is gone for good.", "delete it", self.node.drop)

    async def _bury(self, title: str, means: str, label: str, ask: Callable[[str], Awaitable[None]]) -> None:
        job = self.current
        if job is None or job.status != "dead_letter":
            self.notify("The cursor is not on a dead letter.", timeout=2)
            return
        text = f"{job.kind} {job.id}\nrun {job.run or '–'}\nafter {job.attempts} tries: {job.error or 'no reason'}"
        if not await self.workbench.confirm(title, f"{text}\n\n{means}", "y", label):
            return
        try:
            await ask(job.id)
        except ReachError as wrong:
            self.report(wrong)
        self.look_again()


def _job_row(job: JobView) -> Row:
    sign = {"dead_letter": "✗ dead letter", "leased": "▶ leased", "queued": "· queued", "completed": "✓ completed"}
    due = ago(job.next_run_at) if job.next_run_at is not None else "–"
    cells = (shortened(job.id), job.kind, sign[job.status], f"{job.attempts}/{job.max_attempts}", due, job.error or "")
    return Row(job.id, cells, {"dead_letter": "bad", "leased": "busy"}.get(job.status, ""))


def _schedule_row(schedule: ScheduleView) -> Row:
    utc = " UTC" if schedule.kind == "cron" else ""
    rule = f"{schedule.kind} {schedule.rule}{utc}" + ("" if schedule.enabled else "  (off)")
    last = ago(schedule.last_at) if schedule.last_at is not None else "never"
    counts = (f"{schedule.started:,}", f"{schedule.skipped:,}")
    return Row(schedule.id, (schedule.workflow, rule, moment(schedule.next_at), last, *counts))


def _faults(runs: list[RunView]) -> str:
    if not runs:
        return "No run has faulted."
    return "\n".join(f"{moment(run.ended_at)[5:16]}  {run.name} {shortened(run.id)}: {_why(run)}" for run in runs)


def _why(run: RunView) -> str:
    error = run.error or {}
    return str(error.get("detail") or error.get("title") or error.get("type") or "no reason")
