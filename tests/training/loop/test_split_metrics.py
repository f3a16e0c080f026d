"""What is measured when, and of which images."""

from __future__ import annotations

import pytest

from kresnet.data.sources import open_data
from kresnet.distributed.workers import Workers
from kresnet.training.loop.split_metrics import SplitMetrics
from tests.training.loop.test_session import CountingEngine
from tests.training.small_runs import vector_run


@pytest.fixture
def measured(tmp_path):
    """The metrics of a run of ten steps with twelve vectors to validate and sixteen to test on; and its engine."""
    run = vector_run(tmp_path, checkpoints={"keep_best": {}})
    data, engine = open_data(run.recipe.data, run.spec.input, 0), CountingEngine([0.1, 0.2, 0.3])
    return SplitMetrics(data, run.with_data(data.description).steps, engine, Workers()), engine


def test_an_epoch_has_less_than_the_end_which_is_measured_once(measured):
    metrics, engine = measured
    epoch, last = metrics.after_epoch(5, lambda: None), metrics.after_epoch(10, lambda: None)
    assert epoch.keys() == last.keys() < metrics.selection().keys()
    assert metrics.selection()["accuracy"] == last["accuracy"] == 0.2
    assert metrics.test(lambda: None).keys() == metrics.selection().keys()
    assert [images for _, images in engine.evaluated] == [12, 12, 16]


def test_an_end_before_the_last_step_is_measured_anew(measured):
    metrics, engine = measured
    assert metrics.after_epoch(5, lambda: None).keys() < metrics.selection().keys()
    assert [images for _, images in engine.evaluated] == [12, 12]
