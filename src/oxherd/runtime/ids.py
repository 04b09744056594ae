"""Fresh ids: time-ordered, 20 characters, never integer-like, unique without asking a store."""

from __future__ import annotations

import itertools
import secrets
import threading
from typing import Final

from oxherd.runtime.clock import wall_ms

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_PAIRS: Final = tuple(a + b for a in _DIGITS for b in _DIGITS)
_SHIFTS: Final = range(90, -1, -10)
_RANDOM_BITS: Final = 50
_LETTER: Final = 1 << 99
"""The top bit of 100 makes the first character a letter, `g` or later, until the year 10889."""


class IdSource:
    """Makes ids of 49 bits of time and 50 of chance, in base 32; those of one source ascend."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new_id(self) -> str:
        """A fresh id, greater than all that this source made before."""
        now = wall_ms()
        with self._lock:
            # Within one millisecond, count on from the last one's chance.
            if now <= self._last >> _RANDOM_BITS:
                self._last += 1
            else:
                self._last = now << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            number = self._last | _LETTER
        return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


class TokenSource:
    """Makes lock tokens: 128 random bits for the holder, and a number for each claim."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(16)
        self._numbers = itertools.count()

    def new_token(self) -> str:
        """A token that no other claim ever had."""
        return f"{self._holder}:{next(self._numbers)}"
