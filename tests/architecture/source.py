"""The source tree as the tests of its shape read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "oxherd"
LUA: Final = PACKAGE / "engines" / "redis" / "lua"
TRANSITIONS: Final = PACKAGE / "engines" / "sqlite" / "transitions"
CONFORMANCE: Final = ROOT / "tests" / "conformance"


def files(*suffixes: str, under: Path = PACKAGE) -> list[Path]:
    """The files below a folder, in order."""
    return sorted(
        path
        for path in under.rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def strings(path: Path) -> Iterator[tuple[ast.Constant, str]]:
    """The string constants of a module that are values: no docstrings, no `Literal` types."""
    skipped = {id(node) for node in _not_values(tree(path))}
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node, node.value


def _not_values(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        match node:
            case ast.Expr(value=ast.Constant() as text):
                yield text
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield from ast.walk(node.slice)
            case _:
                pass
