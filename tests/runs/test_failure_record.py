"""What ends a run is on record until it goes on, and leaves nothing of one that took no step."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError, make_error
from kresnet.runs.failure_record import recorded_failure, recording_failure


@pytest.mark.parametrize("error", [make_error("image_unreadable", "a.png cannot be read."), MemoryError()])
def test_what_ends_a_run_before_its_first_step_leaves_nothing(directory, error):
    with pytest.raises(type(error)), recording_failure(directory, lambda: False):
        raise error
    assert list(directory.path.parent.iterdir()) == []


def test_a_run_that_was_asked_to_stop_before_its_first_step_stays(directory):
    with pytest.raises(KresnetError), recording_failure(directory, lambda: False):
        raise make_error("interrupted", "The state is saved.")
    assert recorded_failure(directory)["code"] == "interrupted"


def test_the_problem_that_ended_a_run_is_recorded_until_it_goes_on(directory):
    with pytest.raises(KresnetError), recording_failure(directory):
        raise make_error("diverged", "The loss is not finite.")
    assert recorded_failure(directory)["code"] == "diverged"
    with recording_failure(directory):
        assert recorded_failure(directory) == {}
