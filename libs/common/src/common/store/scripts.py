"""The Lua of an operation, in two forms of one text.

A *script* (EVALSHA) runs its whole text at each call: with what it includes it defines up to eighty functions
anew, which takes the server longer than what a call about one job does. A *function* (FCALL) is loaded once,
and a call sets anew only what is a call's own. Both are made here, from the same files.

A file that others include holds, in its first column, nothing but comments and statements; what a statement
goes on with is indented or closes it. Its `local function`s are defined once. Its other statements run at
each call, in their order, as does all of the script; where that is all included, the last file ends the call,
and no other statement of what is included may.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Final

#: Before the names of functions and of their libraries, which all who use a server share.
LIBRARY_PREFIX: Final = "bothsides_"
#: Raised when the same files make another library than before.
_FORM: Final = 1
_INCLUDE: Final = "-- @include "
_SHEBANG: Final = re.compile(r"#!lua(?: flags=([\w,-]+))?$")
#: A return that is not that of a function which the statement makes.
_ENDS: Final = re.compile(r"\A(?!.*\bfunction\().*\breturn\b", flags=re.DOTALL)
_LOCALS: Final = re.compile(r"local ([\w, ]+?)(?: = (.*))?$")


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
    included = list(_included_by(name))
    own = [line for line in text if line and not line.startswith("--")]
    steps = [f"begin_{place}()" for place in range(len(included))]
    for file, step in zip(included, steps, strict=True):
        yield from _included(file, step, may_end=not own and step == steps[-1])
    if own:
        steps.append("main()")
        yield "local function main()"
        yield from own
        yield "end"
    yield "local function call(keys, arguments)"
    yield "  KEYS, ARGV = keys, arguments"
    yield from steps[:-1]
    yield f"  local reply = {steps[-1]}"
    yield "  KEYS, ARGV = nil, nil"
    yield "  return reply"
    yield "end"
    flags = ", ".join(f"'{flag}'" for flag in (shebang[1] or "").split(",") if flag)
    yield f"redis.register_function{{function_name = '{function}', callback = call, flags = {{{flags}}}}}"


def _included(file: str, step: str, *, may_end: bool) -> Iterator[str]:
    """Give the functions of a file, and one that does what else stands in it."""
    at_call: list[str] = []
    for statement in _statements(_read(file)):
        first, *rest = statement
        if first.startswith("local function "):
            yield from statement
            continue
        if not may_end and _ENDS.search("\n".join(statement)):
            raise ValueError(f"{file}.lua: a statement of an included file must not end the call: {first}")
        if names := _LOCALS.fullmatch(first):
            yield f"local {names[1]}"
            at_call += [f"{names[1]} = {names[2] or 'nil'}", *rest]
        else:
            at_call += statement
    yield f"local function {step}"
    yield from at_call
    yield "end"


def _statements(text: list[str]) -> Iterator[list[str]]:
    statement: list[str] = []
    for line in text:
        if not line or line.startswith("--"):
            continue
        if statement and not line.startswith((" ", "end", "}", ")")):
            yield statement
            statement = []
        statement.append(line)
    if statement:
        yield statement
