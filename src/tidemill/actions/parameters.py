"""Parameters as a user gives them, text on the command line or JSON in a file, made into values of their types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.graph import Pipeline
from tidemill.core.parsing import coerce, parse
from tidemill.core.types import Parameter
from tidemill.core.values import Value, decode


def read_parameters(pipeline: Pipeline, texts: Sequence[str], file: str = "") -> dict[str, Value]:
    """The values of `NAME=VALUE` texts over those of a JSON file. Raises InputError with all that is wrong."""
    known = {parameter.name: parameter for parameter in pipeline.params}
    problems: list[str] = []
    values: dict[str, Value] = {}
    for name, plain in _from_file(file).items() if file else ():
        if name not in known:
            problems.append(_unknown(name, known))
            continue
        try:
            values[name] = coerce(decode(plain), known[name].type)
        except ValueError as error:
            problems.append(f"parameter {name!r}: {error}")
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            problems.append(f"{text!r} is not of the form NAME=VALUE")
        elif name not in known:
            problems.append(_unknown(name, known))
        else:
            try:
                values[name] = parse(value, known[name].type)
            except InputError as error:
                remedy = f" ({error.remedy})" if error.remedy else ""
                problems.append(f"parameter {name!r}: {error.message}{remedy}")
    if problems:
        raise InputError("; ".join(problems), place=f"pipeline {pipeline.name}", remedy=_takes(pipeline))
    return values


def read_pairs(texts: Sequence[str], what: str) -> dict[str, str]:
    """`KEY=VALUE` texts, such as tags. Raises InputError."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"the {what} {text!r} is not of the form KEY=VALUE")
        pairs[key] = value
    return pairs


def _from_file(file: str) -> Mapping[str, Any]:
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file of parameters cannot be read: {error.strerror}", place=file) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file of parameters is not JSON: {error}", place=file) from None
    if not isinstance(found, dict):
        raise InputError("the file of parameters holds no JSON object", place=file, remedy='write {"name": value}')
    return found


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    hint = did_you_mean(name, known)
    return f"there is no parameter {name!r}" + (f"; {hint}" if hint else "")


def _takes(pipeline: Pipeline) -> str:
    if not pipeline.params:
        return "the pipeline takes no parameters"
    return "it takes " + ", ".join(signature(parameter) for parameter in pipeline.params)


def signature(parameter: Parameter) -> str:
    """`threshold: float = 0.85`."""
    default = "" if parameter.required else f" = {parameter.default!r}"
    return f"{parameter.name}: {parameter.type}{default}"
