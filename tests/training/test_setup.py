"""What a run is made of before its first step."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.distributed.context import connect
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.training.opening import open_run_data
from kresnet.training.setup import make_trainer
from kresnet.training.step.clipping import AdaptiveClipping, GlobalNormClipping
from tests.training.small_runs import vector_run


def trainer_of(run: ResolvedRun, prepare=None):
    with connect(None, run.recipe) as context:
        return make_trainer(open_run_data(run, context)[0], context, prepare)


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


def test_rates_fall_from_the_head_to_the_stem(tmp_path):
    trainer = trainer_of(vector_run(tmp_path, layer_decay=0.5))
    names = [weight.path.partition("/")[0] for weight in trainer.network.trainable_variables]
    shares = dict(zip(names, trainer.updates.shares, strict=True))
    assert shares["head.logits"] == 1.0
    assert {share for name, share in shares.items() if name.startswith("stage1.block1")} == {0.5}
    assert set(trainer_of(vector_run(tmp_path)).updates.shares) == {1.0}
