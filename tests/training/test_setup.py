"""What a run is made of before its first step, and what it refuses to begin with."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.distributed.context import connect
from kresnet.errors import KresnetError
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.setup import make_trainer, open_run_data, require_training_memory
from kresnet.training.step.clipping import AdaptiveClipping, GlobalNormClipping
from tests.training.small_runs import vector_run

MEBIBYTE = 1 << 20
BATCH = 16384


def trainer_of(run: ResolvedRun, prepare=None):
    with connect(None, run.recipe) as context:
        return make_trainer(open_run_data(run, context)[0], context, prepare)


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
    trainer = trainer_of(vector_run(tmp_path, quantize={"start_epochs": 1.0}))
    assert (trainer.quantize_from, trainer.activation_ranges) == (5, {})


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        ({}, type(None)),
        ({"gradient_clip_norm": 2.0}, GlobalNormClipping),
        ({"gradient_clip_adaptive": 0.01}, AdaptiveClipping),
    ],
)
def test_gradients_are_clipped_as_the_recipe_says(tmp_path, recipe, kind):
    trainer = trainer_of(vector_run(tmp_path, **recipe))
    assert type(trainer.clip) is kind


def test_the_network_and_its_average_begin_with_the_weights_that_it_is_given(tmp_path):
    trainer = trainer_of(
        vector_run(tmp_path, ema={}), lambda network: network.set_weights([0.5 * w for w in network.get_weights()])
    )
    plain = trainer_of(vector_run(tmp_path))
    for halved, whole in zip(trainer.network.get_weights(), plain.network.get_weights(), strict=True):
        np.testing.assert_array_equal(halved, 0.5 * whole)
    assert trainer.average is not None
    assert plain.average is None
    assert plain.evaluated_network is plain.network


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
    monkeypatch.setattr("kresnet.training.setup.tf.config.list_physical_devices", lambda kind: list(sizes))
    monkeypatch.setattr("kresnet.training.setup.gpu_memory", lambda index: sizes[index])
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
