"""Where boxes stand: layers from top to bottom, few crossings, arrows around what is in their way. Pure geometry.

After Sugiyama: rank by the longest path, dummy points for long arrows, order by the mean of neighbours, then places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X = 28.0
GAP_Y = 46.0
_SWEEPS = 12
_SETTLINGS = 16
_DUMMY_WIDTH = 10.0


@dataclass(slots=True)
class Place:
    """A box (or a point of an arrow) by its centre and size; `layer` 0 is the top."""

    name: str
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Layout:
    """`places` by name; `routes` are points from one box to another; the whole stands at (0, 0)."""

    places: dict[str, Place] = field(default_factory=dict)
    routes: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


@dataclass(slots=True)
class _Net:
    """Layers of places, dummies included, and the neighbours of each above and below."""

    layers: list[list[Place]]
    above: dict[str, list[str]]
    below: dict[str, list[str]]
    places: dict[str, Place]


def lay_out(sizes: Mapping[str, tuple[float, float]], ups: Mapping[str, Sequence[str]]) -> Layout:
    """`sizes` are (width, height) by name, in an order where each stands after its `ups`."""
    places = {name: Place(name, width, height) for name, (width, height) in sizes.items()}
    for name, place in places.items():
        place.layer = max((places[up].layer + 1 for up in ups[name]), default=0)
    _pull_down(places, ups)
    chains = {(up, name): _chain(up, name, places) for name in sizes for up in ups[name]}
    net = _net(places, chains)
    _order(net)
    spans = _set_heights(net.layers)
    _set_columns(net)
    return _finished(sizes, net, chains, spans)


def _pull_down(places: Mapping[str, Place], ups: Mapping[str, Sequence[str]]) -> None:
    """What nothing leads to stands just above the first that needs it, not at the top."""
    downs: dict[str, list[str]] = {name: [] for name in places}
    for name, of in ups.items():
        for up in of:
            downs[up].append(name)
    for name in places:
        if not ups[name] and downs[name]:
            places[name].layer = max(min(places[down].layer for down in downs[name]) - 1, 0)


def _chain(up: str, name: str, places: dict[str, Place]) -> list[str]:
    """The names on the way from one box to another, one for each layer."""
    between = range(places[up].layer + 1, places[name].layer)
    chain = [up]
    for layer in between:
        # Arrows out of one box share their way as long as they can.
        dummy = f"\0{up}\0{layer}"
        places.setdefault(dummy, Place(dummy, _DUMMY_WIDTH, 0.0, layer))
        chain.append(dummy)
    return [*chain, name]


def _net(places: dict[str, Place], chains: Mapping[tuple[str, str], list[str]]) -> _Net:
    layers: list[list[Place]] = [[] for _ in range(max((place.layer for place in places.values()), default=-1) + 1)]
    for place in places.values():
        layers[place.layer].append(place)
    above: dict[str, dict[str, None]] = {name: {} for name in places}
    below: dict[str, dict[str, None]] = {name: {} for name in places}
    for chain in chains.values():
        for one, other in pairwise(chain):
            below[one][other] = None
            above[other][one] = None
    return _Net(
        layers,
        {name: list(of) for name, of in above.items()},
        {name: list(of) for name, of in below.items()},
        places,
    )


def _order(net: _Net) -> None:
    """Sort each layer by where its neighbours stand, down and up again, and keep the order that crosses least."""
    best, fewest = [list(layer) for layer in net.layers], _crossings(net)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        down = sweep % 2 == 0
        neighbours = net.above if down else net.below
        for layer in net.layers if down else reversed(net.layers):
            position = {place.name: n for others in net.layers for n, place in enumerate(others)}
            layer.sort(key=lambda place, at=position: _mean(neighbours[place.name], at, at[place.name]))  # type: ignore[misc]
        crossings = _crossings(net)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in net.layers], crossings
    net.layers[:] = best


def _mean(names: Sequence[str], position: Mapping[str, int], own: int) -> float:
    return sum(position[name] for name in names) / len(names) if names else float(own)


def _crossings(net: _Net) -> int:
    total = 0
    for upper, lower in pairwise(net.layers):
        position = {place.name: n for n, place in enumerate(lower)}
        ends = [position[down] for place in upper for down in sorted(net.below[place.name], key=position.__getitem__)]
        total += _inversions(ends)
    return total


def _inversions(numbers: list[int]) -> int:
    """How many pairs stand in the wrong order; n log n."""
    if len(numbers) < 2:
        return 0
    middle = len(numbers) // 2
    left, right = numbers[:middle], numbers[middle:]
    found = _inversions(left) + _inversions(right)
    left.sort()
    right.sort()
    at = 0
    for number in right:
        while at < len(left) and left[at] <= number:
            at += 1
        found += len(left) - at
    return found


def _set_heights(layers: Sequence[Sequence[Place]]) -> list[tuple[float, float]]:
    """Boxes of a layer hang from one line. Top and bottom of each layer."""
    spans: list[tuple[float, float]] = []
    y = 0.0
    for layer in layers:
        height = max(place.height for place in layer)
        for place in layer:
            place.y = y + place.height / 2
        spans.append((y, y + height))
        y += height + GAP_Y
    return spans


def _set_columns(net: _Net) -> None:
    """Put each place near the middle of its neighbours, again and again, without letting any overlap."""
    for layer in net.layers:
        x = 0.0
        for place in layer:
            place.x = x + place.width / 2
            x += place.width + GAP_X
    for settling in range(_SETTLINGS):
        down = settling % 2 == 0
        neighbours = net.above if down else net.below
        for layer in net.layers if down else reversed(net.layers):
            wished = [_middle(net, neighbours[place.name], place.x) for place in layer]
            _spread(layer, wished)


def _middle(net: _Net, names: Sequence[str], own: float) -> float:
    if not names:
        return own
    xs = sorted(net.places[name].x for name in names)
    half = len(xs) // 2
    return xs[half] if len(xs) % 2 else (xs[half - 1] + xs[half]) / 2


def _spread(layer: Sequence[Place], wished: Sequence[float]) -> None:
    """The places nearest to what is wished, in order and apart: neighbours that collide are moved as one block."""
    blocks: list[tuple[float, int]] = []  # sum of the wished places of the first member, and how many members
    offsets: list[float] = []
    for position, place in enumerate(layer):
        step = 0.0 if position == 0 else (layer[position - 1].width + place.width) / 2 + GAP_X
        offsets.append((offsets[-1] if offsets else 0.0) + step)
        total, count = wished[position] - offsets[position], 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, members = blocks.pop()
            total, count = total + before, count + members
        blocks.append((total, count))
    at = 0
    for total, count in blocks:
        for _ in range(count):
            layer[at].x = total / count + offsets[at]
            at += 1


def _finished(
    sizes: Mapping[str, tuple[float, float]],
    net: _Net,
    chains: Mapping[tuple[str, str], list[str]],
    spans: Sequence[tuple[float, float]],
) -> Layout:
    left = min((place.x - place.width / 2 for place in net.places.values()), default=0.0)
    for place in net.places.values():
        place.x -= left
    routes = {chain: _route([net.places[name] for name in names], spans) for chain, names in chains.items()}
    width = max((place.x + place.width / 2 for place in net.places.values()), default=0.0)
    height = max((bottom for _, bottom in spans), default=0.0)
    return Layout({name: net.places[name] for name in sizes}, routes, width, height)


def _route(places: Sequence[Place], spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Straight through a layer, so that nothing beside is crossed; from side to side only between layers."""
    first, *middle, last = places
    points = [(first.x, first.y + first.height / 2), (first.x, spans[first.layer][1])]
    for dummy in middle:
        points += [(dummy.x, at) for at in spans[dummy.layer]]
    return [*points, (last.x, last.y - last.height / 2)]
