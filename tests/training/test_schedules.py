import keras
import numpy as np
import pytest

from kresnet.spec.recipe import Constant, Cosine, Step
from kresnet.training.schedules import learning_rate


def test_cosine_is_keras_cosine_decay():
    ours = learning_rate(0.4, Cosine(kind="cosine", final_fraction=0.1), steps_per_epoch=7, epochs=5)
    theirs = keras.optimizers.schedules.CosineDecay(0.4, decay_steps=35, alpha=0.1)
    for step in range(35):
        np.testing.assert_allclose(ours(step), theirs(step), rtol=1e-6)


def test_steps_are_keras_piecewise_constant_decay():
    schedule = Step(kind="step", at_epochs=(2.0, 4.0), factor=0.1)
    ours = learning_rate(1.0, schedule, steps_per_epoch=10, epochs=6)
    # Keras drops after its boundary, we drop at the first step of the epoch.
    theirs = keras.optimizers.schedules.PiecewiseConstantDecay([19, 39], [1.0, 0.1, 0.01])
    for step in range(60):
        np.testing.assert_allclose(ours(step), theirs(step), rtol=1e-5)


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(kind="constant", warmup_epochs=2.0),
        Cosine(kind="cosine", warmup_epochs=2.0),
        Step(kind="step", at_epochs=(3.0,), warmup_epochs=2.0),
    ],
)
def test_warmup_rises_linearly_to_the_peak(schedule):
    rate = learning_rate(0.8, schedule, steps_per_epoch=4, epochs=10)
    np.testing.assert_allclose([float(rate(step)) for step in range(8)], 0.8 * np.arange(1, 9) / 8, rtol=1e-6)
    np.testing.assert_allclose(rate(8), 0.8, rtol=1e-3)


def test_cosine_ends_at_its_final_fraction():
    rate = learning_rate(2.0, Cosine(kind="cosine", final_fraction=0.25), steps_per_epoch=10, epochs=1)
    np.testing.assert_allclose(rate(10), 0.5, rtol=1e-6)
