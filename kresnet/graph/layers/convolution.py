"""A convolution that keeps out of a kernel of TensorFlow's that can end the process."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="kresnet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, whose strided 1x1 takes every `stride`-th pixel first and then convolves with stride 1.

    Numbers, weights, names and settings are those of the stock layer, so either layer loads what the other saved. Only
    the kernel that TensorFlow runs is another: oneDNN's gradient by weights of a strided 1x1 convolution, in TensorFlow
    2.21 on processors with AVX-512 and AMX, damages memory where one image of at most 8 channels enters, and the
    process ends (`munmap_chunk(): invalid pointer`).
    Input: `(N, H, W, C)`. Output: `(N, H', W', filters)`.

    Attributes:
        pooled: whether pixels are taken first. Only the CPU's kernel needs it; a GPU's pooling of one pixel takes many
            times as long as its strided convolution.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pooled = not tf.config.list_physical_devices("GPU")

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve, without the bias."""
        concerned = self.kernel_size == (1, 1) and self.data_format == "channels_last" and self.strides != (1, 1)
        if not (concerned and self.pooled):
            return super().convolution_op(inputs, kernel)
        # Windows of one value: what a strided slice takes, by a kernel that uses all cores.
        taken = ops.average_pool(inputs, 1, self.strides, padding="valid", data_format="channels_last")
        return ops.conv(taken, kernel, strides=1, padding="valid", data_format="channels_last")


@keras.saving.register_keras_serializable(package="kresnet")
class StandardizedConv2D(Conv2D):
    """A convolution by its kernel standardised: mean 0 and variance 1 over window and inputs of each output channel.

    Qiao et al. 2019 (arXiv:1903.10520), with the epsilon within the root, as BiT has it (Kolesnikov et al. 2020,
    arXiv:1912.11370). The weights are those of the convolution; the kernel is standardised in float32 at each use.
    Input: `(N, H, W, C)`. Output: `(N, H', W', filters)`.

    Args:
        kernel_epsilon: added to the variance before the square root.
    """

    def __init__(self, *args: Any, kernel_epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kernel_epsilon = kernel_epsilon

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Standardise the kernel and convolve, without the bias."""
        return super().convolution_op(inputs, ops.cast(standardized(kernel, self.kernel_epsilon), kernel.dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"kernel_epsilon": self.kernel_epsilon}


def standardized(kernel: Any, epsilon: float) -> Any:
    """Return a kernel `(H, W, C, filters)` with mean 0 and variance 1 in each filter, float32."""
    kernel = ops.cast(kernel, "float32")
    centred = kernel - ops.mean(kernel, (0, 1, 2), keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), (0, 1, 2), keepdims=True) + epsilon)
