"""A judge: which side of the scales is heavier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def weigh_again(rule: Any, evidence: Any, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    gain = float((evidence["candidate"] - evidence["champion"]).mean())
    verdict = "PASS" if gain >= rule["by"] else "FAIL"
    sentence = f"the candidate weighs {gain:+.3f} more, and {rule['by']} are demanded"
    check = {"name": "scales", "verdict": verdict, "difference": gain, "sentence": sentence, "n": facts["rows"]}
    return {"verdict": verdict, "reasons": [sentence], "checks": [check], "gain": gain}
