"""Regularisation by leaving parts of the network out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A seed generator whose draws differ from replica to replica.

    Keras's own draws the same on all of them, which would drop the same places of every replica's images. The state
    stays the same everywhere, so that one copy of it is all that a checkpoint needs; the first replica draws what
    Keras's would.
    """

    def next(self, ordered: bool = True) -> Any:
        """Return the next seed, int64 `(2,)`."""
        seed = super().next(ordered)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([replica * 2654435769, tf.zeros_like(replica)])  # 2³² over the golden ratio


@keras.saving.register_keras_serializable(package="kresnet")
class Dropout(keras.layers.Layer):
    """Sets the fraction `rate` of the values to zero in training, and scales the others by `1 / (1 − rate)`.

    `keras.layers.Dropout`, but for replicas, each of which drops its own. Input and output: `(N, ...)`, any float type.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate}")
        self.rate, self.seed = rate, seed
        self.seed_generator = ReplicaSeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or not self.rate:
            return inputs
        return keras.random.dropout(inputs, self.rate, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package="kresnet")
class StochasticDepth(Dropout):
    """Drop a residual branch for some of the images (Huang et al. 2016, arXiv:1603.09382).

    In training each image's branch is zeroed with probability `rate` and scaled by `1 / (1 − rate)` otherwise, so
    that inference needs no change. Input and output: `(N, ...)`, any float type.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or not self.rate:
            return inputs
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        kept = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) >= self.rate
        return inputs * ops.cast(kept, inputs.dtype) / (1.0 - self.rate)
