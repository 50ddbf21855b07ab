"""From functions to all that they reach: each function, class, value and module is looked at once, for all of them.

What is found is kept by where it was found, so that each function can be told its own.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tidemill.authoring import refusals
from tidemill.authoring.codetext import Import, Names
from tidemill.authoring.contents import PLAIN, NotTold, Told, is_code, is_definition, told
from tidemill.authoring.dynamic import ByText, Way
from tidemill.authoring.imports import absolute, brought_by, is_pythons_own, load_own, modules_below
from tidemill.authoring.installed import digest_of_file, installed_version, own_file
from tidemill.authoring.parts import Text, Unit
from tidemill.authoring.place import show
from tidemill.authoring.provenance import (
    brought_along,
    class_around,
    data_of,
    defaults_of,
    functions_from_elsewhere,
    given_to,
    is_empty,
    is_named,
    is_written,
    name_beforehand,
    origin_of,
    place_of,
    source_of_module,
)
from tidemill.authoring.references import is_own, is_own_binary, is_own_module, module_file
from tidemill.authoring.refusals import Refused
from tidemill.authoring.sources import (
    definition_of,
    global_names,
    names_of,
    source_file,
    text_of,
)
from tidemill.core.graph import Source
from tidemill.core.values import MISSING, digest

_ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class _Reading:
    """Names that were read in some code, still to be followed; `scope` is where it looks them up."""

    names: Names
    local: frozenset[str]
    module: types.ModuleType
    scope: Mapping[str, Any]
    file: str
    unit: Unit


@dataclass(slots=True)
class Walk:
    """Goes from functions to what they name, once to each.

    `refs` are the names under which code counts, by its identity: two functions of one factory have different ones.
    `crossed`: some code brings along other code that brings it along, so that its name hangs on where the walk began.
    """

    at: Unit = field(default_factory=Unit)
    units: dict[Any, Unit] = field(default_factory=dict)
    refs: dict[int, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    pending: deque[_Reading] = field(default_factory=deque)
    open: list[int] = field(default_factory=list)
    crossed: bool = False

    def begin(self, start: Callable[..., Any]) -> Unit:
        """What a function reaches, complete after `go`."""
        unit = Unit()
        with self._inside(unit):
            owner = getattr(start, "__self__", None)
            if isinstance(start, types.MethodType) and isinstance(owner, type):
                unit.bindings[_ITSELF] = f"{self.ref(start.__func__)} of {self.ref(owner)}"
            elif is_code(start) or not callable(start):
                self.ref(start)
            else:
                self._keep(type(start).__qualname__, start, Source("", 0), f"it is a {type(start).__name__}")
        return unit

    def go(self) -> None:
        while self.pending:
            reading = self.pending.popleft()
            with self._inside(reading.unit):
                self._read(reading)

    @contextmanager
    def _inside(self, unit: Unit) -> Iterator[None]:
        """What is found meanwhile belongs to the unit, and so does what cannot be told."""
        before, self.at = self.at, unit
        try:
            yield
        except Refused as refused:
            unit.refused = refused
        except RecursionError:
            unit.refused = refusals.too_deep()
            self.crossed = True
        finally:
            self.at = before

    def _unit(self, key: Any) -> Unit | None:
        """A new unit below the present one; None if there is one for this key, which is below it from now on."""
        known = self.units.get(key)
        unit = known or Unit()
        self.units[key] = unit
        self.at.below.append(unit)
        return None if known else unit

    def _read(self, reading: _Reading) -> None:
        module, scope = reading.module, reading.scope
        brought = reading.names.brought()
        for imported in reading.names.imports:
            if imported.bound not in brought:
                for name in imported.modules():
                    self._imported(name, module)
        brings = {name: self._brought(imported, module) for name, imported in brought.items()}
        for chain in reading.names.chains:
            found = brings.get(chain[0])
            if found is not None:
                self._follow((found[1] or chain[0], *chain[1:]), found[0], {found[1] or chain[0]: found[2]})
            # `__file__` and its like say where the code lies, not what it does.
            special = chain[0].startswith("__") and chain[0].endswith("__")
            if chain[0] in scope and chain[0] not in reading.local and not special:
                self._follow(chain, module, scope)
        for by_text in reading.names.dynamic:
            self._reached(by_text, reading)

    # --- code -----------------------------------------------------------------------------------------------------

    def ref(self, found: Any) -> str:
        """The name under which a function, class or module counts, after seeing to it that it does."""
        unit = self._unit(id(found))
        if unit is None:
            known = self.refs[id(found)]
            self.crossed = self.crossed or (known == _ITSELF and self.open[-1] != id(found))
            return known
        self.kept.append(found)  # so that its identity is not given to another
        self.refs[id(found)] = name_beforehand(found) or _ITSELF
        self.open.append(id(found))
        with self._inside(unit):
            self.refs[id(found)] = self._code(found)
        self.open.pop()
        if unit.refused:
            self.refs[id(found)] = "untold"
        return self.refs[id(found)]

    def _code(self, found: Any) -> str:
        match found:
            case types.ModuleType():
                self._module(found)
                return found.__name__
            case functools._lru_cache_wrapper():
                return self.ref(found.__wrapped__)
            case types.FunctionType() if is_written(found):
                return self._function(found)
            case types.FunctionType():
                return self._foreign(found)
            case type() if is_own(module_file(found.__module__)):
                return self._class(found)
            case type():
                self._installed(found.__module__)
                return f"{found.__module__}.{found.__qualname__}"
            case _ if is_definition(found):
                return self.ref(found.function)
        raise Refused(f"it reaches {found!r:.60}, whose code cannot be found", "use a function of your own")

    def _function(self, function: types.FunctionType) -> str:
        code = function.__code__
        home = str(function.__globals__.get("__name__", ""))
        title = f"{home}.{code.co_qualname}"
        place = Source(code.co_filename, code.co_firstlineno)
        tree = definition_of(function)
        if tree is None:
            raise Refused(*refusals.unreadable(function, is_own(code.co_filename)), show(place))
        self._text(title, text_of(tree), place)
        inside = self._unit(("code", id(code)))
        if inside is not None:
            names = names_of(tree)
            local = (names.made - global_names(code)) | set(code.co_freevars)
            module = sys.modules.get(home) or types.ModuleType(home)
            self.pending.append(_Reading(names, local, module, function.__globals__, place.file, inside))
        around = class_around(function)
        if around is not None:  # it reaches others through `self`
            self.ref(around)
        held = self._held(function, title, place, tree)
        return title if not held and is_named(function) else f"{title}#{digest([text_of(tree), held])}"

    def _held(self, function: types.FunctionType, title: str, place: Source, tree: ast.AST) -> list[list[str]]:
        """What the function brings along beside its text: cells, defaults, attributes, and what it wraps."""
        return [
            [name, self._keep(f"{title}.{name}", value, place, what)]
            for name, value, what in brought_along(function, tree)
        ]

    def _foreign(self, function: types.FunctionType) -> str:
        """Installed code counts by its version, and what it was made to hold for the user by what that is."""
        home = str(function.__globals__.get("__name__", ""))
        self._installed(home)
        title = f"{home}.{function.__code__.co_qualname}"
        own_name = is_own(module_file(function.__module__ or ""))
        if is_named(function) and not own_name:
            return title
        wrapped = vars(function).get("__wrapped__")
        cells = [cell.cell_contents for cell in function.__closure__ or () if not is_empty(cell)]
        values = [*cells, *defaults_of(function).values(), *([] if wrapped is None else [wrapped])]
        return f"{title}#{digest([self._told_or_kind(value) for value in values])}"

    def _class(self, cls: type) -> str:
        title = f"{cls.__module__}.{cls.__qualname__}"
        file = module_file(cls.__module__)
        source = source_file(file)
        tree = source.classes.get(cls.__qualname__) if source else None
        statements = [tree] if tree else source.bindings.get(cls.__qualname__, []) if source else []
        if not statements:
            raise Refused(*refusals.class_without_source(cls))
        place = Source(file, statements[0].lineno)
        self._statements(title, statements, sys.modules[cls.__module__], place)
        for base in cls.__bases__:
            self.ref(base)
        for name, value in data_of(cls, tree) if tree else ():
            self._keep(f"{title}.{name}", value, place, "")
        for name, value in given_to(cls, tree) if tree else ():
            self._keep_if_plain(f"{title}.{name}", value, place)
        for name, value in functions_from_elsewhere(cls):
            self.at.bindings[f"{title}.{name}"] = self.ref(value)
        return title

    def _module(self, module: types.ModuleType) -> None:
        file = module_file(module.__name__)
        if not is_own(file):
            if not is_own_module(module.__name__):
                self._installed(module.__name__)
            return
        source = source_file(file)
        if source is None:
            raise Refused(f"the source of module {module.__name__} cannot be read", "name what is used of it")
        self._statements(module.__name__, [source.tree], module, Source(file, 1))
        for name, statements in source.bindings.items():
            value = vars(module).get(name, MISSING)
            # Which of its names are used cannot be seen; those that cannot be told count by their text above.
            if value is not MISSING and not is_code(value) and origin_of(module, name, value) is None:
                self._keep(f"{module.__name__}.{name}", value, Source(file, statements[0].lineno), "")

    def _installed(self, module: str) -> None:
        file = module_file(module)
        if is_own_binary(file):
            self._text(module, digest_of_file(file), Source(file, 0))
            return
        top = module.partition(".")[0]
        version = installed_version(top)
        if version:
            self.at.texts.setdefault(top, Text("", 0, version=version))

    def _imported(self, name: str, by: types.ModuleType, package: str = "") -> None:
        """What the code imports when it runs counts the same, whether or not this process has loaded it already."""
        name = absolute(name, by, package)
        module = load_own(name)
        if module is not None:
            self.ref(module)
        elif is_own_binary(module_file(name)) or not is_own(own_file(name)):
            self._installed(name)

    def _brought(self, imported: Import, by: types.ModuleType) -> tuple[types.ModuleType, str, Any] | None:
        found = brought_by(imported, by)
        if found is None:
            self._imported(imported.module, by)
            return None
        module, name, value = found
        return (module if name else by), name, value

    def _reached(self, found: ByText, reading: _Reading) -> None:
        """Code that is reached by text: what that may lead to counts, if anything can be said of it."""
        if not is_pythons_own(found, reading.names, reading.local, reading.scope):
            return
        match found:
            case ByText(way=Way.NAMES):
                self.ref(reading.module)
            case ByText(way=Way.IMPORT, whole=True):
                self._imported(found.text, reading.module, found.package)
            case ByText(way=Way.IMPORT) if found.text:
                package = absolute(found.text.rstrip(".") or found.text, reading.module, found.package)
                for name in modules_below(package) or [package]:
                    self._imported(name, reading.module)
            case _:
                raise Refused(*refusals.unknown_text(found), show(Source(reading.file, found.line)))

    def _follow(self, chain: tuple[str, ...], module: types.ModuleType, scope: Mapping[str, Any]) -> None:
        """From `helpers.clean` to the function; a module is followed as far as the chain goes."""
        name, found = chain[0], scope[chain[0]]
        for attribute in chain[1:]:
            if not isinstance(found, types.ModuleType) or not is_own_module(found.__name__):
                break
            inner = getattr(found, attribute, MISSING)
            if inner is MISSING:
                break
            module, name, found = found, attribute, inner
        title = f"{module.__name__}.{name}"
        if not is_code(found):
            self._value(found, module, name)
            return
        ref = self.ref(found)
        if ref != title and not isinstance(found, types.ModuleType):
            self.at.bindings[title] = ref
            # What another module says under the same name is known by that name.
            if "#" in ref or origin_of(module, name, found) is None:
                place = place_of(module, name)
                self.at.leads[title] = Text(place.file, place.line, {ref})

    def _value(self, value: Any, module: types.ModuleType, name: str) -> None:
        unit = self._unit(("value", module.__name__, name)) if module.__name__ != "builtins" else None
        if unit is not None:
            with self._inside(unit):
                self._look_at(value, module, name)

    def _look_at(self, value: Any, module: types.ModuleType, name: str) -> None:
        title, place = f"{module.__name__}.{name}", place_of(module, name)
        try:
            what: Told | None = told(value, self.ref)
        except NotTold:
            what = None
        if what is not None and what.plain:
            self._text(title, what.digest, place)
            return
        origin = origin_of(module, name, value)
        if origin is not None:
            self.at.bindings[title] = f"{origin[0].__name__}.{origin[1]}"
            if is_own(module_file(origin[0].__name__)):
                self._value(value, *origin)
            else:
                self._installed(origin[0].__name__)
            return
        source = source_of_module(module)
        statements = source.bindings.get(name, []) if source else []
        if what is None:
            kind = type(value).__name__
            raise Refused(
                f"{title} is a {kind}, and what that holds cannot be told",
                "make it in the task, pass it as an argument or through 'cache_parts'",
                show(place) if place.line else "",
            )
        self._text(title, what.digest, place)
        self._statements(title, statements, module, place)

    def _statements(self, title: str, statements: list[Any], module: types.ModuleType, place: Source) -> None:
        for statement in statements:
            self._text(title, text_of(statement), place)
            names = names_of(statement)
            self.pending.append(_Reading(names, names.made, module, vars(module), place.file, self.at))

    def _keep(self, title: str, value: Any, place: Source, what: str) -> str:
        """The value counts as a part of its own; `what` says it where it cannot, or "" if its kind may stand for it."""
        if is_code(value):
            return self.ref(value)
        if not what:
            held = self._told_or_kind(value)
        else:
            try:
                held = told(value, self.ref).digest
            except NotTold:
                raise Refused(what, "pass it as an argument", show(place) if place.line else "") from None
        self._text(title, held, place)
        return held

    def _keep_if_plain(self, title: str, value: Any, place: Source) -> None:
        """An attribute that was given to a class from outside."""
        with contextlib.suppress(NotTold):
            what = told(value, _no_code) if isinstance(value, PLAIN) else None
            if what is not None and what.plain:
                self._text(title, what.digest, place)

    def _told_or_kind(self, value: Any) -> str:
        try:
            return told(value, self.ref, lenient=True).digest
        except NotTold:
            return type(value).__qualname__

    def _text(self, title: str, text: str, place: Source) -> None:
        self.at.texts.setdefault(title, Text(place.file, place.line)).texts.add(text)


def _no_code(found: Any) -> str:
    raise NotTold("it is code")
