"""The limits of the process executor, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.storage.logs.files import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times in seconds.

    `import_s`: how long the imports of an entry may take. `linger_s`: how long a process may take to leave after its
    report. `drain_s`: how long the end of an attempt waits for the last of its log. `timeout_grace_s`: between SIGTERM
    and SIGKILL when an attempt has run out of time. `processes`: how many an attempt may be at once if it does not say.
    `standing_s`: how long a helper process that somebody stopped may stand still. `standby`: how many processes wait at
    a template for tickets to come. `ahead`: how many tickets a shared process may have. `tell_s`: an attempt that takes
    longer is told to have begun.
    """

    templates: int = 4
    import_s: float = 300.0
    linger_s: float = 10.0
    drain_s: float = 2.0
    timeout_grace_s: float = 5.0
    log_bytes: int = MAX_BYTES
    pipe_bytes: int = 256 << 10
    processes: int = 1000
    standing_s: float = 5.0
    standby: int = 2
    ahead: int = 16
    tell_s: float = 0.25
