"""From a file to the graph, as a child process: `python -m tidemill.authoring.compile FILE[:PIPELINE]`.

Writes one line of JSON to standard output, {"ok": graph} or {"problems": [...]}; what the user's code prints goes to
standard error. The user's code runs here, so this process is given nothing secret.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tidemill.authoring.pipeline import PipelineDefinition
from tidemill.authoring.place import show
from tidemill.authoring.trace import trace, trace_with_calls
from tidemill.core.errors import InputError, NotFound, TidemillError, did_you_mean
from tidemill.core.graph import Pipeline, Source
from tidemill.core.graph_json import pipeline_to_json
from tidemill.core.plain import to_plain
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.core.values import Json, NotAValue, compact
from tidemill.worker.from_source import FromSource, import_from_source
from tidemill.worker.leaving import come_to_an_end

Definition = PipelineDefinition[..., Any]


def compile_file(path: str | os.PathLike[str], name: str = "") -> Pipeline:
    """The graph of the pipeline `name` of a file, or of its only one.

    Raises NotFound and InputError for the file and the name, ProblemsFound for what is wrong inside.
    """
    file = Path(path)
    module = load_file(file)
    found = pipelines_of(module)
    if name:
        chosen = found.get(name) or next((one for one in found.values() if one.name == name), None)
        if chosen is None:
            known = sorted({*found, *(one.name for one in found.values())})
            remedy = did_you_mean(name, known) or "decorate its function with @pipeline"
            raise NotFound(f"{file.name} has no pipeline {name!r}", remedy=remedy, place=str(path))
        return trace(chosen)
    return _only_one(file, module, found)


def load_file(file: Path) -> ModuleType:
    """Import a file under its stem, its folder first on sys.path. Raises ProblemsFound with the user's traceback."""
    if not file.is_file():
        near = [other.name for other in file.parent.glob("*.py")] if file.parent.is_dir() else []
        remedy = did_you_mean(file.name, near) or "give the path of a Python file"
        raise NotFound(f"there is no file {str(file)!r}", remedy=remedy)
    if file.suffix != ".py":
        raise InputError(f"{file.name} is not a Python file", remedy="give a file whose name ends in .py")
    full = file.resolve()
    stem = full.stem
    known = sys.modules.get(stem)
    if known is not None and getattr(known, "__file__", None) == str(full):
        return known
    if known is not None or stem in sys.stdlib_module_names:
        raise InputError(
            f"the module name {stem!r} is taken by {getattr(known, '__file__', None) or 'Python itself'}",
            remedy=f"rename {file.name}: its name hides another module",
        )
    if sys.path[:1] != [str(full.parent)]:
        sys.path.insert(0, str(full.parent))
    import_from_source(full.parent)
    spec = importlib.util.spec_from_file_location(stem, full, loader=FromSource(stem, str(full)))
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(stem, None)
        if isinstance(error, TidemillError | KeyboardInterrupt):
            raise
        raise ProblemsFound([_import_problem(full, error)]) from None
    return module


def pipelines_of(module: ModuleType) -> dict[str, Definition]:
    """The pipelines defined in a module, by the name of their variable."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, PipelineDefinition) and value.function.__module__ == module.__name__
    }


def _only_one(file: Path, module: ModuleType, found: dict[str, Definition]) -> Pipeline:
    if not found:
        imported = [name for name, value in vars(module).items() if isinstance(value, PipelineDefinition)]
        remedy = f"name one of those it imports: {', '.join(imported)}" if imported else "decorate one with @pipeline"
        raise NotFound(f"{file.name} has no pipeline", remedy=remedy, place=str(file))
    if len(found) == 1:
        return trace(next(iter(found.values())))
    # Parts of a pipeline are pipelines too: the one that no other calls is meant.
    traced: dict[str, Pipeline | TidemillError] = {}
    called: list[object] = []
    for name, definition in found.items():
        try:
            traced[name], calls = trace_with_calls(definition)
        except TidemillError as error:
            traced[name] = error
        else:
            called += calls
    roots = [name for name, one in found.items() if not any(one.function is function for function in called)]
    broken = [one for one in traced.values() if isinstance(one, TidemillError)]
    if len(roots) != 1 and broken:
        # Which one is meant cannot be known before all can be read.
        raise ProblemsFound(problem for error in broken for problem in problems_of(error))
    if len(roots) != 1:
        names = ", ".join(roots or found)
        raise InputError(
            f"{file.name} has several pipelines: {names}", remedy=f"name one: {file}:{(roots or [*found])[0]}"
        )
    result = traced[roots[0]]
    if isinstance(result, TidemillError):
        raise result
    return result


def _import_problem(file: Path, error: BaseException) -> Problem:
    remedy = ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    place = Source(frames[-1].filename, frames[-1].lineno or 0) if frames else Source(str(file), 0)
    own = [frame for frame in frames if frame.filename == str(file)]
    if own and not isinstance(error, SyntaxError):
        place = Source(own[-1].filename, own[-1].lineno or 0)
    if isinstance(error, SyntaxError) and error.filename:
        place = Source(error.filename, error.lineno or 0)
    if isinstance(error, ModuleNotFoundError) and error.name:
        remedy = f"install what brings {error.name!r} into this environment, or check the spelling"
    if isinstance(error, SystemExit):
        remedy = "put what should run only as a script under `if __name__ == '__main__':`"
    text = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
    message = f"importing {file.name} raised {type(error).__name__}: {error}"
    return Problem("import-failed", show(place), message, remedy, text)


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen ") or filename == __file__


def problems_of(error: TidemillError) -> tuple[Problem, ...]:
    """An error as the problems it tells of."""
    return error.problems if isinstance(error, ProblemsFound) else (Problem.of(error),)


def answer(target: str, write_to: int) -> NoReturn:
    """Write what is found to a descriptor, and end this process: with exit code 0 after a graph, 2 after problems."""
    path, name = split_target(target)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            found: Json = {"ok": pipeline_to_json(compile_file(path, name))}
        except TidemillError as error:
            found = {"problems": [to_plain(problem) for problem in problems_of(error)]}
        except (NotAValue, UnicodeError) as error:
            remedy = "values and names, that of the folder too, must be text in UTF-8 and numbers of ordinary length"
            found = {"problems": [to_plain(Problem("not-plain", ascii(path), ascii(str(error)), remedy))]}
    # Before the answer: who has that need not wait for this process.
    come_to_an_end()
    with os.fdopen(write_to, "w", encoding="utf-8") as out:
        out.write(compact(found) + "\n")
    os._exit(0 if "ok" in found else 2)


def main(argv: list[str]) -> int:
    """Exit code 2 for wrong arguments; otherwise `answer` says how it ends."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m tidemill.authoring.compile FILE[:PIPELINE]\n")
        return 2
    # Native code and child processes write to the descriptor, whatever Python's sys.stdout is.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    answer(argv[0], answer_to)


def split_target(target: str) -> tuple[str, str]:
    """`FILE:PIPELINE` as its two parts; a drive letter is not a pipeline."""
    path, colon, name = target.rpartition(":")
    return (path, name) if colon and path.endswith(".py") and "/" not in name else (target, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
