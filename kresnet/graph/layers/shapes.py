"""Layers without weights that change a map's shape."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="kresnet")
class IdentityPad(keras.layers.Layer):
    """Option A of He et al. 2015, section 4.1: subsample the identity, and pad new channels with zeros.

    The zeros are split between both ends of the channel axis, the larger half last.
    Input: `(N, H, W, C)` or `(N, C)`. Output: `(N, ceil(H/stride), ceil(W/stride), width)` or `(N, width)`.

    Attributes:
        pooled: whether windows of one value are pooled in place of a strided slice, which a CPU does on one core; a
            GPU has no need of it.
    """

    def __init__(self, width: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.stride = width, stride
        self.pooled = not tf.config.list_physical_devices("GPU")

    def call(self, inputs: Any) -> Any:
        x = inputs
        if len(inputs.shape) == 4 and self.stride > 1:
            if self.pooled:
                x = ops.average_pool(inputs, 1, self.stride, padding="valid")
            else:
                x = inputs[:, :: self.stride, :: self.stride]
        missing = self.width - inputs.shape[-1]
        before = missing // 2
        return ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(before, missing - before)]) if missing else x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) == 2:
            return (input_shape[0], self.width)
        sides = [None if side is None else -(-side // self.stride) for side in input_shape[1:3]]
        return (input_shape[0], *sides, self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "stride": self.stride}


@keras.saving.register_keras_serializable(package="kresnet")
class SymmetricPad(keras.layers.Layer):
    """Pad height and width by `side` on both ends, as PyTorch does before a strided window.

    `fill` is `zero`, or `lowest` (minus infinity) so that padding never wins a maximum.
    Input: `(N, H, W, C)`. Output: `(N, H + 2·side, W + 2·side, C)`.
    """

    def __init__(self, side: int, fill: str = "zero", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fill not in ("zero", "lowest"):
            raise ValueError(f"fill must be 'zero' or 'lowest', got {fill!r}")
        self.side, self.fill = side, fill

    def call(self, inputs: Any) -> Any:
        value = 0.0 if self.fill == "zero" else float("-inf")
        ends = (self.side, self.side)
        return ops.pad(inputs, [(0, 0), ends, ends, (0, 0)], constant_values=value)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"side": self.side, "fill": self.fill}
