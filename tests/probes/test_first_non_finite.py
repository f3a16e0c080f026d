"""Planted faults are traced to the layer where numbers first stop being finite."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.plan import make_plan
from kresnet.probes.first_non_finite import NonFiniteProbe
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Sgd
from kresnet.training.step.engine import Engine
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer

SPEC = Spec.model_validate(
    {
        "name": "tiny",
        "input": {"shape": [28, 28, 1], "pixels": {}},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 4},
        "block": {"kind": "basic", "dropout": 0.1},
        "stages": [{"blocks": 1, "width": 4, "stride": 2}],
        "head": {"classes": 10},
    }
)


PLAN = make_plan(SPEC)


@pytest.fixture(scope="module")
def engine() -> Engine:
    network = build_model(PLAN, seed=0)
    trainer = Trainer(network)
    trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.1), network.trainable_variables)
    return Engine(trainer, tf.distribute.get_strategy())


def diagnosed(engine: Engine, images: np.ndarray) -> str:
    probe = NonFiniteProbe(PLAN, engine.trainer.network)
    labels = np.arange(len(images), dtype=np.int32) % 10
    return probe.describe(engine.measure((tf.constant(images), tf.constant(labels)), probe))


@pytest.fixture
def restored(engine):
    before = engine.state()
    yield
    engine.restore(before)


IMAGES = np.random.default_rng(0).uniform(0, 255, (20, 28, 28, 1)).astype(np.float32)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("name", ["stem.conv", "stage1.block1.conv2", "head.logits"])
def test_a_weight_that_is_not_finite_is_traced_to_its_layer(engine, name, value):
    kernel = engine.trainer.network.get_layer(name).kernel
    planted = kernel.numpy()
    planted.flat[3] = value
    kernel.assign(planted)
    assert diagnosed(engine, IMAGES) == f"a weight of {name} is not finite"


@pytest.mark.usefixtures("restored")
def test_a_weight_that_overflows_what_it_makes_is_traced_to_its_output(engine):
    kernel = engine.trainer.network.get_layer("stage1.block1.conv2").kernel
    kernel.assign(np.full(kernel.shape, 3e38, np.float32))
    assert diagnosed(engine, IMAGES) == "the output of stage1.block1.conv2 is not finite"


def test_a_poisoned_batch_is_told(engine):
    poisoned = IMAGES.copy()
    poisoned[4, 5, 6, 0] = np.nan
    assert diagnosed(engine, poisoned) == "the images themselves are not finite"


@pytest.mark.usefixtures("restored")
def test_a_backward_pass_that_fails_is_traced_to_where_it_begins(engine, monkeypatch):
    """The forward pass is as it should be."""

    @tf.custom_gradient
    def spoilt(x):
        return tf.identity(x), lambda upstream: upstream * np.nan

    layer = engine.trainer.network.get_layer("stage1.block1.conv2")
    original = type(layer).call

    def call(self, x, **options):
        return original(self, spoilt(x) if self is layer else x, **options)

    monkeypatch.setattr(type(layer), "call", call)
    found = diagnosed(engine, IMAGES)
    assert re.fullmatch(r"the gradient that reaches stage1\.block1\.\S+ is not finite", found), found


def test_finite_numbers_whose_squares_overflow_are_told_apart(engine):
    assert "overflows" in diagnosed(engine, IMAGES)
