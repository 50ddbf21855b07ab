"""Tasks that are there already: validate, evaluate, gate, register. They use the public API, as a project would.

Each name is loaded when it is first asked for, so a file that uses one does not pay for the others.
"""

from __future__ import annotations

import importlib

# Type checkers take this name as true; importing it from `typing` would cost more than all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidemill.tasks.evaluating import Evaluated, evaluate
    from tidemill.tasks.gating import (
        Behaviour,
        Gate,
        Guardrail,
        Judged,
        Latency,
        Primary,
        Slices,
        Threshold,
        gate,
        read_gate,
    )
    from tidemill.tasks.registering import Promoted, Registered, champion, promote, register
    from tidemill.tasks.validating import Column, Contract, ContractBroken, Validated, read_contract, validate

__all__ = [
    "Behaviour",
    "Column",
    "Contract",
    "ContractBroken",
    "Evaluated",
    "Gate",
    "Guardrail",
    "Judged",
    "Latency",
    "Primary",
    "Promoted",
    "Registered",
    "Slices",
    "Threshold",
    "Validated",
    "champion",
    "evaluate",
    "gate",
    "promote",
    "read_contract",
    "read_gate",
    "register",
    "validate",
]

_HOMES = {
    "Behaviour": "gating",
    "Column": "validating",
    "Contract": "validating",
    "ContractBroken": "validating",
    "Evaluated": "evaluating",
    "Gate": "gating",
    "Guardrail": "gating",
    "Judged": "gating",
    "Latency": "gating",
    "Primary": "gating",
    "Promoted": "registering",
    "Registered": "registering",
    "Slices": "gating",
    "Threshold": "gating",
    "Validated": "validating",
    "champion": "registering",
    "evaluate": "evaluating",
    "gate": "gating",
    "promote": "registering",
    "read_contract": "validating",
    "read_gate": "gating",
    "register": "registering",
    "validate": "validating",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
