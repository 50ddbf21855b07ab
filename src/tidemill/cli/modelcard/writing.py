"""From a card to the file: the page is there as a whole or not at all. The template escapes whatever it is given."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tidemill.actions.models.card import Card
from tidemill.app import App
from tidemill.cli.modelcard.facts import Facts, gather
from tidemill.cli.report.page import printable
from tidemill.cli.report.writing import write_whole


def write_card(app: App, card: Card, file: Path) -> int:
    """Write the page of a version; its bytes. Raises InputError if the file cannot be written."""
    return write_whole(file, page(gather(app, card)).encode("utf-8", "replace"))


def page(facts: Facts) -> str:
    """One HTML document that loads nothing."""
    return _templates().get_template("page.html").render(facts=facts)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["printable"] = printable
    # Drawn by us, from numbers alone.
    templates.filters["drawn"] = Markup
    return templates
