"""What is told of Oxherd alone, once a run."""

from __future__ import annotations

from typing import Final

from benchmarks import cost, footprint, growth
from benchmarks.contestants import OWN
from benchmarks.works import Work

_FRESH: Final = 7
_JOBS: Final = 40_000


def works(*, many: int, family: int) -> tuple[Work, ...]:
    """The works; `many` jobs wait, and `family` children have one parent, at most."""
    return (
        Work(name="import", needs=OWN, measure=footprint.imported, trial=_FRESH, once=True),
        Work(name="growth", needs=OWN, measure=growth.waiting, trial=many, once=True),
        Work(name="children", needs=OWN, measure=growth.children, trial=family, once=True),
        Work(name="cost", needs=OWN, measure=cost.of_a_job, trial=_JOBS, once=True),
    )
