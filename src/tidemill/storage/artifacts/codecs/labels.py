"""Names of columns and axes (and notes on frames) as JSON: pandas allows more as a name than Arrow does."""

from __future__ import annotations

from tidemill.core.values import Json, NotAValue, decode, encode, normalize
from tidemill.storage.artifacts.codecs.codec import Unsuitable, type_name

_TUPLE = "$tuple"


def label_out(label: object) -> Json:
    """JSON of one label: a plain value or a tuple of such. Raises Unsuitable."""
    if isinstance(label, tuple):
        return {_TUPLE: [label_out(part) for part in label]}
    try:
        return encode(normalize(label))
    except NotAValue:
        raise Unsuitable(f"the name {label!r:.60} is a {type_name(type(label))}") from None


def label_in(plain: Json) -> object:
    """The label that `label_out` wrote."""
    match plain:
        case {"$tuple": [*parts]}:
            return tuple(label_in(part) for part in parts)
        case _:
            return decode(plain)
