"""The Lua of an operation, in two forms of one text.

A *script* (EVALSHA) runs its whole text at each call: with what it includes it defines up to eighty functions
anew, which takes the server longer than what a call about one job does. A *function* (FCALL) is loaded once,
and a call sets anew only what is a call's own. Both are made here, from the same files.

A file that others include holds, in its first column, nothing but comments and statements; what a statement
goes on with is indented or closes it; so does a script that has functions of its own. These `local function`s
are defined once, and so are constants: names in capitals whose values name nothing but functions and other
constants. Nothing changes them later. All other statements run at each call, in their order. The last file
ends the call, and no other one may.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Final

#: Before the names of functions and of their libraries, which all who use a server share.
LIBRARY_PREFIX: Final = "bothsides_"
#: Raised when the same files make another library than before.
_FORM: Final = 2
_INCLUDE: Final = "-- @include "
_SHEBANG: Final = re.compile(r"#!lua(?: flags=([\w,-]+))?$")
#: A return that is not that of a function which the statement makes.
_ENDS: Final = re.compile(r"\A(?!.*\bfunction\().*\breturn\b", flags=re.DOTALL)
_LOCALS: Final = re.compile(r"local ([\w, ]+?)(?: = (.*))?$")
#: With what a line begins that goes on with a statement.
_GOES_ON: Final = (" ", "end", "else", "until", "}", ")")
#: What sets constants, and what fills one that is a table, by other statements than its own.
_CONSTANTS: Final = re.compile(r"local ([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*) = ")
_FILLS: Final = re.compile(r"[A-Z][A-Z0-9_]*\[")
_FUNCTION: Final = re.compile(r"local function (\w+)")
#: What constants may name besides. Lua's own functions are not there yet when a library is loaded.
_THERE: Final = frozenset({"local", "nil", "true", "false"})
_STRING: Final = re.compile(r"'[^'\n]*'")
_GIVEN: Final = re.compile(r"\w+ = ")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Script:
    """One Lua file, with what it includes put in place."""

    name: str
    source: str = field(repr=False)
    sha: str

    @cached_property
    def function(self) -> str:
        """Its name as a function of the server, and that of the library which holds it alone."""
        return f"{LIBRARY_PREFIX}{self.name}_{_FORM}_{self.sha}"

    @cached_property
    def library(self) -> str:
        """What FUNCTION LOAD takes."""
        return "\n".join(_library(self.name, self.function))


@cache
def script(name: str) -> Script:
    """Return the script in `lua/NAME.lua`."""
    source = "\n".join(_with_included(name))
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@cache
def script_names() -> tuple[str, ...]:
    """Return the names of all scripts; the other files are included by these."""
    files = resources.files("common.store").joinpath("lua").iterdir()
    names = (file.name.removesuffix(".lua") for file in files if file.name.endswith(".lua"))
    return tuple(sorted(name for name in names if _read(name)[0].startswith("#!")))


def _read(name: str) -> list[str]:
    return resources.files("common.store").joinpath("lua", f"{name}.lua").read_text().splitlines()


def _with_included(name: str) -> Iterator[str]:
    for line in _read(name):
        if line.startswith(_INCLUDE):
            yield from _with_included(line.removeprefix(_INCLUDE))
        else:
            yield line


def _included_by(name: str) -> Iterator[str]:
    """Name the files that a file includes, each after those that it includes itself."""
    for line in _read(name):
        if line.startswith(_INCLUDE):
            file = line.removeprefix(_INCLUDE)
            yield from _included_by(file)
            yield file


def _library(name: str, function: str) -> Iterator[str]:
    head, *text = _read(name)
    shebang = _SHEBANG.fullmatch(head)
    if shebang is None:
        raise ValueError(f"{name}.lua: its first line is not that of a script")
    yield f"#!lua name={function}"
    yield "local KEYS, ARGV"
    own = [line for line in text if line and not line.startswith("--")]
    there = set(_THERE)
    parts = [_Part.of(file, _read(file), there) for file in _included_by(name)]
    if own:
        parts.append(_Part.of(name, own, there, included=False))
    steps = []
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part.ends and not is_last:
            raise ValueError(f"{part.name}.lua: a statement of an included file must not end the call")
        yield from part.defined
        if part.at_call or is_last:
            steps.append(f"step_{place}()")
            yield f"local function {steps[-1]}"
            yield from part.at_call
            yield "end"
    yield "local function call(keys, arguments)"
    yield "  KEYS, ARGV = keys, arguments"
    yield from steps[:-1]
    yield f"  local _reply = {steps[-1]}"
    yield "  KEYS, ARGV = nil, nil"
    if own and parts[-1].set_at_call:
        yield f"  {', '.join(parts[-1].set_at_call)} = nil"
    yield "  return _reply"
    yield "end"
    flags = ", ".join(f"'{flag}'" for flag in (shebang[1] or "").split(",") if flag)
    yield f"redis.register_function{{function_name = '{function}', callback = call, flags = {{{flags}}}}}"


@dataclass
class _Part:
    """A file of a library: what is defined once, and what is done at each call."""

    name: str
    defined: list[str] = field(default_factory=list)
    at_call: list[str] = field(default_factory=list)
    #: Names that each call gives values of its own.
    set_at_call: list[str] = field(default_factory=list)
    #: Whether what is done at each call may end it.
    ends: bool = False
    #: Whether it has functions of its own, which are to find there what each call sets.
    has_functions: bool = False

    @classmethod
    def of(cls, name: str, text: Sequence[str], there: set[str], *, included: bool = True) -> _Part:
        """Take a file apart; add to the names that are `there` when a library is loaded."""
        part = cls(name, has_functions=included or any(_FUNCTION.match(line) for line in text))
        for statement in _statements(text):
            part._add(statement, there)
        return part

    def _add(self, statement: list[str], there: set[str]) -> None:
        first, *rest = statement
        names = _LOCALS.fullmatch(first)
        if function := _FUNCTION.match(first):
            there.add(function[1])
            self.defined += statement
        elif (constants := _constants(first)) is not None and _words(statement) <= there | constants:
            there |= constants
            self.defined += statement
        elif names and self.has_functions:
            fresh = names[1].split(", ")
            if twice := set(fresh) & set(self.set_at_call):
                raise ValueError(f"{self.name}.lua: declares twice in its first column: {', '.join(twice)}")
            there.difference_update(fresh)
            self.set_at_call += fresh
            self.defined.append(f"local {names[1]}")
            self.at_call += [f"{names[1]} = {names[2] or 'nil'}", *rest]
        else:
            self.at_call += statement
            self.ends = self.ends or _ENDS.search("\n".join(statement)) is not None


def _constants(first: str) -> Set[str] | None:
    """Return the names in capitals that a statement sets, none if it fills one; None: it does neither."""
    if names := _CONSTANTS.match(first):
        return set(names[1].split(", "))
    return frozenset() if _FILLS.match(first) else None


def _words(statement: Sequence[str]) -> Set[str]:
    """Return the names in a statement, but for those that it gives to something."""
    return set(_WORD.findall(_GIVEN.sub("", _STRING.sub("", "\n".join(statement)))))


def _statements(text: Sequence[str]) -> Iterator[list[str]]:
    statement: list[str] = []
    for line in text:
        if not line or line.startswith("--"):
            continue
        if statement and not line.startswith(_GOES_ON):
            yield statement
            statement = []
        statement.append(line)
    if statement:
        yield statement
