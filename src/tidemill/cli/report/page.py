"""Puts the facts of a run into the page. The template escapes whatever it is given."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tidemill.cli import looks
from tidemill.cli.report.facts import Facts


def page(facts: Facts) -> str:
    """One HTML document that loads nothing."""
    # Drawn by us, and escaped there.
    drawn = {"graph": Markup(facts.graph), "timeline": Markup(facts.timeline)}
    return _templates().get_template("page.html").render(facts=facts, **drawn)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["mark"] = looks.mark
    templates.filters["word"] = looks.word
    templates.filters["printable"] = printable
    return templates


def printable(text: str) -> str:
    """Without characters that steer, but with the ends of its lines."""
    return "\n".join(looks.printable(line) for line in text.split("\n"))
