"""Where the server is: what makes connections to it, of the kind that the driver has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import exceptions
from redis.asyncio import connection as asynchronous
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from oxherd.domain.errors import InvalidOption, StoreUnavailable
from oxherd.domain.secrets import without_passwords

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 10.0
"""How long an answer may take; a server that is merely busy needs less."""

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is: makes connections, and is what messages show of the URL."""

    url: str
    shown: str
    given: Mapping[str, Any] | None = None
    """The arguments of a driver's own connection, and its class by name, instead of the URL."""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """An endpoint of a store URL.

        Raises:
            InvalidOption: the URL has a parameter that no connection takes, or a wrong value.
        """
        parts = urlsplit(text)
        query = [item for item in parse_qsl(parts.query) if item[0] != "prefix"]
        scheme = _SCHEMES.get(parts.scheme, parts.scheme)
        # Built by hand for unix://, whose empty host urlunsplit would drop.
        url = urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
        if not parts.netloc and "://" not in url:
            url = url.replace(f"{scheme}:", f"{scheme}://", 1)
        endpoint = cls(url, without_passwords(text))
        try:
            endpoint.connection()
        except (TypeError, ValueError, exceptions.RedisError) as error:
            raise InvalidOption(f"store URL {endpoint.shown!r}: {error}") from error
        return endpoint

    def connection(self, client_name: str | None = None) -> Any:
        """A connection that is not open yet and never sends anything twice."""
        arguments = self.arguments(asynchronous)
        kind = arguments.pop("connection_class", asynchronous.Connection)
        return kind(
            **{
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_timeout": ANSWER_SECONDS,
                "decode_responses": True,
                # Another client's bytes must not end a connection; as JSON they fail alone.
                "encoding_errors": "backslashreplace",
                "client_name": client_name,
                **arguments,
                "protocol": 2,
                "retry": AsyncRetry(NoBackoff(), 0),
            }
        )

    def arguments(self, driver: Any) -> dict[str, Any]:
        """What a connection of the driver's takes, the blocking one or the other."""
        if self.given is None:
            return dict(driver.parse_url(self.url))
        given = dict(self.given)
        kind = getattr(driver, given.pop("connection_class"))
        taken = {name for cls in kind.__mro__ for name in signature(cls.__init__).parameters}
        return {name: value for name, value in given.items() if name in taken} | {
            "connection_class": kind
        }

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        """The error for a server that does not answer."""
        return StoreUnavailable(
            f"{self.shown} cannot be reached: {str(error) or type(error).__name__}"
        )


__all__ = ["CONNECT_SECONDS", "Endpoint"]
