"""The program as a whole: help, exit codes, where the store is, and passwords."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from oxherd.cli import program
from tests.cli.running import Oxherd

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "redis://me:s3cret-word@127.0.0.1:1/0"
"""Nothing listens there."""

READS = [("queue", "ls"), ("flow", "show", "x", "-q", "q", "--watch")]


def test_the_commands_are_listed_with_the_exit_codes() -> None:
    result = CliRunner().invoke(program, ["--help"])
    assert result.exit_code == 0
    for word in ("worker", "flow", "job", "queue", "events", "130", "OXHERD_URL"):
        assert word in result.output


@pytest.mark.parametrize(
    "command",
    [["worker"], ["flow"], ["flow", "add"], ["flow", "show"], ["job", "show"], ["queue", "ls"],
     ["events"]],
)  # fmt: skip
def test_every_command_has_help_of_its_own(command: list[str]) -> None:
    for name in ("--help", "-h"):
        result = CliRunner().invoke(program, [*command, name])
        assert result.exit_code == 0
        assert f"Usage: oxherd {' '.join(command)}" in result.output.replace("program", "oxherd")


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(program, ["--version"])
    assert (result.exit_code, result.output.split()[0]) == (0, "oxherd")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["queue", "nonsense"], ["queue", "ls", "--nonsense"], ["flow", "show"],
     ["worker"], ["worker", "no_colon"], ["worker", ":attr"], ["worker", "module:"],
     ["worker", "m:a", "-c", "0"], ["flow", "add", "/no/such/file.json"]],
)  # fmt: skip
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize("arguments", READS, ids=" ".join)
def test_a_store_that_cannot_be_reached_is_4_and_its_password_stays_hidden(
    arguments: tuple[str, ...],
) -> None:
    result = CliRunner().invoke(program, [*arguments, "--url", NOBODY, "--verbose"])
    assert result.exit_code == 4, result.output
    assert "127.0.0.1:1" in result.stderr
    assert "s3cret" not in result.output
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    ["mysql://me:s3cret-word@host/0", "redis://me:s3cret-word@[1/0", "redis://:s3cret-word@h:x/0",
     "sqlite://me:s3cret-word@host/file.db"],
)  # fmt: skip
def test_a_url_that_is_none_is_2_and_its_password_stays_hidden(url: str) -> None:
    result = CliRunner().invoke(program, ["queue", "ls", "--url", url])
    assert result.exit_code == 2, result.output
    assert "s3cret" not in result.output


def test_the_url_may_stand_before_or_after_or_in_the_environment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/here.db"
    for arguments, env in (
        (["--url", url, "queue", "ls"], {}),
        (["queue", "ls", "--url", url], {}),
        (["queue", "ls"], {"OXHERD_URL": url}),
        (["queue", "ls"], {"OXHERD_QUEUE_LS_URL": url}),
        (["queue", "ls", "--url", url], {"OXHERD_URL": NOBODY}),
        (["--url", NOBODY, "queue", "ls", "--url", url], {}),
    ):
        result = CliRunner().invoke(program, arguments, env={"OXHERD_URL": None, **env})
        assert (result.exit_code, url in result.output) == (0, True), result.output


def test_the_default_is_a_file_in_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(program, ["queue", "ls"], env={"OXHERD_URL": None})
    assert result.output == "There are no queues in sqlite:///oxherd.db.\n"


def test_options_come_from_the_environment(oxherd: Oxherd) -> None:
    result = oxherd.runner.invoke(
        program, ["job", "show", "none"],
        env={"OXHERD_URL": oxherd.url, "OXHERD_JOB_SHOW_QUEUE": "from-the-environment"},
    )  # fmt: skip
    assert result.exit_code == 1
    assert "'from-the-environment'" in result.stderr


def test_an_error_that_nobody_foresaw_is_1_with_a_trace_on_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(f"near {NOBODY}")

    monkeypatch.setattr("oxherd.cli.settings.open_store", broken)
    short = CliRunner().invoke(program, ["queue", "ls", "--url", NOBODY])
    long = CliRunner().invoke(program, ["queue", "ls", "--url", NOBODY, "-v"])
    assert (short.exit_code, long.exit_code) == (1, 1)
    assert "ZeroDivisionError" in short.stderr
    assert "Traceback" not in short.stderr
    assert "Traceback" in long.stderr
    assert "s3cret" not in short.output + long.output


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis", "redis.asyncio", "oxherd.engines.redis.store"):
        monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(program, ["queue", "ls", "--url", "redis://127.0.0.1/0"])
    assert result.exit_code in (1, 4)
    if result.exit_code == 4:
        assert "pip install 'oxherd[redis]'" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    ran = subprocess.run(
        f"{sys.executable} -m oxherd --help | head -1",
        shell=True, capture_output=True, text=True, cwd=tmp_path, timeout=20, check=False,
    )  # fmt: skip
    assert ran.stdout.startswith("Usage")
    assert ran.stderr == ""
