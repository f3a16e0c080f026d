"""Kinds of what a recipe names, made of the public interface alone, as a package outside of kresnet would have them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from kresnet.extensions import (
    Augmentation,
    DataSource,
    ExampleMetric,
    Flag,
    Fraction,
    Loss,
    Metric,
    Optimizer,
    Positive,
    SumMetric,
    WarmUp,
    Width,
    register_augmentation,
    register_data_source,
    register_loss,
    register_metric,
    register_optimizer,
    register_schedule,
)


class PolyLoss(Loss):
    """Cross-entropy with one more term of its series (Leng et al. 2022, arXiv:2204.12511, equation 6)."""

    kind: Literal["poly1"]
    epsilon: Positive = 1.0
    """Weight of the term."""


def poly1(settings, logits, targets):
    import tensorflow as tf

    right = tf.reduce_sum(targets * tf.nn.softmax(logits), axis=-1)
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits) + settings.epsilon * (1.0 - right)


class SignedMomentum(Optimizer):
    """Steps of the sign of an average of gradients (Chen et al. 2023, arXiv:2302.06675, Lion)."""

    kind: Literal["lion"]
    learning_rate: Positive = 1e-3
    """Peak learning rate."""
    beta_1: Fraction = 0.9
    """Share of the average in a step."""
    beta_2: Fraction = 0.99
    """Decay of the average."""


def lion(settings, weight, gradient, rate, step, slots, is_kernel):
    import tensorflow as tf

    (average,) = slots
    weight.assign_sub(rate * tf.sign(settings.beta_1 * average + (1.0 - settings.beta_1) * gradient))
    average.assign(settings.beta_2 * average + (1.0 - settings.beta_2) * gradient)


class Brier(Metric):
    """Mean squared distance of the probabilities from what is right, summed over the classes (Brier 1950)."""

    targets = ("classes",)
    lower_is_better = True
    kind: Literal["brier"]


def brier(settings, outputs, targets):
    import tensorflow as tf

    wrong = tf.nn.softmax(outputs) - tf.one_hot(targets, outputs.shape[-1])
    return tf.reduce_sum(tf.square(wrong), axis=-1)


class LargestLogit(Metric):
    """Root mean square of the largest logit, or of the smallest."""

    kind: Literal["extreme_logit"]
    largest: Flag = True
    """Whether the largest is meant."""

    @property
    def name(self):
        return "largest_logit" if self.largest else "smallest_logit"


def square_extremes(settings, outputs, targets, weights):
    import tensorflow as tf

    extreme = tf.reduce_max(outputs, -1) if settings.largest else tf.reduce_min(outputs, -1)
    return {"squares": tf.reduce_sum(weights * tf.square(extreme)), "images": tf.reduce_sum(weights)}


def root_mean_square(settings, sums):
    return float(np.sqrt(sums["squares"] / sums["images"]))


class InverseRoot(WarmUp):
    """Falls as the inverse root of the step."""

    kind: Literal["inverse_root"]
    timescale: Width = 4
    """Steps before it begins to."""


def inverse_root(settings, step, progress):
    import tensorflow as tf

    return tf.math.rsqrt(tf.maximum(step / settings.timescale, 1.0))


class Darken(Augmentation):
    """Multiplies each image by a random factor."""

    kind: Literal["darken"]
    least: Fraction = 0.5
    """Smallest factor."""


def draw_darkness(settings, rng):
    return (settings.least + (1.0 - settings.least) * rng.uniform(1)[:, 0],)


def darken(settings, images, factors):
    import tensorflow as tf

    return tf.cast(images, tf.float32) * factors[:, tf.newaxis, tf.newaxis, tf.newaxis]


class Stripes(DataSource):
    """Images of stripes, along or across."""

    kind: Literal["stripes"]
    images: Width = 24
    """How many there are to train on."""


def read_stripes(settings):
    random = np.random.default_rng(0)

    def split(count):
        targets = np.arange(count) % 2
        pattern = np.where(np.arange(8) % 2, 200, 50)
        images = np.where(targets[:, None, None], pattern[:, None], pattern)[..., None] + random.integers(
            0, 50, (count, 8, 8, 1)
        )
        return images.astype(np.uint8), targets

    (train, train_targets), (test, test_targets) = split(settings.images), split(8)
    return {"train_inputs": train, "train_targets": train_targets, "test_inputs": test, "test_targets": test_targets,
            "class_names": np.array(["along", "across"])}  # fmt: skip


def register() -> None:
    register_loss(PolyLoss, poly1)
    register_optimizer(SignedMomentum, lion, slots=1)
    register_metric(Brier, ExampleMetric(brier))
    register_metric(LargestLogit, SumMetric(square_extremes, root_mean_square))
    register_schedule(InverseRoot, inverse_root)
    register_augmentation(Darken, draw_darkness, darken)
    register_data_source(Stripes, read_stripes)


def forget() -> None:
    for kind in (PolyLoss, Brier, LargestLogit, SignedMomentum, InverseRoot, Darken, Stripes):
        kind.kinds.forget(kind.model_fields["kind"].annotation.__args__[0])


#: A spec for the stripes, and a recipe of nothing but kinds from outside.
SPEC = {
    "name": "tiny", "input": {"shape": [8, 8, 1], "pixels": {}},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 2}, "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 4}], "head": {"classes": 2},
}  # fmt: skip
RECIPE = {
    "name": "outside", "data": {"kind": "stripes", "images": 32, "validation": 0.25}, "epochs": 2,
    "batch_size": 8, "deterministic": True,
    "loss": {"kind": "poly1", "epsilon": 2.0}, "optimizer": {"kind": "lion", "learning_rate": 0.01},
    "schedule": {"kind": "inverse_root", "warmup_steps": 2}, "augment": {"flip": True, "others": [{"kind": "darken"}]},
    "label_smoothing": 0.1, "checkpoints": {"save_every_steps": 2, "keep_best": {"metric": "brier"}},
    "metrics": [{"kind": "extreme_logit", "largest": False}, "matthews_correlation"],
}  # fmt: skip
