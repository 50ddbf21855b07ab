"""Small mistakes in `decide` and what it is made of, each with what is wrong about it.

A text that has changed in the source makes the test fail that reads this list: then it wants another mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """In `module`, `old` becomes `new`; so `why` is wrong."""

    module: str
    old: str
    new: str
    why: str

    @property
    def file(self) -> Path:
        return ROOT / "src" / Path(*self.module.split(".")).with_suffix(".py")

    @property
    def name(self) -> str:
        return f"{self.module.rpartition('.')[2]}: {self.why}"

    def text(self) -> str:
        return self.file.read_text(encoding="utf-8").replace(self.old, self.new)


def _engine(module: str, old: str, new: str, why: str) -> Mutant:
    return Mutant(f"tidemill.engine.{module}", old, new, why)


MUTANTS = [
    # --- the turn ---
    _engine(
        "decide",
        """        case AttemptState.SKIPPED:
            finish_attempt(flow, unit, report)""",
        """        case AttemptState.SKIPPED:
            fail_attempt(flow, unit, report)""",
        "a task that skips itself fails",
    ),
    _engine(
        "decide",
        "unit.pushed = {**(unit.pushed or {}), pushed.key: pushed.value}",
        "unit.pushed = {}",
        "what is pushed is lost",
    ),
    _engine(
        "decide",
        "waits.event == event.name and",
        "",
        "a wait goes on with any event",
    ),
    _engine(
        "decide",
        "end(flow, unit, TaskState.FAILED, Cause(CauseKind.REFUSED, message, by=event.actor))",
        "end(flow, unit, TaskState.SKIPPED, Cause(CauseKind.REFUSED, message, by=event.actor))",
        "a no skips instead of failing",
    ),
    _engine(
        "decide",
        '        unit.outputs = {"result": answer}\n',
        "",
        "nobody is told who said no",
    ),
    # --- starting ---
    _engine(
        "starting",
        "Empty.SKIP: TaskState.SKIPPED",
        "Empty.SKIP: TaskState.SUCCEEDED",
        "a map over nothing succeeds though it was to be skipped",
    ),
    _engine(
        "starting",
        "    unit.sizes, unit.count, unit.started_at = sizes, count, flow.now",
        "    unit.sizes, unit.count, unit.started_at = sizes[::-1], count, flow.now",
        "a product mixes up its lists",
    ),
    _engine(
        "starting",
        "unit.deadline_at = flow.now + timedelta(seconds=body.deadline)",
        "pass",
        "a wait has no deadline",
    ),
    # --- attempts ---
    _engine(
        "attempts",
        "    unit.pushed = None\n    unit.asked = False",
        "    unit.asked = False",
        "what an attempt pushed stays for the next",
    ),
    _engine(
        "attempts",
        "outputs = {**(unit.pushed or {}), **report.outputs}",
        "outputs = {**report.outputs}",
        "pushes of a task that succeeds are dropped",
    ),
    _engine(
        "attempts",
        "    unit.steer = report.steer\n",
        "",
        "a branch is not heard",
    ),
    _engine(
        "attempts",
        """    unit.outputs = dict(unit.pushed or {})
    unit.wake = Wake(artifacts=""",
        """    unit.wake = Wake(artifacts=""",
        "pushes of a task that fails are dropped",
    ),
    _engine(
        "attempts",
        "    unit.failures += 1\n    node, seed",
        "    unit.failures += 2\n    node, seed",
        "each failure counts twice",
    ),
    # --- how it goes on ---
    _engine(
        "retry",
        "    if failures > limit:",
        "    if failures >= limit:",
        "there is one attempt less than allowed",
    ),
    _engine(
        "retry",
        "_NEVER = frozenset({CauseKind.REFUSED, ",
        "_NEVER = frozenset({",
        "a task that refuses is tried again",
    ),
    _engine(
        "later",
        "            end(flow, unit, TaskState.SKIPPED, cause)",
        "            end(flow, unit, TaskState.FAILED, cause)",
        "a wait that is too late fails though it was to be skipped",
    ),
    _engine(
        "later",
        "        unit.round += 1\n",
        "",
        "a scope is never begun anew",
    ),
    _engine(
        "later",
        "unit.outputs = {RESULT: payload}",
        "unit.outputs = {}",
        "what an event brings is lost",
    ),
    # --- ending ---
    _engine(
        "ending",
        """        elif unit.site.retried:
            flow.counting.settled(unit)""",
        """        elif unit.site.retried:
            pass""",
        "what is inside a scope that is tried again is never seen outside",
    ),
    _engine(
        "ending",
        """        if not unit.count:
            flow.counting.closed(unit)
        return""",
        """        return""",
        "nobody hears of a map that never began",
    ),
    _engine(
        "finishing",
        "retryable = replace(cause, kind=CauseKind.DATA)",
        "retryable = cause",
        "a scope is not tried again when something in it refused",
    ),
    _engine(
        "finishing",
        """            if absence.policy is Absent.FAIL:
                return TaskState.FAILED, Cause(CauseKind.DATA, f"output {name!r} of the scope: {absence}")
""",
        "",
        "a scope without what it must give out succeeds",
    ),
    _engine(
        "finishing",
        "            if absence.policy is Absent.NULL:",
        "            if absence.policy is not Absent.NULL:",
        "an absent output of a scope is null where it was to be left out",
    ),
    _engine(
        "outcome",
        "if unit.site.node.counts_for_outcome]",
        "]",
        "what does not count fails its scope",
    ),
    _engine(
        "outcome",
        "_BAD = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, ",
        "_BAD = frozenset({TaskState.FAILED, ",
        "a scope whose last task never began succeeds",
    ),
    # --- counting ---
    _engine(
        "counting",
        "    return any(frame.retried for frame in site.frames[level:depth])",
        "    return False",
        "a round that is repeated is seen outside",
    ),
    _engine(
        "counting",
        "        self._spread(unit, unit.count - 1, {})",
        "        self._spread(unit, unit.count, {})",
        "one more instance is waited for than there are",
    ),
    _engine(
        "counting",
        "len(unit.key.instance), len(unit.site.frames)\n",
        "len(unit.key.instance), len(unit.key.instance)\n",
        "an item of a retried scope that never begins is waited for for ever",
    ),
    _engine(
        "counting",
        "            self._tell_followers(unit, TaskState.REMOVED if unit.count == 0 else unit.state)",
        "            self._tell_followers(unit, unit.state)",
        "what follows a map over nothing is judged by how that ended",
    ),
    _engine(
        "tally",
        """        TaskState.SUCCEEDED,
        TaskState.SKIPPED,
    ):""",
        """        TaskState.SKIPPED,
        TaskState.SUCCEEDED,
    ):""",
        "a map is skipped though some of it succeeded",
    ),
    _engine(
        "tally",
        "    if edge.soft and state is TaskState.SKIPPED:",
        "    if state is TaskState.SKIPPED:",
        "what is skipped counts as succeeded for those who need it",
    ),
    _engine(
        "tally",
        "counts.setups_succeeded += number if state is TaskState.SUCCEEDED else 0",
        "counts.setups_succeeded += number",
        "a teardown runs though its setup failed",
    ),
    _engine(
        "creating",
        """    if teller:
        skip(flow, unit, teller)""",
        """    if teller and not teller:
        skip(flow, unit, teller)""",
        "what comes to be after a branch was decided does not hear of it",
    ),
    # --- branches ---
    _engine(
        "steering",
        "led_to = set(followed).union(*(wiring.downstream(path) for path in followed))",
        "led_to = set(followed)",
        "where branches meet is skipped although one that was chosen leads there",
    ),
    _engine(
        "steering",
        "path in named or wiring.shared(path, site.path) == len(site.frames)",
        "True",
        "one item of a map decides what comes after the map",
    ),
    _engine(
        "steering",
        "wiring.site(path).node.role is not Role.TEARDOWN",
        "True",
        "a teardown is skipped along",
    ),
    # --- reopening ---
    _engine(
        "reopen",
        "        whole = whole or (site.retried and len(key.instance) == site.width)\n",
        "",
        "a scope that is tried as a whole is reopened in part",
    ),
    # --- what decide asks ---
    Mutant(
        "tidemill.core.joins",
        "lambda c: _UPSTREAM_FAILED if _bad(c) else _end_if(c.skipped > 0, _SKIPPED)",
        "lambda c: _UPSTREAM_FAILED if c.failed else _end_if(c.skipped > 0, _SKIPPED)",
        "a failure further up is waited for",
    ),
    Mutant(
        "tidemill.core.joins",
        "        Join.ONE_DONE: JoinRule(\n            lambda c: c.succeeded + c.failed > 0,",
        "        Join.ONE_DONE: JoinRule(\n            lambda c: c.succeeded > 0,",
        "a failure is not taken for an end",
    ),
    Mutant(
        "tidemill.core.joins",
        "    return _SKIPPED if c.setups_skipped == c.setups else _UPSTREAM_FAILED",
        "    return _UPSTREAM_FAILED",
        "a teardown of what was skipped fails",
    ),
    Mutant(
        "tidemill.planning.step",
        '        case True if counts.expanding:\n            return Undecided("upstreams")\n',
        "",
        "a map that follows another starts before that one is expanded",
    ),
    Mutant(
        "tidemill.planning.step",
        "state = TaskState.SKIPPED if absence.policy is Absent.SKIP else TaskState.FAILED",
        "state = TaskState.FAILED",
        "an absent value fails though it was to skip",
    ),
    Mutant(
        "tidemill.planning.expand",
        "    return tuple(reversed(found))",
        "    return tuple(found)",
        "the first name of a product varies fastest",
    ),
]
