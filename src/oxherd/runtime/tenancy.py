"""The store that an object was given, or that it opened and therefore closes."""

from __future__ import annotations

from oxherd.domain.errors import Closed
from oxherd.engines import open_store
from oxherd.store import Store


def connect(url: str | None = None) -> Store:
    """A store for `url`, `$OXHERD_URL` or `sqlite:///oxherd.db`; it connects when first used.

    Objects given the same store share its connections. Close it with `await store.aclose()`.

    Raises:
        InvalidOption: the URL cannot be understood, or names what does not work yet.
        MissingExtra: the engine's driver is not installed.
    """
    return open_store(url)


class Tenancy:
    """What an object knows of its store: which one, whose, and whether it may be used still."""

    def __init__(self, store: Store | str | None, tenant: str) -> None:
        self._owned = store is None or isinstance(store, str)
        self._store = open_store(store) if store is None or isinstance(store, str) else store
        self._tenant = tenant
        self._closed = False

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            Closed: the tenant was closed.
        """
        if self._closed:
            raise Closed(f"this {self._tenant} is closed; make a new one")
        return self._store

    @property
    def closed(self) -> bool:
        """Whether the tenant was closed."""
        return self._closed

    async def aclose(self) -> None:
        """Refuse further use, and close the store if it was opened for this tenant."""
        if not self._closed:
            self._closed = True
            if self._owned:
                await self._store.aclose()
