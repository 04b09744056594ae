"""Passwords stay out of messages and logs."""

from __future__ import annotations

import re
from typing import Final

_BEFORE_HOST: Final = re.compile(r"(://[^/\s:@]*):[^@\s/]+@")
_AS_PARAMETER: Final = re.compile(r"([?&]password=)[^&#\s]*")


def without_passwords(text: str) -> str:
    """`text` with the passwords of all URLs in it hidden, wherever in the URL they stand."""
    return _AS_PARAMETER.sub(r"\1***", _BEFORE_HOST.sub(r"\1:***@", text))
