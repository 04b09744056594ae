"""Where contestants meet: one server, one folder, and the programs that run there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from redis import Redis
from tests.servers import RedisServer

from benchmarks import environments
from benchmarks.contestants import Contestant, Engine
from benchmarks.program import DONE_SECONDS, Program, wait_for

READY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Arena:
    """The place of all measures.

    Args:
        server: the Redis that everybody uses, one after the other.
        folder: on a real disk, for files of SQLite.
    """

    server: RedisServer
    folder: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def redis(self) -> Redis:
        """A connection to the server."""
        parts = urlsplit(self.server.url)
        return Redis(host=parts.hostname or "", port=parts.port or 0)

    def fresh(self, contestant: Contestant) -> str:
        """The URL of an empty store; what was there before is gone."""
        with self.redis() as client:
            client.flushall()
        if contestant.engine is Engine.REDIS:
            return self.server.url
        for path in self.folder.glob("jobs-*"):
            path.unlink()
        url = f"sqlite:///{self.folder}/jobs-{next(self._numbers)}.db"
        return url + "?durability=normal" * (contestant.engine is Engine.SQLITE_NORMAL)

    @contextmanager
    def program(
        self, contestant: Contestant, mode: str, url: str, **arguments: object
    ) -> Generator[Program]:
        """A program that is ready; it ends with the block."""
        words = [mode, url, json.dumps({**arguments, **contestant.arguments})]
        command = [*environments.command(contestant), *words]
        log = self.folder / f"{contestant.name}-{next(self._numbers)}.log"
        with Program(command, environments.ROOT, environments.variables(), log) as program:
            program.wait_until_ready(READY_SECONDS)
            yield program
        log.unlink()

    def add(
        self, contestant: Contestant, mode: str, url: str, count: int, **arguments: object
    ) -> float:
        """How many seconds the adds took; the program has ended by itself."""
        with self.program(contestant, mode, url, count=count, **arguments) as program:
            start = program.go()
            wait_for([program], count, DONE_SECONDS)
            program.leave()
            return program.at - start

    def drain(
        self,
        contestant: Contestant,
        url: str,
        count: int,
        *,
        concurrency: int,
        keep: bool,
        processes: int = 1,
    ) -> float:
        """How many seconds workers took for `count` jobs, from the word go to the last end."""
        with ExitStack() as stack:
            workers = [
                stack.enter_context(
                    self.program(contestant, "work", url, concurrency=concurrency, keep=keep)
                )
                for _ in range(processes)
            ]
            start = min(worker.go() for worker in workers)
            wait_for(workers, count, DONE_SECONDS)
            return max(worker.at for worker in workers) - start
