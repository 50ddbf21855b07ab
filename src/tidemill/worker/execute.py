"""One attempt from ticket to report: load the inputs, call the function, store what it returns, say how it ended.

Knows neither the process it runs in nor who reads the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidemill.core.bindings import RESULT
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import StorageError
from tidemill.core.graph import HookEvent, OutputSpec, Returns
from tidemill.core.records import PollFunction, Report, RunCommand, RunFunction, Steer, Ticket, Usage, Wake
from tidemill.core.signals import PollResult, Refuse, Skip, Suspend
from tidemill.core.states import AttemptState
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.logs.mask import Masker
from tidemill.worker.cancellation import Cancellation, Terminated
from tidemill.worker.channel import ChannelLost, Link
from tidemill.worker.context import Context
from tidemill.worker.failures import Fault, Mask, cause_of, matched_rule, one_line
from tidemill.worker.functions import load_function
from tidemill.worker.hooks import call, call_hooks
from tidemill.worker.inputs import DamagedInput, Inputs
from tidemill.worker.outputs import Outputs
from tidemill.worker.shapes import prepared


def execute(
    ticket: Ticket,
    store: Callable[[], ArtifactStore],
    link: Link,
    *,
    cancellation: Cancellation | None = None,
    scratch_root: Path | None = None,
    usage: Callable[[], Usage] | None = None,
    results: Callable[[], ArtifactStore] | None = None,
    calling: Callable[..., Any] = call,
) -> Report:
    """Run the attempt to its end, whatever that is, and describe it. Raises ChannelLost, after which nobody listens.

    `store` opens the artifact store, for those that need it. `usage` says what the process has used up to now.
    `results` opens another store for what the task gives. `calling` calls the user's function with its arguments.
    """
    attempt = _Attempt(ticket, store, link, cancellation or Cancellation(), scratch_root, results or store, calling)
    begun, cpu = time.monotonic(), time.process_time()
    with attempt.context.active():
        report = attempt.run()
    spent = usage() if usage is not None else Usage(cpu_s=time.process_time() - cpu)
    spent = replace(spent, wall_s=time.monotonic() - begun)
    return replace(report, steer=attempt.context.steering, usage=spent, notes=tuple(attempt.notes))


class _Attempt:
    """The parts of one attempt, wired together."""

    def __init__(
        self,
        ticket: Ticket,
        store: Callable[[], ArtifactStore],
        link: Link,
        cancellation: Cancellation,
        scratch_root: Path | None,
        results: Callable[[], ArtifactStore],
        calling: Callable[..., Any],
    ) -> None:
        self.ticket = ticket
        self._calling = calling
        self.mask = masking(ticket.secrets)
        self._inputs = Inputs(store, lambda: self.context.scratch)
        given = set(ticket.artifacts)
        self._outputs = Outputs(ticket.attempt, results, lambda: self.context.scratch, given)
        keep, resolve = self._outputs.keep, self._inputs.resolve
        self.context = Context(ticket, link, keep, resolve, cancellation, scratch_root, given=given)
        self._hook_notes: list[str] = []

    @property
    def notes(self) -> list[str]:
        return [self.mask(note) for note in dict.fromkeys([*self._inputs.notes, *self._hook_notes])]

    def run(self) -> Report:
        try:
            self._call_hooks(HookEvent.EXECUTE)
            report = self._work()
            self._call_hooks(HookEvent.SUCCESS if report.state is AttemptState.SUCCEEDED else None)
            return report
        except BaseException as error:
            report = self._ended_by(error)
            self.context.error = error
            try:
                self._call_hooks(self._event_of(report, error))
            except BaseException as late:
                return self._ended_by(late)
            return report

    def _work(self) -> Report:
        match self.ticket.work:
            case RunFunction(function=reference, returns=returns, outputs=outputs):
                return self._succeeded(self._call(prepared(reference) or load_function(reference)), returns, outputs)
            case PollFunction(function=reference, interval=interval):
                found = self._call(load_function(reference))
                done, value = (found.done, found.value) if isinstance(found, PollResult) else (bool(found), None)
                if done:
                    return self._succeeded(value, Returns.VALUE, {RESULT: OutputSpec()})
                resume = value if value is not None else self.ticket.resume
                return Report(self.ticket.attempt, AttemptState.SUSPENDED, wake=Wake(after_s=interval, resume=resume))
            case RunCommand(image=image):
                raise Fault(CauseKind.REFUSED, f"the image {image} needs an executor that runs containers")

    def _call(self, function: Callable[..., Any]) -> Any:
        positional, named = self._inputs.arguments(function, self.ticket.inputs, self.ticket.artifacts)
        return self._calling(function, *positional, **named)

    def _succeeded(self, returned: Any, returns: Returns, specs: Any) -> Report:
        outputs, artifacts = self._outputs.keep_all(returned, returns, specs)
        return Report(self.ticket.attempt, AttemptState.SUCCEEDED, outputs, artifacts)

    def _ended_by(self, error: BaseException) -> Report:
        match error:
            case Skip(reason=reason):
                message = self.mask(reason or "the task skipped itself")
                return self._report(AttemptState.SKIPPED, Cause(CauseKind.CONDITION, message))
            case Refuse(reason=reason):
                message = self.mask(reason or "the task refused to be tried again")
                cause = replace(cause_of(error, self.mask, kind=CauseKind.REFUSED), message=message)
                return self._report(AttemptState.FAILED, cause)
            case Suspend(wake=wake):
                return Report(self.ticket.attempt, AttemptState.SUSPENDED, wake=wake)
            case ChannelLost():
                raise error
            case Terminated():
                return self._report(
                    AttemptState.CANCELLED, Cause(CauseKind.CANCELLED, "ended by SIGTERM", signal="SIGTERM")
                )
            case KeyboardInterrupt():
                cause = Cause(CauseKind.CANCELLED, "interrupted from the keyboard", signal="SIGINT")
                return self._report(AttemptState.CANCELLED, cause)
            case SystemExit():
                code = _exit_code(error)
                cause = cause_of(error, self.mask, message=f"the task called sys.exit({error.code!r})", exit_code=code)
                return self._report(AttemptState.FAILED, cause, error)
            case Fault(error=DamagedInput() as found):
                report = self._report(AttemptState.FAILED, error.cause(self.mask), found)
                damaged = self._inputs.damage(found, self.ticket.artifacts)
                return replace(report, damaged={id: self.mask(problem) for id, problem in damaged.items()})
            case Fault(error=inner):
                return self._report(AttemptState.FAILED, error.cause(self.mask), inner)
            case StorageError():
                return self._report(AttemptState.FAILED, cause_of(error, self.mask, kind=CauseKind.DATA), error)
            case _:
                return self._report(AttemptState.FAILED, cause_of(error, self.mask), error)

    def _report(self, state: AttemptState, cause: Cause, error: BaseException | None = None) -> Report:
        rule = matched_rule(error, self.ticket.retry_rules) if error is not None else None
        return Report(self.ticket.attempt, state, cause=cause, rule=rule)

    def _event_of(self, report: Report, error: BaseException) -> HookEvent | None:
        match report.state:
            case AttemptState.SKIPPED:
                return HookEvent.SKIP
            case AttemptState.FAILED:
                forbidden = report.rule is not None and not self.ticket.retry_rules[report.rule].retry
                last = self.ticket.number >= self.ticket.final_number or forbidden or isinstance(error, Refuse)
                return HookEvent.FAILURE if last else HookEvent.RETRY
            case _:
                return None

    def _call_hooks(self, event: HookEvent | None) -> None:
        if event is not None and self.ticket.hooks:
            self._hook_notes += call_hooks(self.ticket.hooks, event, self.context)


def masking(secrets: tuple[str, ...]) -> Mask:
    """A function that masks these secrets in a whole text."""

    def mask(text: str) -> str:
        if not secrets:
            return text
        masker = Masker(secrets)
        whole = text.encode("utf-8", "surrogatepass")
        return (masker.feed(whole) + masker.flush()).decode("utf-8", "replace")

    return mask


def too_large(report: Report, error: Exception) -> Report:
    """What to say instead of a report that cannot be sent."""
    cause = Cause(CauseKind.DATA, f"the report of the task cannot be sent: {one_line(error)}")
    return Report(report.attempt, AttemptState.FAILED, cause=cause, usage=report.usage)


def _exit_code(error: SystemExit) -> int:
    match error.code:
        case None:
            return 0
        case int(code):
            return code
        case _:
            return 1


__all__ = ["Steer", "execute", "masking", "too_large"]
