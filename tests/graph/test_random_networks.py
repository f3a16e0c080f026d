"""Random networks are built, run forwards and backwards, and agree with their plans."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from hypothesis import given

from kresnet.graph import build_model
from tests.strategies import examples, specs


@examples(6, shrink=False)
@given(specs(most_stages=2, most_blocks=2))
def test_random_networks_train(found):
    spec, plan = found
    keras.backend.clear_session()
    model = build_model(plan)  # which compares the two layer by layer
    x = np.random.default_rng(0).uniform(0, 255, (4, *plan.input_shape)).astype("float32")
    x = x if spec.input.is_image else x / 255
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        outputs = outputs if isinstance(outputs, dict) else {next(iter(plan.outputs)): outputs}
        loss = tf.add_n([tf.reduce_mean(tf.square(value)) for value in outputs.values()])
    shapes = {name: tuple(value.shape[1:]) for name, value in outputs.items()}
    assert shapes == {name: plan.by_name[record].shape for name, record in plan.outputs.items()}
    assert np.isfinite(loss)
    weights = [weight.value for weight in model.trainable_weights]
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
