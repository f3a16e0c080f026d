"""A blur that takes every few pixels: what shrinks a map without aliasing."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kresnet")
class BlurPool2D(keras.layers.Layer):
    """Weigh each pixel and its neighbours by [1, 2, 1] / 4, in both directions, at every `strides`-th pixel.

    Zhang 2019 (arXiv:1904.11486), with the binomial filter of three; beyond the border the map is mirrored about its
    outermost pixels, as timm's `BlurPool2d` does.
    Input: `(N, H, W, C)`. Output: `(N, ceil(H/strides), ceil(W/strides), C)`, of the input's type.

    Args:
        strides: pixels from output to output.
        dilation: pixels to the neighbours; a map that keeps every pixel of a strided network's is blurred as that is.
    """

    def __init__(self, strides: int = 2, dilation: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strides, self.dilation = strides, dilation

    def call(self, inputs: Any) -> Any:
        return self._blurred(self._blurred(inputs, 1), 2)

    def _blurred(self, x: Any, axis: int) -> Any:
        """Blur along one axis."""
        step = self.dilation

        def along(first: int | None, last: int | None, stride: int = 1) -> Any:
            window = slice(first, last, stride)
            return x[:, window] if axis == 1 else x[:, :, window]

        x = ops.concatenate([along(step, 2 * step), x, along(-2 * step, -step)], axis)
        left, middle, right = (along(at, (at - 2 * step) or None, self.strides) for at in (0, step, 2 * step))
        return (left + right) * 0.25 + middle * 0.5

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        sides = [None if side is None else -(-side // self.strides) for side in input_shape[1:3]]
        return (input_shape[0], *sides, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"strides": self.strides, "dilation": self.dilation}
