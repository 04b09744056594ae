"""What follows from the figures of the rounds."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contestants import OURS, PEERS, REFERENCE
from benchmarks.results import Results
from benchmarks.rounds import turned
from benchmarks.targets import FULL, REDIS, TARGETS, Kind, Target

from benchmarks import page, tables

NODE = REFERENCE.name


def found() -> Results:
    results = Results(
        day="2026-01-01",
        facts={"kernel": "Linux"},
        versions={REDIS: {"oxherd": "1"}, FULL: {"oxherd": "1"}, NODE: {"bullmq": "2"}},
        rounds=3,
        concurrencies={REDIS: 50, FULL: 50, NODE: 100},
    )
    for number, (mine, theirs) in enumerate([(300, 100), (800, 200), (100, 50)]):
        results.note("add", REDIS, number, mine)
        results.note("add", NODE, number, theirs)
        results.note("idle_p50", REDIS, number, 2.0)
        results.note("idle_p50", NODE, number, 1.0)
    return results


def test_a_ratio_is_of_the_same_round_and_its_median() -> None:
    results = found()
    assert results.ratio("add", REDIS) == 3.0
    assert results.median("add", REDIS) == 300


def test_a_ratio_says_how_many_times_as_fast_where_less_is_better() -> None:
    assert found().ratio("idle_p50", REDIS) == 0.5


def test_a_round_that_is_missing_is_missing_on_both_sides() -> None:
    results = found()
    results.note("drain", REDIS, 1, 10)
    results.note("drain", NODE, 0, 1)
    results.note("drain", NODE, 1, 5)
    assert results.figures["drain"][REDIS] == [None, 10]
    assert results.ratio("drain", REDIS) == 2.0


def test_the_best_of_a_row_is_bold_whoever_it_is() -> None:
    head, _, add, idle = tables.absolutes(found(), [OURS[0], OURS[1], REFERENCE])
    assert head == "|  | Oxherd, Redis | Oxherd, SQLite | BullMQ, Node |"
    assert add == "| add, one by one, /s | **300** | – | 100 |"  # noqa: RUF001 - as it is printed
    assert idle.endswith("| 2.00 | – | **1.00** |")  # noqa: RUF001 - as it is printed


def test_a_target_is_met_or_not_or_was_not_measured() -> None:
    results = found()
    assert Target("add", REDIS, Kind.TIMES_NODE, 3.0).met(results) is True
    assert Target("add", REDIS, Kind.TIMES_NODE, 3.1).met(results) is False
    assert Target("idle_p50", REDIS, Kind.AT_MOST, 1.9).met(results) is False
    assert Target("idle_p50", REDIS, Kind.AT_MOST_NODE, 2.0).met(results) is True
    assert Target("add", FULL, Kind.OF_COMMITS, 0.8).met(results) is None


def test_a_share_of_the_commits_is_of_the_same_round() -> None:
    results = found()
    for number, (mine, commits) in enumerate([(8, 10), (9, 10), (1, 10)]):
        results.note("add", FULL, number, mine)
        results.note("commits", FULL, number, commits)
    assert Target("add", FULL, Kind.OF_COMMITS, 0.8).reached(results) == 0.8


def test_the_page_shows_what_was_found_and_each_target() -> None:
    text = "\n".join(page.lines(found()))
    assert "| add, one by one, /s | **3.00** | – | 1.00 |" in text  # noqa: RUF001 - as printed
    assert text.count("| add, one by one, /s | Oxherd, Redis | at least 1.5 times") == 1
    assert "**no**" in text


def test_no_target_is_given_twice() -> None:
    assert len({(target.figure, target.contestant) for target in TARGETS}) == len(TARGETS)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "latest.json"
    assert Results.read(path) is None
    found().write(path)
    assert Results.read(path) == found()


def test_in_each_round_another_one_begins_and_neighbours_stay_neighbours() -> None:
    everybody = [*OURS, *PEERS]
    orders = [turned(everybody, number, 3) for number in range(3)]
    assert len({order[0].name for order in orders}) == 3
    assert all({one.name for one in order} == {one.name for one in everybody} for order in orders)
    apart = [order.index(OURS[0]) - order.index(REFERENCE) for order in orders]
    assert [abs(distance) for distance in apart] == [3, 3, 3]
    assert {distance > 0 for distance in apart} == {True, False}
