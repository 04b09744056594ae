"""What of BullMQ's objects is not here, and why; the list is printed in the documentation.

The official Python package's names and Node's are compared with ours by the tests: what is on
neither side of the list cannot come or go unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ENGINE: Final = "the engine is Oxherd's, with scripts and a layer of its own"
_LOOP: Final = "a part of the original's fetch loop; Oxherd's worker claims in batches"
_TIMER: Final = "locks are renewed and stalled jobs looked for by parts of the worker of their own"
_TRACE: Final = "Oxherd has no telemetry in this version"
_FLOW: Final = "a step of the original's walk through a flow, which is planned at once here"

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "FlowProducer.addChildren": _FLOW,
        "FlowProducer.addNode": _FLOW,
        "FlowProducer.addNodes": _FLOW,
        "FlowProducer.backend": _ENGINE,
        "FlowProducer.getBackend": _ENGINE,
        "FlowProducer.queueFromNode": _FLOW,
        "Job.addJob": _ENGINE,
        "Job.asJSONSandbox": "processors in processes are Oxherd's own (`run_in`)",
        "Job.backend": _ENGINE,
        "Job.toFlowEntry": _ENGINE,
        "JobScheduler.backend": _ENGINE,
        "Queue.backend": _ENGINE,
        "Queue.getBackend": _ENGINE,
        "Queue.metaValues": "the engine writes a queue's settings; `getMeta` reads them",
        "Queue.removeOrphanedJobs": "a scan takes others' keys for orphans; Oxherd leaves none",
        "Queue.scripts": _ENGINE,
        "Queue.token": "a queue holds no locks",
        "Queue.trace": _TRACE,
        "QueueEvents.backend": _ENGINE,
        "QueueEvents.getBackend": _ENGINE,
        "QueueEvents.trace": _TRACE,
        "Worker.backend": _ENGINE,
        "Worker.bclient": "the blocking connection is the engine's",
        "Worker.blockingRedisConnection": "the blocking connection is the engine's",
        "Worker.delay": _LOOP,
        "Worker.extendJobLocks": _TIMER,
        "Worker.getBackend": _ENGINE,
        "Worker.getBlockTimeout": _LOOP,
        "Worker.maximumBlockTimeout": _LOOP,
        "Worker.minimumBlockTimeout": _LOOP,
        "Worker.processJob": _LOOP,
        "Worker.processing": _LOOP,
        "Worker.resume_event": _LOOP,
        "Worker.retryIfFailed": _LOOP,
        "Worker.scripts": _ENGINE,
        "Worker.startStalledCheckTimer": _TIMER,
        "Worker.trace": _TRACE,
        "Worker.waitForJob": _LOOP,
        "Worker.waiting": _LOOP,
    }
)
"""Attributes and methods that are left out, by class and name."""

OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AdvancedRepeatOptions.repeatKeyHashAlgorithm": "for jobs of versions before 6",
        "AdvancedRepeatOptions.repeatStrategy": "the engine computes times: `every` or `pattern`",
        "QueueBaseOptions.blockingConnection": "the blocking connection is the engine's",
        "QueueBaseOptions.telemetry": _TRACE,
        "QueueOptions.settings": "has only what is left out",
        "QueueOptions.skipMetasUpdate": "settings are written with the first job",
        "QueueOptions.streams": "the log keeps about 10,000 events; `trimEvents` keeps fewer",
        "RepeatOptions.jobId": "for jobs of versions before 6",
        "RepeatOptions.key": "for jobs of versions before 6",
        "RepeatOptions.prevMillis": "kept by the engine",
        "WorkerOptions.maximumRateLimitDelay": "a worker looks again when the limit ends",
        "WorkerOptions.skipLockRenewal": "a worker keeps the jobs that it runs",
        "WorkerOptions.skipStalledCheck": "every worker looks after stalled jobs",
        "WorkerOptions.telemetry": _TRACE,
        "WorkerOptions.useWorkerThreads": "processors are functions",
    }
)
"""Options that are taken and have no effect, by Node's interface and name."""

__all__ = ["NAMES", "OPTIONS"]
