"""The harness's end of a contestant's program: `benchmarks/peers/contest.py` has the protocol."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from benchmarks.peers.contest import now

DONE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.002
_LEAVE_SECONDS: Final = 20.0
_TOLD: Final = 2_000


class ProgramFailed(Exception):
    """A program ended, or took too long, before it was done."""


class Program:
    """One running program.

    Args:
        command: what starts it.
        folder: where it runs.
        variables: its environment.
        log: the file for what it says besides.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, variables: dict[str, str], log: Path
    ) -> None:
        self.done = 0
        self.at = 0.0
        self.waits: list[float] = []
        self._ready = threading.Event()
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it at once: its work is done, and its jobs are thrown away."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def wait_until_ready(self, seconds: float) -> None:
        """Return when it has said so."""
        end = now() + seconds
        while not self._ready.wait(0.05):
            self.check(end)

    def go(self) -> float:
        """Tell it to start, or to add one more; the time of that."""
        assert self._process.stdin is not None
        at = now()
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return at

    def check(self, end: float) -> None:
        """See that it still runs, and that the time is not over.

        Raises:
            ProgramFailed: it does not, or it is.
        """
        code = self._process.poll()
        if code is None and now() < end:
            return
        why = "takes too long" if code is None else f"ended with {code}"
        said = self._log.read_text(errors="replace")[-_TOLD:]
        raise ProgramFailed(f"it {why}, {self.done} done\n{self._process.args!r}\n{said}")

    def leave(self) -> None:
        """Let it end by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                report = json.loads(line)
                self.waits += report["waited_ms"]
                self.at = report["at"]
                self.done = report["done"]
            elif line.strip() == "ready":
                self._ready.set()


def wait_for(programs: Sequence[Program], count: int, seconds: float) -> None:
    """Return when the programs together have done so many.

    Raises:
        ProgramFailed: one of them ended, or the time is over.
    """
    end = now() + seconds
    while sum(program.done for program in programs) < count:
        time.sleep(_LOOK_SECONDS)
        for program in programs:
            program.check(end)
