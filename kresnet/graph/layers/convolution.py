"""Convolutions by kernels that are safe, and that there are on a CPU and in a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kresnet.graph.layers.convolution_kernels import Window, convolve
from kresnet.plan.convolutions import STOCK, KernelChoice

_GROUPS_AS_ONE = ContextVar("groups_as_one", default=False)


@contextmanager
def groups_as_one() -> Iterator[None]:
    """Within the `with` block, trace a grouped convolution as one operation, for graphs that TensorFlow never runs."""
    token = _GROUPS_AS_ONE.set(True)
    try:
        yield
    finally:
        _GROUPS_AS_ONE.reset(token)


@keras.saving.register_keras_serializable(package="kresnet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` by other kernels of TensorFlow's, where those of the stock layer are not fit for a CPU.

    Numbers, weights, names and settings are those of the stock layer, so either layer loads what the other saved.

    A strided 1x1 takes every `stride`-th pixel first, and then convolves with stride 1: oneDNN's gradient by weights of
    a strided 1x1 convolution, in TensorFlow 2.21 on processors with AVX-512 and AMX, damages memory where one image of
    at most 8 channels enters, and the process ends (`munmap_chunk(): invalid pointer`).

    Grouped ones are one convolution for each group: on a CPU TensorFlow has no gradient of a grouped one, nor one with
    a ReLU in it, for which Keras has XLA compile them. No server runs that (TF Serving leaves XLA off), and XLA's
    gradients take a hundred times as long there.
    Input: `(N, H, W, C)`. Output: `(N, H', W', filters)`.

    Attributes:
        on_cpu: whether this is so. A GPU has kernels of its own for all of them, and its pooling of one pixel takes
            many times as long as its strided convolution.
        kernels: how each pass is computed in training, on a CPU; inference has the stock kernel, which takes bias and
            ReLU in.
    """

    kernels: KernelChoice = STOCK

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_cpu = not tf.config.list_physical_devices("GPU")
        self._trains = False

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve, and add the bias."""
        self._trains = bool(training)
        return super().call(inputs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve, without the bias."""
        if self.groups > 1 and _GROUPS_AS_ONE.get():
            return tf.nn.convolution(inputs, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)
        subsamples = self.kernel_size == (1, 1) and self.strides != (1, 1)
        chosen = self._trains and self.kernels != STOCK and None not in inputs.shape[1:3]
        if not self.on_cpu or self.data_format != "channels_last" or not (subsamples or self.groups > 1 or chosen):
            return super().convolution_op(inputs, kernel)
        strides = self.strides
        if subsamples:  # windows of one value: what a strided slice takes, by a kernel that uses all cores
            inputs = ops.average_pool(inputs, 1, strides, padding="valid", data_format="channels_last")
            strides = (1, 1)
        how = (strides, self.padding, "channels_last", self.dilation_rate)
        stock = partial(stock_convolution, groups=self.groups, how=how)
        if not chosen:
            return stock(inputs, kernel)
        window = Window.of(inputs, self.kernel_size, strides, self.padding, self.dilation_rate, self.groups)
        return convolve(inputs, ops.convert_to_tensor(kernel, inputs.dtype), stock, self.kernels, window)


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


def stock_convolution(inputs: Any, kernel: Any, groups: int, how: tuple[Any, ...]) -> Any:
    """Return a convolution by TensorFlow's own kernels; a grouped one is made of one for each group.

    Args:
        inputs: `(N, H, W, C)`.
        kernel: `(height, width, C / groups, filters)`.
        groups: how many.
        how: strides, padding and so on, as `keras.ops.conv` takes them.
    """
    if groups == 1:
        return ops.conv(inputs, kernel, *how)
    parts = zip(ops.split(inputs, groups, -1), ops.split(kernel, groups, -1), strict=True)
    return ops.concatenate([ops.conv(*part, *how) for part in parts], -1)


def standardized(kernel: Any, epsilon: float) -> Any:
    """Return a kernel `(H, W, C, filters)` with mean 0 and variance 1 in each filter, float32."""
    kernel = ops.cast(kernel, "float32")
    centred = kernel - ops.mean(kernel, (0, 1, 2), keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), (0, 1, 2), keepdims=True) + epsilon)
