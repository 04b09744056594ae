"""Rules about the text of the source that no other tool sees to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from oxherd.domain.lifecycle import State
from tests.architecture.source import PACKAGE, ROOT, files, name_of, strings, tree

NAMELESS = frozenset(
    {"base", "bases", "common", "helper", "helpers", "misc", "shared", "util", "utils"}
)
UNSAFE_MODULES = frozenset({"dill", "marshal", "pickle", "shelve"})
UNSAFE_CALLS = frozenset({"eval", "exec", "__import__"})

MAY_SPELL_STATES = frozenset(
    {
        "src/oxherd/domain/lifecycle.py",
        # Ids that would be the names of keys.
        "src/oxherd/domain/names.py",
        # The wire: key names and hash fields that are called like states.
        "src/oxherd/engines/redis/keys.py",
        "src/oxherd/engines/redis/wire.py",
    }
)
PYTHON_LINES = 400
LUA_LINES = 120


def test_no_module_is_named_after_nothing() -> None:
    code = [*files(".py", ".lua", ".sql"), *files(".py", under=ROOT / "tests")]
    found = {name_of(path) for path in code if NAMELESS & {path.stem.strip("_"), path.parent.name}}
    assert found == set()


@pytest.mark.parametrize(("suffix", "most"), [(".py", PYTHON_LINES), (".lua", LUA_LINES)])
def test_no_file_is_longer_than_its_budget(suffix: str, most: int) -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files(suffix)}
    assert {name: lines for name, lines in lengths.items() if lines > most} == {}


def test_nothing_stored_is_ever_run() -> None:
    found: list[object] = []
    for path in files(".py"):
        for node in ast.walk(tree(path)):
            match node:
                case ast.Import(names=names) if UNSAFE_MODULES & {name.name for name in names}:
                    found.append((name_of(path), node.lineno))
                case ast.ImportFrom(module=module) if module in UNSAFE_MODULES:
                    found.append((name_of(path), node.lineno))
                case ast.Call(func=ast.Name(id=called)) if called in UNSAFE_CALLS:
                    found.append((name_of(path), node.lineno))
                case _:
                    pass
    assert found == []


def test_a_state_is_a_member_of_the_enum_and_no_text() -> None:
    """Other enums may use the words, and above the engines so may names of events.

    There, what would be wrong is to compare a state with text.
    """
    states = {state.value for state in State}
    found: list[object] = []
    for path in files(".py"):
        if name_of(path) in MAY_SPELL_STATES:
            continue
        above = path.relative_to(PACKAGE).parts[0] in ("bullmq", "runtime", "cli")
        compared, members = _compared(path), _members_of_enums(path)
        found += [
            f"{name_of(path)}:{node.lineno}: {text!r}"
            for node, text in strings(path)
            if text in states and id(node) not in members and (not above or id(node) in compared)
        ]
    assert found == []


def _compared(path: Path) -> set[int]:
    return {
        id(part)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
    }


def _members_of_enums(path: Path) -> set[int]:
    return {
        id(node.value)
        for body in ast.walk(tree(path))
        if isinstance(body, ast.ClassDef) and _is_enum(body)
        for node in body.body
        if isinstance(node, ast.Assign)
    }


def _is_enum(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id.endswith("Enum") for base in node.bases)


def test_every_transaction_takes_the_write_lock_at_its_start() -> None:
    """A transaction that begins as a reader cannot wait for a writer: it fails at once."""
    begins: list[str] = []
    for path in files(".py", under=PACKAGE / "engines" / "sqlite"):
        begins += [text for _, text in strings(path) if re.match(r"\s*BEGIN\b", text)]
    assert begins
    assert {"BEGIN IMMEDIATE"} == set(begins)


def test_the_driver_begins_no_transaction_by_itself() -> None:
    connects = [
        {keyword.arg: keyword.value for keyword in node.keywords}
        for path in files(".py", under=PACKAGE / "engines" / "sqlite")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sqlite3.connect"
    ]
    assert connects
    assert {"None"} == {ast.unparse(keywords["isolation_level"]) for keywords in connects}


def test_a_lua_script_says_what_it_does_when_it_refuses_and_what_it_writes() -> None:
    for path in files(".lua"):
        head = path.read_text().splitlines()[:1]
        assert head, path
        assert head[0].startswith("--"), path
