"""Layers that scale channels by what training finds."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kresnet")
class LayerScale(keras.layers.Layer):
    """A factor a channel (Touvron et al. 2021, arXiv:2103.17239, section 3).

    Input and output: `(N, ..., C)`, any float type. Weight: `gamma` `(C,)`.

    Args:
        initial: value of each factor before training.
    """

    def __init__(self, initial: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        constant = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer=constant)

    def call(self, inputs: Any) -> Any:
        return inputs * ops.cast(self.gamma, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"initial": self.initial}


@keras.saving.register_keras_serializable(package="kresnet")
class GlobalResponseNorm(keras.layers.Layer):
    """Channels weighed by their share in the response of the whole map (Woo et al. 2023, arXiv:2301.00808, section 3).

    The response of a channel is the Euclidean norm of its map, computed in float32; divided by the mean of all
    channels it multiplies the channel, scaled by `gamma` and moved by `beta`, and is added to it.
    Input and output: `(N, H, W, C)`, any float type. Weights: `gamma` and `beta` `(C,)`, zero before training.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for name in ("gamma", "beta"):
            setattr(self, name, self.add_weight(name=name, shape=(input_shape[-1],), initializer="zeros"))

    def normalized(self, inputs: Any) -> Any:
        """Return the inputs by their share in the response."""
        x = ops.cast(inputs, "float32")
        squares = ops.sum(ops.square(x), axis=(1, 2), keepdims=True)  # (N, 1, 1, C)
        known = ops.cast(squares > 0, "float32")  # a root of zero has no finite gradient; that of an empty map is zero
        response = ops.sqrt(squares + (1.0 - known)) * known
        share = response / (ops.mean(response, axis=-1, keepdims=True) + self.epsilon)
        return inputs * ops.cast(share, inputs.dtype)

    def call(self, inputs: Any) -> Any:
        gamma, beta = (ops.cast(weight, inputs.dtype) for weight in (self.gamma, self.beta))
        return inputs + gamma * self.normalized(inputs) + beta

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
