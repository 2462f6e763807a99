"""The state of a run, and how events change it.

`fold(state, event)` is the only way a state changes. It needs no clock, no evaluator and no
decision: all that was decided stands in the event. `engine.step` decides what comes next by
looking at the state and records it as events.

What is to be decided next is part of the state: every frame has at most one `todo`, and
`ready` holds the frames that have one, in the order in which they got it. A decision always
leads to an event that changes the todo of its frame, so a state folded from recorded events
goes on exactly where the live one was.
"""

from reach_workbench.engine.state.fold_forked import replaced
from reach_workbench.engine.state.fold_overrun import overrun_fault
from reach_workbench.engine.state.fold_workflow import BEHAVIOUR
from reach_workbench.engine.state.folding import apply, fold, fold_all
from reach_workbench.engine.state.frame import ROOT, Frame, Gate, Timer, Todo
from reach_workbench.engine.state.moment import ENDED, State, data_frame
from reach_workbench.engine.state.places import after_extensions, block_of, child_task, name_of

__all__ = [
    "BEHAVIOUR",
    "ENDED",
    "ROOT",
    "Frame",
    "Gate",
    "State",
    "Timer",
    "Todo",
    "after_extensions",
    "apply",
    "block_of",
    "child_task",
    "data_frame",
    "fold",
    "fold_all",
    "name_of",
    "overrun_fault",
    "replaced",
]
