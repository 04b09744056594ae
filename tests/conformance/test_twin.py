"""The twin test: one random program on two engines, whose full state must agree at every step."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from oxherd.domain.lifecycle import EFFECTS, Transition
from tests.conformance.twin_control import SteeringQueues
from tests.conformance.twin_intake import AddingJobs
from tests.conformance.twin_program import SIDE_EFFECTS
from tests.conformance.twin_tend import TendingJobs
from tests.conformance.twin_work import RunningJobs

FULL = os.environ.get("OXHERD_TEST_PROFILE") == "full"

assert set(SIDE_EFFECTS) | EFFECTS <= set(Transition)


@pytest.mark.timeout(3_000 if FULL else 120)
def test_both_engines_agree_on_every_step(redis_url: str) -> None:
    class Program(AddingJobs, RunningJobs, TendingJobs, SteeringQueues):
        pass

    Program.redis_url = redis_url
    run_state_machine_as_test(
        Program,
        settings=settings(
            max_examples=600 if FULL else 40,
            stateful_step_count=80 if FULL else 40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
