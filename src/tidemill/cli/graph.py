"""`tidemill graph`: a picture of a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.drawing.figure import Box, Figure, figure_of
from tidemill.actions.drawing.mermaid import draw_mermaid
from tidemill.actions.drawing.svg import draw_svg
from tidemill.actions.drawing.terminal import draw_terminal
from tidemill.cli.calling import examples, json_option
from tidemill.cli.interrupting import interruptible
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError

FORMATS = {".svg": "svg", ".mmd": "mermaid", ".md": "mermaid", ".txt": "terminal"}
MARKDOWN = ".md"


@click.command(
    epilog=examples(
        "tidemill graph pipeline.py", "tidemill graph churn.py --format mermaid", "tidemill graph churn.py -o churn.svg"
    )
)
@click.argument("target", metavar="FILE[:PIPELINE]")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(["terminal", "mermaid", "svg"]),
    default=None,
    help="How it is drawn: by the ending of -o, else terminal.",
)
@click.option("-o", "--output", default="", metavar="FILE", help="Write the picture here.")
@json_option
@click.pass_obj
def graph(given: Globals, target: str, chosen: str | None, output: str, wants_json: bool) -> None:
    """Draw a pipeline with its branches, maps and sub-pipelines, and its parameters. Nothing runs."""
    out = Out(given, wants_json)
    wanted = chosen or _format_of(output)
    with interruptible():
        figure = figure_of(compile_pipeline(target))
    text = _drawn(figure, wanted, out.width if not output else 100)
    if wanted == "mermaid" and Path(output).suffix.lower() == MARKDOWN:
        text = f"```mermaid\n{text}```\n"
    if output:
        _write(Path(output), text)
    if wants_json:
        out.document(_document(figure, output))
    elif output:
        out.say(f"Drawn to {output}.")
    elif wanted == "terminal":
        for line in text.splitlines():
            out.say(line)
    else:
        out.console.file.write(text)


def _format_of(output: str) -> str:
    """The format that the ending of the file asks for. Raises InputError for an ending that asks for none."""
    if not output:
        return "terminal"
    ending = Path(output).suffix
    if ending.lower() not in FORMATS:
        raise InputError(
            f"nothing can be drawn as {ending}" if ending else "the file has no ending that says how it is drawn",
            place=output,
            remedy=f"let it end in one of {', '.join(FORMATS)}, or name a --format: svg opens in every browser",
        )
    return FORMATS[ending.lower()]


def _drawn(figure: Figure, wanted: str, width: int) -> str:
    match wanted:
        case "svg":
            return draw_svg(figure)
        case "mermaid":
            return draw_mermaid(figure)
        case _:
            return "\n".join(draw_terminal(figure, width)) + "\n"


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the picture cannot be written: {error.strerror}", place=str(file)) from None


def _document(figure: Figure, output: str) -> dict[str, object]:
    return {
        "pipeline": figure.name,
        "params": list(figure.params),
        "nodes": [_node(box) for box in figure.every()],
        "output": output,
    }


def _node(box: Box) -> dict[str, object]:
    return {
        "path": box.path,
        "kind": box.kind,
        "mapped": box.mapped,
        "notes": list(box.notes),
        "after": list(box.reads),
    }
