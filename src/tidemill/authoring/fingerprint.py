"""Fingerprints of code: a function with every function, class and constant of the user's own that it reaches.

Comments, formatting and docstrings do not count, nor do the options of tasks. What is installed counts by its version.
What cannot be told apart reliably has no fingerprint, which is said and not guessed.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.util
import sys
import types
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.authoring.contents import NoFingerprint, NotTold, Told, is_code, is_definition, told
from tidemill.authoring.installed import installed_version, own_file
from tidemill.authoring.place import show, source_of
from tidemill.authoring.provenance import (
    defaults_of,
    is_empty,
    is_named,
    is_written,
    origin_of,
    place_of,
    source_of_module,
)
from tidemill.authoring.references import is_own, module_file
from tidemill.authoring.sources import (
    data_in,
    defaults_in,
    definition_of,
    global_names,
    names_of,
    source_file,
    text_of,
)
from tidemill.core.graph import Source
from tidemill.core.values import MISSING, digest

__all__ = ["Fingerprint", "NoFingerprint", "Part", "fingerprint"]


@dataclass(frozen=True, slots=True)
class Part:
    """One function, class, constant or module: the digest of what it says, and where it stands."""

    digest: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` is that of all parts; a change can be named by comparing `parts`."""

    digest: str
    parts: Mapping[str, Part]


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """The fingerprint of a function and all it reaches. Raises NoFingerprint, naming what is in the way."""
    walk = _Walk(function)
    try:
        walk.go()
    except RecursionError:
        raise walk.refuse("what it reaches is nested too deeply", "make it flatter") from None
    parts = {name: text.part() for name, text in sorted(walk.texts.items())}
    bindings: list[Any] = sorted(walk.bindings.items())
    return Fingerprint(
        digest([[[name, part.digest] for name, part in parts.items()], [list(pair) for pair in bindings]]), parts
    )


