"""A server in front of the server: it forwards all, and loses an answer when told to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class Proxy:
    """Forwards between clients and one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._target = (parts.hostname, parts.port or 6379)
        self._server: asyncio.Server | None = None
        self._peers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.lose_answer_to: Sequence[bytes] = ()
        """The next request with one of these is done and not answered: its client is cut off."""
        self.lost = 0
        self.answered = asyncio.Event()
        """The server has answered what is lost."""

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"redis://{host}:{port}/0"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Cut all clients off."""
        for peer in self._peers:
            peer.transport.abort()
        self._peers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        self._peers |= {writer, upstream_writer}
        losing = asyncio.Event()
        try:
            await asyncio.gather(
                self._requests(reader, upstream_writer, losing),
                self._answers(upstream_reader, writer, upstream_writer, losing),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            upstream_writer.transport.abort()
            self._tasks.discard(task)

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if any(part in data for part in self.lose_answer_to):
                self.lose_answer_to = ()
                losing.set()
            upstream.write(data)
            await upstream.drain()
        raise ConnectionResetError

    async def _answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamWriter,
        losing: asyncio.Event,
    ) -> None:
        while data := await reader.read(65536):
            if losing.is_set():
                self.lost += 1
                self.answered.set()
                raise ConnectionResetError
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def lose_next(proxy: Proxy, verb: str) -> None:
    """The next call of a verb is done, and its answer lost."""
    script = SCRIPTS[verb]
    begin = b"EVAL\r\n$%d\r\n" % len(script.source) + script.source[:100]
    proxy.lose_answer_to = (b"EVALSHA\r\n$40\r\n" + script.digest, begin)
