"""What the data and the devices settle of a run, and what it refuses to begin with."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.distributed.context import connect
from kresnet.errors import KresnetError
from kresnet.runs.run_directory import RunDirectory
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.opening import open_run_data, require_training_memory
from kresnet.training.step.engine import Engine
from tests.training.interrupted_runs import weights
from tests.training.small_runs import vector_run

MEBIBYTE = 1 << 20
BATCH = 16384


def test_data_and_devices_settle_the_run(tmp_path):
    run = vector_run(tmp_path)
    with connect(None, run.recipe) as context:
        settled, data = open_run_data(run, context)
    assert (run.data, run.compute) == (None, None)
    assert (settled.data.train_images, settled.data.test_images) == (40, 16) == (len(data.train), len(data.test))
    assert (settled.steps.epoch_steps, settled.steps.total_steps) == (5, 10)
    assert (settled.devices.replicas, settled.devices.precision, settled.devices.xla) == (1, "float32", False)


def test_vectors_are_not_augmented(tmp_path):
    run = vector_run(tmp_path, augment={"flip": True})
    with connect(None, run.recipe) as context, pytest.raises(KresnetError) as caught:
        open_run_data(run, context)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("contradiction", "recipe.augment")]


def test_norms_that_have_seen_nothing_are_not_folded(tmp_path):
    run = vector_run(tmp_path, quantize={})
    with connect(None, run.recipe) as context, pytest.raises(KresnetError, match="seen no image") as caught:
        open_run_data(run, context)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("contradiction", "recipe.quantize")]


@pytest.mark.parametrize(
    ("distribution", "workers", "sizes", "fits"),
    [
        ("auto", 1, (MEBIBYTE,), False),
        ("auto", 1, (MEBIBYTE, MEBIBYTE), False),
        ("auto", 2, (MEBIBYTE, MEBIBYTE), True),  # a quarter of the batch each
        ("one_device", 1, (MEBIBYTE, MEBIBYTE), False),
        ("auto", 1, (8 * MEBIBYTE, None), True),
        ("auto", 1, (8 * MEBIBYTE, MEBIBYTE), False),  # the smallest counts
    ],
)
def test_memory_of_a_step_is_that_of_each_gpu_that_trains(distribution, workers, sizes, fits, tmp_path, monkeypatch):
    """The whole batch takes 3 MiB, half of it 1.5."""
    monkeypatch.setattr("kresnet.training.opening.tf.config.list_physical_devices", lambda kind: list(sizes))
    monkeypatch.setattr("kresnet.training.opening.gpu_memory", lambda index: sizes[index])
    run = vector_run(tmp_path, batch_size=BATCH, distribution=distribution)
    if fits:
        require_training_memory(run.plan, run.recipe, workers)
        return
    with pytest.raises(KresnetError) as caught:
        require_training_memory(run.plan, run.recipe, workers)
    (problem,) = caught.value.problems
    assert problem.code == "too_large"
    assert ("the GPU has" if len(sizes) == 1 else "the smallest GPU has") in problem.expected
    fitting = int(problem.remedy.split("batch_size=")[1].split(",")[0])
    require_training_memory(run.plan, run.recipe.model_copy(update={"batch_size": fitting}), workers)


def test_a_batch_size_that_memory_chooses_is_recorded_and_changes_no_bit(tmp_path):
    """40 examples: a sixteenth of them is two. The run is that of somebody who states two."""
    told, begun, stated = [], RunDirectory(tmp_path / "auto"), RunDirectory(tmp_path / "stated")
    fit.start(stated, vector_run(tmp_path, batch_size=2, deterministic=True), None, RunOutput())
    run = vector_run(tmp_path, batch_size="auto", deterministic=True)
    with pytest.raises(KresnetError, match="Stopped after step 20"):
        fit.start(begun, run, None, RunOutput(told.append), pause_after=1)
    assert fit.resume(RunDirectory.open(begun.path), None, RunOutput())["steps"] == 40
    assert begun.load_recipe().value.batch_size == 2
    assert "batch_size: 2 (auto: a sixteenth of 40 training images; a step takes about" in "\n".join(told)
    assert begun.original_config()["environment"]["batch_size"].startswith("2 (auto: ")
    for ours, theirs in zip(weights(begun.model), weights(stated.model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_step_that_memory_does_not_hold_is_followed_by_a_smaller_one(tmp_path, monkeypatch):
    tried = []

    class SmallDevice(Engine):
        def metrics(self):
            tried.append(self.steps_taken())
            if len(tried) == 1:
                raise tf.errors.ResourceExhaustedError(None, None, "no memory")
            return super().metrics()

    monkeypatch.setattr("kresnet.training.opening.Engine", SmallDevice)
    run = vector_run(tmp_path, batch_size="auto")
    with connect(None, run.recipe) as context:
        settled, _ = open_run_data(run, context)
    assert (tried, settled.recipe.batch_size) == ([1, 1], 1)
    assert settled.batch_size_text.startswith("1 (auto: a step of 2 did not fit into memory;")


def test_several_workers_state_their_batch_size(tmp_path):
    cluster = type("Cluster", (), {"addresses": ("a", "b")})()
    run = vector_run(tmp_path, batch_size="auto")
    with pytest.raises(KresnetError, match="tried on the devices of one"), connect(cluster, run.recipe):
        pass
