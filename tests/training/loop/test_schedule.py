"""Learning rates against Keras's schedules, PyTorch's one-cycle, and the papers' words."""

import keras
import numpy as np
import pytest

from kresnet.plan.resolved_recipe import LearningRatePlan, WarmUpSteps
from kresnet.training.loop.schedule import learning_rate
from tests.training.reference import pytorch

STEPS = np.arange(35)


def falling(shape: str, peak: float = 0.4, total: int = 35, **settings) -> LearningRatePlan:
    return LearningRatePlan(peak, total, shape, settings)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (falling("cosine", final=0.1), keras.optimizers.schedules.CosineDecay(0.4, decay_steps=35, alpha=0.1)),
        (
            falling("polynomial", final=0.25, power=2.0),
            keras.optimizers.schedules.PolynomialDecay(0.4, decay_steps=35, end_learning_rate=0.1, power=2.0),
        ),
        (  # Keras drops after its boundary, we drop at the first step of the epoch.
            falling("falls", at_steps=(10, 20), factor=0.1),
            keras.optimizers.schedules.PiecewiseConstantDecay([9, 19], [0.4, 0.04, 0.004]),
        ),
    ],
    ids=["cosine", "polynomial", "falls"],
)
def test_a_schedule_is_that_of_keras(ours, theirs):
    expected = [float(theirs(step)) for step in STEPS]
    np.testing.assert_allclose([float(learning_rate(ours)(step)) for step in STEPS], expected, rtol=1e-5)
    np.testing.assert_allclose(learning_rate(ours)(STEPS), expected, rtol=1e-5)  # all steps at once


@pytest.mark.parametrize("curve", ["cosine", "linear"])
def test_one_cycle_is_that_of_pytorch(curve):
    rate = LearningRatePlan(
        0.4, 50, "one_cycle", {"rise_fraction": 0.3, "initial": 0.04, "final": 4e-6, "curve": curve}
    )
    expected = pytorch()[f"one_cycle_{curve}"]
    np.testing.assert_allclose(learning_rate(rate)(np.arange(50)), expected, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ("constant", {}),
        ("cosine", {"final": 0.0}),
        ("polynomial", {"final": 0.0, "power": 1.0}),
        ("falls", {"at_steps": (12,), "factor": 0.1}),
    ],
)
def test_warmup_rises_linearly_to_the_peak(shape, settings):
    rate = learning_rate(LearningRatePlan(0.8, 40, shape, settings, WarmUpSteps(8, 0.0, "linear")))
    np.testing.assert_allclose(rate(np.arange(8)), 0.8 * np.arange(1, 9) / 8, rtol=1e-6)
    np.testing.assert_allclose(rate(8), 0.8, rtol=1e-6)


def test_warmup_begins_where_it_is_told():
    """Goyal et al. 2017, section 2.2: from 0.1 to 3.2, by the same amount each step."""
    rates = learning_rate(LearningRatePlan(3.2, 1000, "constant", {}, WarmUpSteps(100, 0.1 / 3.2, "linear")))(
        np.arange(101)
    )
    np.testing.assert_allclose(np.diff(rates)[:99], 0.031, rtol=1e-3)
    np.testing.assert_allclose([rates[0], rates[99], rates[100]], [0.131, 3.2, 3.2], rtol=1e-5)


def test_a_constant_warmup_is_that_of_the_papers_110_layers():
    """He et al. 2015, section 4.2: 0.01 for about 400 iterations, then 0.1."""
    rate = learning_rate(LearningRatePlan(0.1, 64_000, "falls", {"at_steps": (32_000, 48_000), "factor": 0.1},
                              WarmUpSteps(400, 0.1, "constant")))  # fmt: skip
    steps = [0, 399, 400, 31_999, 32_000, 47_999, 48_000, 63_999]
    np.testing.assert_allclose(rate(np.array(steps)), [0.01, 0.01, 0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3], rtol=1e-5)


def test_a_schedule_ends_at_its_final_fraction():
    np.testing.assert_allclose(learning_rate(falling("cosine", 2.0, 10, final=0.25))(10), 0.5, rtol=1e-6)
