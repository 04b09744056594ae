"""What every command knows: which store, and how much to say."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import click

from oxherd.domain.errors import InvalidOption
from oxherd.domain.secrets import without_passwords
from oxherd.engines import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from oxherd.store import Store

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_KEY: Final = "oxherd.cli.settings"

_TELLING: Final = 4
"""A shorter password is hidden in URLs only: it would be found in words."""


@dataclass(slots=True)
class Settings:
    """The options that may stand before or after a command's name."""

    url: str | None = None
    verbose: bool = False

    @property
    def address(self) -> str:
        """The store's URL, for people: without its password."""
        return self.without_password(self._url)

    def open(self) -> Store:
        """The store; nothing is connected yet.

        Raises:
            InvalidOption: the URL cannot be understood.
            MissingExtra: the driver is not installed.
        """
        try:
            return open_store(self._url)
        except ValueError as error:
            raise InvalidOption(f"store URL {self.address!r}: {error}") from error

    def with_store(self, use: Callable[[Store], Awaitable[T]]) -> T:
        """What `use` answers, given the open store, on an event loop of its own."""

        async def run() -> T:
            store = self.open()
            try:
                return await use(store)
            finally:
                await store.aclose()

        return asyncio.run(run())

    def without_password(self, text: str) -> str:
        """`text` with the passwords of all URLs in it hidden, and the store's own anywhere."""
        text = without_passwords(text)
        try:
            password = urlsplit(self._url).password
        except ValueError:
            password = None
        if password and len(password) >= _TELLING:
            for secret in (password, unquote(password)):
                text = text.replace(secret, "***")
        return text

    @property
    def _url(self) -> str:
        return self.url or os.environ.get("OXHERD_URL") or DEFAULT_URL


def settings_of(ctx: click.Context) -> Settings:
    """The settings of the running program."""
    settings: Settings = ctx.find_root().meta.setdefault(_KEY, Settings())
    return settings


def settings_options(function: F) -> F:
    """Give a command `--url` and `--verbose`, and its function the argument `settings`."""

    @click.option("--url", metavar="URL", help="The store. [$OXHERD_URL, else sqlite:///oxherd.db]")
    @click.option("-v", "--verbose", is_flag=True, help="Say more.")
    @click.pass_context
    @functools.wraps(function)
    def with_settings(
        ctx: click.Context, /, *args: Any, url: str | None, verbose: bool, **kwargs: Any
    ) -> Any:
        settings = settings_of(ctx)
        settings.url = url or settings.url
        settings.verbose = verbose or settings.verbose
        return function(*args, settings=settings, **kwargs)

    return with_settings  # type: ignore[return-value] # click's decorators lose the type


def json_option(function: F) -> F:
    """Give a command `--json`, and its function the argument `as_json`.

    The option's own name makes its variable: OXHERD_QUEUE_LS_JSON.
    """

    @click.option("--json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def with_json(*args: Any, json: bool, **kwargs: Any) -> Any:
        return function(*args, as_json=json, **kwargs)

    return with_json  # type: ignore[return-value] # click's decorators lose the type
