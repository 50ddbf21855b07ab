"""A pipeline as a Mermaid flowchart. Names are hostile: nothing of them is ever taken for syntax or HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidemill.actions.drawing.figure import Box, Figure

_SHAPES = {
    "task": ("[", "]"),
    "wait": ("([", "])"),
    "import": ("[(", ")]"),
    "container": ("[[", "]]"),
}


def draw_mermaid(figure: Figure) -> str:
    """Text for a ```mermaid block, or a file `.mmd`."""
    ids = {box.path: f"n{number}" for number, box in enumerate(figure.every())}
    lines = ["flowchart TD", *_boxes(figure.boxes, ids, 1), *_arrows(figure, ids), *_classes(figure, ids)]
    return "\n".join(lines) + "\n"


def _boxes(boxes: Sequence[Box], ids: dict[str, str], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for box in boxes:
        label = "<br>".join(map(escaped, (box.name, *box.notes)))
        if box.inside:
            yield f'{pad}subgraph {ids[box.path]}["{label}"]'
            yield from _boxes(box.inside, ids, depth + 1)
            yield f"{pad}end"
        else:
            opening, closing = _SHAPES.get(box.kind, ("[", "]"))
            yield f'{pad}{ids[box.path]}{opening}"{label}"{closing}'


def _arrows(figure: Figure, ids: dict[str, str]) -> Iterator[str]:
    for box in figure.every():
        scope = box.path.rpartition("/")[0]
        for up in box.ups:
            yield f"  {ids[f'{scope}/{up}' if scope else up]} --> {ids[box.path]}"


def _classes(figure: Figure, ids: dict[str, str]) -> Iterator[str]:
    mapped = [ids[box.path] for box in figure.every() if box.mapped]
    if mapped:
        yield "  classDef mapped stroke-width:3px"
        yield f"  class {','.join(mapped)} mapped"


def escaped(text: str) -> str:
    """Letters, digits and the harmless rest as they are; everything else as an entity of Mermaid's own."""
    return "".join(letter if letter.isalnum() or letter in " _-.,+" else f"#{ord(letter)};" for letter in text)
