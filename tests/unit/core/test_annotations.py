"""Annotations become types and outputs, and plain values become what a function asked for."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.annotations import Kind, convert, hints_of, outputs_of, parse, type_of
from tidemill.core.durations import as_duration, parse_duration
from tidemill.core.errors import DefinitionError, InputError
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.parsing import coerce
from tidemill.core.types import ANY, NONE, Type, judge_value

INT, FLOAT, STR, BOOL = Type("int"), Type("float"), Type("str"), Type("bool")
HERE = __name__


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Odd(Enum):
    THING = object()


class Split(NamedTuple):
    train: Annotated[Any, Kind("Dataset")]
    rows: int = 0


@dataclass(frozen=True)
class Settings:
    depth: int
    since: date
    colours: tuple[Colour, ...] = ()
    nested: Split | None = None


class Report(TypedDict):
    title: str
    on: date


class Estimator:
    class Inner: ...


T = TypeVar("T")
B = TypeVar("B", bound=int)
UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, STR),
        (int, INT),
        (bool, BOOL),
        (float, FLOAT),
        (None, NONE),
        (type(None), NONE),
        (Any, ANY),
        (object, ANY),
        (list, Type("list")),
        (list[int], Type("list", (INT,))),
        (list[list[str]], Type("list", (Type("list", (STR,)),))),
        (tuple[int, ...], Type("list", (INT,))),
        (tuple[int, int], Type("list", (INT,))),
        (tuple[int, str], Type("list")),
        (set[str], Type("list", (STR,))),
        (Sequence[float], Type("list", (FLOAT,))),
        (typing.List[int], Type("list", (INT,))),  # noqa: UP006
        (dict, Type("dict")),
        (dict[str, int], Type("dict", (STR, INT))),
        (Mapping[str, Any], Type("dict", (STR, ANY))),
        (date, Type("date")),
        (datetime, Type("datetime")),
        (timedelta, Type("timedelta")),
        (Path, Type("path")),
        (PurePosixPath, Type("path")),
        (Literal["a", 1], Type("choice", choices=("a", 1))),
        (Colour, Type("choice", choices=("red", "blue"))),
        (Odd, Type(f"{HERE}.Odd")),
        (Optional[int], Type("union", (INT, NONE))),  # noqa: UP045
        (int | str | None, Type("union", (INT, STR, NONE))),
        (int | Any, ANY),
        (Annotated[int, "a count"], INT),
        (Annotated[Any, Kind("Dataset")], Type("Dataset")),
        (Annotated[Annotated[Any, Kind("Model")], "note"], Type("Model")),
        (list[Annotated[Any, Kind("Model")]], Type("list", (Type("Model"),))),
        (Split, Type(f"{HERE}.Split")),
        (Settings, Type(f"{HERE}.Settings")),
        (Report, Type(f"{HERE}.Report")),
        (Estimator.Inner, Type(f"{HERE}.Estimator.Inner")),
        (bytes, Type("builtins.bytes")),
        (T, ANY),
        (B, INT),
        (UserId, INT),
        (Callable[[int], str], Type("collections.abc.Callable")),
        (type[int], Type("builtins.type")),
        ("list[int]", Type("list", (INT,))),
    ],
)
def test_an_annotation_names_a_type(annotation: Any, expected: Type) -> None:
    assert type_of(annotation) == expected


def test_a_text_that_cannot_be_resolved_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"'pandas\.DataFrame' cannot be resolved"):
        type_of("pandas.DataFrame")

    def load(path: str) -> Missing:  # type: ignore[name-defined]  # noqa: F821
        ...

    with pytest.raises(DefinitionError, match=r"'Missing' of the result of .*load cannot be resolved") as caught:
        hints_of(load)
    assert caught.value.place.startswith(__file__)
    assert "TYPE_CHECKING" in caught.value.remedy


def test_texts_are_resolved_in_the_module_of_the_function() -> None:
    def load(path: Path, settings: Settings) -> Split: ...

    assert hints_of(load) == {"path": Path, "settings": Settings, "return": Split}


@pytest.mark.parametrize(
    ("annotation", "returns", "outputs"),
    [
        (int, Returns.VALUE, {"result": OutputSpec(INT)}),
        (None, Returns.VALUE, {"result": OutputSpec(NONE)}),
        (Split, Returns.FIELDS, {"train": OutputSpec(Type("Dataset")), "rows": OutputSpec(INT)}),
        (Report, Returns.FIELDS, {"title": OutputSpec(STR), "on": OutputSpec(Type("date"))}),
        (
            tuple[int, Annotated[Any, Kind("Model")]],
            Returns.ITEMS,
            {"0": OutputSpec(INT), "1": OutputSpec(Type("Model"))},
        ),
        (tuple[int, ...], Returns.VALUE, {"result": OutputSpec(Type("list", (INT,)))}),
        (tuple, Returns.VALUE, {"result": OutputSpec(Type("list"))}),
        (Annotated[Settings, Kind("Report")], Returns.VALUE, {"result": OutputSpec(Type("Report"))}),
        (Annotated[Split, "doc"], Returns.FIELDS, {"train": OutputSpec(Type("Dataset")), "rows": OutputSpec(INT)}),
    ],
)
def test_a_result_becomes_outputs(annotation: Any, returns: Returns, outputs: dict[str, OutputSpec]) -> None:
    assert outputs_of(annotation) == (returns, outputs)


LOADED = Estimator()


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ("2026-01-31", date, date(2026, 1, 31)),
        ("2026-01-31T08:00:00+00:00", datetime, datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), date, date(2026, 1, 31)),
        (90, timedelta, timedelta(seconds=90)),
        ("1h30m", timedelta, timedelta(minutes=90)),
        ("PT1H30M", timedelta, timedelta(minutes=90)),
        ("a/b", Path, Path("a/b")),
        ("red", Colour, Colour.RED),
        ("BLUE", Colour, Colour.BLUE),
        (1, float, 1.0),
        (None, int | None, None),
        (None, Any, None),
        (3, "int", 3),
        ([1, 2], tuple[float, ...], (1.0, 2.0)),
        ([1, "x"], tuple[int, str], (1, "x")),
        (["a", "a"], set[str], {"a"}),
        (["a"], frozenset[str], frozenset({"a"})),
        (["2026-01-31"], list[date], [date(2026, 1, 31)]),
        ({"1": "red"}, dict[int, Colour], {1: Colour.RED}),
        ({"title": "t", "on": "2026-01-31"}, Report, {"title": "t", "on": date(2026, 1, 31)}),
        (
            {"depth": 3, "since": "2026-01-31", "colours": ["red"], "nested": {"train": 1}},
            Settings,
            Settings(3, date(2026, 1, 31), (Colour.RED,), Split(1)),
        ),
        ([5, 6], Split, Split(5, 6)),
        ("2026-01-31", date | int, date(2026, 1, 31)),
        (7, str | int, 7),
        (1, Literal["a", 1], 1),
        (LOADED, int, LOADED),
        ({"a": 1}, Estimator, {"a": 1}),
        (5, UserId, 5),
    ],
)
def test_a_plain_value_becomes_what_the_function_wants(value: Any, annotation: Any, expected: Any) -> None:
    converted = convert(value, annotation)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "words"),
    [
        ("x", int, "'x' is not int"),
        (True, int, "True is not int"),
        (1.5, int, "1.5 is not int"),
        (None, int, "None is not int"),
        (None, Colour, "None is not one of"),
        (1, None, "1 is not none"),
        ("soon", date, "'soon' is not a date such as"),
        ("1 parsec", timedelta, "is not a duration; write seconds"),
        ("green", Colour, "'green' is not one of 'red', 'blue'"),
        (True, Literal[1], "True is not one of 1"),
        ("abc", list[str], "'abc' is not a list"),
        ([1, "x"], list[int], r"\[1\]: 'x' is not int"),
        ([1], tuple[int, int], "2 items are expected, not 1"),
        ([[]], set[list[int]], "cannot be a set"),
        ({"depth": 1, "sinse": 2}, Settings, "no field 'sinse'; did you mean 'since'"),
        ({"depth": 1}, Settings, "Settings cannot be made"),
        ({"depth": "x", "since": "2026-01-01"}, Settings, r"\.depth: 'x' is not int"),
        ({"a": 1}, dict[int, int], "the key 'a' is not int"),
        ("x", int | float, r"'x' is not int \| float"),
        (5, Path, "5 is not a path"),
    ],
)
def test_what_does_not_fit_is_told_in_words(value: Any, annotation: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        convert(value, annotation)


@pytest.mark.parametrize(
    ("text", "annotation", "expected"),
    [
        ("5", int, 5),
        ("0.5", float, 0.5),
        ("5", float, 5.0),
        ("5", str, "5"),
        ("yes", bool, True),
        ("False", bool, False),
        ("null", int | None, None),
        ("5", int | None, 5),
        ("5", str | int, 5),
        ("five", str | int, "five"),
        ("2026-01-31", date, date(2026, 1, 31)),
        ("90m", timedelta, timedelta(minutes=90)),
        ("data/x.csv", Path, "data/x.csv"),
        ("blue", Colour, "blue"),
        ("2", Literal[1, 2], 2),
        ("[1, 2]", list[int], [1, 2]),
        ("5,10, 20", list[int], [5, 10, 20]),
        ("", list[int], []),
        ('["2026-01-31"]', list[date], [date(2026, 1, 31)]),
        ('{"a": 1}', dict[str, float], {"a": 1.0}),
        ("5", Any, 5),
        ("five", Any, "five"),
        ('{"depth": 1}', Settings, {"depth": 1}),
    ],
)
def test_text_of_the_command_line_is_read_by_type(text: str, annotation: Any, expected: Any) -> None:
    value = parse(text, type_of(annotation))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "annotation", "message", "remedy"),
    [
        ("five", int, "'five' is not int", "such as 5"),
        ("maybe", bool, "not true or false", ""),
        ("blu", Colour, "'blu' is not one of", "did you mean 'blue'?"),
        ("{", dict, "is not dict", "write JSON"),
        ("[1, x]", list[int], "is not list[int]", "write JSON"),
        ("1,x", list[int], "'x' is not int", ""),
        ('{"a": "b"}', dict[str, int], "'b' is not int", ""),
        ("tomorrow", date, "is not a date such as", ""),
        ("blu", Colour | None, "is not one of", "did you mean 'blue'?"),
    ],
)
def test_text_that_does_not_fit_says_what_would(text: str, annotation: Any, message: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, type_of(annotation))
    assert message in caught.value.message
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1 hour, 30 minutes", 5400),
        ("2 days", 172800),
        ("250ms", 0.25),
        ("01:30:00", 5400),
        ("1 day, 0:00:01", 86401),
        ("PT0.5S", 0.5),
        ("P1DT12H", 129600),
        ("P2W", 1209600),
        ("-30s", -30),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "1 fortnight", "P", "PT", "1h30", "99999999999999999999d", "--1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_the_text_of_a_timedelta_is_its_duration(duration: timedelta) -> None:
    assert as_duration(str(duration)) == pytest.approx(duration, abs=timedelta(microseconds=1))


_SCALARS = {
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    str: st.text(),
    date: st.dates(),
}


@given(
    st.data(), st.sampled_from(list(_SCALARS)), st.sampled_from([lambda a: a, lambda a: list[a], lambda a: a | None])
)
def test_a_value_of_a_type_is_unchanged_by_its_type(
    data: st.DataObject, scalar: type, wrap: Callable[[Any], Any]
) -> None:
    annotation = wrap(scalar)
    item = _SCALARS[scalar]
    value = data.draw(st.lists(item) if annotation == list[scalar] else item)  # type: ignore[valid-type]
    assert judge_value(value, type_of(annotation)) is None
    assert convert(value, annotation) == value
    assert coerce(value, type_of(annotation)) == value