@dataclass(slots=True)
class _Text:
    """What stands under one name: more than one text where a factory made several functions of that name."""

    file: str
    line: int
    texts: set[str] = field(default_factory=set)

    def part(self) -> Part:
        return Part(digest(sorted(self.texts)), self.file, self.line)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Names that were read in some code, still to be followed; `scope` is where it looks them up."""

    names: tuple[tuple[str, ...], ...]
    imports: tuple[str, ...]
    module: types.ModuleType
    scope: Mapping[str, Any]


@dataclass(slots=True)
class _Walk:
    """Goes from the function to what it names, once to each.

    `refs` are the names under which code counts, by its identity: two functions of one factory have different ones.
    `bindings` say what names lead to, where code goes by another name than its own.
    """

    start: Callable[..., Any]
    texts: dict[str, _Text] = field(default_factory=dict)
    refs: dict[int, str] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    pending: deque[_Reading] = field(default_factory=deque)

    def go(self) -> None:
        if is_code(self.start) or not callable(self.start):
            self.ref(self.start)
        else:
            what = f"it is a {type(self.start).__name__}"
            self._keep(type(self.start).__qualname__, self.start, Source("", 0), what)
        while self.pending:
            reading = self.pending.popleft()
            for chain in reading.names:
                # `__file__` and its like say where the code lies, not what it does.
                special = chain[0].startswith("__") and chain[0].endswith("__")
                if chain[0] in reading.scope and not special:
                    self._follow(chain, reading.module, reading.scope)
            for imported in reading.imports:
                self._imported(imported, reading.module)

    def refuse(self, what: str, remedy: str, place: str = "") -> NoFingerprint:
        name = getattr(self.start, "__qualname__", repr(self.start))
        return NoFingerprint(
            f"the code of {name} has no fingerprint: {what}",
            remedy=f"{remedy}, or leave out 'cache'",
            place=place or show(source_of(self.start)),
        )

    # --- code -----------------------------------------------------------------------------------------------------

    def ref(self, found: Any) -> str:
        """The name under which a function, class or module counts, after seeing to it that it does."""
        known = self.refs.get(id(found))
        if known is None:
            self.kept.append(found)  # so that its identity is not given to another
            self.refs[id(found)] = "itself"
            known = self.refs[id(found)] = self._code(found)
        return known

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
        raise self.refuse(f"it reaches {found!r:.60}, whose code cannot be found", "use a function of your own")

    def _function(self, function: types.FunctionType) -> str:
        code = function.__code__
        home = str(function.__globals__.get("__name__", ""))
        title = f"{home}.{code.co_qualname}"
        place = Source(code.co_filename, code.co_firstlineno)
        tree = definition_of(function)
        if tree is None:
            raise self.refuse(
                f"the source of {function.__qualname__} cannot be read", "define it in a file", show(place)
            )
        self._text(title, text_of(tree), place)
        if id(code) not in self.read:
            self.read.add(id(code))
            names = names_of(tree)
            local = (names.made - global_names(code)) | set(code.co_freevars)
            module = sys.modules.get(home) or types.ModuleType(home)
            chains = tuple(chain for chain in names.chains if chain[0] not in local)
            self.pending.append(_Reading(chains, names.imports, module, function.__globals__))
        held = self._held(function, title, place, tree)
        return title if not held and is_named(function) else f"{title}#{digest([text_of(tree), held])}"

    def _held(self, function: types.FunctionType, title: str, place: Source, tree: ast.AST) -> list[list[str]]:
        """What the function brings along beside its text: cells, defaults, attributes, and what it wraps."""
        held = []
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not filled yet
                content = cell.cell_contents
                what = f"{function.__qualname__} keeps {name!r} in a closure, a {type(content).__name__}"
                held.append([name, self._keep(f"{title}.{name}", content, place, what)])
        defaults = defaults_of(function)
        for name in defaults_in(tree):
            if name in defaults:
                what = f"{name!r} of {function.__qualname__} is by default a {type(defaults[name]).__name__}"
                held.append([name, self._keep(f"{title}.{name}", defaults[name], place, what)])
        for name, value in sorted(vars(function).items()):
            # What is wrapped by something of another's making may carry all of its machinery with it.
            held.append([name, self._keep(f"{title}.{name}", value, place, "")])
        return held

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
            raise self.refuse(f"the source of the class {cls.__qualname__} cannot be found", "define it with `class`")
        place = Source(file, statements[0].lineno)
        self._statements(title, statements, sys.modules[cls.__module__], place)
        for base in cls.__bases__:
            self.ref(base)
        for name in data_in(tree) if tree else ():
            if name in vars(cls):
                self._keep(f"{title}.{name}", vars(cls)[name], place, "")
        for name, value in sorted(vars(cls).items()):
            value = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            if not isinstance(value, types.FunctionType) or not is_own(value.__code__.co_filename):
                continue
            if value.__code__.co_qualname != f"{cls.__qualname__}.{name}":  # wrapped, or put there from elsewhere
                self.bindings[f"{title}.{name}"] = self.ref(value)
        return title

    def _module(self, module: types.ModuleType) -> None:
        file = module_file(module.__name__)
        if not is_own(file):
            self._installed(module.__name__)
            return
        source = source_file(file)
        if source is None:
            raise self.refuse(f"the source of module {module.__name__} cannot be read", "name what is used of it")
        self._statements(module.__name__, [source.tree], module, Source(file, 1))
        for name, statements in source.bindings.items():
            value = vars(module).get(name, MISSING)
            # Which of its names are used cannot be seen; those that cannot be told count by their text above.
            if value is not MISSING and not is_code(value) and origin_of(module, name, value) is None:
                self._keep(f"{module.__name__}.{name}", value, Source(file, statements[0].lineno), "")

    def _installed(self, module: str) -> None:
        top = module.partition(".")[0]
        version = installed_version(top)
        if version:
            self.texts.setdefault(top, _Text("", 0, {version}))

    def _imported(self, name: str, by: types.ModuleType) -> None:
        """What the code imports when it runs counts the same, whether or not this process has loaded it already."""
        if name.startswith("."):
            with contextlib.suppress(ImportError):
                name = importlib.util.resolve_name(name, by.__package__ or "")
        if name not in sys.modules and is_own(own_file(name)):
            # What cannot be imported fails when the task runs, which says it better; or it is no module.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        if is_own(module_file(name)):
            self.ref(sys.modules[name])
        elif not is_own(own_file(name)):
            self._installed(name)

    # --- names and values -----------------------------------------------------------------------------------------

    def _follow(self, chain: tuple[str, ...], module: types.ModuleType, scope: Mapping[str, Any]) -> None:
        """From `helpers.clean` to the function; a module is followed as far as the chain goes."""
        name, found = chain[0], scope[chain[0]]
        for attribute in chain[1:]:
            if not isinstance(found, types.ModuleType) or not is_own(module_file(found.__name__)):
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
            self.bindings[title] = ref
            if "#" in ref and title not in self.texts:
                self._text(title, ref, place_of(module, name))

    def _value(self, value: Any, module: types.ModuleType, name: str) -> None:
        title = f"{module.__name__}.{name}"
        if title in self.texts or title in self.bindings or module.__name__ == "builtins":
            return
        place = place_of(module, name)
        try:
            what: Told | None = told(value, self.ref)
        except NotTold:
            what = None
        if what is not None and what.plain:
            self._text(title, what.digest, place)
            return
        origin = origin_of(module, name, value)
        if origin is not None:
            self.bindings[title] = f"{origin[0].__name__}.{origin[1]}"
            if is_own(module_file(origin[0].__name__)):
                self._value(value, *origin)
            else:
                self._installed(origin[0].__name__)
            return
        source = source_of_module(module)
        statements = source.bindings.get(name, []) if source else []
        if what is None:
            kind = type(value).__name__
            raise self.refuse(
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
            chains = tuple(chain for chain in names.chains if chain[0] not in names.made)
            self.pending.append(_Reading(chains, names.imports, module, vars(module)))

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
                raise self.refuse(what, "pass it as an argument", show(place) if place.line else "") from None
        self._text(title, held, place)
        return held

    def _told_or_kind(self, value: Any) -> str:
        try:
            return told(value, self.ref, lenient=True).digest
        except NotTold:
            return type(value).__qualname__

    def _text(self, title: str, text: str, place: Source) -> None:
        self.texts.setdefault(title, _Text(place.file, place.line)).texts.add(text)
