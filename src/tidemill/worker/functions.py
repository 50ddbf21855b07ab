"""From a function reference to the function: import its module once, walk to the attribute, unwrap a task."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tidemill.core.bindings import FunctionRef
from tidemill.core.blake import blake2b
from tidemill.core.errors import ExecutionError, did_you_mean
from tidemill.worker.from_source import FromSource, import_from_source
from tidemill.worker.standard import keep_standard_modules

_by_file: dict[str, ModuleType] = {}


class FunctionGone(ExecutionError):
    """The module is there, the function in it is not."""

    code = "function-gone"


def load_module(module: str, file: str = "") -> ModuleType:
    """The module, imported if need be. Whatever the user's code raises at import passes through."""
    return _load_file(module, file) if file else importlib.import_module(module)


def load_function(reference: FunctionRef) -> Callable[..., Any]:
    """The function itself, without the task that wraps it. Raises FunctionGone, or what the import raises."""
    found: Any = load_module(reference.module, reference.file)
    for part in reference.name.split("."):
        if part == "<locals>" or not hasattr(found, part):
            raise FunctionGone(
                f"{reference.file or reference.module} has no function {reference.name!r}",
                remedy=did_you_mean(part, [name for name in vars(found) if not name.startswith("_")])
                or "a task must be defined at the top level of its module",
                place=reference.file,
            )
        found = getattr(found, part)
    function = unwrap(found)
    if not callable(function):
        raise FunctionGone(f"{reference} is a {type(function).__name__}, not a function", place=reference.file)
    return cast(Callable[..., Any], function)


def forget(module: ModuleType) -> None:
    """Load the file of this module anew when it is asked for again."""
    for file in [file for file, known in _by_file.items() if known is module]:
        del _by_file[file]


def unwrap(found: Any) -> Any:
    """The plain function of a task, or what was given."""
    try:
        inner = None if inspect.isroutine(found) or inspect.isclass(found) else getattr(found, "function", None)
    except Exception:  # a name of the user's module may be anything: a proxy raises what it likes
        inner = None
    return inner if callable(inner) else found


def _load_file(name: str, file: str) -> ModuleType:
    path = Path(file).resolve()
    if (known := _by_file.get(str(path))) is not None:
        return known
    there = sys.modules.get(name)
    if there is not None and _is_from(there, path):
        _by_file[str(path)] = there
        return there
    if not path.is_file():
        raise FunctionGone(f"the file {path} is gone", remedy="put it back, or deploy the pipeline with its code")
    root = _root(name, path)
    keep_standard_modules(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    import_from_source(root)
    if "." in name:
        # A module of a package can only be imported as such.
        return importlib.import_module(name)
    if name in sys.modules:
        # Another module bears this name (a user's random.py, say): taking it away would break whoever imports that.
        name = f"{name}_{blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    loader = FromSource(name, str(path)) if path.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise FunctionGone(f"{path.name} is not a Python file", place=str(path), remedy="its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    _by_file[str(path)] = module
    return module


def _root(name: str, path: Path) -> Path:
    """The folder from which a file is imported under this name."""
    levels = name.count(".") + (path.name == "__init__.py")
    return path.parents[levels] if levels < len(path.parents) else path.parent


def _is_from(module: ModuleType, path: Path) -> bool:
    there = getattr(module, "__file__", None)
    return isinstance(there, str) and Path(there).resolve() == path
