"""Fresh ids: time-ordered, 20 characters, never integer-like, unique without asking a store."""

from __future__ import annotations

import itertools
import secrets
import threading
from typing import Final

from oxherd.runtime.clock import wall_ms

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_PAIRS: Final = tuple(a + b for a in _DIGITS for b in _DIGITS)
_SHIFTS: Final = range(40, -1, -10)
_HALF_BITS: Final = 50
_LARGEST: Final = (1 << _HALF_BITS) - 1
_LETTER: Final = 1 << 49
"""The top bit of the first half makes it begin with a letter, `g` or later, until 10889."""


class IdSource:
    """Makes ids of 49 bits of time and 50 of chance, in base 32; those of one source ascend."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._time = 0
        self._time_text = ""
        self._chance = 0

    def new_id(self) -> str:
        """A fresh id, greater than all that this source made before."""
        now = wall_ms()
        with self._lock:
            if now > self._time:
                self._begin(now, secrets.randbits(_HALF_BITS))
            elif self._chance < _LARGEST:
                # Within one millisecond, count on from the last one's chance.
                self._chance += 1
            else:
                self._begin(self._time + 1, 0)
            return self._time_text + _text(self._chance)

    def _begin(self, time: int, chance: int) -> None:
        self._time, self._chance = time, chance
        self._time_text = _text(time | _LETTER)


def _text(half: int) -> str:
    """50 bits in base 32."""
    return "".join([_PAIRS[half >> shift & 1023] for shift in _SHIFTS])


class TokenSource:
    """Makes lock tokens: 128 random bits for the holder, and a number for each claim."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(16)
        self._numbers = itertools.count()

    def new_token(self) -> str:
        """A token that no other claim ever had."""
        return f"{self._holder}:{next(self._numbers)}"
