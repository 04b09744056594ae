"""Running the command: in this process, and as a process that gets signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oxherd import connect
from oxherd.cli import program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from click.testing import CliRunner, Result

    from oxherd import Store

WITHIN = 20.0
"""Seconds within which a process must have done what is waited for."""


@dataclass
class Oxherd:
    """The command on one store."""

    runner: CliRunner
    url: str

    def __call__(self, *arguments: str, stdin: str | bytes | None = None, code: int = 0) -> str:
        """What the command prints to stdout; its exit code must be `code`."""
        result = self.result(*arguments, stdin=stdin)
        assert result.exit_code == code, result.output
        return result.stdout

    def result(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        return self.runner.invoke(
            program, list(arguments), input=stdin, env={"OXHERD_URL": self.url}
        )

    def json(self, *arguments: str, code: int = 0) -> list[Any]:
        """The lines of JSON that the command prints."""
        printed = self(*arguments, "--json", code=code)
        return [json.loads(line) for line in printed.splitlines()]

    def store(self, use: Callable[[Store], Awaitable[Any]]) -> Any:
        """What `use` answers, given the store."""

        async def run() -> Any:
            store = connect(self.url)
            try:
                return await use(store)
            finally:
                await store.aclose()

        return asyncio.run(run())


@dataclass
class Process:
    """The command as a process; what it prints goes to files, so that no pipe can fill up."""

    popen: subprocess.Popen[bytes]
    folder: Path

    @property
    def out(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "stderr").read_text()

    def until(self, condition: Callable[[], object]) -> None:
        """Return when the condition holds."""
        patience = WITHIN / 0.01
        while not condition():
            patience -= 1
            assert patience > 0, (self.out, self.err)
            time.sleep(0.01)

    def until_told(self, text: str) -> None:
        """Return when the process has said this on stderr."""
        self.until(lambda: text in self.err)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float = WITHIN) -> int:
        """The exit code, once it has ended."""
        return self.popen.wait(seconds)


def _hear_ctrl_c() -> None:
    """What a shell starts in the background ignores it, and so would what the tests start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(
    folder: Path, url: str, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[Process]:
    """`python -m oxherd …`, ended with the block."""
    inherited = {name: value for name, value in os.environ.items() if "OXHERD_" not in name}
    own = {**inherited, "OXHERD_URL": url, **(env or {})}
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        popen = subprocess.Popen(
            [sys.executable, "-m", "oxherd", *arguments],
            cwd=folder, env=own, stdout=out, stderr=err, stdin=subprocess.DEVNULL,
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
        )  # fmt: skip
    process = Process(popen, folder)
    try:
        yield process
    finally:
        if popen.poll() is None:
            popen.kill()
        popen.wait()
