"""The graph of a run, each box in the colour of its state and with how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tidemill.actions.drawing.figure import Box, Figure
from tidemill.actions.drawing.svg import draw_svg
from tidemill.actions.show import TaskView
from tidemill.cli import looks
from tidemill.core.states import TaskState

MOST_BOXES = 250
"""A picture of more is of no use to anybody, and takes long to lay out."""

_WORST = (
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
    TaskState.RUNNING,
    TaskState.RETRYING,
    TaskState.SUSPENDED,
    TaskState.READY,
    TaskState.PENDING,
    TaskState.SUCCEEDED,
    TaskState.SKIPPED,
)


def draw_standing(figure: Figure, tasks: Mapping[str, Sequence[TaskView]]) -> str:
    """SVG; "" if it has too many boxes even without what is inside of scopes."""
    if sum(1 for _ in figure.every()) > MOST_BOXES:
        figure = replace(figure, boxes=tuple(replace(box, inside=()) for box in figure.boxes))
    if len(figure.boxes) > MOST_BOXES:
        return ""
    return draw_svg(replace(figure, params=(), boxes=_standing(figure.boxes, tasks, TaskState.PENDING)))


def _standing(boxes: Sequence[Box], tasks: Mapping[str, Sequence[TaskView]], around: TaskState) -> tuple[Box, ...]:
    """`around` is the state of what these boxes are in: of what never came to be nothing else is known."""
    found = []
    for box in boxes:
        own = tasks.get(box.path, ())
        state = worst(own) if own else around
        found.append(
            replace(
                box,
                kind=f"{box.kind} s-{state.value}",
                notes=(*box.notes, *_told(own, state)),
                inside=_standing(box.inside, tasks, state if state.final else TaskState.PENDING),
            )
        )
    return tuple(found)


def worst(tasks: Sequence[TaskView]) -> TaskState:
    """The state that people should see of several; PENDING of none."""
    states = {task.state for task in tasks}
    return next((state for state in _WORST if state in states), TaskState.PENDING)


def counted(tasks: Sequence[TaskView]) -> dict[TaskState, int]:
    counts = Counter(task.state for task in tasks)
    return {state: counts[state] for state in _WORST if counts[state]}


def _told(tasks: Sequence[TaskView], state: TaskState) -> tuple[str, ...]:
    instances = [task for task in tasks if task.key.instance] or list(tasks)
    if len(instances) > 1:
        said = [f"{number} {looks.word(one)}" for one, number in counted(instances).items()]
        return (f"{looks.mark(state)} {', '.join(said)}",)
    took = looks.duration(instances[0].seconds) if instances else ""
    return (f"{looks.mark(state)} {looks.word(state)}" + (f" in {took}" if took else ""),)
