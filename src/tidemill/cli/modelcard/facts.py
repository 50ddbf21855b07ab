"""What a page tells of a version, as texts: nothing that still has to be asked for, and nothing that was loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.actions.models.card import Card
from tidemill.actions.wording import value_text
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.model_card import by_text, content_text, contract_text, data_text, facts_of, move_text, use_lines
from tidemill.cli.modelcard.interval import draw, reach
from tidemill.cli.report.previews import Shown, shown
from tidemill.cli.report.table import Table, number
from tidemill.core.models import AliasMove

TILES = 5
MOVES = 100
PICTURES = 24
CHECKS = 300


@dataclass(frozen=True, slots=True)
class CheckLine:
    """`picture` is SVG of ours."""

    verdict: str
    name: str
    sentence: str
    candidate: str
    champion: str
    gain: str
    picture: str


@dataclass(frozen=True, slots=True)
class MoveLine:
    at: str
    told: str
    kind: str
    aside: str


@dataclass(frozen=True, slots=True)
class DataLine:
    """`columns` are name and type."""

    type: str
    by: str
    what: str
    size: str
    content: str
    snapshot: str
    columns: Table


@dataclass(frozen=True, slots=True)
class Facts:
    name: str
    version: int
    newest: int
    aliases: tuple[str, ...]
    description: str
    content: str
    damaged: bool
    tiles: tuple[tuple[str, str], ...]
    header: tuple[tuple[str, str], ...]
    verdict: str
    decision: str
    compared: str
    reasons: tuple[str, ...]
    checks: tuple[CheckLine, ...]
    checks_rest: int
    metrics: tuple[tuple[str, Table], ...]
    pictures: tuple[Shown, ...]
    pages: tuple[Shown, ...]
    pictures_rest: int
    data: tuple[DataLine, ...]
    contracts: tuple[tuple[bool, str], ...]
    code: Table
    parameters: Table
    settings: Table
    moves: tuple[MoveLine, ...]
    moves_rest: int
    command: str
    lines: tuple[str, ...]
    written: str


def gather(app: App, card: Card) -> Facts:
    """Everything, at the moment of writing."""
    every = [shown(app, one) for one in card.reports[:PICTURES]]
    checks = [check for check in card.judgement.get("checks", ()) if isinstance(check, Mapping)]
    most = reach(checks)
    command, lines = use_lines(card)
    moves = card.moves[-MOVES:]
    return Facts(
        name=card.version.name,
        version=card.version.version,
        newest=card.newest,
        aliases=tuple(move.alias for move in card.has),
        description=card.version.description,
        content=content_text(card),
        damaged=bool(card.content),
        tiles=tuple(_tiles(card)),
        header=tuple(_header(card)),
        verdict=card.decision.about.verdict if card.decision is not None else "",
        decision=card.decision.id if card.decision is not None else "",
        compared=_compared(card),
        reasons=tuple(str(one) for one in card.judgement.get("reasons", ())) if not checks else (),
        checks=tuple(_check(check, most) for check in checks[:CHECKS]),
        checks_rest=max(len(checks) - CHECKS, 0),
        metrics=tuple(_metrics(card)),
        pictures=tuple(one for one in every if one.image),
        pages=tuple(one for one in every if not one.image),
        pictures_rest=max(len(card.reports) - PICTURES, 0),
        data=tuple(_data(card)),
        contracts=tuple((bool(one.result.get("passed")), contract_text(one)) for one in card.contracts),
        code=Table(
            tuple((by_text(card, one.by), one.function, one.place, one.fingerprint[-64:][:12]) for one in card.steps),
            ("task", "function", "written in", "fingerprint"),
        ),
        parameters=Table(tuple((name, value_text(value)) for name, value in card.known.get("params", {}).items())),
        settings=_settings(card),
        moves=tuple(_move(card, move) for move in moves),
        moves_rest=len(card.moves) - len(moves),
        command=command,
        lines=lines,
        written=looks.moment(app.clock.now()),
    )


def _header(card: Card) -> Iterator[tuple[str, str]]:
    """Parameters and settings have tables of their own."""
    for label, text in facts_of(card):
        if label == "pipeline":
            yield label, str(card.known.get("pipeline", ""))
        elif label != "settings":
            yield label, text


def _tiles(card: Card) -> Iterator[tuple[str, str]]:
    numbers = _first_demanded(card, _judged_metrics(card)) or dict(card.known.get("metrics", {}))
    for one in card.measured:
        numbers = numbers or dict(one.numbers)
    for name, value in list(numbers.items())[:TILES]:
        yield str(name), _short(value)
    rows = [one.artifact.metadata["rows"] for one in card.data if isinstance(one.artifact.metadata.get("rows"), int)]
    if rows:
        yield "rows it was trained on", f"{rows[0]:,}"
    if card.artifact is not None:
        yield "size", looks.size(card.artifact.size) or "empty"


def _judged_metrics(card: Card) -> dict[str, Any]:
    found = card.judgement.get("metrics")
    return dict(found) if isinstance(found, Mapping) else {}


def _first_demanded(card: Card, numbers: dict[str, Any]) -> dict[str, Any]:
    """The metrics that the gate demanded something of stand first."""
    asked = [str(check.get("metric", "")) for check in card.judgement.get("checks", ()) if isinstance(check, Mapping)]
    first = [name for name in dict.fromkeys(asked) if name in numbers]
    return {name: numbers[name] for name in (*first, *(name for name in numbers if name not in first))}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else number(value)


def _compared(card: Card) -> str:
    if card.decision is None:
        return ""
    rows = card.judgement.get("n")
    on = f" on {rows:,} rows" if isinstance(rows, int) and rows else ""
    with_ = {"compared": "compared with the champion of then", "none": "there was no champion to compare with"}
    words = with_.get(str(card.judgement.get("compared", "")), "")
    return f"Judged {looks.cut(card.decision.about.made_at[:16].replace('T', ' '), 16)} UTC{on}" + (
        f", {words}" if words else ""
    )


def _check(check: Mapping[str, Any], most: float) -> CheckLine:
    gain = _short(check.get("difference")) if check.get("difference") is not None else ""
    return CheckLine(
        verdict=str(check.get("verdict", "")),
        name=str(check.get("name", "")),
        sentence=str(check.get("sentence", "")),
        candidate=_short(check.get("candidate")) if check.get("candidate") is not None else "",
        champion=_short(check.get("champion")) if check.get("champion") is not None else "",
        gain=gain,
        picture=draw(check, most),
    )


def _metrics(card: Card) -> Iterator[tuple[str, Table]]:
    """A title and a table for each source of numbers; the gate's own stand beside those of the champion."""
    judged = _judged_metrics(card)
    if judged:
        before = card.judgement.get("champion_metrics")
        if isinstance(before, Mapping) and before:
            rows = tuple((name, number(value), number(before.get(name))) for name, value in judged.items())
            yield "as the gate measured them", Table(rows, ("metric", "this version", "champion of then"))
        else:
            yield "as the gate measured them", _pairs(judged)
    given = card.known.get("metrics", {})
    if given and dict(given) != judged:
        yield "given when it was registered", _pairs(given)
    for one in card.measured:
        if dict(one.numbers) not in (dict(given), judged):
            yield f"by {by_text(card, one.by)}", _pairs(one.numbers)


