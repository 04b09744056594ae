"""THE DOOR: `open_store(url)` picks the engine, imported only then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from oxherd.domain.errors import InvalidOption, MissingExtra
from oxherd.domain.names import nearest
from oxherd.domain.secrets import without_passwords
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    from oxherd.engines.redis.server import RedisServer
    from oxherd.store import Clock, FailPoint, Store

DEFAULT_URL: Final = "sqlite:///oxherd.db"
DEFAULT_PREFIX: Final = "bull"

_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "valkey", "valkeys", "unix"})
_LATER_SCHEMES: Final = frozenset({"redis+sentinel", "redis+cluster"})
_DURABILITY: Final = frozenset({"full", "normal"})


def open_store(
    url: str | None = None,
    *,
    clock: Clock | None = None,
    failpoint: FailPoint = no_failpoint,
) -> Store:
    """A store for `url`, `$OXHERD_URL` or `sqlite:///oxherd.db`; nothing is opened yet.

    Args:
        url: `sqlite:///file.db`, `sqlite:////absolute.db`, `sqlite:///:memory:`, `redis://`,
            `rediss://`, `valkey://`, `unix://`. `?prefix=` on all; on SQLite
            `?durability=normal`.
        clock: for tests: milliseconds since the epoch instead of the store's time.
        failpoint: for tests: called at named points.

    Raises:
        InvalidOption: the URL cannot be understood, or names what does not work yet.
        MissingExtra: the engine's driver is not installed.
    """
    text = url or os.environ.get("OXHERD_URL") or DEFAULT_URL
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InvalidOption(f"store URL {without_passwords(text)!r}: {error}") from error
    known = {"sqlite"} | _REDIS_SCHEMES
    if parts.scheme in _LATER_SCHEMES:
        raise InvalidOption(
            f"{parts.scheme}:// does not work yet in this version; use redis:// to one server"
        )
    if parts.scheme not in known:
        shown = without_passwords(text)
        raise InvalidOption(
            f"store URL {shown!r} has no known scheme{nearest(parts.scheme, known)}"
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = query.get("prefix", DEFAULT_PREFIX)
    if not prefix:
        raise InvalidOption("?prefix= in a store URL cannot be empty")
    if parts.scheme == "sqlite":
        from oxherd.engines.sqlite.store import SqliteStore  # noqa: PLC0415 - imported when picked

        unknown = query.keys() - {"prefix", "durability"}
        if unknown:
            name = min(unknown)
            message = f"unknown parameter {name!r} of a sqlite URL"
            raise InvalidOption(f"{message}{nearest(name, {'prefix', 'durability'})}")
        durability = query.get("durability", "full")
        if durability not in _DURABILITY:
            raise InvalidOption(
                f"?durability={durability}: it is {' or '.join(sorted(_DURABILITY))}"
            )
        return SqliteStore(
            _path(parts.netloc, parts.path, text),
            prefix=prefix,
            durability=durability,
            clock=clock,
            failpoint=failpoint,
        )
    try:
        from oxherd.engines.redis.store import RedisStore  # noqa: PLC0415 - imported when picked
    except ImportError as error:
        raise _without_driver(f"{parts.scheme}://", error) from error
    return RedisStore(text, prefix=prefix, clock=clock, failpoint=failpoint)


def redis_server(given: object = None) -> RedisServer:
    """A Redis server for the drop-in module: by a ready client, its arguments, or a URL.

    Raises:
        InvalidOption, TypeError: it cannot be understood.
        MissingExtra: the driver is not installed.
    """
    try:
        from oxherd.engines.redis.server import (  # noqa: PLC0415 - imported when picked
            RedisServer,
        )
    except ImportError as error:
        raise _without_driver("oxherd.bullmq", error) from error
    return RedisServer(given)


def redis_keys(prefix: str, queue: str) -> dict[str, str]:
    """The keys of a queue under the names that BullMQ's objects give them."""
    from oxherd.engines.redis.server import queue_keys  # noqa: PLC0415 - imported when picked

    return queue_keys(prefix, queue)


def redis_options(text: str) -> dict[str, Any]:
    """Stored options of a job under the names that BullMQ's objects give them."""
    from oxherd.engines.redis.server import decode_options  # noqa: PLC0415 - imported when picked

    return decode_options(text)


def _without_driver(what: str, error: ImportError) -> ImportError | MissingExtra:
    if error.name is None or error.name.partition(".")[0] not in {"redis", "hiredis"}:
        return error
    return MissingExtra(f"{what} needs the Redis client: pip install 'oxherd[redis]'")


def _path(host: str, path: str, url: str) -> str:
    if host or path in ("", "/"):
        message = (
            f"{url!r} names no file: sqlite:///file.db is relative, sqlite:////dir/file.db is"
            " absolute, sqlite:///:memory: is in memory"
        )
        raise InvalidOption(message)
    return unquote(path[1:])


__all__ = [
    "DEFAULT_PREFIX",
    "DEFAULT_URL",
    "open_store",
    "redis_keys",
    "redis_options",
    "redis_server",
]
