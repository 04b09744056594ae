"""RedisConnection: a server, and the driver's client for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from oxherd.engines import redis_server

_MINIMUM: Final = "5.0.0"
_BLOCKS_FOR_1_MS: Final = (7, 0, 8)
_DOUBLE_TIMEOUT: Final = (6, 0, 0)


class RedisConnection:
    """A server, by arguments of the driver's client, a URL or a ready client.

    A ready client stays open when this is closed.

    Args:
        redisOpts: which server; `localhost:6379` unless given.
        skipVersionCheck: do not ask for the server's version.
        skipWaitingForReady: without effect.

    Raises:
        TypeError: an argument that the driver does not know.
    """

    minimum_version = _MINIMUM
    recommended_minimum_version = "6.2.0"

    def __init__(
        self,
        redisOpts: object = None,
        skipVersionCheck: bool = False,
        skipWaitingForReady: bool = False,
    ) -> None:
        del skipWaitingForReady
        self.server = redis_server(redisOpts)
        self.conn: Any = self.server.client
        self.shared = self.server.shared
        self.skipVersionCheck = skipVersionCheck
        self.version: str | None = None
        self.capabilities: Mapping[str, bool] = {"canBlockFor1Ms": True, "canDoubleTimeout": False}
        self.commands: dict[str, Any] = {}
        self.loadCommands()

    def loadCommands(self) -> None:
        """Do nothing: the engine loads its own scripts."""

    async def close(self) -> None:
        """Close the client, unless it was given. Harmless when repeated."""
        await self.server.aclose()

    async def disconnect(self) -> None:
        """The same as `close()`."""
        await self.close()

    async def getRedisVersion(self) -> str | None:
        """The server's version; the least that works when it is not to be asked."""
        if self.version is None:
            if self.skipVersionCheck:
                self.version = self.minimum_version
            else:
                self.version = (await self.conn.info()).get("redis_version")
            self.capabilities = {
                "canBlockFor1Ms": not _is_lower(self.version, _BLOCKS_FOR_1_MS),
                "canDoubleTimeout": not _is_lower(self.version, _DOUBLE_TIMEOUT),
            }
        return self.version

    async def set_client_name(self, name: str) -> None:
        """Have the server show the client under a name."""
        if name:
            self.conn.connection_pool.connection_kwargs["client_name"] = name
            await self.conn.client_setname(name)


def _is_lower(version: str | None, least: tuple[int, ...]) -> bool:
    # A server that does not tell is taken for a modern one.
    parts = [part for part in (version or "").split(".") if part.isdecimal()]
    return bool(parts) and tuple(int(part) for part in parts) < least


__all__ = ["RedisConnection"]