def _pairs(numbers: Mapping[str, Any]) -> Table:
    return Table(tuple((str(name), number(value)) for name, value in numbers.items()), ("metric", "value"))


def _data(card: Card) -> Iterator[DataLine]:
    for one in card.data:
        said = one.artifact.metadata.get("columns")
        columns = said if isinstance(said, list) else []
        rows = tuple(
            (str(column.get("name", "")), str(column.get("type", "")))
            for column in columns
            if isinstance(column, Mapping)
        )
        yield DataLine(
            one.artifact.type.rpartition(".")[2],
            by_text(card, one.by),
            data_text(one),
            looks.size(one.artifact.size),
            one.artifact.uri or one.artifact.digest,
            one.snapshot,
            Table(rows, ("column", "type")),
        )


def _settings(card: Card) -> Table:
    found = card.metadata.get("params")
    if not isinstance(found, Mapping):
        return Table(())
    return Table(tuple((str(name), value_text(value)) for name, value in found.items()))


def _move(card: Card, move: AliasMove) -> MoveLine:
    kind = "got" if move.version == card.version.version else "lost"
    aside = [f"decision {move.decision}"] if move.decision and move.reason else []
    aside += [f"run {move.run}"] if move.run else []
    return MoveLine(looks.moment(move.moved_at), move_text(card.version.version, move), kind, ", ".join(aside))
