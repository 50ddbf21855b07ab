"""What a gate found, in the forms of others: JUnit XML, Markdown for people, and GitHub's file of outputs.

Texts from outside never become markup, a further output, or a command.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from xml.etree import ElementTree

from tidemill.actions.ci.bounds import Checked, GateReport, by_name, number_shown
from tidemill.lifecycle.verdicts import Verdict

MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.NODATA: "❔", Verdict.ERROR: "💥"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$@-])")
_RESERVED = frozenset({"verdict", "passed", "metrics"})


def junit(report: GateReport) -> str:
    """A test case for each demand. What fails its bound is a failure, what could not be told an error."""
    failures = sum(check.verdict is Verdict.FAIL for check in report.checks)
    errors = sum(check.verdict in (Verdict.NODATA, Verdict.ERROR) for check in report.checks)
    counts = {"tests": str(len(report.checks)), "failures": str(failures), "errors": str(errors), "time": "0"}
    top = ElementTree.Element("testsuites", {"name": "tidemill gate", **counts})
    suite = ElementTree.SubElement(
        top, "testsuite", {"name": _xml(f"gate of {report.source}"), **counts, "skipped": "0"}
    )
    for check in report.checks:
        name = _xml(f"{check.metric} {check.demanded}")
        case = ElementTree.SubElement(suite, "testcase", {"classname": "gate", "name": name, "time": "0"})
        if not check.verdict.passed:
            kind = "failure" if check.verdict is Verdict.FAIL else "error"
            told = ElementTree.SubElement(case, kind, {"message": _xml(check.sentence), "type": check.verdict.value})
            told.text = _xml(check.sentence)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def markdown(report: GateReport) -> str:
    """A heading with the verdict, and a table."""
    verdict = report.verdict
    lines = [
        f"### {MARKS[verdict]} Gate: {verdict.value}",
        "",
        f"{_md(report.source)}",
        "",
        "| | metric | value | demanded | |",
        "|:-:|---|--:|---|---|",
    ]
    lines += [
        f"| {MARKS[one.verdict]} | {_md(one.metric)} | {_md(_value(one))} | {_md(one.demanded)} | {_md(one.sentence)} |"
        for one in report.checks
    ]
    lines += [f"\n{_md(note)}" for note in report.notes]
    return "\n".join(lines) + "\n"


def outputs(report: GateReport) -> Mapping[str, str]:
    """What later steps may read: `verdict`, `passed`, `metrics` (JSON), and each number that was judged by its name."""
    found = {
        "verdict": report.verdict.value,
        "passed": "true" if report.verdict.passed else "false",
        "metrics": json.dumps(by_name(report.numbers), ensure_ascii=False),
    }
    for check in report.checks:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", check.metric)
        name = f"metric_{name}" if name in _RESERVED or not re.match(r"[A-Za-z_]", name) else name
        if check.value is not None:
            found.setdefault(name, repr(check.value))
    return found


def github_output(values: Mapping[str, str]) -> str:
    """Lines for the file that GITHUB_OUTPUT names: the mark that ends a value is drawn anew, so none can hold it."""
    lines = []
    for name, value in values.items():
        mark = f"end-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{mark}\n{value}\n{mark}\n")
    return "".join(lines)


def _value(check: Checked) -> str:
    return "\u2013" if check.value is None else number_shown(check.value)


def _md(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(_UNPRINTABLE.sub("\ufffd", text).split()))


def _xml(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)
