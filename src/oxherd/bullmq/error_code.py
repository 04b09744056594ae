"""ErrorCode: the numbers that BullMQ's errors have in `code`."""

from __future__ import annotations

from enum import Enum


class ErrorCode(Enum):
    """Why something was refused (BullMQ protocol, 4.0)."""

    JobNotExist = -1
    JobLockNotExist = -2
    JobNotInState = -3
    JobPendingDependencies = -4
    ParentJobNotExist = -5
    JobLockMismatch = -6
    ParentJobCannotBeReplaced = -7
    JobBelongsToJobScheduler = -8
    JobHasFailedChildren = -9
    SchedulerJobIdCollision = -10
    SchedulerJobSlotsBusy = -11


__all__ = ["ErrorCode"]
