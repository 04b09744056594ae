"""BullMQ's official Python package, on Oxherd's engine: change the import line, keep the program.

```python
from oxherd.bullmq import FlowProducer, Job, Queue, QueueEvents, Worker
```

Names, signatures, options (dictionaries, milliseconds), events and texts of errors are those of
the official package; what Node's has beyond it is there under Node's names. Redis only.
"""

from __future__ import annotations

from oxherd.bullmq.abort_controller import AbortController, AbortError, AbortSignal
from oxherd.bullmq.custom_errors import (
    DelayedError,
    RateLimitError,
    UnrecoverableError,
    WaitingChildrenError,
    WaitingError,
)
from oxherd.bullmq.event_emitter import EventEmitter
from oxherd.bullmq.flow_producer import FlowProducer
from oxherd.bullmq.job import Job
from oxherd.bullmq.job_scheduler import JobScheduler
from oxherd.bullmq.lock_manager import LockManager
from oxherd.bullmq.queue import Queue
from oxherd.bullmq.queue_events import QueueEvents
from oxherd.bullmq.queue_events_producer import QueueEventsProducer
from oxherd.bullmq.worker import Worker

__all__ = [
    "AbortController",
    "AbortError",
    "AbortSignal",
    "DelayedError",
    "EventEmitter",
    "FlowProducer",
    "Job",
    "JobScheduler",
    "LockManager",
    "Queue",
    "QueueEvents",
    "QueueEventsProducer",
    "RateLimitError",
    "UnrecoverableError",
    "WaitingChildrenError",
    "WaitingError",
    "Worker",
]
