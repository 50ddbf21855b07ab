"""Adapters by name: where the class of an executor (or another port) is, ours and those of other packages.

Nothing is imported before it is asked for; a missing library is told with the command that installs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tidemill.core.errors import InputError, NotFound, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

OURS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "executors": MappingProxyType(
            {
                "inline": "tidemill.executors.inline:InlineExecutor",
                "processes": "tidemill.executors.processes:ProcessExecutor",
            }
        ),
        # What reaches stores of files that no server stands in front of.
        "mirrors": MappingProxyType({"mlflow": "tidemill.lifecycle.mirrors.mlflow:LibraryFiles"}),
        # By the scheme of their addresses.
        "stores": MappingProxyType(
            {
                "s3": "tidemill.storage.artifacts.remote_s3:open_store",
                "gs": "tidemill.storage.artifacts.remote_gcs:open_store",
                "gcs": "tidemill.storage.artifacts.remote_gcs:open_store",
                "az": "tidemill.storage.artifacts.remote_azure:open_store",
                "abfs": "tidemill.storage.artifacts.remote_azure:open_store",
            }
        ),
    }
)

# The extra of this package that brings a library.
_EXTRAS = MappingProxyType(
    {
        "adlfs": "azure",
        "gcsfs": "gcs",
        "kubernetes": "kubernetes",
        "mlflow": "mlflow",
        "psycopg": "postgres",
        "ray": "ray",
        "s3fs": "s3",
    }
)


class PluginUnusable(InputError):
    """An adapter is known but cannot be loaded."""

    code = "plugin-unusable"


def names(kind: str) -> tuple[str, ...]:
    """The names of all adapters of a kind, such as "executors"."""
    return tuple(sorted({*OURS.get(kind, {}), *(point.name for point in entry_points(group=f"tidemill.{kind}"))}))


def load(kind: str, name: str) -> Any:
    """The class (or function) of an adapter; other packages add theirs as entry points of the group `tidemill.<kind>`.

    Raises NotFound for an unknown name, PluginUnusable if its library is not installed or it is not there.
    """
    target = OURS.get(kind, {}).get(name)
    if target is None:
        found = [point for point in entry_points(group=f"tidemill.{kind}") if point.name == name]
        if not found:
            singular = kind.removesuffix("s")
            raise NotFound(f"there is no {singular} {name!r}", remedy=did_you_mean(name, names(kind)))
        target = found[0].value
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        package = f"'tidemill[{_EXTRAS[missing]}]'" if missing in _EXTRAS else missing
        raise PluginUnusable(
            f"{name!r} ({target}) needs {missing}, which is not installed", remedy=f"pip install {package}"
        ) from error
    except AttributeError:
        raise PluginUnusable(f"{name!r} names {target}, and {module} has no {attribute}") from None


def entry_points(*, group: str) -> EntryPoints:
    """The adapters of all other packages of a kind. What finds them is loaded for who asks for one of theirs."""
    from importlib import metadata

    return metadata.entry_points(group=group)
