"""The page of figures, from the last run of the benchmarks that was kept."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.page import lines

__all__ = ["lines"]
