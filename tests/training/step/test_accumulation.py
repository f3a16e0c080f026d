"""A batch in parts is the batch, but for what batch norm makes of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.plan import Plan
from kresnet.probes.probe import Probe
from kresnet.training.step.accumulation import accumulate
from kresnet.training.step.trainer import Trainer
from tests.training.networks import tiny_plan

RNG = np.random.default_rng(0)
LABELS = tf.constant(RNG.integers(0, 3, 8).astype(np.int32))


def images(of: Plan) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).integers(0, 256, (8, *of.input_shape)).astype(np.uint8))


def backward(made: Trainer, batch: tf.Tensor) -> dict[str, Any]:
    """A compiled pass."""

    def run() -> dict[str, Any]:
        passed = made.backward(batch, LABELS)
        return {name: getattr(passed, name) for name in ("outputs", "global_loss", "gradients")}

    return tf.function(run, autograph=False)()


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_parts_come_in_order_and_are_added_up(unroll: bool, compiled: bool) -> None:
    def run(images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return images[:, :2], [tf.reduce_sum(images * tf.cast(targets, tf.float32)[:, None])]

    values, targets = tf.reshape(tf.range(24.0), (6, 4)), tf.range(6)

    def whole() -> tuple[tf.Tensor, list[tf.Tensor]]:
        return accumulate(run, (values, targets), 3, [tf.constant(1.0)], unroll=unroll)

    outputs, (total,) = (tf.function(whole, autograph=False) if compiled else whole)()
    np.testing.assert_array_equal(outputs, values[:, :2])
    assert float(total) == 1.0 + float((values.numpy() * np.arange(6)[:, None]).sum())


def test_without_batch_norm_it_is_one_big_batch() -> None:
    """Loss, outputs and gradients to float32's rounding."""
    group = tiny_plan({"kind": "group", "groups": 2})
    whole, parts = (Trainer(build_model(group), accumulate_steps=count) for count in (1, 4))
    expected, found = (backward(made, images(group)) for made in (whole, parts))
    np.testing.assert_allclose(found["outputs"], expected["outputs"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["global_loss"], expected["global_loss"], rtol=1e-6)
    for a, b in zip(found["gradients"], expected["gradients"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6 * float(tf.norm(b)) + 1e-8)


def test_batch_norm_takes_the_statistics_of_each_part_and_moves_once_a_part() -> None:
    batch = tiny_plan({"kind": "batch"})
    parts, by_hand = Trainer(build_model(batch), accumulate_steps=2), build_model(batch)
    backward(parts, images(batch))
    for half in (images(batch)[:4], images(batch)[4:]):
        by_hand(tf.cast(half, tf.float32), training=True)
    for a, b in zip(parts.network.non_trainable_variables, by_hand.non_trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert any(float(keras.ops.sum(weight)) for weight in by_hand.non_trainable_variables if "mean" in weight.name)


def test_a_probe_looks_at_the_last_part() -> None:
    batch = tiny_plan({"kind": "batch"})
    made = Trainer(build_model(batch), accumulate_steps=2)
    probe = Probe(batch, made.network, check_norms=True, measure_blocks=True)
    findings = made.backward(images(batch), LABELS, probe).findings
    height, width, _ = batch.by_name["stem.norm"].shape
    assert findings["batch_norm"][0, -1] == 4 * height * width  # values a channel
    assert float(tf.reduce_max(findings["batch_norm"][:, :-1])) < 1e-2
    assert float(tf.reduce_min(findings["flow"][:, -1])) > 0


def test_weights_of_examples_go_with_their_parts() -> None:
    """The sum of weight times loss over the whole batch's number, however the batch is divided."""
    group = tiny_plan({"kind": "group", "groups": 2})
    weights = tf.constant(np.linspace(0, 3, 8).astype(np.float32))
    made = [Trainer(build_model(group), accumulate_steps=count) for count in (1, 4)]
    made.append(Trainer(build_model(group), xla=True))
    whole, *others = [each.backward(images(group), LABELS, None, weights) for each in made]
    losses = made[0].objective.example_losses(whole.outputs, LABELS)
    np.testing.assert_allclose(whole.loss, np.mean(losses * weights), rtol=1e-6)
    assert not np.isclose(whole.loss, np.mean(losses))
    for found in others:
        np.testing.assert_allclose(found.global_loss, whole.global_loss, rtol=1e-5)
        for a, b in zip(found.gradients, whole.gradients, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
