"""A verb that changes what is stored has one name, and its places can be listed by it."""

from __future__ import annotations

import inspect
import re

import pytest

from oxherd import store
from oxherd.domain.lifecycle import EFFECTS, Transition
from tests.architecture.source import CONFORMANCE, LUA, TRANSITIONS

READS = frozenset({"wakeup", "lock_keeper", "aclose"})
"""Methods of the writing protocols that change nothing stored."""


def verbs() -> list[str]:
    return [
        name
        for protocol in (store.Intake, store.Work, store.Tend, store.Control, store.Schedules)
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and not name.startswith("_") and name not in READS
    ]


def test_the_port_has_every_transition_that_a_caller_asks_for() -> None:
    assert {transition.value for transition in set(Transition) - EFFECTS} <= set(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_has_its_script_its_module_and_its_test(verb: str) -> None:
    places = [
        LUA / f"{verb}.lua",
        TRANSITIONS / f"{verb}.py",
        CONFORMANCE / f"test_{verb}.py",
    ]
    assert [str(place) for place in places if not place.exists()] == []


@pytest.mark.parametrize("effect", sorted(EFFECTS))
def test_an_effect_is_one_include_and_one_module(effect: str) -> None:
    places = [LUA / "include" / f"{effect}.lua", TRANSITIONS / f"{effect}.py"]
    assert [str(place) for place in places if not place.exists()] == []


def test_a_script_that_is_no_verb_only_reads() -> None:
    reading = re.compile(
        r"EXISTS|GET|H(GET|GETALL|LEN|MGET|KEYS|SCAN|EXISTS)|L(LEN|RANGE|POS|INDEX)|S(CARD|ISMEMBER)"
        r"|PTTL|SMEMBERS|SSCAN|TIME|TYPE|X(LEN|RANGE|REVRANGE)|Z(CARD|COUNT|RANGE|RANK|SCORE|SCAN)"
    )
    for script in sorted(LUA.glob("*.lua")):
        if script.stem not in verbs():
            commands = re.findall(r"""redis\.p?call\(\s*['"](\w+)""", script.read_text())
            assert [name for name in commands if not reading.fullmatch(name.upper())] == [], script


def test_the_protocols_make_up_the_store() -> None:
    parts = (
        store.Intake, store.Work, store.Tend, store.Control, store.Schedules, store.Inspect,
        store.EventLog,
    )  # fmt: skip
    assert set(parts) <= set(store.Store.__mro__)
