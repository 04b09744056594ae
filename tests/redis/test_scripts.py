"""Every script fits its signature, knows the same names as Python, and is taken by the server."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.engines.redis import keys, wire
from oxherd.engines.redis.scripts import SCRIPTS, SIGNATURES, BadScript, load

if TYPE_CHECKING:
    from pathlib import Path

LUA = files("oxherd.engines.redis").joinpath("lua")
ASSIGNMENT = re.compile(r'^\s+\[?"?(\w+)"?\]? = "([^"]+)",$', re.MULTILINE)


def table(include: str, name: str) -> dict[str, str]:
    """A table of constants in an include."""
    text = LUA.joinpath("include", f"{include}.lua").read_text()
    body = re.search(rf"local {name} = {{\n(.*?)\n}}", text, re.DOTALL)
    assert body is not None
    return dict(ASSIGNMENT.findall(f"\n{body[1]}\n"))


def test_both_languages_know_the_same_keys() -> None:
    assert table("keys", "key") == dict(keys.QUEUE_KEYS)
    assert table("keys", "part") == dict(keys.JOB_PARTS)


def test_both_languages_know_the_same_fields() -> None:
    assert table("fields", "field") == dict(wire.FIELDS)
    assert table("fields", "setting") == dict(wire.SETTINGS)
    assert table("fields", "policy_flag") == {
        flag: policy.value for flag, policy in wire.POLICY_FLAGS.items()
    }


def test_every_file_is_a_script_with_a_signature() -> None:
    found = {path.name for path in LUA.iterdir() if path.name.endswith(".lua")}
    assert found == {f"{name}.lua" for name in SIGNATURES}


def test_every_include_is_included() -> None:
    found = {path.name for path in LUA.joinpath("include").iterdir()}
    text = "".join(
        path.read_text()
        for folder in (LUA, LUA.joinpath("include"))
        for path in folder.iterdir()
        if path.name.endswith(".lua")
    )
    assert found == {f"{name}.lua" for name in re.findall(r"-- include (\w+)", text)}


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_script_begins_with_three_lines_of_comment(name: str) -> None:
    lines = LUA.joinpath(f"{name}.lua").read_text().splitlines()
    assert [line[:3] for line in lines[:4]] == ["-- ", "-- ", "-- ", "loc"]
    assert "Emits:" in lines[1] + lines[2]


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_server_takes_a_script_under_its_digest(name: str, client: Any) -> None:
    script = SCRIPTS[name]
    assert client.script_load(script.source.decode()) == script.digest.decode()


def write(root: Path, text: str) -> None:
    (root / "include").mkdir()
    (root / "pause.lua").write_text("-- a\n-- b\n-- c\n" + text)


def test_a_header_that_differs_from_its_signature_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "local base = KEYS[1]\nlocal once = ARGV[1]\n")
    with pytest.raises(BadScript, match="header"):
        load("pause", tmp_path)


def test_a_body_that_names_keys_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "local base = KEYS[1]\nlocal nonce = ARGV[1]\nreturn KEYS[1]\n")
    with pytest.raises(BadScript, match="KEYS"):
        load("pause", tmp_path)


def test_a_missing_include_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "local base = KEYS[1]\nlocal nonce = ARGV[1]\n-- include nothing\n")
    with pytest.raises(BadScript, match="nothing"):
        load("pause", tmp_path)


CONSTANTS = 'local key = {\nmeta = "meta",\nevents = "events",\n}\n'
HEADER = "local base = KEYS[1]\nlocal nonce = ARGV[1]\n"


def test_constants_stand_in_the_place_of_their_names(tmp_path: Path) -> None:
    body = (
        "local job_key = { key = nonce, job_key = 1 }\n"
        "return base .. key.meta .. key.events .. job_key.key.meta .. job_key.meta"
    )
    write(tmp_path, f"{HEADER}{CONSTANTS}{body}\n")
    folded = body.replace(" key.meta", ' "meta"').replace("key.events", '"events"')
    assert load("pause", tmp_path).source.decode() == HEADER + folded


def test_a_table_that_is_used_whole_stays(tmp_path: Path) -> None:
    body = "for name in pairs(key) do redis.call('DEL', name, key.meta) end\n"
    write(tmp_path, HEADER + CONSTANTS + body)
    assert load("pause", tmp_path).source.decode() == HEADER + CONSTANTS + body.strip().replace(
        "key.meta", '"meta"'
    )


def test_a_constant_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path, HEADER + CONSTANTS + "return key.other\n")
    with pytest.raises(BadScript, match=r"key\.other"):
        load("pause", tmp_path)


def include(root: Path, name: str, text: str) -> None:
    (root / "include" / f"{name}.lua").write_text(text)


RARE = """\
local made = 0
local function plus(a, b)
  return a + b
end
local function beside()
  made = made + 1
end
local function unused()
end
-- rare
local function sum(a, b)
  beside()
  return plus(a, b)
end
"""


def test_rare_functions_are_made_by_their_first_call(tmp_path: Path, client: Any) -> None:
    write(
        tmp_path, f"{HEADER}-- include sum\nreturn {{ plus(1, 1), sum(1, 2), sum(3, 4), made }}\n"
    )
    include(tmp_path, "sum", RARE)
    source = load("pause", tmp_path).source.decode()
    assert client.eval(source, 1, "base", "nonce") == [2, 3, 7, 2]
    makes = source.index("make_rare = function()")
    assert source.index("local function plus(") < makes < source.index("local function beside(")
    assert "unused" not in source


def test_rare_functions_can_only_be_called(tmp_path: Path) -> None:
    write(tmp_path, f"{HEADER}-- include sum\nlocal add = sum\nreturn add(1, 2)\n")
    include(tmp_path, "sum", RARE)
    with pytest.raises(BadScript, match=r"pause\.lua hands sum on; .* only be called"):
        load("pause", tmp_path)


def test_rare_functions_that_nobody_calls_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, f"{HEADER}-- include sum\nreturn plus(1, 1)\n")
    include(tmp_path, "sum", RARE)
    source = load("pause", tmp_path).source.decode()
    assert "rare" not in source
    assert source.count("function") == 1
