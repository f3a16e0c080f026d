"""Mixup and cutmix against NumPy, and against the tables of their papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.mix import PairMixing, draw_mixture, mix_targets
from kresnet.spec.recipe import Cutmix, Mixup, MixupOrCutmix

SIZE, CLASSES = (12, 10), 5


def mix_pairs(images: tf.Tensor, labels: tf.Tensor, *drawn: Any, classes: int) -> tuple[tf.Tensor, ...]:
    """Images and labels, and weights if given, after mixing."""
    mixed = PairMixing().apply(images, *drawn[:2])
    return (mixed, *mix_targets(labels, *drawn, size=SIZE, classes=classes))


def batch(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, *SIZE, 3), np.uint8), random.integers(0, CLASSES, count).astype(np.int32)


@pytest.mark.parametrize("count", [8, 7])
@pytest.mark.parametrize("mix", [Mixup(kind="mixup", alpha=1.0), Cutmix(kind="cutmix")], ids=["mixup", "cutmix"])
def test_agrees_with_numpy(mix: Mixup | Cutmix, count: int) -> None:
    images, labels = batch(count)
    for step in range(6):
        weight, (top, left, bottom, right) = draw_mixture(mix, 3, step, SIZE)
        ours, targets = mix_pairs(
            tf.constant(images), tf.constant(labels), weight, (top, left, bottom, right), classes=CLASSES
        )
        for index in range(count):
            partner = index + 1 if index % 2 == 0 else index - 1
            partner = index if partner == count else partner
            expected = images[index].astype(float) * weight + images[partner] * (1 - float(weight))
            expected[top:bottom, left:right] = images[partner, top:bottom, left:right]
            assert np.abs(ours[index].numpy() - expected).max() <= 0.51
            share = float(weight) * (1 - (bottom - top) * (right - left) / (SIZE[0] * SIZE[1]))
            target = np.zeros(CLASSES)
            target[labels[index]] += share
            target[labels[partner]] += 1 - share
            np.testing.assert_allclose(targets[index], target, atol=1e-6)


def test_independent_labels_are_mixed_as_classes_are() -> None:
    images, labels = batch(6)
    drawn = draw_mixture(Mixup(kind="mixup", alpha=1.0), 0, 3, SIZE)
    one_hot = np.eye(CLASSES, dtype=np.float32)[labels]
    of_classes = mix_pairs(tf.constant(images), tf.constant(labels), *drawn, classes=CLASSES)[1]
    of_labels = mix_pairs(tf.constant(images), tf.constant(one_hot), *drawn, classes=CLASSES)[1]
    np.testing.assert_array_equal(of_labels, of_classes)


def test_a_share_of_the_batch_mixes_as_the_whole() -> None:
    images, labels = batch(16)
    weight, rectangle = draw_mixture(Mixup(kind="mixup", alpha=1.0), 0, 11, SIZE)
    whole = mix_pairs(tf.constant(images), tf.constant(labels), weight, rectangle, classes=CLASSES)
    part = mix_pairs(tf.constant(images[4:8]), tf.constant(labels[4:8]), weight, rectangle, classes=CLASSES)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[4:8], other)


def test_weights_follow_the_beta_distribution() -> None:
    for alpha in (0.2, 1.0):
        weights = [float(draw_mixture(Mixup(kind="mixup", alpha=alpha), 0, step, SIZE)[0]) for step in range(4000)]
        # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
        np.testing.assert_allclose([np.mean(weights), np.var(weights)], [0.5, 1 / (4 * (2 * alpha + 1))], atol=0.02)


def test_a_cutmix_rectangle_has_the_drawn_area_where_it_fits() -> None:
    large = (1000, 600)
    for step in range(200):
        weight, (top, left, bottom, right) = draw_mixture(Cutmix(kind="cutmix"), 0, step, large)
        assert weight == 1
        assert 0 <= top <= bottom <= large[0]
        assert 0 <= left <= right <= large[1]
        if top > 0 and bottom < large[0] and left > 0 and right < large[1]:
            assert abs((bottom - top) / large[0] - (right - left) / large[1]) < 0.01  # the image's proportions


def test_switching_and_probability() -> None:
    mix = MixupOrCutmix(kind="mixup_or_cutmix", mixup_alpha=1.0, cutmix_probability=0.25, probability=0.8)
    kinds = {"none": 0, "mixup": 0, "cutmix": 0}
    for step in range(4000):
        weight, rectangle = draw_mixture(mix, 0, step, (100, 100))
        kinds["mixup" if weight < 1 else "cutmix" if rectangle.any() else "none"] += 1
    np.testing.assert_allclose([kinds["none"] / 4000, kinds["cutmix"] / 4000], [0.2, 0.2], atol=0.025)


def test_a_mixture_is_a_function_of_seed_and_step() -> None:
    mix = MixupOrCutmix(kind="mixup_or_cutmix")
    drawn = [
        [*rectangle, float(weight)] for weight, rectangle in (draw_mixture(mix, 1, step, SIZE) for step in range(9))
    ]
    again = [
        [*rectangle, float(weight)] for weight, rectangle in (draw_mixture(mix, 1, step, SIZE) for step in range(9))
    ]
    assert drawn == again
    assert len({tuple(row) for row in drawn}) == 9


def test_a_mixtures_weight_times_its_loss_is_what_both_images_would_count() -> None:
    images, labels = batch(8)
    weights = np.array([0.0, 0.0, 1.0, 3.0, 0.5, 0.0, 2.0, 2.0], np.float32)
    for step, mix in ((4, Mixup(kind="mixup", alpha=1.0)), (5, Cutmix(kind="cutmix"))):
        mixture = draw_mixture(mix, 0, step, SIZE)
        plain_images, plain = mix_pairs(tf.constant(images), tf.constant(labels), *mixture, classes=CLASSES)
        mixed, targets, found = mix_pairs(
            tf.constant(images), tf.constant(labels), *mixture, tf.constant(weights), classes=CLASSES
        )
        np.testing.assert_array_equal(mixed, plain_images)
        one_hot = np.eye(CLASSES)[labels]
        own = np.asarray(mix_pairs(tf.constant(images), tf.range(8), *mixture, classes=8)[1])  # shares of both
        losses = np.random.default_rng(1).random(CLASSES)  # of each label
        expected = own @ (weights * (one_hot @ losses))
        np.testing.assert_allclose(found.numpy() * (targets.numpy() @ losses), expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(targets.numpy().sum(-1)[2:], 1.0, rtol=1e-6)
        even = mix_pairs(tf.constant(images), tf.constant(labels), *mixture, tf.ones(8), classes=CLASSES)
        np.testing.assert_allclose(even[1], plain, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(even[2], 1.0, rtol=1e-6)
