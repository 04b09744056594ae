"""A script's source: its file and what that includes, written for the server rather than a reader.

The server runs a script from its first line each time, which makes every function anew. That takes
longer than a plain job's work, so the functions marked `-- rare` are made when one is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.resources.abc import Traversable

_INCLUDE: Final = re.compile(r"^-- include (\w+)$")
_RARE: Final = "-- rare"
_RARELY: Final = (
    "local rare, make_rare",
    "local function rarely(name, ...)",
    "rare = rare or make_rare()",
    "return rare[name](...)",
    "end",
)
_FUNCTION: Final = re.compile(r"^local function (\w+)\(")
_WORD: Final = re.compile(r"\w+")
_CONSTANTS: Final = re.compile(
    r'^local (\w+) = \{\n((?:\w+ = (?:"[^"]+"|\d+),\n)+)\}$', re.MULTILINE
)
_CONSTANT: Final = re.compile(r'^(\w+) = ("[^"]+"|\d+),$', re.MULTILINE)


class BadScript(Exception):
    """A script's file does not fit its signature, or names what is not there."""


def flat_source(name: str, text: str, root: Traversable, header_lines: int) -> str:
    """A script's text with its includes, behind the lines that take its arguments.

    Raises:
        BadScript: an include is missing, or a constant.
    """
    own = text.splitlines()
    included = _included(own, name, root, set())
    body = [line for line in own if _is_code(line)]
    header, body = body[:header_lines], body[header_lines:]
    lines = [*header, *_lazily(_pieces(included), body, name)]
    return _fold("\n".join(line.lstrip() for line in lines), name)


def _is_code(line: str) -> bool:
    return bool(line) and not line.lstrip().startswith("--")


def _included(lines: Iterable[str], name: str, root: Traversable, seen: set[str]) -> list[str]:
    """The lines of a file's includes, each once, in front of what needs it."""
    found: list[str] = []
    for line in lines:
        include = _INCLUDE.match(line)
        if include is None or include[1] in seen:
            continue
        seen.add(include[1])
        path = root.joinpath("include", f"{include[1]}.lua")
        if not path.is_file():
            raise BadScript(f"{name}.lua includes {include[1]!r}, which is not there")
        inner = path.read_text(encoding="utf-8").splitlines()
        found += _included(inner, include[1], root, seen)
        found += [line for line in inner if _is_code(line) or line == _RARE]
    return found


@dataclass(slots=True)
class _Piece:
    """A function of an include, or lines between them, which have no name."""

    name: str
    lines: Sequence[str]
    rare: bool = False
    words: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.words = set(_WORD.findall("\n".join(self.lines)))


def _pieces(lines: Iterable[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    name, gathered, rare = "", list[str](), False
    for line in lines:
        function = _FUNCTION.match(line)
        if line == _RARE or function is not None:
            if gathered:
                pieces.append(_Piece("", gathered))
                gathered = []
            rare = rare or line == _RARE
            name = function[1] if function is not None else ""
        if line != _RARE:
            gathered.append(line)
        if line == "end" and name:
            pieces.append(_Piece(name, gathered, rare))
            name, gathered, rare = "", [], False
    return [*pieces, _Piece("", gathered)] if gathered else pieces


def _lazily(pieces: Sequence[_Piece], body: Sequence[str], name: str) -> list[str]:
    """The included functions that a script can come to, and its own lines.

    Rare ones are made together when one is called, and called by name.
    """
    functions = {piece.name: piece for piece in pieces if piece.name}
    loose = [_Piece("", body), *(piece for piece in pieces if not piece.name)]
    usual = _reached(loose, {name: piece for name, piece in functions.items() if not piece.rare})
    called = set().union(*(piece.words for piece in [*loose, *map(functions.get, usual)] if piece))
    rare = [name for name, piece in functions.items() if piece.rare and name in called]
    lines = [
        line for piece in pieces if not piece.name or piece.name in usual for line in piece.lines
    ]
    if not rare:
        return [*lines, *body]
    behind = _reached([functions[name] for name in rare], functions) - usual | set(rare)
    made = [line for piece in pieces if piece.name in behind for line in piece.lines]
    answer = f"return {{ {', '.join(f'{name} = {name}' for name in rare)} }}"
    lines, body = _call_rarely(lines, rare, name), _call_rarely(body, rare, name)
    return [*_RARELY, *lines, "make_rare = function()", *made, answer, "end", *body]


def _call_rarely(lines: Iterable[str], rare: Iterable[str], name: str) -> list[str]:
    """The lines with calls by name in the place of calls."""
    use = re.compile(rf"\b({'|'.join(rare)})\b(\(\)?)?")

    def by_name(use: re.Match[str]) -> str:
        if use[2] is None:
            raise BadScript(f"{name}.lua hands {use[1]} on; a rare function can only be called")
        return f'rarely("{use[1]}"' + (")" if use[2] == "()" else ", ")

    return [use.sub(by_name, line) for line in lines]


def _reached(start: Iterable[_Piece], functions: dict[str, _Piece]) -> set[str]:
    """The names of the functions that these pieces call, and those call, and so on."""
    reached: set[str] = set()
    todo = list(start)
    while todo:
        for name in todo.pop().words & functions.keys() - reached:
            reached.add(name)
            todo.append(functions[name])
    return reached


def _fold(source: str, name: str) -> str:
    """The source with constants in the place of their names: each call would build their tables."""
    for table in _CONSTANTS.finditer(source):
        values: dict[str, str] = dict(_CONSTANT.findall(table[2]))
        unbound = rf"(?<![\w.]){table[1]}\b"
        parts = re.split(rf"{unbound}\.(\w+)", source)
        if strange := set(parts[1::2]) - values.keys():
            raise BadScript(f"{name}.lua names {table[1]}.{strange.pop()}, which is not there")
        parts[1::2] = [values[constant] for constant in parts[1::2]]
        source = "".join(parts)
        if not re.search(rf"{unbound}(?! =)", source):
            source = source.replace(f"{table[0]}\n", "", 1)
    return source


__all__ = ["BadScript", "flat_source"]
