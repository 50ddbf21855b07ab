"""Which codec keeps a value: by the name of its type, without importing the library of that type.

A codec's module is imported when the codec is asked for by name; a missing library is told with the way to install it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from tidemill.core.errors import did_you_mean
from tidemill.storage.artifacts.codecs.codec import Codec, type_name
from tidemill.storage.artifacts.errors import CodecMissing, CodecUnknown

_HERE = "tidemill.storage.artifacts.codecs"

CODECS: Mapping[str, str] = MappingProxyType(
    {
        "json": f"{_HERE}.plain:JsonCodec",
        "text": f"{_HERE}.plain:TextCodec",
        "bytes": f"{_HERE}.plain:BytesCodec",
        "arrow": f"{_HERE}.arrow:ArrowCodec",
        "numpy": f"{_HERE}.arrays:NumpyCodec",
        "sklearn": f"{_HERE}.estimators:SklearnCodec",
        "joblib": f"{_HERE}.estimators:JoblibCodec",
        "file": f"{_HERE}.paths:FileCodec",
        "folder": f"{_HERE}.paths:FolderCodec",
        "pickle": f"{_HERE}.pickled:PickleCodec",
    }
)

_PLAIN = ("json", "pickle")
_PATH = ("file", "folder")

# The first class of the value's ancestry that is listed decides; its codecs are tried in turn until one is suitable.
TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "builtins.NoneType": _PLAIN,
        "builtins.bool": _PLAIN,
        "builtins.int": _PLAIN,
        "builtins.float": _PLAIN,
        "builtins.list": _PLAIN,
        "builtins.tuple": _PLAIN,
        "builtins.dict": _PLAIN,
        "datetime.date": _PLAIN,
        "datetime.timedelta": _PLAIN,
        "enum.Enum": _PLAIN,
        "numpy.generic": _PLAIN,
        "builtins.str": ("text", "pickle"),
        "builtins.bytes": ("bytes",),
        "builtins.bytearray": ("bytes",),
        "builtins.memoryview": ("bytes",),
        "pandas.DataFrame": ("arrow", "pickle"),
        "pandas.Series": ("arrow", "pickle"),
        # The same classes as pandas before 3.0 names them.
        "pandas.core.frame.DataFrame": ("arrow", "pickle"),
        "pandas.core.series.Series": ("arrow", "pickle"),
        "pyarrow.lib.Table": ("arrow",),
        "numpy.ndarray": ("numpy", "pickle"),
        "sklearn.base.BaseEstimator": ("sklearn", "joblib"),
        "pathlib.Path": _PATH,
        # The same class as Python 3.13 names it.
        "pathlib._local.Path": _PATH,
    }
)

# What to install for the module that is missing.
_EXTRA = "pip install 'tidemill[ml]'"


def candidates(value: object) -> tuple[str, ...]:
    """Names of the codecs to try for a value, the best first."""
    for kind in type(value).__mro__:
        if names := TYPES.get(type_name(kind)):
            return names
    return ("pickle",)


def codec(name: str) -> Codec:
    """The codec of that name. Raises CodecUnknown, or CodecMissing if its library is not installed."""
    try:
        module, _, attribute = CODECS[name].partition(":")
    except KeyError:
        raise CodecUnknown(f"there is no codec {name!r}", remedy=did_you_mean(name, CODECS)) from None
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise CodecMissing(f"the codec {name!r} needs {error.name}, which is not installed", remedy=_EXTRA) from error
    return cast(Codec, found())
